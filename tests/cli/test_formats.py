"""Formats of data sets: the same pixels and labels in each are the same data set, and what is wrong is told."""
import gzip
import io
import json
import re
import struct
import unittest
import zipfile

from support import SET_FILES, Sets, main, metadata

CLASSES = 10


def npy(dtype, shape, data, order=False):
    header = str({"descr": dtype, "fortran_order": order, "shape": shape}).encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + header + b"\n" + data


def npz(method=zipfile.ZIP_DEFLATED, **arrays):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in arrays.items():
            archive.writestr(name + ".npy", data)
    return file.getvalue()


def idx(magic, *sizes, data):
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + data


class Formats(Sets):
    """Two halves, each a list of pictures and one of labels."""

    def make(self, channels, side, first, count):
        """Pictures [channel][row][column] as bytes, which are no two alike, and their labels."""
        pixels = channels * side * side
        pictures = [bytes((i * 37 + (k * (i % CLASSES + 3)) % 251) % 256 for k in range(pixels)) for i in range(first, first + count)]
        return pictures, [(i * 7) % CLASSES for i in range(count)]

    def setUp(self):
        super().setUp()
        self.grey = self.make(1, 8, 0, 40), self.make(1, 8, 60, 20)
        self.colour = self.make(3, 32, 0, 20), self.make(3, 32, 60, 20)
        self.networks = {channels: self.write_flat(f"flat{channels}.json", channels, side) for channels, side in ((1, 8), (3, 32))}

    def write_flat(self, name, channels, side):
        path = self.folder / name
        path.write_text(json.dumps({"name": path.stem, "input": [channels, side, side],
                                    "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": CLASSES}]}))
        return path

    def write(self, files):
        """Files of a new folder below the test's: name -> content."""
        folder = self.folder / f"set{len(list(self.folder.iterdir()))}"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def write_idx(self, halves, channels, side):
        files = {}
        for (images, labels), (pictures, numbers) in zip(SET_FILES, halves):
            sizes = (len(pictures), side, side) if channels == 1 else (len(pictures), channels, side, side)
            files[images if channels == 1 else images.replace("idx3", "idx4")] = idx(0x800 | len(sizes), *sizes, data=b"".join(pictures))
            files[labels] = idx(0x801, len(numbers), data=bytes(numbers))
        return self.write(files)

    def digest(self, data, channels, *options):
        """What a model says of the data set that it was trained on."""
        result = self.expect(0, "train", "--network", self.networks[channels], "--no-guard", "--data", data, "--epochs", "1",
                             "--save", "m.safetensors", *options)
        self.said = result.stderr
        return metadata(self.folder / "m.safetensors")["training"]["data"]["digest"]


class SameData(Formats):
    def test_grey(self):
        (pictures, labels), (test_pictures, test_labels) = self.grey
        size, pixels, tests = (len(pictures), 8, 8), b"".join(pictures), b"".join(test_pictures)
        numbers = struct.pack(f"<{len(labels)}q", *labels), struct.pack(f"<{len(test_labels)}q", *test_labels)
        x = npy("|u1", size, pixels), npy("|u1", (20, 8, 8, 1), tests)
        y = npy("<i8", (40,), numbers[0]), npy("<i8", (20, 1), numbers[1])
        turned = [b"".join(bytes(p[x * 8 + y] for y in range(8) for x in range(8)) for p in half) for half in (pictures, test_pictures)]
        header = "label," + ",".join(f"pixel{i}" for i in range(64)) + "\n"
        rows = [[f"{label}," + ",".join(map(str, p)) for p, label in zip(*half)] for half in self.grey]
        last = ["\r\n".join(row.split(",", 1)[1] + "," + row.split(",", 1)[0] for row in half) for half in rows]
        expected = self.digest(self.write_idx(self.grey, 1, 8), 1)
        folders = {
            "dots": {name.replace("-idx", ".idx"): path.read_bytes() for name, path in
                     ((path.name, path) for path in self.write_idx(self.grey, 1, 8).iterdir())},
            "qmnist": {"qmnist-train-images-idx3-ubyte.gz": gzip.compress(idx(0x803, *size, data=pixels)),
                       "qmnist-train-labels-idx2-int": idx(0xC02, 40, 8, data=b"".join(struct.pack(">8i", v, *[9] * 7) for v in labels)),
                       "qmnist-test-images-idx3-ubyte": idx(0x803, 20, 8, 8, data=tests),
                       "qmnist-test-labels-idx2-int": idx(0xC02, 20, 8, data=b"".join(struct.pack(">8i", v, *[9] * 7) for v in test_labels))},
            "emnist": {"emnist-letters-train-images-idx3-ubyte": idx(0x803, *size, data=turned[0]),
                       "emnist-letters-train-labels-idx1-ubyte": idx(0x801, 40, data=bytes(v + 1 for v in labels)),
                       "emnist-letters-test-images-idx3-ubyte": idx(0x803, 20, 8, 8, data=turned[1]),
                       "emnist-letters-test-labels-idx1-ubyte": idx(0x801, 20, data=bytes(v + 1 for v in test_labels))},
            "npy": {"x_train.npy": x[0], "y_train.npy": y[0], "x_test.npy": x[1], "y_test.npy": y[1]},
            "csv": {"train.csv": header + "\n".join(rows[0]), "test.csv": header + "\n".join(rows[1]) + "\n"},
            "csv without names": {"mnist_train.csv": "\n".join(rows[0]), "mnist_test.csv.gz": gzip.compress("\n".join(rows[1]).encode())},
            "csv, label last": {"train.csv": header.split(",", 1)[1].strip() + ",class\r\n" + last[0],
                                "test.csv": header.split(",", 1)[1].strip() + ",class\r\n" + last[1]},
        }
        for name, files in folders.items():
            with self.subTest(name):
                self.assertEqual(self.digest(self.write(files), 1), expected)
        self.assertEqual(self.digest(self.write(folders["emnist"]), 1), expected)
        self.assertEqual(self.said.count("are transposed: they are turned upright, and labels count from 1"), 1, self.said)

    def test_rows_are_what_the_network_takes(self):
        """A vector for a network of planes, and a picture for one of vectors."""
        (pictures, labels), _ = self.grey
        flat = self.write({"x_train.npy": npy("|u1", (40, 64), b"".join(pictures)), "y_train.npy": npy("|u1", (40,), bytes(labels))})
        self.assertEqual(self.digest(flat, 1), self.digest(self.write_idx(self.grey, 1, 8), 1))
        vector = self.folder / "vector.json"
        vector.write_text(self.networks[1].read_text().replace("[1, 8, 8]", "[64, 1, 1]"))
        self.expect(0, "train", "--network", vector, "--no-guard", "--data", self.write_idx(self.grey, 1, 8), "--epochs", "1")

    def test_grey_in_archives(self):
        (pictures, labels), (test_pictures, test_labels) = self.grey
        x, y = npy("|u1", (40, 8, 8), b"".join(pictures)), npy("|u1", (40,), bytes(labels))
        x_test, y_test = npy("|u1", (20, 8, 8), b"".join(test_pictures)), npy("|u1", (20, 1), bytes(test_labels))
        keras = self.write({"mnist.npz": npz(zipfile.ZIP_STORED, x_test=x_test, x_train=x, y_train=y, y_test=y_test)}) / "mnist.npz"
        result = self.run_program("train", "--network", self.networks[1], "--no-guard", "--data", keras, "--epochs", "1")
        if "built without libarchive" in result.stderr:
            self.assertEqual(result.returncode, 1)
            raise unittest.SkipTest("this clenet was built without libarchive")
        expected = self.digest(self.write_idx(self.grey, 1, 8), 1)
        self.assertEqual(self.digest(keras, 1), expected)
        med = self.write({"m.npz": npz(train_images=x, train_labels=y, val_images=x, val_labels=y, test_images=x_test,
                                       test_labels=y_test)}) / "m.npz"
        self.assertEqual(self.digest(med, 1), expected)
        self.assertEqual(self.said.count("m.npz: the images of val_images.npy are left out"), 1, self.said)
        kmnist = self.write({f"kmnist-{name}.npz": npz(arr_0=data) for name, data in (
            ("train-imgs", x), ("train-labels", y), ("test-imgs", x_test), ("test-labels", y_test))})
        self.assertEqual(self.digest(kmnist, 1), expected)
        whole = keras.read_bytes()
        for name, content, said in (
                ("cut", whole[:-40], "cut.npz: "),
                ("crc", whole.replace(pictures[5], bytes(64), 1), "x_train.npy: byte 2632: damaged archive (ZIP bad CRC"),
                ("objects", npz(x_train=npy("|O", (40,), b"\x80\4."), y_train=y), "x_train.npy: byte 8: pickled Python objects"),
                ("no labels", npz(x_train=x), "no y_train.npy is in it"),
                ("text", b"x_train", "text.npz: "), ("nothing", npz(z=x), "nothing.npz: no data set")):
            with self.subTest(name):
                data = self.write({f"{name}.npz": content}) / f"{name}.npz"
                result = self.expect(1, "train", "--network", self.networks[1], "--no-guard", "--data", data)
                self.assertIn(said, result.stderr)

    def test_colour(self):
        (pictures, labels), (test_pictures, test_labels) = self.colour
        def last(p): return bytes(p[c * 1024 + i] for i in range(1024) for c in range(3))
        expected = self.digest(self.write_idx(self.colour, 3, 32), 3)
        def records(pictures, labels, coarse=b""): return b"".join(coarse + bytes([v]) + p for p, v in zip(pictures, labels))
        names = "".join(f"class {i}\n" for i in range(10))
        cifar10 = {"batches.meta.txt": names, "test_batch.bin": records(test_pictures, test_labels)}
        for i in range(5):
            cifar10[f"data_batch_{i + 1}.bin"] = records(pictures[4 * i:4 * i + 4], labels[4 * i:4 * i + 4])
        folders = {
            "CIFAR-10": {f"cifar-10-batches-bin/{name}": content for name, content in cifar10.items()},
            "channels last": {"X_train.npy": npy("|u1", (20, 32, 32, 3), b"".join(map(last, pictures))),
                              "y_train.npy": npy(">i4", (20,), struct.pack(">20i", *labels)),
                              "X_test.npy": npy("|u1", (20, 32, 32, 3), b"".join(map(last, test_pictures))),
                              "y_test.npy": npy(">i4", (20,), struct.pack(">20i", *test_labels))},
            "channels first": {"images.npy": npy("|u1", (20, 3, 32, 32), b"".join(pictures)),
                               "labels.npy": npy("|i1", (20,), bytes(labels))},
            "CSV": {"train.csv": "\n".join(f"{v},{','.join(map(str, last(p)))}" for p, v in zip(pictures, labels)),
                    "test.csv": "\n".join(f"{v},{','.join(map(str, last(p)))}" for p, v in zip(test_pictures, test_labels))},
        }
        for name, files in folders.items():
            with self.subTest(name):
                folder = self.write(files)
                self.assertEqual(self.digest(folder, 3), expected)
                if name == "CIFAR-10":
                    result = self.expect(0, "evaluate", "m.safetensors", "--data", folder, "--confusion")
                    self.assertIn("class 9", result.stdout)


class Wrong(Formats):
    def test_what_is_wrong_is_told(self):
        rows = "label,p0\n1,2\n0,3\n"
        for name, files, said in (
                ("nothing", {"README": "x"}, "no data set: the folder has 1 entry, such as README; clenet reads IDX files"),
                ("two", {"a_train.csv": rows, "b_train.csv": rows}, "several data sets, those of a_train.csv, b_train.csv"),
                ("path", {"train.csv": "path,label\n../x.png,1\n"}, "train.csv: line 2: the path ../x.png leaves the folder"),
                ("columns", {"train.csv": rows + "1\n"}, "train.csv: line 4: 1 columns, but the rows before have 2"),
                ("fortran", {"x_train.npy": npy("<f4", (2, 1), bytes(8), True), "y_train.npy": npy("|u1", (2,), bytes(2))},
                 "x_train.npy: byte 8: Fortran order"),
                ("one-hot", {"x_train.npy": npy("|u1", (2, 1), bytes(2)), "y_train.npy": npy("|u1", (2, 9), bytes(18))},
                 "y_train.npy: 9 numbers for each of 2 images, as one-hot vectors")):
            with self.subTest(name):
                folder = self.write(files)
                before = {path: path.read_bytes() for path in folder.iterdir()}
                result = self.expect(1, "train", "--network", self.networks[1], "--no-guard", "--data", folder, "--save", "m.safetensors")
                self.assertIn(said, result.stderr)
                self.assertFalse((self.folder / "m.safetensors").exists())
                self.assertEqual({path: path.read_bytes() for path in folder.iterdir()}, before)

    def test_no_output_is_written_over_data(self):
        rows = "label,p0\n1,2\n0,3\n"
        for name, files in (("train.csv", {"train.csv": rows}), ("x_train.npy", {"x_train.npy": b"", "y_train.npy": b""}),
                            ("data_batch_3.bin", {f"data_batch_{i}.bin": b"" for i in range(1, 6)}),
                            ("qmnist-train-labels-idx2-int", {"qmnist-train-labels-idx2-int": b""})):
            with self.subTest(name):
                folder = self.write(files)
                before = (folder / name).read_bytes()
                result = self.run_program("train", "--network", self.networks[1], "--data", folder, "--save", folder / name)
                self.assertIn(result.returncode, (1, 2))
                self.assertTrue(re.search(f"{name}.*--(save|data)|--(save|data).*{name}", result.stderr), result.stderr)
                self.assertEqual((folder / name).read_bytes(), before)


if __name__ == "__main__":
    main()
