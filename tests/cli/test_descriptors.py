"""Standard input, output and error that are closed, full or lost; logs that are appended to; exit statuses."""
import itertools
import json
import os
import subprocess

from support import Files, PROGRAM, clenet, main


class Descriptors(Files):
    """Standard input, output and error that are not open at the start."""

    def run_without(self, closed, *arguments):
        return self.run_in([PROGRAM, *arguments], capture_output=False, stdin=None, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, text=False,
                           prepare=lambda: [os.close(number) for number in closed])

    def test_nothing_of_ours_gets_into_files(self):
        for count in (1, 2, 3):
            for closed in itertools.combinations(range(3), count):
                with self.subTest(closed=closed):
                    process = self.run_without(closed, *self.train, "--epochs", "2", "--save", "s.safetensors", "--log", "run.jsonl",
                                               "--trace", "run.trace")
                    self.assertEqual(process.returncode, 1 if 1 in closed else 0)
                    events = [json.loads(line)["event"] for line in (self.folder / "run.jsonl").read_text().splitlines()]
                    self.assertEqual(events, ["start", "epoch", "epoch", "end"])
                    self.assertTrue(json.loads((self.folder / "run.trace").read_text())["traceEvents"])
                    self.expect(0, "evaluate", str(self.folder / "s.safetensors"), "--data", str(self.set))

    def test_predictions_are_nothing_but_predictions(self):
        self.run_without((0, 1, 2), *self.evaluate, "--predictions", "table.csv")
        lines = (self.folder / "table.csv").read_text().splitlines()
        self.assertEqual(len(lines), 1 + 20)
        self.assertEqual({line.count(",") for line in lines}, {6})

    def test_an_output_that_is_lost_is_a_failure(self):
        for arguments in (("summary",), ("devices",), ("cache",), ("--help",), ("--version",), ("train", "--help"), self.evaluate,
                          ("predict", str(self.model), "--network", str(self.network), str(self.set / "t10k-images-idx3-ubyte"))):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_without((1,), *arguments).returncode, 1)
                with open("/dev/full", "w", encoding="ascii") as full:
                    self.assertEqual(self.run_in([PROGRAM, *arguments], capture_output=False, stdout=full,
                                                 stderr=subprocess.DEVNULL).returncode, 1)

    def test_what_prints_nothing_loses_nothing(self):
        self.assertEqual(self.run_without((0, 1, 2), *self.train, "--epochs", "1", "--quiet").returncode, 0)

    def test_a_closed_standard_input_is_no_empty_picture(self):
        self.assertEqual(self.run_without((0,), "predict", str(self.model), "--network", str(self.network), "-").returncode, 1)


class Appending(Files):
    def test_a_log_that_was_cut_within_a_line(self):
        log, saved = self.folder / "log", str(self.folder / "s.safetensors")
        one = (*self.train, "--quiet", "--save", saved, "--log", str(log))
        self.expect(0, *one, "--epochs", "1")
        whole = log.read_bytes()
        for cut in (len(whole), len(whole) - 1, len(whole) - 30):
            with self.subTest(cut=cut):
                log.write_bytes(whole[:cut])
                self.expect(0, *one, "--epochs", "2", "--resume", saved)
                lines = log.read_bytes().split(b"\n")
                self.assertEqual(lines.pop(), b"")
                torn = 1 if cut == len(whole) - 30 else 0
                self.assertEqual(len(lines), 6 if torn == 0 and cut == len(whole) else len(lines))
                parsed = []
                for number, line in enumerate(lines):
                    if torn and number == 2:
                        self.assertRaises(ValueError, json.loads, line)
                    else:
                        parsed.append(json.loads(line)["event"])
                self.assertEqual(parsed[:2] + parsed[-2:], ["start", "epoch", "start", "end"] if len(parsed) == 4 or parsed[-2] == "start"
                                 else ["start", "epoch", "epoch", "end"])
                self.expect(0, *one, "--epochs", "1")


    def test_a_log_that_standard_output_goes_to(self):
        log, saved = self.folder / "log", str(self.folder / "s.safetensors")
        self.expect(0, *self.train, "--epochs", "1", "--quiet", "--save", saved)
        for name in (str(log), "/dev/stdout"):
            with self.subTest(name=name), open(log, "wb") as torn:
                torn.write(b'{"x')
                torn.flush()
                result = self.run_in([PROGRAM, *self.train, "--epochs", "2", "--quiet", "--resume", saved, "--log", name],
                                     stdout=torn, capture_output=False)
                self.assertEqual(result.returncode, 0)
                first, *rest = log.read_text().splitlines()
                self.assertEqual(first, '{"x')
                self.assertEqual([json.loads(line)["event"] for line in rest], ["start", "epoch", "end"])


class ExitStatus(Files):
    def test_of_every_command(self):
        image = str(self.set / "t10k-images-idx3-ubyte")
        broken = self.write("broken.json", '{"name": "mine", "match": {}, "values": {"vector": 99}}')
        predict = ("predict", str(self.model), "--network", str(self.network))
        for status, arguments in (
                (1, ("devices", "--profile-file", str(broken))), (1, ("devices", "--json", "--profile-file", str(broken))),
                (0, (*predict, image)), (1, (*predict, image, "nowhere")), (1, (*predict, "nowhere", image)),
                (1, (*predict, str(self.network), image)), (1, ("summary", "nowhere")), (3, ("check", "--device", "nowhere")),
                (2, ("check", "--only", "nowhere")), (1, ("bench", "--device", "nowhere")), (1, ("tune", "--device", "nowhere")),
                (1, (*self.evaluate, "--device", "nowhere")), (1, ("export", str(self.network), "--onnx", str(self.folder / "x"))),
                (1, ("import", str(self.network), "--network", "lenet", "--save", str(self.folder / "x"))),
                (1, (*self.train, "--device", "nowhere"))):
            with self.subTest(arguments=arguments):
                result = self.expect(status, *arguments)
                self.assertEqual("clenet " in result.stderr, status != 0, result.stderr)

    def test_without_a_device(self):
        self.write("vendors/none.icd", "libnothing.so")
        for arguments in (("devices",), ("devices", "--json"), ("check",), self.train, self.evaluate, ("bench",), ("tune",)):
            with self.subTest(arguments=arguments):
                result = clenet(*arguments, OCL_ICD_VENDORS=str(self.folder / "vendors"))
                self.assertEqual(result.returncode, 3 if arguments == ("check",) else 1)
                self.assertIn("OpenCL", result.stderr)


if __name__ == "__main__":
    main()
