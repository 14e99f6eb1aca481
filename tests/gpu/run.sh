#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [BUILD_DIR [MINUTES]]: what needs a GPU, within so many minutes (10): the tests marked // Devices on Cuda, a benchmark
# against a copy and, where it is installed, PyTorch, the digit classifier, and some tests under compute-sanitizer. Prints a report
# and ends with its verdict; what the time did not reach is named there and is no failure. Needs a GPU with its driver, CUDA's
# toolkit 13 or later, CMake, Ninja, Catch2 and, for the digit classifier, zlib.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
build=${1:-build/gpu} minutes=${2:-10}
report=$build/report.txt
failed=() unfinished=() names=() missing=()

command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || { echo "there is no GPU here, or no driver for it: nothing was run"; exit 77; }
mkdir -p "$build"
exec > >(tee "$report") 2>&1

# run NAME TENTHS COMMAND...: within so many tenths of all the time, and what is left of it. With `log`, into that file.
run() {
  local name=$1 most=$(($2 * 6 * minutes)) left=$((60 * minutes - SECONDS)) status=0
  shift 2
  printf '\n== %s (%d s)\n' "$name" "$SECONDS"
  ((most <= left)) || most=$left
  if ((most <= 0)); then
    unfinished+=("$name")
    return 1
  fi
  if [ -n "${log:-}" ]; then
    timeout --kill-after 5 "$most" "$@" >"$log" 2>&1 || status=$?
    if [ $status -eq 0 ]; then tail -n 2 "$log"; else grep -iE -A1 'error|failed' "$log" | head -n 12; fi
  else
    timeout --kill-after 5 "$most" "$@" || status=$?
  fi
  case $status in
    0) ;;
    124 | 137) unfinished+=("$name") ;;
    *) failed+=("$name${log:+ (see $log)}") ;;
  esac
  return $status
}

verdict() {
  printf '\n== verdict (%d s)\n' "$SECONDS"
  [ ${#unfinished[@]} -eq 0 ] || printf 'not reached, or not finished: %s\n' "${unfinished[@]}"
  if [ ${#failed[@]} -gt 0 ]; then printf 'FAILED: %s\n' "${failed[@]}"; exit 1; fi
  if [ ${#names[@]} -gt 0 ]; then echo "all that ran passed"; else echo "no test ran"; exit 1; fi
}

run "the machine" 1 nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
nvcc --version 2>/dev/null | tail -n 2

log=$build/configure.log run "configuration" 2 cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTAPER_CUDA=ON \
  -DTAPER_TEST_DEVICES=taper::Cuda -DTAPER_BUILD_BENCH=ON -DCMAKE_CUDA_FLAGS_RELEASE=-O2 || verdict
log=$build/build.log run "build" 4 cmake --build "$build" --target gpu -j "$(nproc)" -- -k 0
log=$build/build_slow.log run "build of further tests" 2 cmake --build "$build" --target gpu_slow -j "$(nproc)" -- -k 0

# What was compiled within the time is tested.
while read -r name; do
  if [ -x "$build/tests/devices/test.${name/\//.}" ]; then names+=("$name"); else missing+=("$name"); fi
done < <(ctest --test-dir "$build" -N -L '^gpu$' | sed -n 's/^ *Test *#[0-9]*: *//p')
[ ${#missing[@]} -eq 0 ] || unfinished+=("tests that were not built: ${missing[*]}")
[ ${#names[@]} -eq 0 ] || run "tests on the GPU" 2 ctest --test-dir "$build" -R "^($(IFS='|'; echo "${names[*]}"))\$" -j 4 --output-on-failure --no-tests=error

if [ -x "$build"/bench/gpu/bench_gpu ]; then
  run "benchmark" 1 "$build"/bench/gpu/bench_gpu
else
  unfinished+=("the benchmark, which was not built")
fi
if timeout 60 python3 -c 'import torch; raise SystemExit(not torch.cuda.is_available())' 2>/dev/null; then
  run "benchmark, PyTorch" 1 python3 bench/gpu/pytorch.py
else
  unfinished+=("PyTorch, which is not installed or sees no GPU")
fi
if [ -x "$build"/examples/cuda/digits ]; then
  run "the digit classifier" 1 bash -o pipefail -c '"$1" --device cuda --epochs 5 | tail -n 2' _ "$build"/examples/cuda/digits
else
  unfinished+=("the digit classifier, which was not built")
fi

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    for program in "$build"/tests/devices/test.ops.{softmax,reduction}.Cuda; do
      [ -x "$program" ] || continue # named above
      log=$build/$tool.log run "compute-sanitizer --tool $tool $(basename "$program")" 1 compute-sanitizer --tool "$tool" --error-exitcode 9 "$program"
    done
  done
else
  unfinished+=("compute-sanitizer, which is not installed")
fi

verdict
