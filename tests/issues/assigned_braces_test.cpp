// SPDX-License-Identifier: MIT
// `handle = {}` in a template gives back what the handle held. clang does not destroy the parameter of an operator=
// that takes its argument by value there, so that zero_grad kept every gradient for ever.
#include <taper/core/allocator.hpp>
#include <taper/core/pool_vector.hpp>
#include <taper/core/stats.hpp>
#include <taper/ops.hpp>
#include <taper/optim/sgd.hpp>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

// The holders do not depend on the template's argument, as in the code that leaked.
struct RecordHolder {
  detail::RecordPtr handle;
};
template <class T>
struct EmptiedRecord {
  T unused{};
  void empty(RecordHolder* holder) { holder->handle = {}; }
};
struct ListHolder {
  detail::PoolVector<detail::RecordPtr> handle;
};
template <class T>
struct EmptiedList {
  T unused{};
  void empty(ListHolder* holder) { holder->handle = {}; }
};

}  // namespace

TEST_CASE("a handle that a template assigns braces to gives back what it held") {
  const auto before = allocator_stats().allocated_bytes;
  RecordHolder record{detail::make_dense<Cpu>(DType::float32, Shape{4})};
  EmptiedRecord<int>().empty(&record);
  CHECK(allocator_stats().allocated_bytes == before);
  ListHolder list;
  list.handle.push_back(detail::make_dense<Cpu>(DType::float32, Shape{4}));
  EmptiedList<int>().empty(&list);
  CHECK(allocator_stats().allocated_bytes == before);
}

TEST_CASE("training steps after zero_grad hold no more memory than the first") {
  const Tensor<float> w = ones<float>({8, 4}).requires_grad_(), x = ones<float>({2, 4});
  optim::SGD<Tensor<float>> optimizer({w}, {.lr = 0.1});
  const auto step = [&] {
    optimizer.zero_grad();
    sum(matmul(x, transpose(w, 0, 1))).backward();
    optimizer.step();
  };
  for (int i = 0; i < 3; ++i) step();
  const auto before = allocator_stats().allocated_bytes;
  for (int i = 0; i < 10; ++i) step();
  CHECK(allocator_stats().allocated_bytes == before);
}
