"""Text of files, users, drivers and the environment, wherever the program says it."""
import csv
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import unittest
from pathlib import Path

from support import (C1, CLEAR, LINEAR, NASTY, PROGRAM, REVERSED, ROOT, TITLE, Text, idx, linear_tensors, main,
    safetensors)

ODD_DRIVER = os.environ.get("CLENET_TEST_ODD_DRIVER")
SEEN = ["a\\x1b[2Jb", "c\\nd", "\\x1b]0;owned\\x07e", "\\u009b31mf", "\\u202egnp.exe", "g\\u2028h\\x7f"]
BYTES = b"m\xff\x1b[2J\n"  # a file name
SHOWN = "m\\xff\\x1b[2J\\n"


class Names(Text):
    """Of classes, in everything that says them."""

    def setUp(self):
        super().setUp()
        self.path = self.model(classes=json.dumps(NASTY))

    def predict(self, *arguments):
        self.write("p.idx", idx([[i * 16 for i in range(16)]], 4, 4))
        return self.run_raw("predict", "m.safetensors", "p.idx", *arguments)[0]

    def test_predict(self):
        output = self.predict("--top", "10")
        self.assertEqual(output.count("\n"), 1)
        for name in SEEN:
            self.assertIn(f" {name} ", output)
        # Columns stand below each other: a name is as wide as it is shown.
        self.assertEqual(len({line.index("0.") for line in self.predict("--top", "1").splitlines()}), 1)

    def test_predict_json(self):
        line = json.loads(self.predict("--json", "--top", "10"))
        self.assertEqual({p["name"] for p in line["predictions"]}, set(NASTY))

    def test_evaluate(self):
        output, _ = self.run_raw("evaluate", "m.safetensors", "--data", "set", "--confusion", "--predictions", "t.csv")
        for name in SEEN:
            self.assertIn(f" {name} ", output)
        table = output.split("\n\n")[1].splitlines()
        self.assertEqual(len(table), 11)
        self.assertEqual(len({len(row) for row in table}), 1, "all rows of the table are of one width")
        content = self.assert_clean((self.folder / "t.csv").read_bytes())
        rows = list(csv.DictReader(content.splitlines()))
        self.assertEqual(len(rows), 40)
        names = {row["label_name"] for row in rows} | {row["predicted_name"] for row in rows}
        self.assertLessEqual({*SEEN, "'=1+2", "'+3", "'-4,;", "'@\"5\"\\t\\r"}, names)
        for row in rows:
            for cell in row.values():
                self.assertNotIn(cell[:1], tuple("=+-@\t\r"), cell)

    def test_other_scripts_pass_and_line_up(self):
        names = ["Käse", "Ελληνικά", "кошка", "猫", "고양이", "😀", "e\u0301", "a b", "T-shirt/top", "10 %d %s"]
        self.model(classes=json.dumps(names))
        output, _ = self.run_raw("evaluate", "m.safetensors", "--data", "set")
        for name in names:
            self.assertIn(f" {name} ", output)
        rows = [row for row in output.splitlines() if " 4 " in row]
        columns = {len(row) + {"猫": 1, "고양이": 3, "😀": 1, "e\u0301": -1}.get(row[4:].split()[0], 0) for row in rows}
        self.assertEqual(len(rows), 10)
        self.assertEqual(len(columns), 1, rows)

    def test_written_on(self):
        """As they are into files of other programs: valid, and without a control character in their bytes."""
        self.run_raw("export", "m.safetensors", "--safetensors", "plain.safetensors")
        content = (self.folder / "plain.safetensors").read_bytes()
        size, = struct.unpack("<Q", content[:8])
        self.assert_clean(content[8:8 + size])
        self.assertEqual(json.loads(json.loads(content[8:8 + size])["__metadata__"]["classes"]), NASTY)
        if "without protobuf" in self.run_or_told("export", "m.safetensors", "--onnx", "m.onnx"):
            self.skipTest("no ONNX")
        graph = (self.folder / "m.onnx").read_bytes()
        start = graph.index(b"classes") + 7
        text = graph[graph.index(b"[", start):graph.index(b"]", graph.index(b'"@', start)) + 1]
        self.assertEqual(json.loads(self.assert_clean(text)), NASTY)

    def run_or_told(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, cwd=self.folder).stderr

    def test_network(self):
        """A name of a network, in summaries and reports; what a file may not have it is told of."""
        self.write("n.json", json.dumps({**LINEAR, "name": f"{REVERSED}{C1}"}))
        self.assertIn("\\u202egnp.exe\\u009b31m: input", self.run_raw("summary", "n.json")[0])
        self.write("n.json", json.dumps({**LINEAR, "name": CLEAR}))
        self.assertIn("without control characters", self.run_raw("summary", "n.json", exit_status=1)[1])


class Messages(Text):
    """What is wrong with a file is told in words of the file."""

    def refused(self, *arguments, exit_status=1, **environment):
        return self.run_raw(*arguments, exit_status=exit_status, **environment)[1]

    def test_networks(self):
        for change, seen in (({"layers": [{"type": CLEAR}]}, 'unknown type "\\x1b[2J"'),
                             ({"layers": [{"type": "Flatten", TITLE: 1}]}, 'unknown option "\\x1b]0;owned\\x07"'),
                             ({"layers": [{"type": "Flatten", "a\nclenet: done": 1}]}, '"a\\nclenet: done"'),
                             ({C1: 1}, 'unknown option "\\u009b31m"')):
            self.write("n.json", json.dumps({**LINEAR, **change}))
            error = self.refused("summary", "n.json")
            self.assertIn(seen, error)
            self.assertEqual(error.count("\n"), 1)
        for content in (b"\x1b[2J", b'{"name": "\x1b"}', b"\xff\xfe", b'{"\xc3\x28": 1}', "{\u202e}".encode(), b"{\x9b"):
            self.write("n.json", content)
            self.refused("summary", "n.json")

    def test_tensors(self):
        for name in (CLEAR, "w\nclenet: all is well", C1):
            self.write("m.safetensors", safetensors({**linear_tensors(), name: ("F32", [1], [0])}, {"clenet": "0.1.0", "network": json.dumps(LINEAR)}))
            error = self.refused("predict", "m.safetensors", "p.png")
            self.assertIn("is not one of network linear", error)
            self.assertEqual(error.count("\n"), 1)
        names = {f"{name}{i}": ("F32", [1], [0]) for i, name in enumerate((CLEAR, "\n  tensor", C1))}
        self.write("m.safetensors", safetensors({**linear_tensors(), **names}, {"clenet": "0.1.0", "network": json.dumps(LINEAR)}))
        self.assertEqual(self.refused("predict", "m.safetensors", "p.png").count("\n"), 4)  # one for each
        self.write("m.safetensors", safetensors({"w": (CLEAR, [1], [0])}))
        self.assertIn("has type \\x1b[2J", self.refused("import", "m.safetensors", "--network", "network.json", "--save", "o"))

    def test_metadata(self):
        for more in ({"training": json.dumps({"optimizer": CLEAR})}, {"classes": f"[{CLEAR}"}, {"network": json.dumps({C1: 1})},
                     {"mean": TITLE}, {"image": REVERSED}, {"clenet": CLEAR, "network": "{}"}, {"clenet": f"99.0.0-{C1}", "network": "{}"}):
            self.model(**more)
            self.refused("predict", "m.safetensors", "p.png")
        self.write("m.safetensors", safetensors(linear_tensors(), {CLEAR: 1}))
        self.refused("predict", "m.safetensors", "p.png")

    def test_paths(self):
        self.model()
        for command in (["summary", BYTES], ["predict", BYTES, "p"], ["predict", "m.safetensors", BYTES], ["evaluate", BYTES],
                        ["evaluate", "m.safetensors", "--data", BYTES], ["export", BYTES, "--onnx", "o"],
                        ["import", BYTES, "--network", "network.json", "--save", "o"], ["train", "--resume", BYTES],
                        ["train", "--network", BYTES], ["train", "--data", BYTES], ["check", "--profile-file", BYTES],
                        ["bench", "--network", BYTES], ["tune", "--profile-file", BYTES, "--time", "1"]):
            self.assertIn(SHOWN, self.refused(*command, exit_status=2 if command[0] == "check" else 1), command)

    def test_options(self):
        for arguments in ((CLEAR,), ("train", f"--{CLEAR}"), ("train", "--epochs", CLEAR), ("train", "--lr", BYTES),
                          ("train", "--optimizer", REVERSED), ("train", "--save-every", C1, "--save", "o"),
                          ("summary", "bn-lenet", TITLE)):
            self.refused(*arguments, exit_status=2)

    def test_environment(self):
        self.refused("train", "--data", "set", CLENET_LIMITS=f"work_group={CLEAR}")
        self.refused("train", "--data", "set", CLENET_LIMITS=os.fsdecode(b"\xff=1"))
        self.refused("train", "--data", "set", "--network", "network.json", CLENET_DEVICE=TITLE)
        self.run_raw("devices", CLENET_DEVICE=f"{CLEAR}\n")
        self.refused("train", "--data", "mnist", "--offline", CLENET_DATA=f"{CLEAR}", HOME=C1, XDG_CACHE_HOME="")

    def test_a_compilers_log(self):
        shutil.copytree(ROOT / "kernels", self.folder / "kernels")
        (self.folder / "kernels" / "sgd.cl").write_bytes(f"#error {CLEAR}\u202e\n nonsense `|` \n".encode())
        for form in ((), ("--json",)):
            process = subprocess.run([PROGRAM, "check", "--quick", "--only", "sgd", "--kernels", "kernels", *form], cwd=self.folder,
                                     capture_output=True, check=False, timeout=300)  # drivers write their logs to stderr themselves
            self.assert_clean(process.stdout)


class Files(Text):
    """Names that are not UTF-8, in what the program writes."""

    def test_log_and_trace(self):
        name, log, trace = BYTES + b".safetensors", b"\xfe.jsonl", b"\xfd.json"
        for _ in range(2):
            self.run_raw("train", "--network", "network.json", "--data", "set", "--batch-size", "20", "--epochs", "1", "--save", name,
                         "--log", log, "--trace", trace)
        text = self.assert_clean(Path(os.fsdecode(os.path.join(os.fsencode(self.folder), log))).read_bytes())
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual([line["event"] for line in lines], ["start", "epoch", "end"])
        self.assertEqual(lines[0]["options"]["save"], "m\\xff\x1b[2J\n.safetensors")  # JSON can say all but the byte
        self.assertEqual(lines[0]["options"]["log"], "\\xfe.jsonl")
        self.assertEqual(lines[2]["saved"], lines[0]["options"]["save"])
        json.loads(self.assert_clean(Path(os.fsdecode(os.path.join(os.fsencode(self.folder), trace))).read_bytes()))

    def test_a_data_set(self):
        os.rename(self.folder / "set", os.path.join(os.fsencode(self.folder), b"set\xff" + CLEAR.encode()))
        self.run_raw("train", "--network", "network.json", "--data", b"set\xff" + CLEAR.encode(), "--batch-size", "20", "--epochs", "1",
                     "--save", "m.safetensors", "--log", "log.jsonl")
        lines = [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]
        self.assertEqual(lines[0]["data"], "set\\xff\\x1b[2J")
        self.run_raw("train", "--resume", "m.safetensors", "--data", b"set\xff" + CLEAR.encode(), "--epochs", "2")

    def test_predict(self):
        self.model()
        first, second = b"\xff.idx", b"\xfe.idx"
        for name in (first, second):
            self.write(name, idx([[i * 16 for i in range(16)]], 4, 4))
        output, _ = self.run_raw("predict", "m.safetensors", first, second, "--json")
        self.assertEqual([json.loads(line)["file"] for line in output.splitlines()], ["\\xff.idx", "\\xfe.idx"])
        self.assertRegex(self.run_raw("predict", "m.safetensors", first)[0], r"^\\xff\.idx  \d")

    def test_profiles(self):
        nasty = f"{CLEAR} | `x` {C1}"
        self.write("p.json", json.dumps({"name": nasty, "match": {}, "note": TITLE, "measured": REVERSED, "values": {"lanes": 16},
                                         "quirks": [{"operation": "sgd", "reason": CLEAR, "link": C1}]}))
        for arguments in (("devices",), ("devices", "--verbose")):
            self.assertIn("\\x1b[2J | `x`", self.run_raw(*arguments, "--profile-file", "p.json")[0])
        devices = json.loads(self.run_raw("devices", "--json", "--profile-file", "p.json")[0])
        self.assertEqual({(d["profile"], d["note"], d["measured"], d["quirks"][-1]["reason"]) for d in devices}, {(nasty, TITLE, REVERSED, CLEAR)})
        check = ("check", "--quick", "--only", "sgd", "--profile-file", "p.json")
        self.assertIn("\\x1b[2J | `x`", self.run_raw(*check)[0])
        self.assertEqual(json.loads(self.run_raw(*check, "--json")[0])[0]["profile"], nasty)
        self.assertIn("| profile | \\x1b\\[2J \\| \\`x\\` \\u009b31m: ", self.run_raw(*check, "--markdown")[0])
        _, notes = self.run_raw("train", "--network", "network.json", "--data", "set", "--epochs", "1", "--no-guard",
                                "--profile-file", "p.json")
        self.assertIn("sgd runs in its safe variant: \\x1b[2J", notes)

    def test_kernels_in_an_odd_folder(self):
        self.assertIn(SHOWN, self.run_raw("check", "--quick", "--only", "sgd", "--kernels", BYTES, exit_status=4)[0])

    def test_terminal(self):
        """On a terminal, too: nothing but the program's own escapes of the live line."""
        self.model(classes=json.dumps(NASTY))
        self.write("p.idx", idx([[i * 16 for i in range(16)]], 4, 4))
        main, side = pty.openpty()
        with subprocess.Popen([PROGRAM, "predict", "m.safetensors", "p.idx", "--top", "10"], stdin=side, stdout=side, stderr=side,
                              cwd=self.folder, env={**os.environ, "TERM": "xterm"}) as process:
            os.close(side)
            content = b""
            while True:
                try:
                    piece = os.read(main, 4096)
                except OSError:
                    break
                if not piece:
                    break
                content += piece
        os.close(main)
        self.assertEqual(process.returncode, 0)
        self.assert_clean(content.replace(b"\r\n", b"\n").replace(b"\r\x1b[K", b""))


@unittest.skipUnless(ODD_DRIVER, "CLENET_TEST_ODD_DRIVER names no library")
class Drivers(Text):
    """Names of devices, platforms and drivers, in all that says them."""

    SHOWN = "\\x1b[2J|`x`\\xff\\u009b<b>\\n\\u202e"
    SAID = "\x1b[2J|`x`\\xff\u009b<b>\n\u202e"  # as JSON says it

    def run_odd(self, *arguments, exit_status=0):
        return self.run_raw(*arguments, exit_status=exit_status, LD_PRELOAD=ODD_DRIVER,
                            ASAN_OPTIONS=os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0")

    def test_lists(self):
        for arguments in ((), ("--verbose",)):
            self.assertIn(self.SHOWN, self.run_odd("devices", *arguments)[0])
        for device in json.loads(self.run_odd("devices", "--json")[0]):
            for key in ("name", "vendor", "platform", "platform_version", "driver_version"):
                self.assertTrue(device[key].endswith(self.SAID), device)
        self.assertIn(self.SHOWN, self.run_odd("train", "--device", "nonsense", exit_status=1)[1])

    def test_reports(self):
        check = ("check", "--quick", "--only", "sgd")
        self.assertIn(self.SHOWN, self.run_odd(*check)[0])
        self.assertTrue(json.loads(self.run_odd(*check, "--json")[0])[0]["device"]["name"].endswith(self.SAID))
        report = self.run_odd(*check, "--markdown")[0]
        self.assertIn("\\x1b\\[2J\\|\\`x\\`\\xff\\u009b\\<b>\\n\\u202e |", report)
        for row in report.splitlines():
            if row.startswith("| device") or row.startswith("| driver"):
                self.assertEqual(len(re.findall(r"(?<!\\)\|", row)), 3, row)

    def test_training(self):
        _, notes = self.run_odd("train", "--network", "network.json", "--data", "set", "--epochs", "1", "--log", "log.jsonl",
                                "--trace", "trace.json")
        self.assertIn(self.SHOWN, notes)
        for name in ("log.jsonl", "trace.json"):
            self.assert_clean((self.folder / name).read_bytes())
        self.assertIn(self.SHOWN, json.loads((self.folder / "log.jsonl").read_text().splitlines()[0])["device"])
        json.loads((self.folder / "trace.json").read_text())


if __name__ == "__main__":
    main()
