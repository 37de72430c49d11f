"""tests/count.py reads what cmocka and unittest print, in all versions that are used. Argument: the source folder."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv.pop(1)) / "tests"))
sys.dont_write_bytecode = True
import count  # noqa: E402 (found by the path above)

# As cmocka prints it: 1.1.5 without the name of the group, 1.1.7 with it.
CMOCKA = """[ RUN      ] test_a
[  SKIPPED ] test_a
[==========] {group}12 test(s) run.
[  PASSED  ] 9 test(s).
[  SKIPPED ] {group}1 test(s), listed below:
[  SKIPPED ] test_a

 1 SKIPPED TEST(S)
[  FAILED  ] {group}2 test(s), listed below:
[  FAILED  ] test_b
[  FAILED  ] test_c

 2 FAILED TEST(S)
"""
UNITTEST = """test_a (x.Y.test_a) ... ok
Ran 7 tests in 1.0s

FAILED (failures=1, errors=1, skipped=2)
"""


class Count(unittest.TestCase):
    def test_cmocka(self):
        for group in ("", "tests: "):
            with self.subTest(group=group):
                self.assertEqual(count.count_cases("FAIL", CMOCKA.format(group=group)), (9, 2, 1))

    def test_unittest(self):
        self.assertEqual(count.count_cases("FAIL", UNITTEST), (3, 2, 2))

    def test_programs_without_counts(self):
        self.assertEqual(count.count_cases("OK", ""), (1, 0, 0))
        self.assertEqual(count.count_cases("TIMEOUT", ""), (0, 1, 0))
        self.assertEqual(count.count_cases("SKIP", ""), (0, 0, 1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
