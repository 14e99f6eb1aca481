// SPDX-License-Identifier: MIT
// Prints for which machine each of the units that UNITS lists, X(name) for each, was built and the bits of its results;
// fails where two disagree by more than rounding.
#include "tests/mixing/report.hpp"

#include <cmath>
#include <cstdio>

#define X(name) Report name();
UNITS
#undef X

namespace {

bool agrees(const char* name, const Report& r, const Report& first) {
  std::printf("%s: %d%s%s%s %016llx\n", name, r.vector_bytes, r.fma ? " fma" : "", r.fast_math ? " fast-math" : "",
              r.nvcc ? " nvcc" : "", static_cast<unsigned long long>(r.bits));
  bool all = true;
  for (int i = 0; i < results; ++i) {
    if (std::abs(r.sums[i] - first.sums[i]) <= 1e-3 * (1 + std::abs(first.sums[i]))) continue;
    std::printf("result %d is %.9g and not %.9g\n", i, r.sums[i], first.sums[i]);
    all = false;
  }
  return all;
}

}  // namespace

int main() {
  Report first{};
  bool all = true, begun = false;
#define X(name)                           \
  {                                       \
    const Report r = name();              \
    if (!begun) first = r, begun = true;  \
    all = agrees(#name, r, first) && all; \
  }
  UNITS
#undef X
  return all ? 0 : 1;
}
