"""What the tests of the program share. Arguments of each: the program, its version, and "png" where it reads these."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM, VERSION, READS_PNG = os.path.abspath(sys.argv.pop(1)), sys.argv.pop(1), sys.argv.pop(1) == "png"
ROOT = Path(__file__).resolve().parents[2]
CACHE = tempfile.TemporaryDirectory()  # one for all tests, and not the user's
os.environ["CLENET_CACHE_DIR"] = CACHE.name
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


def safetensors(tensors):
    """A file of float32 tensors alone, given as nested lists, without metadata."""
    header, content = {}, b""
    for name, values in tensors.items():
        shape = [len(values)] + ([len(values[0])] if isinstance(values[0], list) else [])
        flat = sum(values, []) if len(shape) > 1 else values
        piece = struct.pack(f"<{len(flat)}f", *flat)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(content), len(content) + len(piece)]}
        content += piece
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content


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
