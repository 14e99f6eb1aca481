// SPDX-License-Identifier: MIT
// topk and kthvalue on emulated GPU threads: the host's, ties and NaN included, whatever the schedule.
// Needs: thrust
#include <taper/backend/cuda/thrust.hpp>
#include <taper/core/random.hpp>
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"
#include "tests/support/simt_system.hpp"

using namespace taper;
using against_host::few_values;

namespace {

template <Scalar T>
void check(const Tensor<T>& x, std::int64_t k, std::int64_t axis, bool largest) {
  INFO("k " << k << ", axis " << axis << ", largest " << largest);
  const Tensor<T, Simt> there = to<Simt>(x);
  check_equal(to<Cpu>(topk(there, k, axis, largest).indices), topk(x, k, axis, largest).indices);
  check_equal(to<Cpu>(kthvalue(there, k, axis).indices), kthvalue(x, k, axis).indices);
}

}  // namespace

TEMPLATE_TEST_CASE("the first of a line's order under every schedule", "", float, double, bfloat16, std::int32_t, bool) {
  manual_seed(1);
  const auto lines = few_values<TestType>({2, 301}), inner = few_values<TestType>({70, 3}), equal = full<TestType>({130}, 1), one = few_values<TestType>({1});
  simt::under_every_schedule([&](int) {
    for (const bool largest : {true, false}) {
      for (const std::int64_t k : {1, 7, 64}) {
        check(lines, k, 1, largest);
        check(inner, k, 0, largest);
        check(equal, k, 0, largest);
      }
      check(one, 1, 0, largest);
    }
  });
}
