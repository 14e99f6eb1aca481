#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The whole test suite with g++: installs what is missing, builds the dev preset, ends with ctest's summary. Arguments
# go to ctest (-R name, -L folder).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh

install_packages "${test_packages[@]}"
cmake --preset dev
cmake --build --preset dev
ctest --preset dev -j "$(nproc)" "$@"
