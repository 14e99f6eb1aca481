#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# omp_race.sh COMPILER: that clang's thread sanitizer sees what thrust::omp runs. A kernel whose elements keep apart gives no
# report, one with a planted race does. libomp's Archer tells the sanitizer of OpenMP's barriers; g++'s libgomp has no such thing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for thrust in "${CUDA_PATH:-/usr/local/cuda}/include/cccl" /usr/include ""; do
  if [ -z "$thrust" ]; then echo "no Thrust here: not checked"; exit 0; fi
  if [ -e "$thrust/thrust/for_each.h" ]; then break; fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/race.cpp" <<'CPP'
#include <taper/backend/cuda/thrust_host.hpp>

struct Apart {
  std::int64_t* out;
  void operator()(std::int64_t i) const { out[i] += i; }
};
struct Together {
  std::int64_t* out;
  void operator()(std::int64_t i) const { *out += i; }
};

int main(int argc, char**) {
  static std::int64_t out[1000];
  for (int i = 0; i < 3; ++i) taper::ThrustOmpSystem::for_each(1000, Apart{out});
  if (argc > 1) taper::ThrustOmpSystem::for_each(1000, Together{out});
  return out[999] == 2997 ? 0 : 1;
}
CPP
"${1:-clang++-16}" -std=c++20 -O1 -g1 -fopenmp -fsanitize=thread -I include -isystem "$thrust" \
  -DTHRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP "$work/race.cpp" -o "$work/race"

export OMP_NUM_THREADS=4 TSAN_OPTIONS=ignore_noninstrumented_modules=1
"$work/race" 2>"$work/said" || { cat "$work/said" >&2; echo "a report, or a wrong result, where there is no race" >&2; exit 1; }
for attempt in {1..20}; do # a race is seen where two threads meet
  if ! "$work/race" planted 2>"$work/said" && grep -q "data race" "$work/said"; then exit 0; fi
done
echo "the planted race was not seen" >&2
exit 1
