// SPDX-License-Identifier: MIT
// Numbers out of range on a device that the host does not wait for: nothing is read or written there, and the next wait says so.
// Needs: thrust
// Build: -fno-sanitize=null
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/cross_entropy.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/embedding.hpp>
#include <taper/ops/gather.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/one_hot.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/to.hpp>

#include <cmath>
#include <thread>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

/// Kernels are over when their launches return, but the backend does not know.
struct LaterSystem : ThrustCppSystem {
  static bool finished() { return false; }
  static inline int waits = 0;
  static void to_host(void* to, const void* from, std::size_t bytes) {
    ++waits;
    ThrustCppSystem::to_host(to, from, bytes);
  }
};
using Later = BasicThrust<LaterSystem>;

template <class T>
Tensor<T, Later> there(const Tensor<T>& x) {
  return to<Later>(x);
}
const std::string late = ": a kernel found it after the call had returned";

}  // namespace

TEST_CASE("a read tells of the first number out of range, once") {
  const auto x = there(tensor<float>({{1, 2}, {3, 4}, {5, 6}}));
  const auto bad = there(tensor<std::int64_t>({2, 7, -9}));
  const auto y = index_select(x, 0, bad);
  const auto z = one_hot(bad, 3);  // finds the same; the first fault counts
  CHECK_THROWS_WITH(to<Cpu>(y), "[index_select] index 7 is out of range for axis 0 of size 3" + late);
  CHECK(equal(to<Cpu>(y), tensor<float>({{5, 6}, {0, 0}, {0, 0}})));
  CHECK_THROWS_AS((embedding(bad, x), sum(x).item()), IndexError);
  CHECK(sum(x).item() == 21);
}

TEST_CASE("nothing is written nowhere") {
  auto x = there(zeros<float>({4, 2}));
  const auto bad = there(tensor<std::int64_t>({1, 4, -5}));
  index_put_(x, {bad}, 1.f);
  CHECK_THROWS_WITH(x(0, 0).item(), "[index] index 4 is out of range for axis 0 of size 4" + late);
  CHECK(equal(to<Cpu>(x), tensor<float>({{0, 0}, {1, 1}, {0, 0}, {0, 0}})));
  auto column = there(zeros<float>({4, 1}));
  scatter_(column, 0, there(tensor<std::int64_t>({{3}, {9}})), 2.f);
  CHECK_THROWS_AS(column(0, 0).item(), IndexError);
  scatter_add_(column, 0, there(tensor<std::int64_t>({{3}, {3}, {-1}})), there(ones<float>({3, 1})));
  CHECK_THROWS_AS(column(0, 0).item(), IndexError);
  CHECK(equal(to<Cpu>(column), tensor<float>({{0}, {0}, {0}, {4}})));
}

TEST_CASE("gradients leave out what is nowhere") {
  auto table = there(ones<float>({3, 2})).requires_grad_();
  sum(embedding(there(tensor<std::int64_t>({0, 5, 0})), table)).backward();
  CHECK_THROWS_WITH(to<Cpu>(table.grad()),
                    "[embedding] index 5 (element 1 of indices (3,)) is out of range for weight (3, 2): use 0 to 2" + late);
  CHECK(equal(to<Cpu>(table.grad()), tensor<float>({{2, 2}, {0, 0}, {0, 0}})));

  auto x = there(tensor<float>({{0, 0}, {1, 2}})).requires_grad_();
  const auto loss = cross_entropy(x, there(tensor<std::int64_t>({1, 2})));
  loss.backward();
  CHECK_THROWS_WITH(loss.item(), "[cross_entropy] class 2 (element 1 of the target (2,)) is out of range for 2 classes" + late);
  CHECK(std::abs(loss.item() - std::log(2.f)) < 1e-6f);  // the mean of the one good sample
  CHECK(equal(to<Cpu>(x.grad()), tensor<float>({{0.5, -0.5}, {0, 0}})));
}

TEST_CASE("a thread hears of its own") {
  const auto x = there(ones<float>({3}));
  const auto y = index_select(x, 0, there(tensor<std::int64_t>({3})));
  std::thread([&] { CHECK(sum(x).item() == 3); }).join();
  CHECK_THROWS_AS(sum(x).item(), IndexError);
}

TEST_CASE("losses, norms, lookups and their gradients wait for nothing") {
  nn::BatchNorm1d<float, Later> norm(2);
  auto table = there(ones<float>({3, 2})).requires_grad_();
  const auto words = there(tensor<std::int64_t>({0, 2, 0})), classes = there(tensor<std::int64_t>({0, 1, 1}));
  const auto halves = there(full<float>({3, 2}, 0.5f));
  LaterSystem::waits = 0;
  const auto x = norm(embedding(words, table));
  const auto loss = cross_entropy(x, classes) + binary_cross_entropy(sigmoid(x), halves) + sum(gather(x, 1, unsqueeze(classes, 1)));
  loss.backward();
  CHECK(LaterSystem::waits == 0);
  CHECK(std::isfinite(loss.item()));
  CHECK(LaterSystem::waits == 1);
  CHECK(norm.num_batches_tracked.item() == 1);
}
