"""What the files of examples/ci run, run here: one epoch on the built program, offline, and its accuracy gate.
Arguments: the source folder, the program."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

try:
    import yaml
except ImportError:
    yaml = None

ROOT, PROGRAM = Path(sys.argv.pop(1)), Path(sys.argv.pop(1)).resolve()
CI = ROOT / "examples" / "ci"
DATA = os.environ.get("CLENET_DATA") or "/usr/share/datasets/fashion-mnist"
CACHE = tempfile.TemporaryDirectory()  # one for all tests, and not the user's: as in tests/cli/support.py
os.environ["CLENET_CACHE_DIR"] = os.environ.get("CLENET_TEST_CACHE", CACHE.name)
# LeakSanitizer itself crashes now and then where a driver's threads end beside it; other tests look for leaks.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


@unittest.skipUnless(Path(DATA).exists(), f"no Fashion-MNIST: {DATA} is not there")
class Pipelines(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        (self.folder / "clenet").symlink_to(ROOT)  # as where a pipeline checked it out

    def run_line(self, line, cwd, exit_status=0):
        """One line of a pipeline; what it does not find is the build, which has been made elsewhere."""
        environment = dict(os.environ, CLENET=str(PROGRAM), CI_PROJECT_DIR=str(self.folder))
        result = subprocess.run(["sh", "-c", line], cwd=cwd, env=environment, capture_output=True, text=True, check=False,
                                timeout=600, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, exit_status, f"{line}\n{result.stdout}\n{result.stderr}")
        self.assertRegex(result.stdout, r"^epoch 1, loss .*, test acc 0\.\d{3}, .* sec\n$")
        return result

    def check_results(self):
        """What the pipelines keep."""
        start, epoch, end = [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]
        self.assertEqual((start["data"], start["network"], start["options"]["offline"]), ("fashion-mnist", "bn-lenet", True))
        self.assertEqual(start["options"]["require-accuracy"], 0.75)
        self.assertGreaterEqual(epoch["test_accuracy"], 0.75)
        self.assertEqual(end["result"], "ok")
        self.assertGreater((self.folder / "model.safetensors").stat().st_size, 100000)

    @unittest.skipIf(yaml is None, "no PyYAML")
    def test_github(self):
        job, = yaml.safe_load((CI / "github.yml").read_text())["jobs"].values()
        checkout, build, train, keep = job["steps"]
        self.assertEqual((job["runs-on"], job["env"]["CLENET"]), ("ubuntu-latest", "clenet/build/clenet"))
        self.assertEqual((checkout["with"]["path"], build["run"]), ("clenet", "clenet/bootstrap build"))
        self.run_line(train["run"], self.folder)
        self.check_results()
        self.assertEqual(keep["with"]["path"].split(), ["model.safetensors", "run.jsonl"])

    @unittest.skipIf(yaml is None, "no PyYAML")
    def test_gitlab(self):
        job, = yaml.safe_load((CI / "gitlab-ci.yml").read_text()).values()
        clone, build = job["before_script"]
        for text in (clone, *job["script"]):
            subprocess.run(["sh", "-n", "-c", text], check=True)
        self.assertEqual((job["image"], job["variables"]["CLENET"]), ("debian:stable-slim", "build/clenet"))
        self.assertEqual(build, "./bootstrap build")
        line, = job["script"]
        self.run_line(line, ROOT)
        self.check_results()
        self.assertEqual(job["artifacts"]["paths"], ["model.safetensors", "run.jsonl"])

    def test_container(self):
        lines = re.findall(r"(?m)^([A-Z]+) (.*)$", (CI / "Containerfile").read_text())
        self.assertEqual(lines[0], ("FROM", "debian:stable-slim"))
        folder = dict(lines)["WORKDIR"]
        self.assertEqual(dict(lines)["ENV"], f"CLENET={folder}/build/clenet")
        self.assertEqual(json.loads(dict(lines)["ENTRYPOINT"]), [f"{folder}/examples/ci/train.sh"])
        line = [arguments for word, arguments in lines if word == "RUN"][-1]
        offline = "--network=none "
        self.assertTrue(line.startswith(offline), line)
        self.run_line(line[len(offline):], ROOT)

    def test_the_gate_fails_and_the_model_is_kept(self):
        result = self.run_line("clenet/examples/ci/train.sh --require-accuracy 0.99 --save model.safetensors", self.folder, 1)
        self.assertRegex(result.stderr, r"(?m)^clenet train: test accuracy 0\.\d+ after epoch 1 is below 0\.99$")
        self.assertTrue((self.folder / "model.safetensors").exists())


class DriverSuites(unittest.TestCase):
    """How a driver's test suite runs `clenet check`, with few checks of the device that the tests are run on."""

    FEW = ("--quick", "--only", "gd")

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def run_in(self, command, exit_status=0, **environment):
        result = subprocess.run(command, cwd=self.folder, env=dict(os.environ, CLENET=str(PROGRAM), **environment),
                                capture_output=True, text=True, check=False, timeout=600, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, exit_status, f"{command}\n{result.stdout}\n{result.stderr}")
        return result

    def test_a_vendors(self):
        script = str(CI / "vendor.sh")
        self.assertIn("every check holds", self.run_in([script, "results", *self.FEW]).stdout)
        self.assertTrue(xml.parse(self.folder / "results" / "clenet.xml").findall(".//testcase"))
        self.assertRegex((self.folder / "results" / "clenet.tap").read_text(), r"(?m)^1\.\.\d+$")
        self.assertIn("no device", self.run_in([script, "results", *self.FEW, "--device", "nowhere"], 3).stdout)
        self.assertIn("skipped", self.run_in([script, "results", "--quick", "--only", "lenet, ten steps of SGD"], 77).stdout)
        (self.folder / "known.txt").write_text("nonsense\n")
        self.assertIn("ended with 2", self.run_in([script, "results"], 2, BASELINE="known.txt").stdout)

    def test_a_vendors_known_failures(self):
        """What the script's head says makes a baseline that covers the failures."""
        command = re.search(r"sed -n '.*' FOLDER/clenet.tap > known.txt", (CI / "vendor.sh").read_text())[0]
        shutil.copytree(ROOT / "kernels", self.folder / "kernels")
        (self.folder / "kernels" / "sgd.cl").write_text("nonsense\n")
        run = [str(CI / "vendor.sh"), "results", "--quick", "--only", "sgd", "--kernels", "kernels"]
        self.assertIn("does not build", self.run_in(run, 4).stdout)
        self.run_in(["sh", "-c", command.replace("FOLDER", "results")])
        self.assertIn("sgd, profile\n", (self.folder / "known.txt").read_text())
        self.run_in(run, BASELINE="known.txt")

    @unittest.skipIf(yaml is None, "no PyYAML")
    def test_mesas(self):
        job, = yaml.safe_load((CI / "mesa.yml").read_text()).values()
        *before, check = job["script"]
        for text in job["script"]:
            subprocess.run(["sh", "-n", "-c", text], check=True)
        self.assertEqual(before[-1], "mkdir -p results")
        (self.folder / "results").mkdir()
        (self.folder / "fails.txt").write_text("# none\n")
        self.run_in(["sh", "-c", f"{check.replace('--device rusticl', '')} --only gd"], FAILS="fails.txt")
        self.assertTrue(xml.parse(self.folder / job["artifacts"]["reports"]["junit"]).findall(".//testcase"))

    @unittest.skipUnless(shutil.which("cmake") and shutil.which("ctest"), "no CMake")
    def test_pocls(self):
        (self.folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.13)\nproject(suite NONE)\nenable_testing()\n"
                                                    f"include({CI / 'pocl.cmake'})\n")
        self.run_in(["cmake", "-S", ".", "-B", "build", f"-DCLENET={PROGRAM}"])
        tests = json.loads(self.run_in(["ctest", "--test-dir", "build", "--show-only=json-v1", "-L", "clenet"]).stdout)["tests"]
        self.assertEqual([test["name"] for test in tests], ["clenet/quick", "clenet/full"])
        properties = {entry["name"]: entry["value"] for entry in tests[0]["properties"]}
        self.assertIn(properties["SKIP_RETURN_CODE"], (77, [77]))
        self.assertTrue(any("ocl-vendors" in entry for entry in properties["ENVIRONMENT"]))
        command = [word for word in tests[0]["command"] if word not in ("--device", "Portable Computing Language")]
        self.run_in([*command, "--only", "gd"])
        self.assertTrue(xml.parse(self.folder / "build" / "clenet-quick.xml").findall(".//testcase"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
