"""A driver that crashes or hangs, on purpose: driver.c, loaded in front of the real one.
Arguments: the program, and that library."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM, DRIVER = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
SHARED = tempfile.TemporaryDirectory()  # what the driver keeps, so that each kernel is compiled once
NETWORK = {"name": "tiny", "input": [1, 28, 28], "layers": [
    {"type": "AvgPool2d", "kernel_size": 4}, {"type": "Conv2d", "out_channels": 4, "kernel_size": 3},
    {"type": "BatchNorm2d"}, {"type": "ReLU"}, {"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.processes = self.folder / "processes"
        self.processes.mkdir()
        # Every channel is taken apart, so that there are kernels of batchnorm; in work-groups of several work-items.
        self.profile("groups", {"vector": 1, "lanes": 8, "max_team": 1, "min_whole_channels": 1 << 20})
        (self.folder / "tiny.json").write_text(json.dumps(NETWORK))

    def profile(self, name, values):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"name": name, "match": None, "values": values}))
        return str(path)

    def clenet(self, fault, *arguments, cache="cache", **environment):
        """What the program did; how many processes that took is then in self.started."""
        for path in self.processes.iterdir():
            path.unlink()
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0:verify_asan_link_order=0:handle_segv=0"
        result = subprocess.run(
            [PROGRAM, *arguments, "--profile-file", str(self.folder / "groups.json")], capture_output=True, text=True,
            check=False, timeout=900, stdin=subprocess.DEVNULL, cwd=self.folder,
            env=dict(os.environ, LD_PRELOAD=DRIVER, CLENET_TEST_DRIVER=fault, ASAN_OPTIONS=options,
                     CLENET_TEST_PROCESSES=str(self.processes), CLENET_TEST_ONCE=str(self.folder / "once"),
                     CLENET_CACHE_DIR=str(self.folder / cache), POCL_CACHE_DIR=os.environ.get("POCL_CACHE_DIR", SHARED.name), **environment))
        self.started = len(list(self.processes.iterdir()))
        return result

    def train(self, exit_status, fault, *arguments, **keywords):
        result = self.clenet(fault, "train", "--network", "tiny.json", "--data", "synthetic:64", "--batch-size", "16",
                             "--epochs", "1", "--offline", *arguments, **keywords)
        self.assertEqual(result.returncode, exit_status, f"{fault}: {result.stdout}\n{result.stderr}")
        return result

    def warnings(self, result):
        return [line for line in result.stderr.splitlines() if "warning: " in line]

    def safe(self, result):
        found = re.search(r"profile groups(?:; safe: (.*))?$", result.stderr, re.MULTILINE)
        self.assertTrue(found, result.stderr)
        return found[1]


class Training(Case):
    def expect_found(self, how, fault, operation="batchnorm", **environment):
        result = self.train(0, fault, **environment)
        self.assertEqual([re.sub("^clenet train: warning: ", "", line) for line in self.warnings(result)],
                         [f"{operation} {how}"])
        self.assertEqual(self.safe(result), operation)
        self.assertRegex(result.stdout, "^epoch 1, loss ")

    def test_an_operation_that_crashes_is_got_around_and_remembered(self):
        fault = "crash launch batchnorm_ groups"
        self.expect_found("crashes this driver, and runs in its safe variant", fault)
        self.assertGreater(self.started, 3)
        again = self.train(0, fault)
        self.assertEqual((self.warnings(again), self.safe(again), self.started), ([], "batchnorm", 1))
        bench = self.clenet(fault, "bench", "--network", "tiny.json", "--batch-size", "16", "--seconds", "0.1")
        self.assertEqual((bench.returncode, self.started), (0, 1), bench.stderr)  # goes by what training found
        bench = self.clenet("crash launch nothing", "bench", "--network", "tiny.json", "--batch-size", "16", "--seconds", "0.1",
                            cache="bench")
        self.assertNotIn("checking every operation once", bench.stderr)
        other = self.train(0, fault, "--optimizer", "sgd")  # another step, whose check has its own process
        self.assertEqual((self.warnings(other), self.safe(other)), ([], "batchnorm"))

    def test_crashes_of_other_kinds(self):
        for fault in ("abort build batchnorm_ groups", "exit launch batchnorm_ groups"):
            with self.subTest(fault=fault):
                self.expect_found("crashes this driver, and runs in its safe variant", fault, cache=fault)

    def test_an_operation_that_is_no_part_of_the_network(self):
        self.expect_found("crashes this driver, and runs in its safe variant", "crash launch sgd groups", "sgd")
        self.assertEqual(self.safe(self.train(0, "crash launch sgd groups", "--optimizer", "sgd")), "sgd")

    def test_an_operation_that_hangs(self):
        result = self.train(0, "hang launch batchnorm_ groups", "--no-cache", CLENET_GUARD_SECONDS="4")
        self.assertEqual([re.sub("^clenet train: warning: ", "", line) for line in self.warnings(result)],
                         ["batchnorm hangs this driver, and runs in its safe variant: did not answer for 4 s"])
        self.assertEqual(self.safe(result), "batchnorm")

    def test_what_crashes_in_every_variant_is_refused(self):
        for fault in ("crash launch batchnorm_", "crash build conv2d", "crash open -"):
            with self.subTest(fault=fault):
                result = self.train(1, fault, cache=fault)
                self.assertIn("a training step crashes this driver", result.stderr)
                self.assertIn("in the safe variants as well: crashed (Segmentation fault)", result.stderr)
                self.assertEqual(result.stdout, "")
                self.train(0, "crash launch nothing", cache=fault)  # nothing is remembered of it

    def test_what_hangs_in_every_variant_is_refused(self):
        begin = time.monotonic()
        result = self.train(1, "hang open -", CLENET_GUARD_SECONDS="4")
        self.assertIn("a training step hangs this driver", result.stderr)
        self.assertIn("did not answer for 4 s", result.stderr)
        self.assertLess(time.monotonic() - begin, 120)

    def test_a_check_that_is_killed_from_outside_says_nothing_of_the_driver(self):
        result = self.train(0, "kill launch batchnorm_ groups")
        self.assertTrue((self.folder / "once").exists())
        self.assertEqual((self.warnings(result), self.safe(result)), ([], None))

    def test_a_check_that_is_killed_from_outside_again_is_made_in_this_process(self):
        result = self.train(0, "kill launch batchnorm_ groups", CLENET_TEST_KILLS_OF_ALL="2")
        self.assertTrue((self.folder / "once1").exists())
        self.assertEqual((self.warnings(result), self.safe(result)), ([], None))
        self.assertIn("checked in this process: one of its own was killed (Killed)\n", result.stderr)

    def test_a_crash_and_a_kill_are_counted_apart(self):
        self.expect_found("crashes this driver, and runs in its safe variant", "mixed launch batchnorm_ groups")
        self.assertTrue((self.folder / "once1").exists())

    def test_kept_kernels_that_crash_are_removed(self):
        keeps = {"POCL_KERNEL_CACHE": "0"}  # a driver without a cache of its own has its binaries kept
        # This profile is safe as it is, so that no quick checks come, which would compile everything each time.
        self.profile("groups", {"vector": 1, "lanes": 1, "max_team": 1})
        for _ in range(2):  # a start keeps as many as there is time for
            self.train(0, "crash launch nothing", **keeps)
        before = len(list((self.folder / "cache").iterdir()))
        result = self.train(0, "crash binary -", "--optimizer", "sgd", **keeps)
        self.assertRegex("\n".join(self.warnings(result)), "kernels in .* crash this driver: they are deleted")
        self.assertLess(len(list((self.folder / "cache").iterdir())), before)
        result = self.train(0, "crash launch nothing", "--optimizer", "sgd")
        self.assertEqual((self.warnings(result), self.safe(result)), ([], None))

    def test_a_setting_that_makes_no_sense_is_told(self):
        for value in ("x", "-1", "0", "inf", "nan"):
            result = self.train(1, "crash launch nothing", "--no-cache", CLENET_GUARD_SECONDS=value)
            self.assertIn(f'CLENET_GUARD_SECONDS is "{value}"', result.stderr)

    def test_without_the_guard_a_crash_has_last_words(self):
        result = self.train(-signal.SIGSEGV, "crash launch batchnorm_ groups", "--no-guard")
        self.assertRegex(result.stderr, r"(?m)^clenet: crashed in clEnqueueNDRangeKernel; .*clenet check.* --safe ")


class Prediction(Case):
    def test_on_a_device_that_nothing_is_known_of(self):
        fault = "crash launch activate_predict groups"
        self.train(0, "crash launch nothing", "--save", "m.safetensors", cache="other")
        arguments = ("evaluate", "m.safetensors", "--data", "synthetic:64", "--offline")
        plain = self.clenet("crash launch nothing", *arguments, cache="other").stdout
        first = self.clenet(fault, *arguments)
        self.assertEqual((first.returncode, first.stdout), (0, plain), first.stderr)
        self.assertIn("a prediction crashes this driver: checking operation by operation", first.stderr)
        # Cases of batchnorm launch that kernel as well, but not where activate is safe.
        self.assertEqual(self.safe(first), "activate")
        self.assertIn("activate crashes this driver, and runs in its safe variant", first.stderr)
        again = self.clenet(fault, *arguments)
        self.assertEqual((again.returncode, again.stdout, self.warnings(again), self.started), (0, plain, [], 1))


class Check(Case):
    def expect_found(self, fault, *expected, **environment):
        result = self.clenet(fault, "check", "--quick", "--json", "--only", "sgd", **environment)
        self.assertEqual(result.returncode, 4, result.stderr)
        report, = json.loads(result.stdout)
        self.assertEqual([(row["operation"], row["setting"], row["verdict"], row["reason"])
                          for row in report["operations"]], [("sgd", "profile", *expected), ("sgd", "safe", "ok", "")])

    def test_the_table_is_finished(self):
        self.expect_found("crash launch sgd groups", "crashes the driver", "crashed (Segmentation fault)")

    def test_a_hang_is_told_with_its_limit(self):
        self.expect_found("hang build sgd groups", "hangs the driver", "did not answer for 4 s",
                          CLENET_GUARD_SECONDS="4")

    def test_for_people_and_as_markdown(self):
        for form, expected in ((), r"(?m)^sgd +profile .* crashes the driver$"), \
                              (("--markdown",), r"(?m)^\| sgd \| profile \| .* \| crashes the driver \|$"):
            result = self.clenet("crash launch sgd groups", "check", "--quick", "--only", "sgd", *form)
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertRegex(result.stdout, expected)

    def test_a_driver_that_cannot_be_opened_is_told(self):
        result = self.clenet("abort open -", "check", "--quick")
        self.assertEqual(result.returncode, 4)
        self.assertIn("nothing could be checked: the process for it crashed (Aborted)", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
