"""What `clenet summary` and `clenet devices` list."""
import json
import re

from support import Case, ROOT, main


class Listings(Case):
    def test_summary(self):
        text = self.expect(0, "summary").stdout
        for word in ("Conv2d", "BatchNorm", "Sigmoid", "MaxPool2d", "Linear"):
            self.assertIn(word, text)
        self.assertRegex(text, r"44[, ]?878")
        self.assertNotEqual(text, self.expect(0, "summary", "lenet").stdout)
        self.assertNotEqual(text, self.expect(0, "summary", "--batch-size", "16").stdout)

    def test_summary_of_nothing(self):
        self.assertIn("nothing.json", self.expect(1, "summary", "nothing.json").stderr)

    def test_devices(self):
        lines = self.expect(0, "devices").stdout.splitlines()
        self.assertRegex(lines[0], r"^device +name +platform +type +memory +units +OpenCL +profile$")
        rows = [line for line in lines if re.match(r"\d+:\d+ ", line)]
        self.assertTrue(rows)
        self.assertEqual(sum(" * " in row for row in rows), 1)
        for row in rows:
            self.assertRegex(row, r"^\d+:\d+ .+ (GPU|CPU|accelerator|other) +\d+\.\d GiB +\d+ +\d\.\d +\S")

    def test_devices_says_what_was_not_measured(self):
        rows = re.findall(r"(?m)^\d+:\d+ .*", self.expect(0, "devices", "--profile-file", "gpu").stdout)
        self.assertTrue(rows)
        for row in rows:
            self.assertTrue(row.endswith(" gpu (not measured)"), row)

    def profile(self, text):
        path = self.folder / "mine.json"
        path.write_text(text)
        return str(path)

    def test_devices_in_full(self):
        path = self.profile('{"name": "mine", "match": null, "note": "for a test", "values": {\n'
                            '"vector": 0,\n"min_groups": 7}, "layers": {"Linear 3x4": {"accumulators": 9}}, "quirks": [\n'
                            '{"operation": "linear", "reason": "is wrong", "link": "https://example.org/1"},\n'
                            '{"operation": "adam", "driver": {"below": "0.0.1"}, "reason": "was wrong once"}]}')
        text = self.expect(0, "devices", "--verbose", "--profile-file", path).stdout
        devices = json.loads(self.expect(0, "devices", "--json", "--profile-file", path).stdout)
        self.assertEqual(sum(device["used"] for device in devices), 1)
        for device in devices:
            for word in (device["name"], device["driver_version"], device["vendor"]):
                self.assertIn(word, text)
            self.assertEqual((device["profile"], device["measured"], device["note"]), ("mine", None, "for a test"))
            self.assertGreater(device["max_work_group_size"], 0)
            values = device["values"]
            self.assertEqual(values["min_groups"], {"profile": 7, "used": 7, "from": f"{path}:3"})
            self.assertEqual((values["vector"]["profile"], values["vector"]["from"]), (0, f"{path}:2"))
            self.assertIn(values["vector"]["used"], (1, 2, 4, 8, 16))
            self.assertRegex(values["min_gemm_weights"]["from"], r"^(built-in|.*devices/\w+\.json:\d+)$")
            mine = [layer for layer in device["layers"] if layer["from"].startswith(path)]
            self.assertEqual(mine, [{"layer": "Linear 3x4", "value": "accumulators", "profile": 9, "used": 9,
                                     "from": f"{path}:3"}])
            mine = [quirk for quirk in device["quirks"] if quirk["from"].startswith(path)]  # shipped ones stand beside
            self.assertEqual(mine, [{"operation": "linear", "reason": "is wrong",
                                     "link": "https://example.org/1", "from": f"{path}:4"}])
        self.assertEqual(text.count("\n  profile                        mine\n"), len(devices))
        self.assertRegex(text, r"(?m)^  measured +not measured$")
        self.assertRegex(text, rf"(?m)^  min_groups +7 +7  {re.escape(path)}:3$")
        self.assertRegex(text, rf"(?m)^  accumulators +9 +9  Linear 3x4, {re.escape(path)}:3$")
        self.assertIn(f"linear runs in its safe variant: is wrong, https://example.org/1\n  {path}:4", text)

    def test_old_names_of_values_are_told_and_never_written(self):
        path = self.profile('{"name": "mine", "match": null, "values": {"groups": 9, "team": 2, "linear_gemm": 3}}')
        result = self.expect(0, "devices", "--json", "--profile-file", path)
        self.assertIn(f'{path}:1: "groups" is now called "min_groups"', result.stderr)
        values = json.loads(result.stdout)[0]["values"]
        self.assertEqual([values[name]["profile"] for name in ("min_groups", "max_team", "min_gemm_weights")], [9, 2, 3])
        documented = re.findall(r"(?m)^\| `(\w+)` \| \d+ \| \d+ \|", (ROOT / "devices/README.md").read_text(encoding="utf-8"))
        self.assertEqual(list(values), documented)
        verbose = self.expect(0, "devices", "--verbose", "--profile-file", path).stdout
        self.assertEqual([re.search(rf"(?m)^  {name} ", verbose) is not None for name in documented], [True] * len(documented))
        self.assertNotRegex(verbose, r"(?m)^  (groups|team|linear_gemm) ")

    def test_devices_where_a_profile_is_broken(self):
        path = self.profile('{"name": "mine", "match": null, "values": {\n"vector": 99}}')
        result = self.expect(1, "devices", "--profile-file", path)
        self.assertRegex(result.stdout, r"(?m) \(broken\)$")
        self.assertIn(f"{path}:2: vector: has to be an integer from 0 to 16", result.stderr)
        self.assertIn(None, [d["profile"] for d in json.loads(
            self.expect(1, "devices", "--json", "--profile-file", path).stdout)])

    def test_devices_where_the_variable_fits_none(self):
        result = self.expect(0, "devices", CLENET_DEVICE="no-such-device")
        self.assertRegex(result.stdout, r"(?m)^\d+:\d+ ")
        self.assertIn("no-such-device", result.stderr)


if __name__ == "__main__":
    main()
