// SPDX-License-Identifier: MIT
// Tensors of two devices of one type do not meet in one expression.
// Needs: thrust
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/core/factory.hpp>
#include <taper/core/from_blob.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/to.hpp>

#include "tests/support/golden.hpp"

using namespace taper;

namespace {

int current = 0;
struct SeveralSystem : ThrustCppSystem {
  static int index() { return current; }
};
using Several = BasicThrust<SeveralSystem>;

Tensor<float, Several> on(int device, const Tensor<float>& x) {
  current = device;
  auto out = to<Several>(x);
  current = 0;
  return out;
}
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const DeviceError& e) {
    return e.what();
  }
  FAIL("no DeviceError was thrown");
  return {};
}

}  // namespace

TEST_CASE("tensors of two devices do not meet in one expression") {
  const Tensor<float> ones_ = ones<float>({2, 3});
  auto a = on(0, ones_), b = on(1, ones_);
  CHECK(message([&] { (void)eval(a * 2.0f + b); }) ==
        "[evaluate] a tensor of shape (2, 3) is on GPU 1, the result on 0: the tensors of an expression live on the current device "
        "(DeviceGuard); move it through the host, to<Cpu>(x)");
  CHECK_THROWS_AS(sum(a * b), DeviceError);
  CHECK_THROWS_AS(sum(b), DeviceError);
  CHECK_THROWS_AS(b.copy_(1.0f * a), DeviceError);
  CHECK_THROWS_AS(eval(exp(view(b, {3, 2}))), DeviceError);
  current = 1;
  check_equal(to<Cpu>(eval(b + 1.0f)), full<float>({2, 3}, 2));
  const auto blob = from_blob<float, Several>(b.data_ptr(), {2, 3});
  check_equal(to<Cpu>(eval(b + blob)), full<float>({2, 3}, 2));
  current = 0;
  CHECK_THROWS_AS(eval(a + blob), DeviceError);
}
