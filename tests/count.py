#!/usr/bin/env python3
"""Counts test cases over runs of the tests: count.py [--no-skips] [--cases] NAME=testlog.json ...

Reads Meson's test logs and, inside them, what cmocka and unittest say about their cases. Prints a line per run, every
case that was skipped, and the total as the last line. Exits with 1 on a failure, or on a skip with --no-skips.
With --cases it prints every case that ran instead, as "NAME: test: case", to compare with those of another version.
"""
import json
import re
import sys
from pathlib import Path

# cmocka 1.1.7 puts the name of the group before the number of those that failed or were skipped; 1.1.5 does not.
CMOCKA = re.compile(r"^\[  (PASSED |FAILED |SKIPPED) \] (?:[^\n:]*: )?(\d+) test\(s\)", re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(.*)$", re.MULTILINE)
SKIPPED_CASE = re.compile(r"^(?:\[  SKIPPED \] (\w+)$|(\w+ \(.*\) \.\.\. skipped .*)$)", re.MULTILINE)

CMOCKA_CASE = re.compile(r"^\[ +(?:OK|FAILED|SKIPPED) +\] (?!\d+ test)(.+)$", re.MULTILINE)
UNITTEST_CASE = re.compile(r"^(test_\w+) \((?:__main__\.)?(\w+)", re.MULTILINE)


def output_of(test):
    return test.get("stdout", "") + "\n" + test.get("stderr", "")


def cases_of(path):
    """Names of all cases in a log; a program without any is one itself."""
    for line in path.read_text(encoding="utf-8").splitlines():
        test = json.loads(line)
        output = output_of(test)
        cases = set(CMOCKA_CASE.findall(output)) | {f"{group}.{name}" for name, group in UNITTEST_CASE.findall(output)}
        for case in sorted(cases) or [""]:
            yield f"{test['name'].split(' / ')[-1]}: {case}".rstrip(": ")


def count_cases(result, output):
    """(passed, failed, skipped) of one test program."""
    passed = failed = skipped = 0
    for word, number in CMOCKA.findall(output):
        passed += int(number) if word == "PASSED " else 0
        failed += int(number) if word == "FAILED " else 0
        skipped += int(number) if word == "SKIPPED" else 0
    for total, details in UNITTEST.findall(output):
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", details))
        left_out = sum(int(n) for n in re.findall(r"skipped=(\d+)", details))
        passed, failed, skipped = passed + int(total) - bad - left_out, failed + bad, skipped + left_out
    if result == "SKIP" and skipped == 0:
        skipped = 1
    elif result not in ("OK", "SKIP", "EXPECTEDFAIL") and failed == 0:
        failed = 1  # a crash or a timeout: what the program counted before it is not the whole
    elif passed + failed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def read_run(path):
    """Totals of one log, seconds, and the names of what was skipped or failed."""
    totals, seconds, remarks = [0, 0, 0], 0.0, []
    for line in path.read_text(encoding="utf-8").splitlines():
        test = json.loads(line)
        output = output_of(test)
        counts = count_cases(test["result"], output)
        totals = [a + b for a, b in zip(totals, counts)]
        seconds += test.get("duration", 0)
        if counts[1] > 0:
            remarks.append(f"failed: {test['name']}")
        names = list(dict.fromkeys("".join(found) for found in SKIPPED_CASE.findall(output))) or [""]
        remarks += [f"skipped: {test['name']} {name}".rstrip() for name in names if counts[2] > 0]
    return totals, seconds, remarks


def main():
    no_skips, cases = "--no-skips" in sys.argv, "--cases" in sys.argv
    logs = [argument.split("=", 1) for argument in sys.argv[1:] if not argument.startswith("--")]
    grand = [0, 0, 0]
    if cases:
        print("\n".join(sorted(f"{name}: {case}" for name, path in logs for case in cases_of(Path(path)))))
        return 0
    print()
    for name, path in logs:
        totals, seconds, remarks = read_run(Path(path))
        grand = [a + b for a, b in zip(grand, totals)]
        print("{:<18} {:>4} passed, {} failed, {} skipped, {:.1f} s".format(name, *totals, seconds))
        for remark in remarks:
            print(f"  {remark}")
    print("{} passed, {} failed, {} skipped".format(*grand))
    return 1 if grand[1] > 0 or sum(grand) == 0 or (no_skips and grand[2] > 0) else 0


if __name__ == "__main__":
    sys.exit(main())
