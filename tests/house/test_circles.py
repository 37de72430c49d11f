"""No file calls another that calls it, directly or through others. Arguments: the source folder, the build folder."""
import subprocess
import sys
import unittest
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT, BUILD = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))


def objects():
    """What was compiled of this project's own rooms, for the program and the library."""
    folders = [BUILD / "host", BUILD / "src", BUILD / "clenet.p"]
    return sorted(path for folder in folders for path in folder.rglob("*.o"))


def calls():
    """Object file -> those that define what it takes from outside."""
    defined, taken = {}, {}
    for path in objects():
        name = str(path.relative_to(BUILD))
        taken[name] = set()
        for line in subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout.splitlines():
            *_, kind, symbol = line.split()
            if kind == "U":
                taken[name].add(symbol)
            elif kind in "TDBRVW":
                defined[symbol] = name
    return {name: {defined[s] for s in symbols if s in defined} - {name} for name, symbols in taken.items()}


def circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


class Circles(unittest.TestCase):
    def test_no_circle_of_calls(self):
        graph = calls()
        self.assertGreater(len(graph), 100)
        self.assertIn("clenet.p/src_cli_train.c.o", graph)
        self.assertIsNone(circle(graph))

    def test_a_circle_is_seen(self):
        self.assertEqual(set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})), {"a", "b", "c"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
