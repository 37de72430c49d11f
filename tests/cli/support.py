"""Everything that several tests of the program share. Each test file takes three arguments: the program, its version, and
the kinds of pictures that the program reads, such as "png,jpeg". The libraries that Meson builds for the tests are named by
$CLENET_TEST_ODD_DRIVER, $CLENET_TEST_FLAKY_DRIVER, $CLENET_TEST_FAILING, $CLENET_TEST_HELD, $CLENET_TEST_SILENT_ICD
and $CLENET_TEST_FAIL_ALLOC."""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

PROGRAM, VERSION, KINDS = os.path.abspath(sys.argv.pop(1)), sys.argv.pop(1), sys.argv.pop(1).split(",")
READS_PNG, READS_JPEG = "png" in KINDS, "jpeg" in KINDS
ROOT = Path(__file__).resolve().parents[2]
CACHE = tempfile.TemporaryDirectory()
# One for all tests, and not the user's; bootstrap gives one for all files of tests.
os.environ["CLENET_CACHE_DIR"] = os.environ.get("CLENET_TEST_CACHE", CACHE.name)
SILENT_ICD = os.environ.get("CLENET_TEST_SILENT_ICD")
COMMANDS = ("train", "evaluate", "predict", "report", "plot", "export", "import", "data prepare", "data info", "data sheet", "bench", "check", "tune", "devices", "summary", "cache")
EPOCH = r"epoch {}, loss \d+\.\d{{4}}, train acc [01]\.\d{{3}}, test acc [01]\.\d{{3}}, time (?:\d+\.\d sec|\d+ min(?: \d+ s)?|\d+ h(?: \d+ min)?)"
SMALL = ("--data", "synthetic:120", "--batch-size", "32", "--offline")
SET_FILES = (("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"))
# LeakSanitizer itself crashes now and then where a driver's threads end beside it: it looks where settled() can repeat,
# which is where the same command does the same again.
LEAKS_TOLD = os.environ.get("ASAN_OPTIONS", "")
os.environ["ASAN_OPTIONS"] = LEAKS_TOLD + ":detect_leaks=0"


def settled(run):
    """The process that run(ASAN_OPTIONS) ran, once more where LeakSanitizer crashed."""
    for _ in range(3):
        process = run(LEAKS_TOLD)
        if "LeakSanitizer has encountered a fatal error" not in process.stderr:
            break
    return process


def clenet(*arguments, cwd=None, **environment):
    """What the program did, in the folder `cwd` where that is given."""
    def run(leaks):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=300,
                              stdin=subprocess.DEVNULL, cwd=cwd, env={**os.environ, "ASAN_OPTIONS": leaks, **environment})
    if "--resume" in arguments or "CLENET_CACHE_DIR" in environment:  # what it finds is what the last run left
        return run(os.environ["ASAN_OPTIONS"])
    return settled(run)


def idx(images, height, width):
    """An IDX file of images, each a list of height · width bytes."""
    return struct.pack(">IIII", 0x803, len(images), height, width) + bytes(v for image in images for v in image)


def metadata(path):
    """The strings in a safetensors file's header; of "training" what its JSON says."""
    content = Path(path).read_bytes()
    found = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return dict(found, training=json.loads(found["training"])) if "training" in found else found


def safetensors(tensors, metadata=None, tail=""):
    """A file of tensors, each given as (type, shape, numbers). The numbers are written as float32, whatever the type is
    called. `tail` is appended to the header."""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (kind, shape, values) in tensors.items():
        piece = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = (json.dumps(header) + tail).encode()
    return struct.pack("<Q", len(text)) + text + data


def chunk(kind, content, crc=None):
    """A chunk of a PNG file; its CRC is right unless one is given."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) if crc is None else crc)


def png(width, height, samples, depth=8, colour=0, before=b"", tail=b""):
    """A PNG file of the bytes of all rows. Colour 0 is grey, 2 RGB, 3 indexed, 4 grey with alpha, 6 RGB with alpha. The
    chunks in `before` precede the picture; `tail` follows the end of the PNG."""
    content, row = bytes(samples), len(samples) // height
    rows = b"".join(b"\0" + content[y * row:(y + 1) * row] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + before
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"") + tail)


def traced(path):
    """Names and times of the launches on the device's tracks of a trace, one list per group."""
    events = json.loads(path.read_text())["traceEvents"]
    groups = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    return {name: [(e["name"], e["ts"], e["dur"]) for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == (group, 1)]
            for group, name in groups.items()}


def silent_driver(folder, mode):
    """The environment in which silent_icd.c is the only driver, in one of its modes."""
    folder.mkdir(exist_ok=True)
    (folder / "silent.icd").write_text(SILENT_ICD + "\n")
    return {"OCL_ICD_VENDORS": str(folder), "SILENT_ICD": mode, "CLENET_DEVICE": ""}


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def copy_kernels(self):
        """A copy of the kernels, as `--kernels kernels` in that folder: the driver knows what is not changed of them."""
        return Path(shutil.copytree(ROOT / "kernels", self.folder / "kernels"))

    def expect(self, exit_status, *arguments, **environment):
        result = clenet(*arguments, **environment)
        self.assertEqual(result.returncode, exit_status, f"{arguments}\n{result.stdout}\n{result.stderr}")
        return result


def usual_signals():
    """As in a shell of a user: nothing is ignored, whatever started the tests."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Files(Case):
    """A folder with a data set, a network, a model and a profile, each as small as can be."""

    NETWORK = {"name": "small", "input": [1, 28, 28], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}

    def setUp(self):
        super().setUp()
        self.set = self.folder / "set"
        self.set.mkdir()
        for part, count in (("train", 64), ("t10k", 20)):
            images = [bytes(200 if y // 2 == i % 10 else (x * 7 + y * 13 + i * 31) % 50 for y in range(28) for x in range(28))
                      for i in range(count)]
            (self.set / f"{part}-images-idx3-ubyte").write_bytes(idx(images, 28, 28))
            (self.set / f"{part}-labels-idx1-ubyte").write_bytes(
                b"\0\0\x08\x01" + count.to_bytes(4, "big") + bytes(i % 10 for i in range(count)))
        self.network = self.write("n.json", json.dumps(self.NETWORK))
        self.profile = self.write("p.json", json.dumps({"name": "mine", "match": {}, "values": {}}))
        self.model = self.write("m.safetensors", safetensors(
            {"1.weight": ("F32", [10, 784], [0.01 * ((i * 37 + k * 11) % 19 - 9) for k in range(10) for i in range(784)]),
             "1.bias": ("F32", [10], [0.0] * 10)}))
        self.train = ("train", "--data", str(self.set), "--network", str(self.network), "--batch-size", "16", "--no-guard")
        self.evaluate = ("evaluate", str(self.model), "--network", str(self.network), "--data", str(self.set))

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def state(self):
        """Every file with its content, but for what a link leads to."""
        return {str(path): os.readlink(path) if path.is_symlink() else path.read_bytes()
                for path in self.folder.rglob("*") if path.is_symlink() or path.is_file()}

    def run_in(self, command, *, prepare=None, **settings):
        """A process of the program in the folder, with the signals of a user's shell."""
        def before():
            usual_signals()
            if prepare:
                prepare()
        return subprocess.run(command, cwd=self.folder, preexec_fn=before, check=False, timeout=300,
                              **{"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **settings})

    def assert_nothing_temporary(self):
        self.assertEqual([path.name for path in self.folder.rglob("*") if ".tmp" in path.name], [])


# Text as files, users and drivers may have it, which the program shows with escapes.
TITLE, CLEAR, C1, REVERSED = "\x1b]0;owned\x07", "\x1b[2J", "\u009b31m", "\u202egnp.exe"
NASTY = [f"a{CLEAR}b", "c\nd", f"{TITLE}e", f"{C1}f", REVERSED, "g\u2028h\x7f", "=1+2", "+3", "-4,;", "@\"5\"\t\r"]
HIDDEN = {*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)}
LINEAR = {"name": "linear", "input": [1, 4, 4], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]}


def linear_tensors():
    """The tensors of the network LINEAR."""
    values = [0.01 * ((i * 37 + i // 16 * 11) % 19 - 9) for i in range(160)]
    return {"1.weight": ("F32", [10, 16], values), "1.bias": ("F32", [10], [0.0] * 10)}


class Text(Case):
    """A folder with a network and a data set. No control character may be in the program's output."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.folder / "set")
        images = [[(n * 31 + i * 7) % 256 for i in range(16)] for n in range(40)]
        for part in ("train", "t10k"):
            (self.folder / "set" / f"{part}-images-idx3-ubyte").write_bytes(idx(images, 4, 4))
            (self.folder / "set" / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 40) + bytes(n % 10 for n in range(40)))
        self.write("network.json", json.dumps(LINEAR))

    def write(self, name, content):
        path = self.folder / name if isinstance(name, str) else os.path.join(os.fsencode(self.folder), name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def model(self, metadata=None, name="m.safetensors", **more):
        said = {"clenet": "0.1.0", "network": json.dumps(LINEAR), **more} if metadata is None else metadata
        return self.write(name, safetensors(linear_tensors(), said))

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


# Quick to build kernels for. The second batch norm is behind a linear layer, the first on planes of 7 x 7.
LAYERS = [{"type": "AvgPool2d", "kernel_size": 4}, {"type": "BatchNorm2d"}, {"type": "Flatten"},
          {"type": "Linear", "out_features": 12}, {"type": "BatchNorm1d"}, {"type": "Sigmoid"},
          {"type": "Linear", "out_features": 10}]


class Sets(Case):
    """A small network, and data sets with any labels. The program runs in the test's folder."""

    def setUp(self):
        super().setUp()
        self.network = self.write_network("small.json", LAYERS)

    def run_program(self, *arguments, **environment):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300,
                              stdin=subprocess.DEVNULL, cwd=self.folder, env={**os.environ, **environment})

    def expect(self, exit_status, *arguments, **environment):
        result = self.run_program(*arguments, **environment)
        self.assertEqual(result.returncode, exit_status, f"{arguments}: {result.stdout}{result.stderr}")
        return result

    def train(self, status, *arguments, **environment):
        return self.expect(status, "train", "--network", self.network, "--no-guard", *arguments, **environment)

    def write_network(self, name, layers):
        path = self.folder / name
        path.write_text(json.dumps({"name": path.stem, "input": [1, 28, 28], "layers": layers}))
        return path

    def write_set(self, name, train, test):
        """A folder of images that show their label, with these labels."""
        folder = self.folder / name
        folder.mkdir()
        for (images, labels), numbers in zip(SET_FILES, (train, test)):
            pixels = b"".join(bytes([20 * (label % 10)]) * 784 for label in numbers)
            (folder / images).write_bytes(struct.pack(">4I", 0x803, len(numbers), 28, 28) + pixels)
            (folder / labels).write_bytes(struct.pack(">2I", 0x801, len(numbers)) + bytes(numbers))
        return folder

    @staticmethod
    def labels(count, classes=10):
        return [i % classes for i in range(count)]


def main(quick=None):
    """Runs the tests of the file: all, or with CLENET_CHECK=quick those that `quick` names."""
    unittest.main(verbosity=2, defaultTest=quick if os.environ.get("CLENET_CHECK") == "quick" else None)
