#!/bin/sh
# Trains BN-LeNet for one epoch on PoCL, without a network, and fails where it learned less than it should: what
# github.yml, gitlab-ci.yml and Containerfile run, each after "./bootstrap build".
#   train.sh [ARGUMENT...]    arguments go to clenet train after those below, and win over them
# $CLENET is the program (clenet, as the PATH has it), $CLENET_DEVICE another device than PoCL's.
set -eu
export CLENET_DEVICE="${CLENET_DEVICE:-Portable Computing Language}"
# Seed 0 comes to 0.80: below 0.75 something is broken.
exec "${CLENET:-clenet}" train --epochs 1 --seed 0 --offline --require-accuracy 0.75 "$@"
