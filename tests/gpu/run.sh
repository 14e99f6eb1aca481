#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [BUILD_DIR]: everything that needs a GPU, within ten minutes: the tests marked // Devices on Cuda, the programs of
# tests/cuda, some of them under compute-sanitizer, and a benchmark against a copy and, where it is installed, PyTorch. Prints a
# report and ends with its verdict. Needs a GPU with its driver, CUDA's toolkit 13 or later, CMake, Ninja and Catch2.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build/gpu}
report=$build/report.txt
failed=()

command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || { echo "there is no GPU here, or no driver for it: nothing was run"; exit 77; }
mkdir -p "$build"
exec > >(tee "$report") 2>&1
step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

step "the machine"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
nvcc --version 2>/dev/null | tail -n 2

step "build"
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DTAPER_CUDA=ON -DTAPER_TEST_DEVICES=taper::Cuda -DTAPER_BUILD_BENCH=ON \
  -DCMAKE_CUDA_FLAGS_RELEASE=-O2 >"$build/configure.log" 2>&1 || { tail -n 20 "$build/configure.log"; exit 1; }
# What compiles within the time is tested; the rest is named in the report.
timeout 300 cmake --build "$build" --target gpu bench.gpu example.cuda.digits -j "$(nproc)" -- -k 0 >"$build/build.log" 2>&1 || failed+=("build (see $build/build.log)")

step "tests on the GPU"
timeout 150 ctest --test-dir "$build" -L '^(gpu|cuda)$' -j 4 --output-on-failure --no-tests=error || failed+=("tests")

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step "compute-sanitizer --tool $tool"
    for program in "$build"/tests/devices/*softmax*.Cuda "$build"/tests/devices/*reduction*.Cuda; do
      [ -x "$program" ] || continue
      timeout 60 compute-sanitizer --tool "$tool" --error-exitcode 9 "$program" >"$build/$tool.log" 2>&1 || failed+=("$tool: $(basename "$program")")
      tail -n 2 "$build/$tool.log"
    done
  done
fi

step "benchmark"
"$build"/bench/gpu/bench_gpu || failed+=("benchmark")
if python3 -c 'import torch; raise SystemExit(not torch.cuda.is_available())' 2>/dev/null; then python3 bench/gpu/pytorch.py; fi

step "the digit classifier"
timeout 60 "$build"/examples/cuda/digits --device cuda --epochs 5 | tail -n 2 || failed+=("digits")

step "verdict"
if [ ${#failed[@]} -eq 0 ]; then echo "all passed"; else printf 'FAILED: %s\n' "${failed[@]}"; exit 1; fi
