"""Outputs that are inputs or other outputs, by any name."""
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

from support import Files, PROGRAM, main


class Pairs(Files):
    """No output is an input or another output, by whatever name: told before anything is opened."""

    def names(self, path):
        """Other names of a file: the file's own, one through another folder, a link, a link to that, a hard link."""
        path = Path(path)
        yield str(path)
        yield f"{path.parent}/../{path.parent.name}/./{path.name}"
        link, second = self.folder / "link", self.folder / "second"
        for made in (link, second):
            made.unlink(missing_ok=True)
        link.symlink_to(path)
        yield str(link)
        second.symlink_to("link")
        yield str(second)
        if path.exists():
            second.unlink()
            os.link(path, second)
            yield str(second)

    def assert_refused(self, *arguments, **environment):
        before = self.state()
        result = self.expect(1, *arguments, **environment)
        self.assertRegex(result.stderr, r"is the same file as .*: choose another name\n", arguments)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.state(), before, arguments)

    def check(self, command, inputs, outputs, **environment):
        """inputs: arguments, and the file that they stand for; outputs: options."""
        for (arguments, path), option in itertools.product(inputs, outputs):
            for name in self.names(path):
                with self.subTest(command=command, input=str(path), output=option, name=name):
                    self.assert_refused(*command, *arguments, option, name, **environment)

    def test_no_message_is_written_into_an_input(self):
        for arguments in (("summary", str(self.network)), (*self.train, "--network", str(self.network))):
            before = self.network.read_bytes()
            with self.subTest(arguments=arguments), open(self.network, "ab") as errors:
                self.assertEqual(self.run_in([PROGRAM, *arguments], capture_output=False, stdout=subprocess.DEVNULL,
                                             stderr=errors).returncode, 1)
                self.assertEqual(self.network.read_bytes(), before)

    def settings(self):
        kernels = self.folder / "kernels"
        kernels.mkdir(exist_ok=True)
        (kernels / "adam.cl").write_text("/* */")
        return [(("--network", str(self.network)), self.network), (("--profile-file", str(self.profile)), self.profile),
                (("--kernels", str(kernels)), kernels / "adam.cl")]

    def found_profile(self):
        path = self.write("config/clenet/devices/mine.json", self.profile.read_bytes())
        return path, {"XDG_CONFIG_HOME": str(self.folder / "config")}

    def test_train(self):
        resumed = self.write("r.safetensors", b"a model")
        data = [(("--data", str(self.set)), self.set / f"{part}-ubyte{ending}") for ending in ("", ".gz")
                for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")]
        self.check(("train",), self.settings() + data, ("--save", "--log", "--trace"))
        self.check(("train",), [(("--resume", str(resumed)), resumed)], ("--log", "--trace"))
        found, config = self.found_profile()
        self.check(("train",), [((), found)], ("--save", "--log", "--trace"), **config)

    def test_a_data_set_that_is_known_by_name(self):
        folder = self.folder / "datasets"
        shutil.copytree(self.set, folder / "mnist")
        for path in (folder / "mnist" / "train-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte.gz"):
            self.check(("train", "--data", "mnist"), [((), path)], ("--log",), CLENET_DATA=str(folder))

    def test_outputs_of_train(self):
        at = str(self.folder / "out.x")
        for one, other in itertools.combinations(("--save", "--log", "--tensorboard", "--trace"), 2):
            self.check(("train",), [((one, at), at)], (other,))
        for mark, options in (("1", ("--keep", "2")), ("2", ("--keep", "3")), ("best", ("--save-best",))):
            derived = self.folder / f"out.{mark}.x"
            self.check(("train",), [(("--save", at, *options), derived)], ("--log", "--trace"))
            self.write(derived.name, b"from an earlier run")
            self.check(("train",), [(("--save", at, *options), derived)], ("--log", "--trace"))
            derived.unlink()
        # A model that would get its number, or be the best one, over something that is read.
        (self.folder / "network.best.json").write_bytes(self.network.read_bytes())
        self.assert_refused("train", "--network", str(self.folder / "network.best.json"), "--save", str(self.folder / "network.json"),
                            "--save-best")
        (self.folder / "out.best.x").symlink_to("out.x")
        self.assert_refused("train", "--save", at, "--save-best")

    def test_evaluate(self):
        data = [(("--data", str(self.set)), self.set / f"t10k-{part}-ubyte{ending}") for ending in ("", ".gz")
                for part in ("images-idx3", "labels-idx1")]
        self.check(("evaluate", str(self.model)), self.settings() + data + [((), self.model)], ("--predictions",))

    def test_export(self):
        command = ("export", str(self.model))
        self.check(command, [((), self.model), (("--network", str(self.network)), self.network)], ("--onnx", "--safetensors"))
        for one, other in (("--onnx", "--safetensors"), ("--safetensors", "--onnx")):
            self.check(command, [((one, str(self.folder / "new")), self.folder / "new")], (other,))

    def test_import(self):
        self.check(("import", str(self.model)), [((), self.model), (("--network", str(self.network)), self.network)], ("--save",))

    def test_bench_and_tune(self):
        self.check(("bench",), self.settings(), ("--trace",))
        self.check(("tune",), self.settings(), ("--output",))

    def test_check(self):
        known = self.write("known", b"adam, profile\n")
        self.check(("check",), [(("--baseline", str(known)), known), self.settings()[-1]], ("--junit",))

    def test_standard_output(self):
        """Shells open it for appending where they are told to."""
        image = self.set / "t10k-images-idx3-ubyte"
        for arguments, path in ((("summary", str(self.network)), self.network),
                                (("devices", "--profile-file", str(self.profile)), self.profile),
                                (("check", "--profile-file", str(self.profile)), self.profile),
                                (("predict", str(self.model), str(image)), self.model),
                                (("predict", str(self.model), str(image)), image),
                                (self.evaluate, self.set / "t10k-labels-idx1-ubyte"),
                                ((*self.train, "--save", "s"), self.folder / "s"),
                                ((*self.train, "--trace", "s"), self.folder / "s")):
            with self.subTest(arguments=arguments):
                before = path.read_bytes() if path.exists() else b""
                with open(path, "ab") as appended:
                    result = self.run_in([PROGRAM, *arguments], capture_output=False, stdout=appended, stderr=subprocess.PIPE)
                self.assertEqual(result.returncode, 1)
                self.assertIn("standard output", result.stderr)
                self.assertIn("is the same file as", result.stderr)
                self.assertEqual(path.read_bytes(), before)

    def test_standard_input(self):
        image = self.set / "t10k-images-idx3-ubyte"
        with open(image, "rb") as read, open(image, "ab") as appended:
            result = self.run_in([PROGRAM, "predict", str(self.model), "-"], capture_output=False, stdin=read, stdout=appended,
                                 stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output is the same file as", result.stderr)

    def test_what_may_be_the_same(self):
        one = (*self.train, "--epochs", "1", "--quiet")
        self.expect(0, *one, "--log", "/dev/null", "--trace", "/dev/null")
        saved, log = str(self.folder / "s.safetensors"), self.folder / "log"
        self.expect(0, *one, "--save", saved, "--keep", "2", "--save-best")
        self.expect(0, *one, "--epochs", "2", "--resume", saved, "--save", saved, "--keep", "2", "--save-best")
        self.expect(0, *one, "--epochs", "3", "--resume", str(self.folder / "s.1.safetensors"), "--save", saved, "--keep", "2")
        for target in ("/dev/stdout", str(log)):
            with self.subTest(log=target):
                with open(log, "w", encoding="utf-8") as output:
                    result = self.run_in([PROGRAM, *self.train, "--epochs", "2", "--log", target], capture_output=False,
                                         stdout=output, stderr=subprocess.PIPE)
                self.assertEqual(result.returncode, 0, result.stderr)
                lines = log.read_text().splitlines()
                self.assertEqual([line.split(",")[0] for line in lines],
                                 ['{"event":"start"', "epoch 1", '{"event":"epoch"', "epoch 2", '{"event":"epoch"', '{"event":"end"'])
        self.assertEqual(json.loads(self.expect(0, *one, "--log", "/dev/stdout").stdout.splitlines()[-1])["event"], "end")


if __name__ == "__main__":
    main()
