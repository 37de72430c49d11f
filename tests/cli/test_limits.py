"""The limits of smaller devices, which $CLENET_LIMITS pretends."""
import re

from support import COMMANDS, Case, SMALL, main


class Limits(Case):
    """A smaller device, pretended by $CLENET_LIMITS."""

    def test_a_wrong_limit_is_told_by_every_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = self.expect(1, *command.split(), CLENET_LIMITS="work_group=64,memory=1G")
                self.assertIn('CLENET_LIMITS: unknown limit "memory"; known: work_group, ', result.stderr)
                self.assertEqual(result.stdout, "")

    def test_what_is_pretended_is_said(self):
        result = self.expect(0, "devices", CLENET_LIMITS="global_mem=512M,compute_units=1,opencl=1.2")
        self.assertIn("CLENET_LIMITS lowers what devices report: global_mem=512M,", result.stderr)
        for row in re.findall(r"(?m)^\d+:\d+ .*", result.stdout):
            self.assertRegex(row, r" 0\.5 GiB +1 +1\.2 ")

    def test_what_does_not_fit_says_what_would(self):
        result = self.expect(1, "train", *SMALL, "--batch-size", "65536", CLENET_LIMITS="max_alloc=16M")
        self.assertRegex(result.stderr,
                         r"bn-lenet at batch size 65536 does not fit: it needs \S+ GiB, .* has .*; the largest buffer "
                         r"\(.*\) needs \S+ MiB, at most 16\.00 MiB are given at once; batch size \d+ would fit\n")

    def test_a_data_set_in_chunks_trains_to_the_same_numbers(self):
        arguments = ("train", "--data", "synthetic:3000", "--offline", "--epochs", "1", "--batch-size", "32")
        lines = {re.sub("time .*", "", self.expect(0, *arguments, CLENET_LIMITS=limits).stdout)
                 for limits in ("", "max_alloc=1M")}
        self.assertEqual(len(lines), 1, lines)

    def test_the_profile_of_gpus_fits_small_devices(self):
        for limits in ("work_group=1", "local_mem=0", "kernel_work_group=8"):
            with self.subTest(limits=limits):
                result = self.expect(0, "train", *SMALL, "--network", "lenet", "--profile-file", "gpu", "--max-steps", "2",
                                     "--no-guard", CLENET_LIMITS=limits)
                self.assertEqual(len(set(re.findall(r"using \d+ lanes", result.stderr))), 1, result.stderr)


if __name__ == "__main__":
    main()
