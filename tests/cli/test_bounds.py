"""The bounds of clenet itself: sizes of networks and files, and work without end."""
import json
import signal
import struct
import subprocess
import time
import unittest

from support import LINEAR, PROGRAM, READS_PNG, Sets, Text, main, png, safetensors


class Limits(Text):
    """Of clenet's own, told as such."""

    def told(self, *arguments):
        return self.run_raw(*arguments, exit_status=1)[1]

    def test_of_networks(self):
        for change, told in (({"layers": [{"type": "ReLU"}] * 1001}, "clenet's limit of 1000"),
                             ({"name": "n" * 64}, "clenet's limit of 63"),
                             ({"input": [1, 1 << 15, 1 << 15]}, "clenet's limit of 268435456"),
                             ({"layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 4097}]}, "from 2 to 4096, clenet's limit"),
                             ({"layers": [{"type": "Flatten"}] + [{"type": "Linear", "out_features": 1 << 14}] * 3 + [{"type": "Linear", "out_features": 2}]}, "268435456 parameters up to here, clenet's limit")):
            self.write("n.json", json.dumps({**LINEAR, **change}))
            self.assertIn(told, self.told("summary", "n.json"))
        self.write("n.json", json.dumps(LINEAR) + " " * (1 << 20))
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
            self.write("p.png", png(width, height, bytes(width * height)))
            error = self.told("predict", "m.safetensors", "p.png")
            self.assertIn(f"a picture of {width}×{height} pixels; clenet's limit is 8192 a side", error)
        self.write("p.png", png(8192, 1, bytes(8192)))
        self.run_raw("predict", "m.safetensors", "p.png")


class Work(Sets):
    def test_a_file_cannot_ask_for_endless_work(self):
        layers = [{"type": "Conv2d", "out_channels": 1, "kernel_size": [1, 65535]},
                  {"type": "AvgPool2d", "kernel_size": [1, 32769]}, {"type": "Flatten"}]
        network = json.dumps({"name": "wide", "input": [1, 1, 131072], "layers": layers})
        (self.folder / "wide.safetensors").write_bytes(safetensors(
            {"0.weight": ("F32", [1, 1, 1, 65535], [0] * 65535), "0.bias": ("F32", [1], [0])},
            {"clenet": "0.1.0", "network": network}))
        (self.folder / "wide.json").write_text(network)
        start = time.monotonic()
        for command in (("predict", "wide.safetensors", "none.png"), ("export", "wide.safetensors", "--safetensors", "x"),
                        ("summary", "wide.json"), ("bench", "--network", "wide.json")):
            self.assertIn("clenet takes at most 1073741824", self.expect(1, *command).stderr)
        self.assertLess(time.monotonic() - start, 60)

    def test_planning_can_be_interrupted(self):
        """A network that takes long to build for: 300 layers, all different."""
        layers = [{"type": "Flatten"}] + [{"type": "Linear", "out_features": 700 + i} for i in range(300)]
        path = self.write_network("long.json", layers + [{"type": "Linear", "out_features": 10}])
        process = subprocess.Popen([PROGRAM, "train", "--network", str(path), "--data", "synthetic:64", "--no-guard"],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        self.assertNotEqual(process.wait(timeout=60), 0)


if __name__ == "__main__":
    main()
