"""Trainings that begin with the weights of a file (--init), and parameters that they leave unchanged (--freeze)."""
import gzip
import json
import re
import shlex
import struct
import subprocess
import sys

from support import LAYERS, ROOT, SET_FILES, Sets, main, safetensors

# conv, batch norm and linear layers, several of each, and as many as need a second digit.
DEEP = [{"type": "AvgPool2d", "kernel_size": 4}] + 4 * [
    {"type": "Conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1}, {"type": "BatchNorm2d"}, {"type": "ReLU"}] + [
    {"type": "Flatten"}, {"type": "Linear", "out_features": 10}]


def read(path):
    """Tensors as bytes, by name, and the metadata."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8:8 + size]), content[8 + size:]
    metadata = header.pop("__metadata__", {})
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}, metadata


def shapes(path):
    content = path.read_bytes()
    return {name: entry["shape"] for name, entry in json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]]).items()
            if name != "__metadata__"}


def floats(content):
    return list(struct.unpack(f"<{len(content) // 4}f", content))


class FineTuning(Sets):
    def setUp(self):
        super().setUp()
        self.set = self.write_set("set", self.labels(64), self.labels(20))
        self.usual = ("--data", self.set, "--batch-size", "16", "--epochs", "1")

    def saved(self, name, *options):
        """The tensors of a training's model."""
        self.train(0, *self.usual, "--save", name, *options)
        return read(self.folder / name)[0]

    def model(self, tensors, metadata=None, name="m.safetensors", rename=str, order=lambda names: names):
        """A file of tensors that another file has, under other names and in another order."""
        names = order([n for n in tensors if "tracked" not in n and not n.startswith("optimizer.")])
        (self.folder / name).write_bytes(safetensors(
            {rename(n): ("F32", self.shapes[n], floats(tensors[n])) for n in names}, metadata))
        return name

    def deep(self):
        """A trained model of the network DEEP, and its network."""
        network = self.write_network("deep.json", DEEP)
        tensors = self.saved("deep.safetensors", "--network", network)
        self.shapes = shapes(self.folder / "deep.safetensors")
        return network, tensors

    def begun(self, name, network, *options):
        """The tensors of a training whose parameters move by next to nothing."""
        return self.saved(name, "--network", network, "--optimizer", "sgd", "--lr", "1e-10", *options)

    # ---- Weights to begin with ----

    def same(self, a, b, names):
        return all(abs(x - y) <= 1e-6 for n in names for x, y in zip(floats(a[n]), floats(b[n])))

    def test_weights_and_statistics_come_by_names(self):
        network, first = self.deep()
        parameters = [n for n in first if "running" not in n and "tracked" not in n and "optimizer" not in n]
        drawn = self.begun("drawn.safetensors", network)
        self.assertFalse(self.same(drawn, first, parameters))
        for name in ("deep.safetensors", self.model(first), self.model(first, rename="module.{}".format, name="p.safetensors")):
            with self.subTest(name=name):
                second = self.begun("second.safetensors", network, "--init", name)
                self.assertTrue(self.same(second, first, parameters))
                self.assertNotEqual(second["2.running_mean"], first["2.running_mean"], "they move on, from there")
        counts = [struct.unpack("<q", t["2.num_batches_tracked"])[0] for t in
                  (first, self.begun("third.safetensors", network, "--init", "deep.safetensors"), drawn)]
        self.assertEqual(counts, [4, 8, 4])

    def test_running_statistics_begin_as_in_the_file(self):
        network = self.write_network("norm.json", LAYERS)
        first = self.saved("norm.safetensors", "--network", network)
        self.shapes = shapes(self.folder / "norm.safetensors")
        shifted = dict(first)
        shifted["1.running_mean"] = struct.pack("<1f", floats(first["1.running_mean"])[0] + 100)
        self.model(first, name="a.safetensors")
        self.model(shifted, name="b.safetensors")
        a, b = (floats(self.begun("o.safetensors", network, "--init", name, "--max-steps", "1")["1.running_mean"])[0]
                for name in ("a.safetensors", "b.safetensors"))
        self.assertAlmostEqual(b - a, 90, places=3)  # one step of momentum 0.1

    def test_a_log_with_init_is_a_recipe(self):
        self.saved("m.safetensors")
        options = ("--init", "m.safetensors", "--freeze", "*.bias", "--log", "log.jsonl")
        self.train(0, *self.usual, *options)
        records = [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]
        self.assertEqual((records[0]["recipe"]["init"], records[0]["recipe"]["freeze"]), ("m.safetensors", "*.bias"))
        (self.folder / "log.jsonl").rename(self.folder / "first.jsonl")
        self.expect(0, "train", "--recipe", "first.jsonl", "--no-guard", "--log", "log.jsonl")
        again = [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]
        self.assertEqual(again[1]["loss"], records[1]["loss"])
        (self.folder / "sub").mkdir()
        (self.folder / "m.safetensors").rename(self.folder / "sub" / "m.safetensors")
        (self.folder / "sub" / "r.json").write_text('{"init": "m.safetensors", "epochs": 1}')
        self.train(0, *self.usual, "--recipe", "sub/r.json")

    def test_weights_by_order(self):
        network, first = self.deep()
        parameters = [n for n in first if "running" not in n and "tracked" not in n and "optimizer" not in n]
        kinds = {1: "conv", 2: "bn", 4: "conv", 5: "bn", 7: "conv", 8: "bn", 10: "conv", 11: "bn", 14: "fc"}
        layers = {n: int(n.partition(".")[0]) for n in parameters + [n for n in first if "running" in n]}

        def torch_name(name):  # as of a module with members: conv8, conv9, conv10, conv11, and so on
            number = 8 + [k for k in kinds if kinds[k] == kinds[layers[name]]].index(layers[name])
            return f"net.{kinds[layers[name]]}{number}.{name.partition('.')[2]}"

        def any_name(name):  # not sorted: the order in the file counts
            return f"{'zyxwvutsr'[list(kinds).index(layers[name])]}.{name.partition('.')[2]}"

        for rename, order in ((torch_name, lambda names: sorted(names, key=torch_name)), (any_name, lambda names: names)):
            name = self.model(first, rename=rename, order=order)
            with self.subTest(rename=rename.__name__):
                second = self.begun("second.safetensors", network, "--init", name, "--by-order")
                told = self.train(0, *self.usual, "--network", network, "--init", name, "--by-order", "--max-steps", "1").stderr
                pairs = re.findall(r"^  (.*) = (.*)$", told.split(f"from {name}, by order:\n")[1], re.M)
                self.assertEqual([n for here, _ in pairs for n in here.split(", ")],
                                 [n for n in shapes(self.folder / "second.safetensors") if "tracked" not in n])
                for here, there in pairs:  # a layer each: the last words are the same
                    self.assertEqual([n.rsplit(".")[-1] for n in here.split(", ")],
                                     [n.rsplit(".")[-1] for n in there.split(", ")])
                    self.assertEqual(len({n.rsplit(".", 1)[0] for n in there.split(", ")}), 1)
                    self.assertLessEqual(set(there.split(", ")), set(shapes(self.folder / name)))
                self.assertTrue(self.same(second, first, parameters))
                told = self.train(1, *self.usual, "--network", network, "--init", name).stderr
                self.assertIn("m.safetensors: ", told)
                self.assertIn("missing: 1.weight, 1.bias", told)
        # Layers are found by their weights: what differs in shape, lacks or is left over is named.
        narrow = self.write_network("narrow.json", [*DEEP[:-1], {"type": "Linear", "out_features": 11}])
        told = self.train(1, *self.usual, "--network", narrow, "--init", name, "--by-order").stderr
        self.assertIn("2 tensors do not fit network narrow by order", told)
        self.assertIn("14.weight = r.weight has shape [10, 147] there, but the network needs [11, 147]", told)
        short = self.write_network("short.json", DEEP[:10] + DEEP[13:])
        told = self.train(1, *self.usual, "--network", short, "--init", name, "--by-order").stderr
        self.assertIn("not in the network: ", told)
        longer = self.write_network("longer.json", DEEP[:1] + DEEP[1:4] + DEEP[1:])
        told = self.train(1, *self.usual, "--network", longer, "--init", name, "--by-order").stderr
        self.assertIn("missing: 13.weight, 13.bias, 14.weight", told)

    def test_tensors_that_do_not_fit_are_named(self):
        first = self.saved("m.safetensors")
        self.shapes = shapes(self.folder / "m.safetensors")
        more = self.write_network("more.json", [*LAYERS, {"type": "Linear", "out_features": 10}])
        other = self.write_network("other.json", [*LAYERS[:-1], {"type": "Linear", "out_features": 12}])
        for network, *expected in ((more, "2 tensors do not fit network more", "missing: 7.weight, 7.bias"),
                                   (other, "2 tensors do not fit", "6.weight has shape [10, 12] there, but the network needs [12, 12]")):
            told = self.train(1, *self.usual, "--network", network, "--init", "m.safetensors").stderr
            for text in ("m.safetensors: ", "--partial", *expected):
                self.assertIn(text, told)
        fewer = self.write_network("fewer.json", [*LAYERS[:3], {"type": "Linear", "out_features": 10}])
        told = self.train(1, *self.usual, "--network", fewer, "--init", "m.safetensors").stderr
        self.assertIn("not in the network: 4.weight, 4.bias, 4.running_mean, 4.running_var, 6.weight, 6.bias", told)
        broken = dict(first, **{"3.bias": struct.pack("<12f", *11 * [0.0], float("nan"))})
        self.model(broken, name="broken.safetensors")
        for options in ((), ("--partial",)):
            told = self.train(1, *self.usual, "--init", "broken.safetensors", *options).stderr
            self.assertIn('tensor "3.bias": value 11 is nan', told)
        for content in (b"", b"no model", safetensors({}), safetensors({"x": ("F32", [1], [1.0])})):
            (self.folder / "bad.safetensors").write_bytes(content)
            for options in ((), ("--partial",), ("--by-order",)):
                told = self.train(1, *self.usual, "--init", "bad.safetensors", *options).stderr
                self.assertIn("bad.safetensors: ", told)
        self.assertIn("nothing.safetensors", self.train(1, *self.usual, "--init", "nothing.safetensors").stderr)

    def test_partial_takes_what_fits(self):
        first = self.saved("m.safetensors")
        other = self.write_network("other.json", [*LAYERS[:-1], {"type": "Linear", "out_features": 12},
                                                  {"type": "ReLU"}, {"type": "Linear", "out_features": 10}])
        result = self.train(0, *self.usual, "--network", other, "--init", "m.safetensors", "--partial", "--optimizer", "sgd",
                            "--lr", "1e-10", "--save", "o.safetensors")
        for line in ("initial weights of other from m.safetensors:",
                     "  10 tensors taken: 1.weight, 1.bias, 1.running_mean, 1.running_var, 3.weight, 3.bias, 4.weight, 4.bias, "
                     "4.running_mean, 4.running_var",
                     "  2 tensors not in the file, left as initialised: 8.weight, 8.bias",
                     "  2 tensors not as the network needs them, left as initialised: 6.weight has shape [10, 12] there, but the "
                     "network needs [12, 12]; 6.bias has shape [10] there, but the network needs [12]"):
            self.assertIn(line + "\n", result.stderr)
        second, _ = read(self.folder / "o.safetensors")
        self.assertTrue(self.same(second, first, ["1.weight", "3.weight", "4.bias"]))
        drawn = self.saved("d.safetensors", "--network", other, "--optimizer", "sgd", "--lr", "1e-10")
        self.assertTrue(self.same(second, drawn, ["6.weight", "6.bias", "8.weight"]), "as initialised")
        self.assertFalse(self.same(drawn, first, ["3.weight"]))

    def test_pixels_prepared_otherwise_are_told(self):
        self.saved("plain.safetensors")
        self.saved("standard.safetensors", "--standardize")
        for name, options, here in (("plain", ("--standardize",), "without"), ("standard", (), "with")):
            told = self.train(1, *self.usual, "--init", f"{name}.safetensors", *options).stderr
            self.assertIn(f"train {here} --standardize", told)
        same = self.train(0, *self.usual, "--init", "standard.safetensors", "--standardize")
        self.assertNotIn("warning", same.stderr)
        # Pictures of one grey: statistics by channel are those by pixel, and nothing is to be told.
        same = self.train(0, *self.usual, "--init", "standard.safetensors", "--standardize-channels")
        self.assertNotIn("warning", same.stderr)
        other = self.write_set("other", [9] * 32 + self.labels(32), self.labels(20))
        told = self.train(0, "--data", other, "--batch-size", "16", "--epochs", "1", "--init", "standard.safetensors",
                          "--standardize").stderr
        self.assertRegex(told, r"warning: the initial weights were trained on pixels standardised by other statistics: the means "
                               r"differ by 0\.\d+ of a deviation per pixel")
        pixels = struct.pack(">4I", 0x803, 64, 28, 28) + bytes(i * 7 % 251 for i in range(64 * 784))
        (self.set / SET_FILES[0][0]).write_bytes(pixels)
        told = self.train(0, *self.usual, "--init", "standard.safetensors", "--standardize").stderr
        self.assertIn("by other statistics (by channel there, --standardize-channels; one by one here): the means", told)
        told = self.train(0, *self.usual, "--init", "plain.safetensors", "--resize", "28").stderr
        self.assertIn("warning: plain.safetensors: its images were resized to 0, those of this training to 28", told)

    def test_options_of_init(self):
        self.saved("m.safetensors")
        for options, expected in ((("--by-order",), "options of --init"), (("--partial",), "options of --init"),
                                  (("--init", "m.safetensors", "--partial", "--by-order"), "choose one"),
                                  (("--init", "m.safetensors", "--resume", "m.safetensors"), "choose one")):
            self.assertIn(expected, self.train(2, *self.usual, *options).stderr)
        before = (self.folder / "m.safetensors").read_bytes()
        told = self.train(1, *self.usual, "--init", "m.safetensors", "--save", "m.safetensors").stderr
        self.assertIn("is the same file as", told)
        self.assertEqual((self.folder / "m.safetensors").read_bytes(), before)

    def test_the_example_of_the_document(self):
        text = (ROOT / "docs" / "recipes.md").read_text().split("### An example", 1)[1]
        code, commands = re.search(r"```python\n(.*?)```\s+```\n(.*?)```", text, re.S).groups()
        for part, count in (("train", 600), ("t10k", 100)):
            labels = self.labels(count)
            pixels = b"".join(bytes([25 * label]) * 784 for label in labels)
            for kind, content in (("images-idx3", struct.pack(">4I", 0x803, count, 28, 28) + pixels),
                                  ("labels-idx1", struct.pack(">2I", 0x801, count) + bytes(labels))):
                (self.folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
        code = re.sub(r'pathlib\.Path\("/[a-z/-]*"\)', 'pathlib.Path(".")', code)
        result = subprocess.run([sys.executable, "-c", code], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = commands.strip().splitlines()
        self.assertEqual(len(lines), 4)
        for line in lines:
            result = self.expect(0, *shlex.split(line)[1:], "--epochs", "1", "--no-guard")
        self.assertIn("bn-lenet, 44878 parameters; second, 250 training and 50 test images", result.stderr)

    # ---- Frozen parameters ----

    def test_frozen_parameters_keep_their_bits(self):
        first = self.saved("m.safetensors")
        frozen = {"1.weight", "1.bias", "3.weight", "4.bias", "6.bias", "3.bias"}
        for options in (("--optimizer", "adam"), ("--optimizer", "adamw", "--weight-decay", "1"),
                        ("--optimizer", "sgd", "--momentum", "0.9", "--weight-decay", "0.5"), ("--optimizer", "sgd"),
                        ("--optimizer", "rmsprop", "--momentum", "0.5", "--weight-decay", "0.5", "--decay-weights-only")):
            with self.subTest(options=options):
                second = self.saved("o.safetensors", "--init", "m.safetensors", "--freeze", "1.*,*.bias,3.w[a-f]ight", *options,
                                    "--lr", "0.1")
                parameters = {n for n in second if "running" not in n and "tracked" not in n and not n.startswith("optimizer.")}
                self.assertEqual({n for n in parameters if second[n] == first[n]}, frozen)
                for name in ("1.running_mean", "1.running_var", "4.running_mean"):
                    self.assertNotEqual(second[name], first[name], "statistics are no parameters")
                moments = {n for n in second if n.startswith("optimizer.")}
                self.assertEqual({n.split(".", 2)[2] for n in moments if not any(second[n])}, frozen if moments else set())
                free = self.saved("f.safetensors", "--init", "m.safetensors", *options, "--lr", "0.1")
                still = {n for n in parameters if free[n] == first[n]}
                self.assertLessEqual(still, {"3.bias"}, "before a batch norm its gradient is 0")

    def test_patterns_that_freeze_nothing_or_all(self):
        for pattern, expected in (("7.*", "no parameter of network small matches '7.*'; they are 1.weight, 1.bias, 3.weight"),
                                  ("*.running_mean", "no parameter"), ("1.*,", "matches ''"), (",1.*", "matches ''"),
                                  ("1.weigh", "no parameter"), ("*", "all parameters"), ("*.weight,*.bias", "all parameters"),
                                  ("1.*," * 64, "more than 255 bytes, clenet's limit")):
            with self.subTest(pattern=pattern):
                self.assertIn(expected, self.train(1, *self.usual, "--freeze", pattern).stderr)
        drawn = self.saved("a.safetensors", "--freeze", "")
        self.assertEqual(drawn, self.saved("b.safetensors"))
        self.assertNotIn("freeze", json.loads(read(self.folder / "a.safetensors")[1]["training"]))

    def test_resuming_goes_on_with_frozen_parameters(self):
        options = ("--freeze", "1.*,6.weight")
        self.train(0, *self.usual, *options, "--epochs", "2", "--save", "whole.safetensors")
        whole, metadata = read(self.folder / "whole.safetensors")
        self.assertEqual(json.loads(metadata["training"])["freeze"], "1.*,6.weight")
        self.saved("m.safetensors", *options)
        again = ("--data", self.set, "--epochs", "2", "--resume", "m.safetensors", "--save")
        self.train(0, *again, "part.safetensors")
        self.assertEqual((self.folder / "part.safetensors").read_bytes(), (self.folder / "whole.safetensors").read_bytes())
        for other in ("1.*", ""):
            told = self.train(1, *again, "o.safetensors", "--freeze", other).stderr
            self.assertIn(f"frozen parameters: '{other}' here, '1.*,6.weight' there", told)
            self.assertIn("--override", told)
        self.train(0, *again, "o.safetensors", "--freeze", "3.*", "--override")
        before, after = (read(self.folder / name)[0] for name in ("m.safetensors", "o.safetensors"))
        self.assertEqual([n for n in ("1.weight", "3.weight", "6.weight") if before[n] == after[n]], ["3.weight"])
        content = (self.folder / "m.safetensors").read_bytes()
        patterns = rb'\"1.*,6.weight\"'
        self.assertEqual(content.count(patterns), 1)
        (self.folder / "m.safetensors").write_bytes(content.replace(patterns, b"7" * len(patterns)))
        self.assertIn('"freeze" is not a text of at most 255 bytes', self.train(1, *again, "o.safetensors").stderr)


if __name__ == "__main__":
    main()
