"""Labels, batches of one image, and options that the model has the values of."""
import json
import re
import struct

from support import LAYERS, SET_FILES, Sets, main


class Labels(Sets):
    def test_an_odd_one_is_named_with_its_place(self):
        for half, (_, file), word in ((0, SET_FILES[0], "training"), (1, SET_FILES[1], "test")):
            for at, label in ((5, 255), (39, 10)):
                with self.subTest(half=half, label=label):
                    halves = [self.labels(40), self.labels(40)]
                    halves[half][at] = label
                    folder = self.write_set(f"odd-{half}-{label}", *halves)
                    result = self.train(1, "--data", folder, "--epochs", "1")
                    self.assertIn(f"{folder}/{file}: byte {8 + at}: {word} image {at} (counted from 0) has label "
                                  f"{label}, but network small has 10 classes, 0 to 9", result.stderr)

    def test_classes_that_only_some_images_have(self):
        for name, train, test in (("unseen", self.labels(40, 9), self.labels(40)),
                                  ("untested", self.labels(40), self.labels(40, 3)),
                                  ("fewer", self.labels(40, 3), self.labels(40, 3)),
                                  ("one", [4] * 40, [4] * 40)):
            with self.subTest(name=name):
                folder = self.write_set(name, train, test)
                self.train(0, "--data", folder, "--epochs", "1", "--save", f"{name}.safetensors")
                result = self.expect(0, "evaluate", f"{name}.safetensors", "--data", folder, "--confusion")
                self.assertIn(f"{name}, 40 test images", result.stdout)

    def test_evaluating_judges_the_test_labels_only(self):
        good = self.write_set("good", self.labels(40), self.labels(40))
        self.train(0, "--data", good, "--epochs", "1", "--save", "m.safetensors")
        odd = self.labels(40)
        odd[7] = 77
        result = self.expect(0, "evaluate", "m.safetensors", "--data", self.write_set("train-odd", odd, self.labels(40)),
                             "--confusion", "--predictions", "p.csv")
        self.assertEqual(len(re.findall(r"(?m)^ *9 ", result.stdout)), 2, result.stdout)
        result = self.expect(1, "evaluate", "m.safetensors", "--data", self.write_set("test-odd", self.labels(40), odd))
        self.assertIn("t10k-labels-idx1-ubyte: byte 15: test image 7 (counted from 0) has label 77", result.stderr)
        result = self.train(1, "--data", self.folder / "train-odd", "--resume", "m.safetensors", "--override")
        self.assertIn("byte 15: training image 7", result.stderr)

    def test_labels_that_are_no_bytes(self):
        folder = self.write_set("signed", self.labels(40), self.labels(40))
        (folder / SET_FILES[0][1]).write_bytes(struct.pack(">2I40b", 0x901, 40, *[-1] * 40))
        self.assertIn(f"{SET_FILES[0][1]}: byte 8: training image 0 (counted from 0) has label -1: labels are "
                      "from 0 to 4095 (40 of 40 labels are none of them, the largest is -1)", self.train(1, "--data", folder).stderr)


class BatchesOfOne(Sets):
    def test_refused_where_every_batch_is_so(self):
        for count, arguments in ((40, ("--batch-size", "1")), (1, ())):
            with self.subTest(count=count):
                folder = self.write_set(f"set{count}", self.labels(count), self.labels(10))
                result = self.train(1, "--data", folder, "--epochs", "1", *arguments)
                self.assertIn("layer 4 (BatchNorm1d) of network small needs more than one value per channel",
                              result.stderr)
        for command in ("bench", "tune"):
            result = self.run_program(command, "--network", self.network, "--batch-size", "1")
            self.assertIn(result.returncode, (1, 2), result.stdout)

    def test_told_once_where_the_last_batch_is_so(self):
        folder = self.write_set("set", self.labels(33), self.labels(10))
        result = self.train(0, "--data", folder, "--epochs", "3", "--batch-size", "16", "--save", "m.safetensors")
        self.assertEqual(len(re.findall(r"warning: .*\(33 images at batch size 16\).*layer 4 \(BatchNorm1d\)",
                                        result.stderr)), 1, result.stderr)
        result = self.train(0, "--data", folder, "--resume", "m.safetensors", "--epochs", "4")
        self.assertEqual(result.stderr.count("layer 4 (BatchNorm1d)"), 1, result.stderr)
        self.assertNotIn("BatchNorm", self.train(0, "--data", folder, "--epochs", "1", "--batch-size", "11").stderr)

    def test_fine_without_such_a_batch_norm(self):
        self.network = self.write_network("planes.json", LAYERS[:4] + LAYERS[5:])
        folder = self.write_set("set", self.labels(33), self.labels(10))
        for size in ("1", "16"):
            self.assertNotIn("BatchNorm",
                             self.train(0, "--data", folder, "--epochs", "1", "--batch-size", size).stderr)


class OptionsNotGiven(Sets):
    def test_a_network_with_both_running_variances_is_resumed(self):
        layers = [dict(layer) for layer in LAYERS]
        layers[1]["biased_running_variance"] = True
        self.network = self.write_network("mixed.json", layers)
        self.train(0, "--data", "synthetic:64", "--seed", "5", "--batch-size", "16", "--epochs", "1",
                   "--save", "m.safetensors")
        result = self.expect(0, "train", "--resume", "m.safetensors", "--epochs", "2", "--save", "n.safetensors")
        self.assertIn("after epoch 1", result.stderr)
        self.train(0, "--data", "synthetic:64", "--seed", "5", "--batch-size", "16", "--epochs", "2",
                   "--save", "whole.safetensors")
        self.assertEqual((self.folder / "n.safetensors").read_bytes(), (self.folder / "whole.safetensors").read_bytes())
        for kind in ("biased", "unbiased"):
            self.assertIn("cannot be made " + kind, self.expect(1, "train", "--resume", "m.safetensors",
                                                                "--running-variance", kind).stderr)

    def test_given_it_is_taken(self):
        layers = [dict(layer) for layer in LAYERS]
        layers[1]["biased_running_variance"] = True
        self.network = self.write_network("mixed.json", layers)
        for kind, expected in (("biased", [True, True]), ("unbiased", [False, False])):
            self.train(0, "--data", "synthetic:64", "--epochs", "1", "--running-variance", kind, "--save", "m.safetensors")
            content = (self.folder / "m.safetensors").read_bytes()
            header = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
            network = json.loads(header["__metadata__"]["network"])
            self.assertEqual([layer.get("biased_running_variance", False) for layer in network["layers"]
                              if layer["type"].startswith("BatchNorm")], expected)

    def test_data_and_seed_are_the_models(self):
        self.train(0, "--data", "synthetic:66", "--seed", "9", "--epochs", "1", "--save", "m.safetensors")
        said = self.expect(0, "evaluate", "m.safetensors").stdout
        self.assertEqual(said, self.expect(0, "evaluate", "m.safetensors", "--data", "synthetic:66", "--seed", "9").stdout)
        self.assertIn("synthetic, 11 test images", said)
        folder = self.write_set("mine", self.labels(40), self.labels(10))
        self.train(0, "--data", folder, "--epochs", "1", "--save", "f.safetensors")
        for command in (("train", "--resume"), ("evaluate",)):
            self.assertIn("a folder named 'mine': give its path with --data", self.expect(1, *command, "f.safetensors").stderr)


if __name__ == "__main__":
    main()
