// SPDX-License-Identifier: MIT
// Which level's kernels this machine runs. Asked once.
#include <taper/backend/cpu/attention.hpp>
#include <taper/backend/cpu/attention_backward.hpp>
#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/norm.hpp>
#include <taper/backend/cpu/recurrent.hpp>
#include <taper/core/error.hpp>

#include <cstdlib>
#include <string_view>

#include "entries.hpp"

namespace taper::inline TAPER_ABI {

namespace {

int level_of_machine() {
#if defined(__x86_64__)
  __builtin_cpu_init();  // a static object's constructor may be the first to ask
  const bool third = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                     __builtin_cpu_supports("bmi2");
  if (third && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return 4;
  if (third) return 3;
#endif
  return 1;
}

int choose() {
  const int best = level_of_machine();
  const char* asked = std::getenv("TAPER_CPU_LEVEL");
  if (!asked) return best;
  const std::string_view text = asked;
  if (text != "1" && text != "3" && text != "4")
    base::raise<ValueError>("compiled", "TAPER_CPU_LEVEL is '", text, "': it must be 1, 3 or 4");
  const int level = text[0] - '0';
  return level < best ? level : best;
}

}  // namespace

int compiled_level() {
  static const int level = choose();
  return level;
}

namespace {

template <base::Entry E, class F>
F* for_this_machine() {
#if defined(__x86_64__)
  const int level = compiled_level();
  if (level == 4) return base::entry_of_level<4, E, F>();
  if (level == 3) return base::entry_of_level<3, E, F>();
#endif
  return base::entry_of_level<1, E, F>();
}

}  // namespace

using namespace TAPER_UNIT::detail;

#define TAPER_ENTRY(entry, ...)                                                               \
  template <>                                                                                 \
  decltype(__VA_ARGS__)* base::compiled_entry<base::Entry::entry, decltype(__VA_ARGS__)>() {  \
    static const auto chosen = for_this_machine<base::Entry::entry, decltype(__VA_ARGS__)>(); \
    return chosen;                                                                            \
  }
TAPER_ENTRIES(TAPER_ENTRY, float)
TAPER_ENTRIES(TAPER_ENTRY, double)

}  // namespace taper::inline TAPER_ABI
