#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Trains and tests the digit classifier: installs what is missing, builds for this machine, runs. Arguments go to the
# program (try --help). The last line is `test accuracy: NN.NN %`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh

install_packages "${build_packages[@]}"
echo "== building examples/digits.cpp with -O3 -march=native in build/release"
cmake --preset release -DTAPER_BUILD_TESTS=OFF -DTAPER_BUILD_BENCH=OFF --log-level=WARNING >/dev/null
cmake --build --preset release --target example.digits
echo "== build/release/examples/digits $*"
exec build/release/examples/digits "$@"
