"""Text of files, users and the environment, wherever the program says it; strings of other programs; limits and oddities
of files. Arguments: as for test_cli.py; $CLENET_TEST_ODD_DRIVER is the
library of odd_driver.c."""
import csv
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import unittest
import zlib
from pathlib import Path

from test_cli import PROGRAM, READS_PNG, ROOT, Case, idx  # which takes the arguments

ODD_DRIVER = os.environ.get("CLENET_TEST_ODD_DRIVER")
TITLE, CLEAR, C1, REVERSED = "\x1b]0;owned\x07", "\x1b[2J", "\u009b31m", "\u202egnp.exe"
NASTY = [f"a{CLEAR}b", "c\nd", f"{TITLE}e", f"{C1}f", REVERSED, "g\u2028h\x7f", "=1+2", "+3", "-4,;", "@\"5\"\t\r"]
SEEN = ["a\\x1b[2Jb", "c\\nd", "\\x1b]0;owned\\x07e", "\\u009b31mf", "\\u202egnp.exe", "g\\u2028h\\x7f"]
BYTES = b"m\xff\x1b[2J\n"  # a file name
SHOWN = "m\\xff\\x1b[2J\\n"
NETWORK = {"name": "linear", "input": [1, 4, 4], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}
HIDDEN = {*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)}


def tensors():
    values = [0.01 * ((i * 37 + i // 16 * 11) % 19 - 9) for i in range(160)]
    return {"1.weight": ("F32", [10, 16], values), "1.bias": ("F32", [10], [0.0] * 10)}


def safetensors(tensors_, metadata=None, tail=""):
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (dtype, shape, values) in tensors_.items():
        piece = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = (json.dumps(header) + tail).encode()
    return struct.pack("<Q", len(text)) + text + data


def chunk(kind, content, crc=None):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) if crc is None else crc)


def png(width, height, rows, depth=8, colour=0, before=b"", tail=b"", interlace=0):
    """rows: the bytes of each row; interlaced only where there is a single pixel."""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)) + before
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b"") + tail)


class Text(Case):
    def setUp(self):
        super().setUp()
        os.makedirs(self.folder / "set")
        images = [[(n * 31 + i * 7) % 256 for i in range(16)] for n in range(40)]
        for part in ("train", "t10k"):
            (self.folder / "set" / f"{part}-images-idx3-ubyte").write_bytes(idx(images, 4, 4))
            (self.folder / "set" / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 40) + bytes(n % 10 for n in range(40)))
        self.write("network.json", json.dumps(NETWORK))

    def write(self, name, content):
        path = self.folder / name if isinstance(name, str) else os.path.join(os.fsencode(self.folder), name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def model(self, metadata=None, name="m.safetensors", **more):
        said = {"clenet": "0.1.0", "network": json.dumps(NETWORK), **more} if metadata is None else metadata
        return self.write(name, safetensors(tensors(), said))

    def run_raw(self, *arguments, exit_status=0, **environment):
        """Standard output and error as text, of which every byte is looked at."""
        process = subprocess.run([PROGRAM, *arguments], capture_output=True, check=False, timeout=300, cwd=self.folder,
                                 stdin=subprocess.DEVNULL, env={**os.environ, **environment})
        self.assertEqual(process.returncode, exit_status, (arguments, process.stdout, process.stderr))
        return tuple(self.assert_clean(output) for output in (process.stdout, process.stderr))

    def assert_clean(self, content):
        text = content.decode("utf-8")
        self.assertEqual([hex(ord(c)) for c in text if ord(c) in HIDDEN and c != "\n"], [], text)
        return text


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
        self.write("n.json", json.dumps({**NETWORK, "name": f"{REVERSED}{C1}"}))
        self.assertIn("\\u202egnp.exe\\u009b31m: input", self.run_raw("summary", "n.json")[0])
        self.write("n.json", json.dumps({**NETWORK, "name": CLEAR}))
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
            self.write("n.json", json.dumps({**NETWORK, **change}))
            error = self.refused("summary", "n.json")
            self.assertIn(seen, error)
            self.assertEqual(error.count("\n"), 1)
        for content in (b"\x1b[2J", b'{"name": "\x1b"}', b"\xff\xfe", b'{"\xc3\x28": 1}', "{\u202e}".encode(), b"{\x9b"):
            self.write("n.json", content)
            self.refused("summary", "n.json")

    def test_tensors(self):
        for name in (CLEAR, "w\nclenet: all is well", C1):
            self.write("m.safetensors", safetensors({**tensors(), name: ("F32", [1], [0])}, {"clenet": "0.1.0", "network": json.dumps(NETWORK)}))
            error = self.refused("predict", "m.safetensors", "p.png")
            self.assertIn("is not one of network linear", error)
            self.assertEqual(error.count("\n"), 1)
        names = {f"{name}{i}": ("F32", [1], [0]) for i, name in enumerate((CLEAR, "\n  tensor", C1))}
        self.write("m.safetensors", safetensors({**tensors(), **names}, {"clenet": "0.1.0", "network": json.dumps(NETWORK)}))
        self.assertEqual(self.refused("predict", "m.safetensors", "p.png").count("\n"), 4)  # one for each
        self.write("m.safetensors", safetensors({"w": (CLEAR, [1], [0])}))
        self.assertIn("has type \\x1b[2J", self.refused("import", "m.safetensors", "--network", "network.json", "--save", "o"))

    def test_metadata(self):
        for more in ({"training": json.dumps({"optimizer": CLEAR})}, {"classes": f"[{CLEAR}"}, {"network": json.dumps({C1: 1})},
                     {"mean": TITLE}, {"image": REVERSED}, {"clenet": CLEAR, "network": "{}"}, {"clenet": f"99.0.0-{C1}", "network": "{}"}):
            self.model(**more)
            self.refused("predict", "m.safetensors", "p.png")
        self.write("m.safetensors", safetensors(tensors(), {CLEAR: 1}))
        self.refused("predict", "m.safetensors", "p.png")

    def test_paths(self):
        self.model()
        for command in (["summary", BYTES], ["predict", BYTES, "p"], ["predict", "m.safetensors", BYTES], ["evaluate", BYTES],
                        ["evaluate", "m.safetensors", "--data", BYTES], ["export", BYTES, "--onnx", "o"],
                        ["import", BYTES, "--network", "network.json", "--save", "o"], ["train", "--resume", BYTES],
                        ["train", "--network", BYTES], ["train", "--data", BYTES], ["check", "--profile-file", BYTES],
                        ["bench", "--network", BYTES], ["tune", "--profile-file", BYTES, "--time", "1"]):
            self.assertIn(SHOWN, self.refused(*command), command)

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
        _, notes = self.run_raw("train", "--network", "network.json", "--data", "set", "--epochs", "1", "--profile-file", "p.json")
        self.assertIn("sgd runs in its safe variant: \\x1b[2J", notes)

    def test_kernels_in_an_odd_folder(self):
        self.assertIn(SHOWN, self.run_raw("check", "--quick", "--only", "sgd", "--kernels", BYTES, exit_status=1)[0])

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


class Strangers(Text):
    """Strings in a file's metadata are clenet's where "clenet" says so; all others may be anything."""

    STRINGS = {"classes": "10", "mean": "0.2860", "inverse_deviation": "[1]", "resize": "32", "image": "shoe.png", "training": "true",
               "network": "resnet18", "optimizer": "adam", "format": "pt", "clenet_version": "x"}

    def test_they_change_nothing(self):
        self.write("p.idx", idx([[(i * 16 + n) % 256 for i in range(16)] for n in range(3)], 4, 4))
        network = ("--network", "network.json")
        said = set()
        for metadata in (None, {}, *({key: value} for key, value in self.STRINGS.items()), self.STRINGS, {"classes": json.dumps(NASTY)},
                         {**self.STRINGS, "clenet": "yes"}, {"classes": "x", "clenet": ""}, {"key": "a\0b", "classes": "\0"}):
            self.write("t.safetensors", safetensors(tensors(), metadata))
            predicted = self.run_raw("predict", "t.safetensors", *network, "p.idx", "--json", "--top", "10")[0]
            self.run_raw("import", "t.safetensors", *network, "--save", "m.safetensors")
            self.assertEqual(self.run_raw("predict", "m.safetensors", "p.idx", "--json", "--top", "10")[0], predicted)
            self.run_raw("export", "t.safetensors", *network, "--safetensors", "e.safetensors")
            self.assertEqual((self.folder / "e.safetensors").read_bytes(), (self.folder / "m.safetensors").read_bytes())
            said.add((predicted, (self.folder / "m.safetensors").read_bytes()))
        self.assertEqual(len(said), 1)
        self.write("t.safetensors", safetensors(tensors(), self.STRINGS))
        strange = self.run_raw("evaluate", "t.safetensors", *network, "--data", "set")[0]
        self.write("t.safetensors", safetensors(tensors()))
        self.assertEqual(self.run_raw("evaluate", "t.safetensors", *network, "--data", "set")[0], strange)

    def test_what_is_missing_is_told(self):
        self.write("t.safetensors", safetensors(tensors(), self.STRINGS))
        self.assertIn("name the network", self.run_raw("predict", "t.safetensors", "p.idx", exit_status=1)[1])
        self.write("t.safetensors", safetensors(tensors(), {"network": json.dumps(NETWORK), "training": "true"}))
        self.assertIn("is a model only", self.run_raw("train", "--resume", "t.safetensors", "--data", "set", exit_status=1)[1])

    def test_odd_and_later_versions(self):
        self.write("p.idx", idx([[0] * 16], 4, 4))
        self.model(clenet="99.1.0")
        self.assertIn("written by clenet 99.1.0, which is newer than this one", self.run_raw("predict", "m.safetensors", "p.idx")[1])
        self.model(clenet="99.1.0", classes="[]")
        self.assertIn("which is newer than this one", self.run_raw("predict", "m.safetensors", "p.idx", exit_status=1)[1])
        self.model(clenet="ninety")
        self.assertIn('"clenet" is "ninety", not a version', self.run_raw("predict", "m.safetensors", "p.idx")[1])


class Oddities(Text):
    """Files that other readers take."""

    def summary(self, content, exit_status=0):
        self.write("n.json", content)
        return self.run_raw("summary", "n.json", exit_status=exit_status)

    def test_networks(self):
        text = json.dumps(NETWORK)
        plain = self.summary(text)
        for odd in (b"\xef\xbb\xbf" + text.encode(), text.replace(", ", ",\r\n") + "\r\n\r\n", text.replace("10}", "10.0}"),
                    text.replace("10}", "1e1}"), text.replace("[1, 4, 4]", "[1.0, 40e-1, 4E0]"), "\n\t " + text):
            self.assertEqual(self.summary(odd), plain)
        for wrong in ("10.5", "1e-1", "1e300", '"10"', "-10.0"):
            error = self.summary(text.replace("10}", wrong + "}"), 1)[1]
            self.assertRegex(error, "must be a whole number from 1 to")

    def test_profiles(self):
        text = json.dumps({"name": "odd", "match": {"min_native_float_vector": 1.0}, "values": {"lanes": 16.0, "min_groups": 2e1}})
        self.write("p.json", b"\xef\xbb\xbf" + text.replace(", ", ",\r\n").encode() + b"\r\n")
        values = json.loads(self.run_raw("devices", "--json", "--profile-file", "p.json")[0])[0]["values"]
        self.assertEqual((values["lanes"]["profile"], values["min_groups"]["profile"]), (16, 20))
        self.assertTrue(values["lanes"]["from"].endswith("p.json:3"), values)
        self.write("p.json", b"\xef\xbb\xbf{\n\"name\": \"x\", \"match\": {},\n\"values\": {\"lanes\": 1.5}}")
        self.assertIn("p.json:3: lanes", self.run_raw("check", "--only", "sgd", "--profile-file", "p.json", exit_status=1)[0]
                      + self.run_raw("check", "--only", "sgd", "--profile-file", "p.json", exit_status=1)[1])

    def test_models(self):
        self.write("p.idx", idx([[i * 16 for i in range(16)]], 4, 4))
        self.model()
        plain = self.run_raw("predict", "m.safetensors", "p.idx", "--json")[0]
        metadata = {"clenet": "0.1.0", "network": json.dumps(NETWORK).replace("10}", "10.0}"), "image": "[1.0, 4e0, 4]", "resize": "4.0"}
        for content in (safetensors(tensors(), metadata), safetensors(tensors(), metadata, tail="   \n"),
                        safetensors(dict(reversed(list(tensors().items()))), metadata)):
            self.write("m.safetensors", content)
            self.assertEqual(self.run_raw("predict", "m.safetensors", "p.idx", "--json")[0], plain)

    def test_data_with_more_bytes_than_it_announces(self):
        path = self.folder / "set" / "train-images-idx3-ubyte"
        path.write_bytes(path.read_bytes() + b"tail")
        _, notes = self.run_raw("train", "--network", "network.json", "--data", "set", "--epochs", "1")
        self.assertIn("4 bytes more than the header announces are left out", notes)

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_pictures(self):
        self.model()
        rows = [bytes(60 * y + 3 * x for x in range(4)) for y in range(4)]
        plain = self.predict(png(4, 4, rows))
        wide = [b"".join(bytes([v, 7 * v % 256]) for v in row) for row in rows]
        opaque = [b"".join(bytes([v, 255]) for v in row) for row in rows]
        colours = b"".join(bytes([v] * 3) for row in rows for v in row)
        for odd in (png(4, 4, rows, tail=b"behind"), png(4, 4, rows, before=chunk(b"teXt", b"x\x1b")),
                    png(4, 4, rows, before=chunk(b"tEXt", b"key\0value", crc=1)), png(4, 4, wide, depth=16), png(4, 4, opaque, colour=4),
                    png(4, 4, [bytes(range(4 * y, 4 * y + 4)) for y in range(4)], colour=3, before=chunk(b"PLTE", colours))):
            self.assertEqual(self.predict(odd), plain)

    def predict(self, picture, *options, exit_status=0):
        self.write("p.png", picture)
        output, errors = self.run_raw("predict", "m.safetensors", "p.png", "--json", "--top", "10", *options, exit_status=exit_status)
        return output if exit_status == 0 else errors

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_ink_on_nothing_is_seen(self):
        self.model()

        def drawn(grey, alpha, ground=None):
            values = [[(grey, alpha) if x == 1 else (0, 0) for x in range(4)] for _ in range(4)]
            if ground is None:
                return png(4, 4, [b"".join(bytes([v, v, v, a]) for v, a in row) for row in values], colour=6)
            return png(4, 4, [bytes((v * a + ground * (255 - a) + 127) // 255 for v, a in row) for row in values])

        for options in ((), ("--invert",)):
            nothing = self.predict(drawn(0, 0), *options)
            self.assertEqual(nothing, self.predict(png(4, 4, [bytes([255] * 4)] * 4), *options))
            for grey, alpha, ground in ((0, 255, 255), (0, 128, 255), (100, 200, 255), (255, 255, 0), (200, 128, 0), (255, 9, 0)):
                seen = self.predict(drawn(grey, alpha), *options)
                self.assertNotEqual(seen, nothing)
                self.assertEqual(seen, self.predict(drawn(grey, alpha, ground), *options))


class Limits(Text):
    """Of clenet's own, told as such."""

    def told(self, *arguments):
        return self.run_raw(*arguments, exit_status=1)[1]

    def test_of_networks(self):
        for change, told in (({"layers": [{"type": "ReLU"}] * 1001}, "clenet's limit of 1000"),
                             ({"name": "n" * 64}, "clenet's limit of 63"),
                             ({"input": [1, 1 << 15, 1 << 15]}, "clenet's limit of 268435456"),
                             ({"layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 257}]}, "from 2 to 256, clenet's limit"),
                             ({"layers": [{"type": "Flatten"}] + [{"type": "Linear", "out_features": 1 << 14}] * 3 + [{"type": "Linear", "out_features": 2}]}, "268435456 parameters up to here, clenet's limit")):
            self.write("n.json", json.dumps({**NETWORK, **change}))
            self.assertIn(told, self.told("summary", "n.json"))
        self.write("n.json", json.dumps(NETWORK) + " " * (1 << 20))
        self.assertIn("1048576 bytes of text, clenet's limit", self.told("summary", "n.json"))
        self.write("n.json", "[" * 3000)
        self.assertIn("2048 levels of brackets, clenet's limit", self.told("summary", "n.json"))
        self.write("p.json", json.dumps({"name": "x", "match": {}, "values": {}}) + " " * (1 << 20))
        self.assertIn("clenet's limit", self.told("train", "--data", "set", "--network", "network.json", "--profile-file", "p.json"))

    def test_of_files(self):
        self.model()
        self.write("p.idx", struct.pack(">IIII", 0x803, 1, 1, 4097) + bytes(4097))
        self.assertIn("from 1 to 4096, clenet's limit", self.told("predict", "m.safetensors", "p.idx"))
        self.write("t.safetensors", safetensors({"a": ("F32", [1] * 9, [0])}))
        self.assertIn("more than 8, clenet's limit", self.told("predict", "t.safetensors", "p.idx"))

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_of_pictures(self):
        self.model()
        for width, height in ((9000, 2), (1, 8193)):
            self.write("p.png", png(width, height, [bytes(width)] * height))
            error = self.told("predict", "m.safetensors", "p.png")
            self.assertIn(f"a picture of {width}×{height} pixels; clenet's limit is 8192 a side", error)
        self.write("p.png", png(8192, 1, [bytes(8192)]))
        self.run_raw("predict", "m.safetensors", "p.png")


if __name__ == "__main__":
    unittest.main(verbosity=2)
