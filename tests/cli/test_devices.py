"""Drivers and devices that are missing or cannot be used."""
import json
import unittest

from support import SILENT_ICD, Sets, main, silent_driver


@unittest.skipUnless(SILENT_ICD, "CLENET_TEST_SILENT_ICD names no driver")
class Devices(Sets):
    def silent(self, mode):
        return silent_driver(self.folder / "vendors", mode)

    def test_a_platform_without_a_device(self):
        for mode, words in (("none", "platform 0, Silent, shows no device (clGetDeviceIDs: CL_DEVICE_NOT_FOUND"),
                            ("zero", "platform 0, Silent, shows no device (it says it has 0)"),
                            ("error", "platform 0, Silent, shows no device (clGetDeviceIDs: CL_OUT_OF_HOST_MEMORY"),
                            ("answerless", "device 0:0 of Silent is left out: clGetDeviceInfo: CL_OUT_OF_RESOURCES"),
                            ("pocl", "Portable Computing Language, shows no device (clGetDeviceIDs: CL_DEVICE_NOT_FOUND "
                                     "(-1)): PoCL keeps what it compiles in $POCL_CACHE_DIR")):
            for command in (("devices",), ("train", "--data", "synthetic:20"), ("check",)):
                with self.subTest(mode=mode, command=command):
                    result = self.expect(3 if command == ("check",) else 1, *command, **self.silent(mode))
                    self.assertIn(words, result.stderr)
                    self.assertNotIn("install", result.stderr)

    def test_a_device_that_cannot_be_used(self):
        for mode, words in (("unavailable", "its driver says that it is not available"),
                            ("compiler", "its driver has no compiler"), ("old", "it has no OpenCL 1.2")):
            with self.subTest(mode=mode):
                result = self.expect(1, "devices", **self.silent(mode))
                self.assertRegex(result.stdout, rf"(?m)^0:0 .* \(not usable: {words}\)$")
                self.assertIn(words, result.stderr)
                self.assertIn(words, self.expect(1, "train", "--data", "synthetic:20", **self.silent(mode)).stderr)
                device, = json.loads(self.run_program("devices", "--json", **self.silent(mode)).stdout)
                self.assertEqual(device["problem"], words)

    def test_drivers_that_are_not_there(self):
        empty, broken, blank = (self.folder / name for name in ("empty", "broken", "blank"))
        for folder in (empty, broken, blank):
            folder.mkdir()
        (broken / "a.icd").write_text("/nowhere/libdriver.so\n")
        (blank / "b.icd").write_text("\n")
        for place, words in ((empty, f"no driver is installed: {empty} (as $OCL_ICD_VENDORS says) has no .icd file"),
                             (broken, f"the driver that {broken}/a.icd names cannot be loaded: /nowhere/libdriver.so"),
                             (broken / "a.icd", "names cannot be loaded: /nowhere/libdriver.so"),
                             (blank, "it names no library"), ("/nowhere/x.so", "/nowhere/x.so")):
            with self.subTest(place=place):
                result = self.expect(1, "devices", OCL_ICD_VENDORS=str(place))
                self.assertIn(words, result.stderr)
                self.assertIn("Unset OCL_ICD_VENDORS, or install a driver", result.stderr)
        result = self.expect(1, "devices", **self.silent("no-platform"))
        self.assertIn("drivers are installed in", result.stderr)

    def test_what_could_not_be_asked_is_listed(self):
        environment = self.silent("fine")
        (self.folder / "vendors" / "gone.icd").write_text("libgone.so.1\n")
        result = self.expect(0, "devices", **environment)
        self.assertIn("gone.icd names cannot be loaded: libgone.so.1", result.stdout)
        result = self.expect(0, "devices", "--json", **environment)
        self.assertEqual(len(json.loads(result.stdout)), 1)
        self.assertIn("gone.icd", result.stderr)

    def test_long_names_leave_the_columns_where_they_are(self):
        head, row = self.expect(0, "devices", **self.silent("fine")).stdout.splitlines()[:2]
        for title, cell in (("platform", "Silent"), ("type", "GPU"), ("OpenCL", "1.2"), ("profile", "gpu")):
            self.assertEqual(head.index(title), row.index(cell, 90), f"{head}\n{row}")


if __name__ == "__main__":
    main()
