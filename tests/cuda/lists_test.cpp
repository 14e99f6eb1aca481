// SPDX-License-Identifier: MIT
// Folds over lists of tensors on a device: every element of every tensor once, in a launch for many tensors.
// Needs: thrust
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/core/factory.hpp>
#include <taper/nn/clip.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/to.hpp>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

int launches = 0;
struct CountingSystem : ThrustCppSystem {
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    ++launches;
    ThrustCppSystem::for_each(n, f);
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    ++launches;
    ThrustCppSystem::for_each_block(n, f);
  }
};
using Counting = BasicThrust<CountingSystem>;

}  // namespace

TEST_CASE("a norm over many tensors of a device") {
  std::vector<Tensor<float, Counting>> tensors;
  double squares = 0;
  for (int i = 0; i < 500; ++i) {
    const std::int64_t n = i % 7 == 0 ? 0 : i % 50 == 1 ? 40000 + i : i;  // none, several parts, one
    const float value = static_cast<float>(1 + i % 3);
    squares += static_cast<double>(n) * value * value;
    auto p = to<Counting>(zeros<float>({n})).requires_grad_();
    p.set_grad(to<Counting>(full<float>({n}, value)));
    tensors.push_back(p);
  }
  const ParameterRefs refs(tensors);
  launches = 0;
  const double norm = nn::clip_grad_norm_(refs, 1e9).item();
  CHECK(launches == 3);  // 428 tensors that hold something, 192 a launch
  CHECK(norm == Approx(std::sqrt(squares)).epsilon(1e-6));
  launches = 0;
  nn::clip_grad_norm_(refs, 1);
  CHECK(launches == 6);
  CHECK(nn::clip_grad_norm_(refs, 1).item() == Approx(1).epsilon(1e-6));
}
