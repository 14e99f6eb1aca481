#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What is too slow for every change: everything optimised for this machine, with the exhaustive tests and all of
# taper::compiled, the tables of ops under sanitizers, the typed tests on further devices (for Cuda they are compiled), every
# header under clang 16 and nvcc, the compile-fail tests under clang 16, the whole suite under clang's warnings and thread
# sanitizer, and what computes on AArch64, by a cross compiler and an emulator.
# Run it, and .ci/run, before an issue is resolved.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh
jobs=$(nproc)

install_packages "${test_packages[@]}" clang++-16=clang-16 \
  "/usr/lib/llvm-16/lib/clang/*/lib/linux/libclang_rt.tsan-*.a=libclang-rt-16-dev" /usr/lib/llvm-16/lib/libarcher.so=libomp-16-dev

echo "== release: -O3 -march=native, benchmarks built, exhaustive tests over their full range"
cmake --preset release -DTAPER_BUILD_TESTS=ON -DTAPER_BUILD_BENCH=ON -DTAPER_BUILD_COMPILED=ON
cmake --build --preset release
TAPER_EXHAUSTIVE=1 ctest --preset release -j "$jobs" -LE 'headers|compile_fail|consumer'

echo "== the tables of pointwise ops under address and undefined-behaviour sanitizers"
cmake --preset asan -DTAPER_TEST_TABLES=ON
cmake --build --preset asan
ctest --preset asan -j "$jobs" -R 'pointwise|exhaustive'

echo "== the typed tests on memory that the host cannot touch and on Thrust's OpenMP, and the slow ones of the CUDA part"
cmake --preset dev -DTAPER_TEST_DEVICES="Guarded;taper::ThrustOmp" -DTAPER_TEST_SLOW=ON
cmake --build --preset dev
ctest --preset dev -j "$jobs" -L '^(devices|cuda)$'

echo "== every header under clang 16"
tests/headers/check.sh --compiler clang++-16 --jobs "$jobs"

echo "== what must not compile, under clang 16"
for file in tests/compile_fail/*.cpp; do tests/compile_fail/run.sh "$file" clang++-16; done

if nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null); then
  echo "== every header under nvcc"
  tests/headers/check.sh --compiler "$nvcc" --jobs "$jobs"
  echo "== the typed tests for Cuda compile, also those that tests/gpu/run.sh builds where there is time"
  cmake -S . -B build/gpu -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CUDA_FLAGS_RELEASE=-O2 -DTAPER_BUILD_TESTS=ON -DTAPER_CUDA=ON -DTAPER_TEST_DEVICES=taper::Cuda
  cmake --build build/gpu --target gpu gpu_slow
else
  echo "== no nvcc here: headers are not checked under it"
fi

echo "== thread sanitizer and every warning, clang 16; the typed tests on Thrust's OpenMP"
tests/cuda/omp_race.sh clang++-16
cmake --preset tsan -DTAPER_TEST_DEVICES=taper::ThrustOmp
cmake --build --preset tsan
ctest --preset tsan -j "$jobs"

echo "== AArch64 under qemu: expressions, kernels, ops, layers, optimizers"
install_packages aarch64-linux-gnu-g++=g++-aarch64-linux-gnu qemu-aarch64=qemu-user
cmake --preset arm
cmake --build --preset arm
# The emulator itself fails where a process of several threads forks, as core/parallel does.
ctest --preset arm -j "$jobs" -L '^(backend|core|eval|expr|nn|ops|optim)$' -E 'exhaustive|core/parallel'
