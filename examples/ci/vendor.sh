#!/bin/sh
# A vendor's driver tests: runs `clenet check` on every device of the installed drivers, and leaves its results where
# Jenkins (junit 'results/*.xml'), GitLab or a dashboard collects them. Needs no network.
#   vendor.sh FOLDER [ARGUMENT...]    results go to FOLDER, arguments to clenet check: --quick, --device gpu
# $CLENET is the program, $BASELINE a file of known failures: one "operation, setting" per line. The first run for a
# driver lists them: sed -n 's/^not ok [0-9]* - \([0-9]*:[0-9]* \)*//p' FOLDER/clenet.tap > known.txt
set -u
results="${1:?the folder for the results}"
shift
mkdir -p "$results" || exit 1
[ -z "${BASELINE:-}" ] || set -- --baseline "$BASELINE" "$@"
"${CLENET:-clenet}" check --device all --tap --junit "$results/clenet.xml" "$@" > "$results/clenet.tap"
status=$?
case $status in
0) echo "pass: every check holds, or fails as known" ;;
1) echo "fail: a result is wrong, or flaky" ;;
3) echo "blocked: no device can be used" ;;
4) echo "fail: the driver crashes, hangs, or does not build a kernel" ;;
77) echo "skipped: nothing could be checked" ;;
*) echo "blocked: clenet check ended with $status" ;;
esac
exit $status
