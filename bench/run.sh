#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [NAME...] [-- OPTION...]: builds the benchmarks for this machine and prints their tables, at -O2 and at -O3. The
# options are Google Benchmark's (--benchmark_filter=REGEX, --benchmark_min_time=SECONDS).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh

names=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  names+=("$1")
  shift
done
if [ $# -gt 0 ]; then shift; fi
if [ ${#names[@]} -eq 0 ]; then
  for source in bench/*.cpp; do names+=("$(basename "$source" .cpp)"); done
fi

install_packages "${bench_packages[@]}"
cmake --preset release -DTAPER_BUILD_TESTS=OFF --log-level=WARNING >/dev/null
targets=()
for name in "${names[@]}"; do targets+=("bench.$name.O2" "bench.$name.O3"); done
cmake --build --preset release --target "${targets[@]}"
for name in "${names[@]}"; do
  for level in O2 O3; do
    printf '\n%s, -%s\n\n' "$name" "$level"
    "build/release/bench/$level/$name" "$@"
  done
done
