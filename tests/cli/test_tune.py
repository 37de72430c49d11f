"""`clenet tune`."""
import json
import re

from support import Case, ROOT, SMALL, main


class Tune(Case):
    SEARCH = ("tune", "--network", str(ROOT / "examples/networks/mlp.json"), "--batch-size", "64")

    def slow(self):
        """A profile that nearly every other is faster than."""
        path = self.folder / "slow.json"
        path.write_text('{"name": "slow", "match": null, "values": {"vector": 1, "lanes": 1, "groups": 512}}')
        return str(path)

    def search(self, enough, *arguments, **environment):
        """As long as it takes on this machine, now, to come to what is `enough`."""
        for seconds in ("8", "30", "100"):
            result = self.expect(0, *self.SEARCH, "--time", seconds, "--profile-file", self.slow(), *arguments, **environment)
            if re.search(enough, result.stdout + result.stderr):
                break
        return result

    def test_what_is_faster_is_written_and_found_again(self):
        home = {"XDG_CONFIG_HOME": str(self.folder)}
        result = self.search("times as fast", **home)
        gain = re.search(r"^(\d+\.\d\d) times as fast, .* ms a step instead of [\d.]+: (.+)$", result.stdout, re.MULTILINE)
        self.assertTrue(gain, result.stdout + result.stderr)
        self.assertGreater(float(gain[1]), 1.3)
        profile, = (self.folder / "clenet" / "devices").iterdir()
        self.assertIn(str(profile), result.stdout)
        content = json.loads(profile.read_text())
        self.assertIn("clenet tune", content["measured"])
        self.assertIn("min_groups", content["values"])
        self.assertNotIn("groups", content["values"])  # its old name, which slow() has
        for item in gain[2].split(","):
            where, value = item.split("=")
            layer, _, key = where.rpartition(":")
            self.assertEqual((content["layers"][layer] if layer else content["values"])[key], int(value))
        self.assertRegex(self.expect(0, "devices", **home).stdout, r"(?m)\* .*tuned")
        self.expect(0, "train", *SMALL, "--epochs", "1", **home)

    def test_nothing_found_leaves_everything_as_it_was(self):
        result = self.expect(0, *self.SEARCH, "--time", "1", XDG_CONFIG_HOME=str(self.folder))
        self.assertIn("nothing was found", result.stdout)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_candidate_that_crashes_and_one_that_is_wrong_cost_themselves(self):
        kernels = self.copy_kernels()
        text = (kernels / "linear.cl").read_text()
        start = text.index("{", text.index("__kernel void linear_forward")) + 1
        crash = "\n    if (VECTOR == 16 || VECTOR == 2)\n        *(__global volatile float *)8 = 0.0f;\n"
        (kernels / "linear.cl").write_text(text[:start] + crash + text[start:])
        text = (kernels / "adam.cl").read_text()
        self.assertIn("parameters + at);", text)
        (kernels / "adam.cl").write_text(text.replace("parameters + at);", "parameters + at) + (VECTOR == 4 ? 1.0f : 0.0f);", 1))
        output = self.folder / "found.json"
        both = r"\d+ candidates: [1-9]\d* wrong, [1-9]\d* refused, crashed or hung"
        result = self.search(both, "--kernels", "kernels", "--output", str(output), cwd=self.folder,
                             CLENET_BUILD_OPTIONS="-cl-opt-disable")  # it need not be fast, but come to many candidates
        self.assertRegex(result.stderr, both)
        self.assertIn("updated parameter", result.stderr)
        self.assertRegex(result.stderr, r"crashed \(|ended with exit status")  # a sanitizer ends it by itself
        self.assertNotIn(json.loads(output.read_text())["values"]["vector"], (2, 4, 16))

    def test_a_profile_that_does_not_work_is_told(self):
        self.assertIn("nowhere.json", self.expect(1, *self.SEARCH, "--profile-file", "nowhere.json").stderr)


if __name__ == "__main__":
    main()
