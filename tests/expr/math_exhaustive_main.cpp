// SPDX-License-Identifier: MIT
// The largest error of every single-argument function over all floats: math_exhaustive [stride = 9973] [function].
// A stride of 1 takes every float. The exit status is 1 when a bound is broken.
// Build: -O2
// Table
#include "tests/expr/math_cases.hpp"

#include <cstdlib>
#include <string_view>

namespace {

using namespace math_cases;

template <class Case>
bool run(std::uint64_t stride) {
  using P = Pack<float, pack_lanes>;
  constexpr int N = pack_lanes;
  double (*volatile expected)(double) = &Case::template expected<double>;
  double worst = 0;
  float at = 0;
  for (std::uint64_t i = 0; i < (1ull << 32);) {
    float x[N], y[N];
    for (int j = 0; j < N; ++j, i += stride) x[j] = std::bit_cast<float>(static_cast<std::uint32_t>(i));
    store(y, Case()(load<P>(x)));
    for (int j = 0; j < N; ++j) {
      const double want = expected(static_cast<double>(x[j]));
      if (TAPER_FAST_MATH && !(ordinary(x[j]) && ordinary(static_cast<float>(want)))) continue;
      const double error = ulps(y[j], want);
      if (!(error <= worst)) worst = error, at = x[j];
    }
  }
  const bool good = worst <= Case::bound_float;
  std::printf("%-12s %7.3f ULP at %a (bound %g)%s\n", Case::text, worst, static_cast<double>(at), Case::bound_float, good ? "" : "  TOO LARGE");
  std::fflush(stdout);
  return good;
}

}  // namespace

int main(int count, char** arguments) {
#if defined(__AVX2__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::puts("left out: this processor has no AVX2");
    return 0;
  }
#endif
  const std::uint64_t stride = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 9973;
  const std::string_view only = count > 2 ? arguments[2] : "";
  if (stride == 0) {
    std::fputs("usage: math_exhaustive [stride = 9973] [function]\n", stderr);
    return 2;
  }
  bool good = true;
#define TAPER_CASE(name, reference, f, d) \
  if (only.empty() || only == #name) good = run<name##_case>(stride) && good;
  TAPER_MATH_CASES(TAPER_CASE)
#undef TAPER_CASE
  return good ? 0 : 1;
}
