"""Completion in bash, zsh and fish against the program's own help. Arguments: the source folder, the program."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT, PROGRAM = Path(sys.argv.pop(1)).resolve(), Path(sys.argv.pop(1)).resolve()
BASH, ZSH, FISH = (ROOT / f"src/cli/completion.{shell}" for shell in ("bash", "zsh", "fish"))
# What zsh's own functions would be given, on standard output.
ZSH_STAND_IN = """
_describe() { print -rl -- ${(P)argv[-1]}; }
_files() { print FILES; }
complete_words() { local -a words; local CURRENT=$#; words=("$@"); source $completion; }
"""


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True, **kwargs).stdout


def help_of(*words):
    """The first words of the rows in the help of a command, or of the program."""
    return re.findall(r"(?m)^  ([^ ]+)", run(PROGRAM, *words, "--help"))


COMMANDS = re.findall(r"(?m)^  (\S+(?: \S+)?)  ", run(PROGRAM, "--help"))
FIRST = list(dict.fromkeys(command.split()[0] for command in COMMANDS))


def options_of(command):
    return [word for word in help_of(*command.split()) if word.startswith("--")]


class Bash(unittest.TestCase):
    def complete(self, *words, folder="/"):
        """What completes the last word."""
        script = 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _clenet; printf "%s\\n" "${COMPREPLY[@]}"'
        return run("bash", "-c", script, "bash", BASH, PROGRAM, *words, cwd=folder).split()

    def test_commands(self):
        self.assertGreaterEqual(len(COMMANDS), 11)
        self.assertEqual(self.complete(""), [*FIRST, "--help", "--version"])
        self.assertEqual(self.complete("data", ""), ["prepare", "info", "sheet", "--help"])
        self.assertEqual(self.complete("data", "p"), ["prepare"])
        self.assertEqual(self.complete("tr"), ["train"])
        self.assertEqual(self.complete("--v"), ["--version"])

    def test_options_of_every_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertIn("--help", options_of(command))
                self.assertEqual(self.complete(*command.split(), "--"), options_of(command))
        self.assertEqual(self.complete("train", "--save-b"), ["--save-best"])

    def test_words_of_an_option(self):
        self.assertEqual(self.complete("train", "--optimizer", ""), ["adam", "sgd", "adamw", "rmsprop"])
        self.assertEqual(self.complete("train", "--device", ""), ["gpu", "cpu", "accelerator"])
        self.assertEqual(self.complete("evaluate", "--device", "g"), ["gpu"], "by the help of the command it refers to")
        self.assertEqual(self.complete("train", "--epochs", ""), [], "a number")

    def test_files_and_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "net.json").touch()
            (Path(folder) / "images").mkdir()
            both = ["images", "net.json"]
            self.assertEqual(sorted(self.complete("predict", "", folder=folder)), both)
            self.assertEqual(sorted(self.complete("train", "--save", "", folder=folder)), both)
            self.assertEqual(sorted(self.complete("train", "--network", "", folder=folder)), ["bn-lenet", "images", "lenet", "net.json"])
            self.assertEqual(sorted(self.complete("train", "--data", "", folder=folder)),
                             ["cifar10", "cifar100", "emnist-letters", "fashion-mnist", "images", "kmnist", "mnist", "net.json", "synthetic"])
            self.assertEqual(self.complete("train", "--kernels", "", folder=folder), ["images"])
            self.assertEqual(sorted(self.complete("train", "--quiet", "", folder=folder)), both, "a flag has no argument")

    def test_an_unknown_command_has_nothing(self):
        self.assertEqual(self.complete("nonsense", "--"), [])


@unittest.skipIf(shutil.which("zsh") is None, "zsh is not installed")
class Zsh(unittest.TestCase):
    def complete(self, *words):
        script = f'completion="$1"; shift; {ZSH_STAND_IN} complete_words "$@"'
        return run("zsh", "-f", "-c", script, "zsh", ZSH, PROGRAM, *words).splitlines()

    def test_commands_with_their_summaries(self):
        rows = self.complete("")
        self.assertEqual([row.split(":")[0] for row in rows], [*FIRST, "--help", "--version"])
        self.assertRegex(rows[0], r"^train:[A-Z]")
        rows = self.complete("data", "")
        self.assertEqual([row.split(":")[0] for row in rows], ["prepare", "info", "sheet", "--help"])
        self.assertRegex(rows[0], r"^prepare:[A-Z]")

    def test_options_of_every_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                rows = self.complete(*command.split(), "--")
                self.assertEqual([row.split(":")[0] for row in rows], options_of(command))
        self.assertIn("--save:save the model and the state of training to FILE", self.complete("train", "--"))

    def test_anything_else_is_a_file(self):
        self.assertEqual(self.complete("predict", "mod"), ["FILES"])
        self.assertEqual(self.complete("data", "info", "se"), ["FILES"])


@unittest.skipIf(shutil.which("fish") is None, "fish is not installed")
class Fish(unittest.TestCase):
    def complete(self, *words, folder="/"):
        """What completes the last word, with its description behind a tab; fish sorts them."""
        with tempfile.TemporaryDirectory() as home:
            link = Path(home) / "clenet"  # the name that completions belong to
            link.symlink_to(PROGRAM)
            return run("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", FISH, " ".join(["clenet", *words]), cwd=folder,
                       env={**os.environ, "HOME": home, "PATH": f"{home}:{os.environ['PATH']}"}).splitlines()

    def names(self, *words, **kwargs):
        return sorted(row.split("\t")[0] for row in self.complete(*words, **kwargs))

    def test_commands_with_their_summaries(self):
        self.assertEqual(self.names(""), sorted([*FIRST, "--help", "--version"]))
        self.assertEqual(self.names("data", ""), ["--help", "info", "prepare", "sheet"])
        self.assertRegex(self.complete("data", "pr")[0], r"^prepare\t[A-Z]")
        self.assertRegex(self.complete("tr")[0], r"^train\t[A-Z]")

    def test_options_of_every_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertEqual(self.names(*command.split(), "--"), sorted(options_of(command)))
        self.assertEqual(self.complete("train", "--save-ev"), ["--save-every\tsave every N epochs, Ns (seconds) or Nm (minutes); default: 1"])
        self.assertEqual(self.complete("nonsense", "--"), [])

    def test_words_of_an_option(self):
        self.assertEqual(self.names("train", "--optimizer", ""), ["adam", "adamw", "rmsprop", "sgd"])
        self.assertEqual(self.names("evaluate", "--device", "g"), ["gpu"], "by the help of the command it refers to")
        self.assertEqual(self.names("train", "--epochs", ""), [], "a number")

    def test_files_and_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "net.json").touch()
            (Path(folder) / "images").mkdir()
            both = ["images/", "net.json"]
            self.assertEqual(self.names("predict", "", folder=folder), both)
            self.assertEqual(self.names("train", "--save", "", folder=folder), both)
            self.assertEqual(self.names("train", "--network", "", folder=folder), ["bn-lenet", "images/", "lenet", "net.json"])
            self.assertEqual(self.names("train", "--tensorboard", "", folder=folder), ["images/"])
            self.assertEqual(self.names("train", "--plain", "", folder=folder), both, "a flag has no argument")


if __name__ == "__main__":
    unittest.main(verbosity=2)
