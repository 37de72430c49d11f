"""`clenet export` and `clenet import`: models for and from other programs."""
import json
import math
import os
import struct
from pathlib import Path

from support import Case, SMALL, clenet, main, safetensors

SMALL_NETWORK = {"name": "small", "input": [1, 2, 2], "layers": [
    {"type": "Conv2d", "out_channels": 2, "kernel_size": 2, "bias": False}, {"type": "BatchNorm2d"}, {"type": "Flatten"},
    {"type": "Linear", "out_features": 3}]}
SMALL_TENSORS = {"0.weight": [2, 1, 2, 2], "1.weight": [2], "1.bias": [2], "1.running_mean": [2], "1.running_var": [2],
                 "3.weight": [3, 2], "3.bias": [3]}


class Exchange(Case):
    """Files of models that come in and go out."""

    def setUp(self):
        super().setUp()
        self.network = self.folder / "small.json"
        self.network.write_text(json.dumps(SMALL_NETWORK))
        self.model = self.write("model", {"network": json.dumps(SMALL_NETWORK)})

    def write(self, name, metadata=None, wrong=None, tensors=None):
        """A safetensors file of the small network; the tensor called `wrong` has a NaN in it."""
        content = {}
        for tensor, shape in (tensors or SMALL_TENSORS).items():
            values = [0.5 + i for i in range(math.prod(shape))]
            if tensor == wrong:
                values[-1] = math.nan
            content[tensor] = ("F32", shape, values)
        (self.folder / name).write_bytes(safetensors(content, metadata))
        return str(self.folder / name)

    def read(self, path):
        """Header and numbers, each tensor by its name."""
        content = Path(path).read_bytes()
        length, = struct.unpack_from("<Q", content)
        header = json.loads(content[8:8 + length])
        metadata = header.pop("__metadata__", {})
        values = {}
        for name, tensor in header.items():
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            kind = "f" if tensor["dtype"] == "F32" else "q"
            values[name] = list(struct.unpack(f"<{math.prod(tensor['shape'])}{kind}", content[begin:end]))
        return metadata, values

    def refuse(self, exit_status, expected, *arguments):
        """Nothing is said to be done, and no file is there that was not or is another than before."""
        before = {path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        result = self.expect(exit_status, *arguments)
        self.assertIn(expected, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual({path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}, before)

    def outputs(self):
        """Where files can be exported to, with something there before."""
        paths = [str(self.folder / name) for name in ("out.onnx", "out.safetensors")]
        for path in paths:
            Path(path).write_text("older")
        return paths


class Export(Exchange):
    def setUp(self):
        super().setUp()
        self.onnx, self.plain = self.outputs()

    def needs_onnx(self):
        if "without protobuf-c" in clenet("export", self.model, "--onnx", str(self.folder / "tried")).stderr:
            self.skipTest("built without protobuf-c")

    def export(self, exit_status, expected, *arguments):
        self.refuse(exit_status, expected, "export", *arguments)

    def test_safetensors(self):
        result = self.expect(0, "export", self.model, "--safetensors", self.plain)
        self.assertEqual(result.stdout, f"{self.plain}: safetensors, network small, 4 layers, 21 parameters\n")
        metadata, values = self.read(self.plain)
        expected = self.read(self.model)[1]
        self.assertEqual(values, expected | {"1.num_batches_tracked": [0]})
        self.assertEqual(json.loads(metadata["network"])["layers"], SMALL_NETWORK["layers"])

    def test_of_a_file_with_tensors_only(self):
        path = self.write("tensors")
        self.export(1, "name the network", path, "--safetensors", self.plain)
        self.expect(0, "export", path, "--safetensors", self.plain, "--network", str(self.network))
        self.assertEqual(json.loads(self.read(self.plain)[0]["network"])["name"], "small")

    def test_folded(self):
        self.needs_onnx()
        result = self.expect(0, "export", self.model, "--safetensors", self.plain, "--onnx", self.onnx, "--fold-batchnorm")
        self.assertEqual([line.partition(": ")[::2] for line in result.stdout.splitlines()],
                         [(self.onnx, "ONNX, network small, 3 layers, 19 parameters"),
                          (self.plain, "safetensors, network small, 3 layers, 19 parameters")])
        metadata, values = self.read(self.plain)
        _, was = self.read(self.model)
        self.assertEqual([layer["type"] for layer in json.loads(metadata["network"])["layers"]],
                         ["Conv2d", "Flatten", "Linear"])
        self.assertEqual(set(values), {"0.weight", "0.bias", "2.weight", "2.bias"})
        for o in range(2):
            scale = was["1.weight"][o] / math.sqrt(was["1.running_var"][o] + 1e-5)
            self.assertAlmostEqual(values["0.bias"][o], was["1.bias"][o] - was["1.running_mean"][o] * scale, delta=1e-6)
            self.assertAlmostEqual(values["0.weight"][4 * o], was["0.weight"][4 * o] * scale, delta=1e-5)
        self.assertEqual(values["2.weight"], was["3.weight"])
        self.assertIn(b"clenet", Path(self.onnx).read_bytes())

    def test_a_trained_model_leaves_without_its_training(self):
        self.needs_onnx()
        model = str(self.folder / "trained")
        self.expect(0, "train", *SMALL, "--epochs", "1", "--quiet", "--standardize", "--save", model)
        self.expect(0, "export", model, "--safetensors", self.plain, "--onnx", self.onnx, "--fold-standardize")
        metadata, values = self.read(self.plain)
        self.assertNotIn("training", metadata)
        self.assertIn("mean", metadata)
        self.assertEqual([name for name in values if "optimizer" in name], [])
        self.expect(0, "evaluate", self.plain, *SMALL)
        self.expect(0, "export", self.plain, "--onnx", self.onnx)  # what was exported is a model, too

    def test_without_protobuf(self):
        result = clenet("export", self.model, "--onnx", self.onnx, "--safetensors", self.plain)
        if result.returncode == 0:
            self.assertNotIn("protobuf", result.stderr)
        else:
            self.assertIn("libprotobuf-c-dev", result.stderr)
            self.assertEqual([Path(path).read_text() for path in (self.onnx, self.plain)], ["older", "older"])

    def test_wrong_use(self):
        self.export(2, "--onnx FILE, --safetensors FILE, or both", self.model)
        self.export(2, "MODEL is missing", "--onnx", self.onnx)
        self.export(2, "an option of --onnx", self.model, "--safetensors", self.plain, "--fold-standardize")

    def test_nothing_to_fold(self):
        self.needs_onnx()
        self.export(1, "not standardised", self.model, "--onnx", self.onnx, "--safetensors", self.plain,
                    "--fold-standardize")

    def test_one_file_for_two(self):
        self.export(1, "is the same file as", self.model, "--onnx", self.model)
        self.export(1, "is the same file as", self.model, "--safetensors", f"{self.folder}/../{self.folder.name}/model")
        (self.folder / "link").symlink_to(self.model)
        self.export(1, "is the same file as", str(self.folder / "link"), "--safetensors", self.model)
        new = str(self.folder / "new")
        self.export(1, "is the same file as", self.model, "--onnx", new, "--safetensors", f"{self.folder}/./new")

    def test_models_that_cannot_be_read(self):
        to = ("--onnx", self.onnx, "--safetensors", self.plain)
        self.export(1, "no-such-model", str(self.folder / "no-such-model"), *to)
        self.export(1, "not a regular file", str(self.folder), *to)
        self.export(1, '"3.bias": value 2 is not finite',
                    self.write("nan", {"network": json.dumps(SMALL_NETWORK)}, wrong="3.bias"), *to)
        content = Path(self.model).read_bytes()
        for length in (0, 7, 100, len(content) - 1):
            with self.subTest(length=length):
                (self.folder / "cut").write_bytes(content[:length])
                self.export(1, "cut", str(self.folder / "cut"), *to)
        self.export(1, "lenet", self.model, *to, "--network", "lenet")
        self.export(1, "no-such-network", self.model, *to, "--network", "no-such-network")

    def test_places_that_cannot_be_written(self):
        """Found before the other one is."""
        for place, expected in (("missing/file", "missing"), (".", "not a regular file"), ("model/file", "model/file")):
            place = str(self.folder / place)
            with self.subTest(place=place):
                self.export(1, expected, self.model, "--onnx", place, "--safetensors", self.plain)
                self.export(1, expected, self.model, "--safetensors", place, "--onnx", self.onnx)


class Import(Exchange):
    def setUp(self):
        super().setUp()
        self.file = self.write("file")
        self.saved = self.outputs()[1]
        self.to = ("--network", str(self.network), "--save", self.saved)

    def refuse_import(self, exit_status, expected, *arguments):
        self.refuse(exit_status, expected, "import", *arguments)

    def test_import(self):
        result = self.expect(0, "import", self.file, *self.to)
        self.assertEqual(result.stdout, f"{self.file}: 7 tensors with 21 parameters, of network small; saved to "
                                        f"{self.saved}\n")
        metadata, values = self.read(self.saved)
        self.assertEqual(json.loads(metadata["network"])["layers"], SMALL_NETWORK["layers"])
        self.assertEqual(values, self.read(self.file)[1] | {"1.num_batches_tracked": [0]})

    def test_running_variance(self):
        for kind in ("unbiased", "biased"):
            self.expect(0, "import", self.file, *self.to, "--running-variance", kind)
            layer = json.loads(self.read(self.saved)[0]["network"])["layers"][1]
            self.assertEqual(layer.get("biased_running_variance", False), kind == "biased")

    def test_resize(self):
        self.expect(0, "import", self.file, *self.to, "--resize", "2")
        self.assertEqual(self.read(self.saved)[0]["resize"], "2")
        self.refuse_import(1, '"3.weight" has shape [3, 2], but the network needs [3, 8]', self.file, *self.to,
                           "--resize", "3")

    def test_an_imported_model_predicts(self):
        network = {"name": "one", "input": [1, 28, 28], "layers": [{"type": "Flatten"},
                                                                    {"type": "Linear", "out_features": 10}]}
        self.network.write_text(json.dumps(network))
        path = self.write("one", tensors={"1.weight": [10, 784], "1.bias": [10]})
        self.expect(0, "import", path, *self.to)
        self.assertIn("accuracy", self.expect(0, "evaluate", self.saved, *SMALL).stdout)

    def test_wrong_use(self):
        self.refuse_import(2, "--network NETWORK is missing", self.file, "--save", self.saved)
        self.refuse_import(2, "--save FILE is missing", self.file, "--network", str(self.network))
        self.refuse_import(2, "FILE is missing", *self.to)

    def test_one_file_for_two(self):
        for name in ("file", "./file"):
            self.refuse_import(1, "is the same file as", self.file, "--network", str(self.network), "--save",
                               f"{self.folder}/{name}")
        os.link(self.file, self.folder / "hard-link")
        self.refuse_import(1, "is the same file as", self.file, "--network", str(self.network), "--save",
                           str(self.folder / "hard-link"))

    def test_files_that_cannot_be_read(self):
        self.refuse_import(1, "no-such-file", str(self.folder / "no-such-file"), *self.to)
        self.refuse_import(1, '"0.weight": value 7 is not finite', self.write("nan", wrong="0.weight"), *self.to)
        (self.folder / "cut").write_bytes(Path(self.file).read_bytes()[:-4])
        self.refuse_import(1, "cut", str(self.folder / "cut"), *self.to)
        self.refuse_import(1, '"1.weight" is not one of network lenet', self.file, "--network", "lenet", "--save",
                           self.saved)
        self.refuse_import(1, "no-such-network", self.file, "--network", "no-such-network", "--save", self.saved)

    def test_places_that_cannot_be_written(self):
        for place, expected in (("missing/file", "missing"), (".", "not a regular file"), ("model/file", "model/file")):
            with self.subTest(place=place):
                self.refuse_import(1, expected, self.file, "--network", str(self.network), "--save",
                                   str(self.folder / place))


if __name__ == "__main__":
    main()
