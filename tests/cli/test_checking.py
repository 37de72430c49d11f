"""`clenet check`."""
import json
import re

from support import Case, main


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
        output = self.expect(1, "check", "--quick", "--only", "gd", *broken, **there).stdout
        self.assertRegex(output, r"(?m)^sgd .* ERROR$")
        self.assertIn("sgd.cl", output)

    def test_what_is_not_there_is_told(self):
        self.assertIn("nonsense", self.expect(1, "check", "--only", "nonsense").stderr)
        self.assertIn("choose one", self.expect(2, "check", "--json", "--markdown").stderr)


if __name__ == "__main__":
    main()
