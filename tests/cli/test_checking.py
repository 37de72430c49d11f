"""`clenet check`."""
import json
import os
import re
import unittest
import xml.etree.ElementTree as xml

from support import VERSION, Case, main, silent_driver

FLAKY_DRIVER = os.environ.get("CLENET_TEST_FLAKY_DRIVER")
ODD_DRIVER = os.environ.get("CLENET_TEST_ODD_DRIVER")
AMONG_SANITIZERS = {"ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}  # for a library that is preloaded


class Check(Case):
    def broken_kernels(self):
        """Options for kernels with a max pool that takes the first place for every winner's; and where they work."""
        folder = self.copy_kernels()
        text = (folder / "pool.clh").read_text()
        broken = text.replace("best_at = select(best_at, (intv)(u * POOL_W + v), better)", "best_at = (intv)0")
        self.assertNotEqual(broken, text)
        (folder / "pool.clh").write_text(broken)
        return ("--kernels", "kernels"), {"cwd": self.folder}

    def test_a_table_and_a_verdict(self):
        output = self.expect(0, "check", "--quick", "--only", "adam").stdout
        self.assertRegex(output, r"(?m)^adam +profile +4 +0\.\d{3} +\d+\.\d  ok$")
        self.assertRegex(output, r"(?m)^All \d+ hold, in \d+\.\d s\.$")

    def test_a_case_that_fails_is_told_with_constants_and_how_to_repeat_it(self):
        broken, there = self.broken_kernels()
        output = self.expect(1, "check", "--quick", "--only", "conv2d, maximum behind", *broken, **there).stdout
        self.assertRegex(output, r"(?m)^conv2d .* WRONG$")
        self.assertRegex(output, r"(?m)^WRONG: conv2d, maximum behind.*\[\d+\] is wrong: .*, expected .* within ")
        self.assertRegex(output, r"(?m)^  conv2d_forward -D LANES=\d+ ")
        again = re.search(r'again: clenet (check .*) --only "(conv2d, [^"]*)" --kernels (\S+)$', output, re.MULTILINE)
        self.assertTrue(again, output)
        self.expect(1, *again[1].split(), "--only", again[2], "--kernels", again[3], **there)
        self.expect(0, *again[1].split(), "--only", again[2])

    def test_strict_arithmetic_is_right_or_wrong_in_a_line(self):
        self.assertRegex(self.expect(0, "check", "--strict").stdout,
                         r"\A.+ \(.+\): strict arithmetic is right: all 24 digests are those of every device, \d+\.\d s\n\Z")
        folder = self.copy_kernels()
        text = (folder / "arithmetic.clh").read_text()
        broken = text.replace("return fused(fused(-b, quotient, a), reciprocal, quotient);", "return quotient;")  # by an ulp
        self.assertNotEqual(broken, text)
        (folder / "arithmetic.clh").write_text(broken)
        there = {"cwd": self.folder}
        self.assertRegex(self.expect(1, "check", "--strict", "--kernels", "kernels", **there).stdout,
                         r"\A.+ \(.+\): strict arithmetic is WRONG: bn-lenet, .*: digest of the gradients of step\[0\] is wrong: .*\n\Z")
        self.expect(0, "check", "--quick", "--only", "bn-lenet, ten steps", "--kernels", "kernels", **there)

    def test_json(self):
        broken, there = self.broken_kernels()
        report, = json.loads(self.expect(1, "check", "--json", "--quick", "--only", "activate, relu", *broken, **there).stdout)
        self.assertFalse(report["passed"])
        self.assertEqual({row["verdict"] for row in report["operations"]}, {"WRONG"})
        self.assertGreater(report["device"]["work_group"], 0)
        self.assertIn("lanes", report["values"])

    def test_markdown(self):
        output = self.expect(0, "check", "--markdown", "--quick", "--only", "sgd").stdout
        self.assertRegex(output, r"(?m)^## .*: everything holds$")
        self.assertRegex(output, r"(?m)^\| sgd \| profile \| 4 \| .* \| ok \|$")
        for word in ("driver", "platform", "limits", "profile"):
            self.assertRegex(output, rf"(?m)^\| {word} \| .+ \|$")

    def test_a_kernel_that_does_not_compile_is_an_error_of_its_row(self):
        broken, there = self.broken_kernels()
        (self.folder / "kernels" / "sgd.cl").write_text("nonsense\n")
        output = self.expect(4, "check", "--quick", "--only", "gd", *broken, **there).stdout
        self.assertRegex(output, r"(?m)^sgd .* ERROR$")
        self.assertIn("sgd.cl", output)

    def test_what_is_not_there_is_told(self):
        self.assertIn("nonsense", self.expect(2, "check", "--only", "nonsense").stderr)
        self.assertIn("choose one", self.expect(2, "check", "--json", "--markdown").stderr)
        self.assertIn("choose one", self.expect(2, "check", "--json", "--tap").stderr)


class Pipelines(Case):
    """What a driver's test suite reads."""

    def setUp(self):
        super().setUp()
        self.there = {"cwd": self.folder}
        self.xml = ("--junit", "out.xml")

    def break_kernels(self):
        """Options of kernels of which sgd's takes a step of twice the size."""
        folder = self.copy_kernels()
        text = (folder / "sgd.cl").read_text()
        broken = text.replace("state->lr * step", "2 * state->lr * step")
        self.assertNotEqual(broken, text)
        (folder / "sgd.cl").write_text(broken)
        return ("--kernels", "kernels")

    def baseline(self, text):
        (self.folder / "known.txt").write_text(text)
        return ("--baseline", "known.txt")

    def suites(self):
        """The suites of out.xml, whose counts are those of its cases."""
        root = xml.parse(self.folder / "out.xml").getroot()
        self.assertEqual(root.tag, "testsuites")
        for part in (root, *root):
            cases = part.findall(".//testcase")
            counts = {"tests": len(cases), **{name + "s" * (name != "skipped"): len(part.findall(f".//testcase/{name}"))
                                              for name in ("failure", "error", "skipped")}}
            self.assertEqual({name: int(part.get(name)) for name in counts}, counts)
            self.assertGreaterEqual(float(part.get("time")), 0)
        return root.findall("testsuite")

    def test_junit(self):
        self.expect(0, "check", "--quick", "--only", "adamw", *self.xml, **self.there)
        suite, = self.suites()
        properties = {row.get("name"): row.get("value") for row in suite.findall("properties/property")}
        report, = json.loads(self.expect(0, "check", "--quick", "--json", "--only", "adamw").stdout)
        self.assertEqual(properties["clenet"], VERSION)
        self.assertEqual((properties["device"], properties["platform"], properties["driver"], properties["profile"]),
                         (*(report["device"][key] for key in ("name", "platform", "driver_version")), report["profile"]))
        self.assertEqual({case.get("name") for case in suite.findall("testcase")},
                         {f"adamw, {row['setting']}" for row in report["operations"]})
        self.assertEqual(suite.findall("testcase/*"), [])

    def test_junit_tells_failures(self):
        broken = self.break_kernels()
        self.expect(1, "check", "--quick", "--only", "sgd, first", *broken, *self.xml, **self.there)
        for failure in self.suites()[0].findall("testcase/failure"):
            self.assertRegex(failure.get("message"), r"^WRONG: sgd, first step, .* is wrong: ")
            self.assertIn("again: clenet check --device ", failure.text)
        (self.folder / "kernels" / "sgd.cl").write_text("<&]]>\n")
        self.expect(4, "check", "--quick", "--only", "sgd, first", *broken, *self.xml, **self.there)
        for error in self.suites()[0].findall("testcase/error"):
            self.assertIn("sgd.cl", error.get("message"))

    @unittest.skipUnless(ODD_DRIVER, "CLENET_TEST_ODD_DRIVER names no library")
    def test_junit_of_odd_names(self):
        self.expect(0, "check", "--quick", "--only", "adamw", *self.xml, LD_PRELOAD=ODD_DRIVER, **AMONG_SANITIZERS, **self.there)
        suite, = self.suites()
        self.assertIn(" \\x1b[2J|`x`\\xff\\u009b<b>\\n\\u202e", suite.get("name"))

    def test_a_file_with_another_ending_is_refused(self):
        self.assertIn(".xml", self.expect(1, "check", "--junit", "out.html", **self.there).stderr)

    def test_tap(self):
        output = self.expect(0, "check", "--quick", "--tap", "--only", "adamw").stdout
        lines = output.splitlines()
        points = [line for line in lines if not line.startswith("#")]
        self.assertEqual((lines[0], points[-1]), ("TAP version 13", f"1..{len(points) - 2}"))
        self.assertEqual(points[1], "ok 1 - adamw, profile")
        self.assertRegex(output, r"(?m)^# exercised work-groups: \d+")
        broken = self.break_kernels()
        output = self.expect(1, "check", "--quick", "--tap", "--only", "sgd, first", *broken, **self.there).stdout
        self.assertRegex(output, r"(?m)^not ok 1 - sgd, profile\n  ---\n  \{.*\}\n  \.\.\.\n")
        told = json.loads(output.split("  ---\n")[1].split("\n")[0])
        self.assertEqual((told["verdict"], told["failed_case"]), ("WRONG", "sgd, first step"))

    def test_a_known_failure_is_expected(self):
        known = self.baseline("# of an old driver\n\n  sgd, profile # again\nsgd, safe\r\nadamw, profile")
        check = ("check", "--quick", "--only", "first step", *self.break_kernels(), *known)
        output = self.expect(0, *check, *self.xml, **self.there).stdout
        self.assertRegex(output, r"(?m)^sgd +profile .* WRONG, known$")
        self.assertRegex(output, r"(?m)^adamw +profile .* ok, no longer fails$")
        self.assertIn("\nadamw, profile no longer fails: take it out of known.txt\n", output)
        self.assertRegex(output, r"(?m)^\d of \d+ do not hold, \d of them known, ")
        cases = {case.get("name"): case for case in self.suites()[0]}
        self.assertIn("WRONG, known: ", cases["sgd, profile"].find("skipped").get("message"))
        self.assertIn("take it out", cases["adamw, profile"].find("system-out").text)
        output = self.expect(0, *check, "--tap", **self.there).stdout
        self.assertRegex(output, r"(?m)^not ok \d+ - sgd, profile # TODO known failure$")
        self.assertRegex(output, r"(?m)^ok \d+ - adamw, profile # TODO no longer fails")
        self.baseline("adamw, safe\n")
        self.expect(1, *check, **self.there)

    def test_a_baseline_that_names_no_check_is_refused(self):
        for text, place in (("sgd, profile\nconv2d\n", "known.txt:2"), ("sgd, CLBlast", "known.txt:1")):
            self.assertIn(place, self.expect(2, "check", *self.baseline(text), **self.there).stderr)
        self.assertIn("nowhere", self.expect(2, "check", "--baseline", "nowhere", **self.there).stderr)
        self.expect(0, "check", "--quick", "--only", "adamw",
                    *self.baseline("linear, CLBlast\nbn-lenet, ten steps of Adam, safe\n"), **self.there)

    @unittest.skipUnless(FLAKY_DRIVER, "CLENET_TEST_FLAKY_DRIVER names no library")
    def test_a_check_that_fails_once_is_flaky(self):
        check = ("check", "--quick", "--only", "adamw", "--repeat", "3")
        flaky = {"LD_PRELOAD": FLAKY_DRIVER, "FLAKY": str(self.folder / "crashed"), **AMONG_SANITIZERS, **self.there}
        output = self.expect(1, *check, *self.xml, **flaky).stdout
        self.assertRegex(output, r"(?m)^adamw +profile .* FLAKY, fails in 1 of 3 runs$")
        self.assertIn(" --repeat 3\n", output)
        self.assertEqual([failure.get("type") for failure in self.suites()[0].findall("testcase/failure")], ["FLAKY"])
        self.expect(0, *check, **flaky)
        (self.folder / "crashed").unlink()
        self.expect(0, *check, *self.baseline("adamw, profile\n"), **flaky)
        (self.folder / "crashed").unlink()
        self.expect(4, *check[:-2], **flaky)

    def test_repeated_checks_are_counted(self):
        report, = json.loads(self.expect(0, "check", "--quick", "--json", "--only", "adamw", "--repeat", "2").stdout)
        self.assertEqual({(row["runs"], row["failed_runs"], row["known"]) for row in report["operations"]}, {(2, 0, False)})

    def test_exit_statuses_tell_apart(self):
        self.assertIn("nowhere", self.expect(3, "check", "--device", "nowhere", *self.xml, **self.there).stderr)
        self.assertEqual([error.get("type") for error in self.suites()[0].findall("testcase/error")], ["no device"])
        self.assertEqual(self.expect(3, "check", "--device", "nowhere", "--tap").stdout, "TAP version 13\n1..0 # SKIP no device\n")
        self.expect(3, "check", "--device", "all", **silent_driver(self.folder / "vendors", "none"))
        output = self.expect(77, "check", "--quick", "--only", "lenet, ten steps of SGD", *self.xml, **self.there).stdout
        self.assertRegex(output, r"(?m)^bn-lenet, ten steps of SGD +profile +0 .* skipped$")
        self.assertRegex(output, r"(?m)^Nothing was checked, \d skipped, in ")
        self.assertEqual({len(case.findall("skipped")) for case in self.suites()[0].findall("testcase")}, {1})
        self.assertRegex(self.expect(77, "check", "--quick", "--tap", "--only", "lenet, ten steps of SGD").stdout,
                         r"(?m)^ok 1 - bn-lenet, ten steps of SGD, profile # SKIP ")

    def test_what_was_exercised(self):
        report, = json.loads(self.expect(0, "check", "--quick", "--json", "--only", "batchnorm", "--profile-file", "gpu").stdout)
        used = report["exercised"]
        self.assertTrue(any(group[0] > 1 for group in used["work_groups"]), used)
        if not re.search(r"PoCL ([4-9]|\d\d)\.", report["device"]["platform_version"]):  # they report none
            self.assertGreater(used["local_memory_bytes"], 0)
        self.assertEqual((used["more_work_groups"], used["clblast"]), (False, False))
        output = self.expect(0, "check", "--quick", "--only", "adamw").stdout
        self.assertRegex(output, r"(?m)^exercised: work-groups: 1, .*; local memory: .*; multiply-add: (fma|mad)\(\); ")
        self.assertRegex(self.expect(0, "check", "--quick", "--markdown", "--only", "adamw").stdout, r"(?m)^\| exercised \| work-groups: ")


if __name__ == "__main__":
    main()
