"""What a forge reads: the workflow, the issue templates, the documents about releases and security; and that the version
stands in one place. Argument: the source folder."""
import re
import subprocess
import sys
import unittest
from pathlib import Path

try:
    import yaml
except ImportError:
    yaml = None

ROOT = Path(sys.argv.pop(1))
FORGE = ROOT / ".github"
VERSION = re.search(r"version: '(\d+\.\d+\.\d+)'", (ROOT / "meson.build").read_text()).group(1)
# Reports of what was measured or done with a version, and the version's own history.
RECORDS = {"CHANGELOG.md", "docs/conformance.md", "bench/README.md"}


def files():
    """Of the source: no build folder, nothing that is hidden but the forge's."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = parts[0].startswith(".") and parts[0] not in (".github", ".ci")
        if path.is_file() and not hidden and not parts[0].startswith("build") and "corpus" not in parts:
            yield path


@unittest.skipIf(yaml is None, "no PyYAML")
class Workflow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.workflow = yaml.safe_load((FORGE / "workflows" / "ci.yml").read_text())
        cls.jobs = cls.workflow["jobs"]

    def rows(self, job):
        return self.jobs[job]["strategy"]["matrix"]["include"]

    def test_every_stage_is_in_one_job(self):
        self.assertTrue("--list" in (ROOT / ".ci" / "run").read_text(), ".ci/run has no --list")  # it would run everything
        listed = subprocess.run([ROOT / ".ci" / "run", "--list"], capture_output=True, text=True, check=True, timeout=60).stdout
        stages = sorted(line.split()[0] for line in listed.splitlines())
        self.assertGreater(len(stages), 5)
        self.assertEqual(sorted(stage for row in self.rows("stages") for stage in row["stages"].split()), stages)

    def test_jobs_cover_the_distributions(self):
        self.assertEqual(self.jobs["stages"]["container"], "debian:12")
        images = [row["image"].split(":") for row in self.rows("distributions")]
        self.assertEqual([name for name, _ in images], ["debian", "debian", "ubuntu"])
        self.assertEqual([release for name, release in images if name == "debian"], ["12", "13"])

    def test_steps_are_pinned_and_there(self):
        for job in self.jobs.values():
            self.assertLessEqual(job["timeout-minutes"], 60)
            for step in job["steps"]:
                self.assertEqual(("uses" in step) + ("run" in step), 1)
                if "uses" in step:
                    self.assertRegex(step["uses"], r"^actions/[a-z-]+@v\d+$")
                    continue
                script = step["run"].split()[0]
                self.assertTrue(script == "apt-get" or (ROOT / script).is_file(), script)
                check = subprocess.run(["sh", "-n", "-c", re.sub(r"\$\{\{.*?\}\}", "x", step["run"])], check=False)
                self.assertEqual(check.returncode, 0, step["run"])

    def test_it_may_only_read(self):
        self.assertEqual(self.workflow["permissions"], {"contents": "read"})
        self.assertEqual(sorted(self.workflow[True]), ["pull_request", "push", "workflow_dispatch"])  # "on" is true in YAML

    def test_templates_ask_for_what_is_needed(self):
        forms = {path.stem: yaml.safe_load(path.read_text()) for path in (FORGE / "ISSUE_TEMPLATE").glob("*.yml")}
        self.assertFalse(forms.pop("config")["blank_issues_enabled"])
        self.assertEqual(sorted(forms), ["bug", "device", "feature", "question"])
        for name, form in forms.items():
            with self.subTest(template=name):
                fields = [field for field in form["body"] if field["type"] != "markdown"]
                identifiers = [field["id"] for field in fields]
                self.assertEqual(len(set(identifiers)), len(identifiers))
                self.assertTrue(form["name"] and form["description"] and form["labels"])
                self.assertTrue(all(field["attributes"]["label"] for field in fields))
                self.assertTrue(fields[0]["validations"]["required"])
        required = [field["attributes"]["label"] for field in forms["device"]["body"] if field.get("validations", {}).get("required")]
        for command in ("clenet check --markdown", "clenet devices", "clenet --version"):
            self.assertIn(command, required)


class Documents(unittest.TestCase):
    def test_the_version_stands_in_one_place(self):
        # The number, and one of another version that follows the program's name; tests make such up.
        number = rf"(?<![\d.]){re.escape(VERSION)}(?![\d.]*\d)"
        named = r"\bclenet[ /-]v?\d+\.\d+\.\d+"
        found = []
        for path in files():
            name = str(path.relative_to(ROOT))
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            if name != "meson.build" and name not in RECORDS:
                stated = number if name.startswith("tests/") else f"{number}|{named}"
                found += [f"{name}: {match}" for match in re.findall(stated, text)]
        self.assertEqual(found, [])

    def test_the_changelog_begins_with_the_version(self):
        sections = re.findall(r"(?m)^## (.*)$", (ROOT / "CHANGELOG.md").read_text())
        self.assertEqual(sections[0], VERSION)
        numbers = [tuple(map(int, section.split("."))) for section in sections]
        self.assertEqual(numbers, sorted(set(numbers), reverse=True))

    def test_documents_name_what_is_there(self):
        for name in ("SECURITY.md", "RELEASING.md", "CONTRIBUTING.md", "README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))):
            text = (ROOT / name).read_text()
            for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
                self.assertTrue(((ROOT / name).parent / link).exists(), f"{name}: {link}")
        for path in re.findall(r"`((?:tests|src|\.ci)/[\w./-]+)", (ROOT / "RELEASING.md").read_text()):
            self.assertTrue((ROOT / path).exists(), path)

    def test_security_names_no_address(self):
        text = (ROOT / "SECURITY.md").read_text()
        self.assertNotRegex(text, r"\S@\S")
        self.assertIn("Report a vulnerability", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
