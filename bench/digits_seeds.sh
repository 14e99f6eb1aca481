#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# digits_seeds.sh [SEEDS = 10]: the digit example's test accuracy and training time, seed by seed, on one thread; then three
# epochs of MNIST where DATA/mnist has it (DATA: $TAPER_DATA, otherwise ../shared/data beside the repository).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh
seeds=${1:-10} data=${TAPER_DATA:-../shared/data}

install_packages "${build_packages[@]}"
cmake --preset release -DTAPER_BUILD_TESTS=OFF --log-level=WARNING >/dev/null
cmake --build --preset release --target example.digits >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure NAME OPTION...: one row of the table.
measure() {
  local name=$1
  shift
  build/release/examples/digits --threads 1 --save "$work/model.safetensors" "$@" >"$work/log"
  awk -v name="$name" '/^trained in/ { time = $3 } /^test accuracy:/ { accuracy = $3 }
    END { printf "| %s | %.2f | %.1f |\n", name, accuracy, time }' "$work/log" | tee -a "$work/rows"
}

printf '| seed | test accuracy, %% | training, s |\n| --: | --: | --: |\n'
for ((seed = 0; seed < seeds; ++seed)); do measure "$seed" --seed "$seed"; done
awk -F'|' '{ sum += $3; time += $4; if (NR == 1 || $3 < low) low = $3 }
  END { printf "| mean | %.2f | %.1f |\n| lowest | %.2f | |\n", sum / NR, time / NR, low }' "$work/rows"

if [ -d "$data/mnist" ]; then
  printf '\n| MNIST | test accuracy, %% | training, s |\n| --- | --: | --: |\n'
  measure 'three epochs' --data mnist --root "$data/mnist"
else
  printf '\nMNIST is left out: there is no %s\n' "$data/mnist"
fi
