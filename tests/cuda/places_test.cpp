// SPDX-License-Identifier: MIT
// Slices by an index vector, masks and embeddings on a device give what they give on the host.
// Slow
// Needs: thrust
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::check;
using D = against_host::There;
using against_host::same;

namespace {

Tensor<double> values(const Shape& shape) { return against_host::irregular<double>(shape); }

}  // namespace

TEST_CASE("slices along an axis") {
  manual_seed(3);
  const auto x = values({4, 5, 6});
  for (int axis = 0; axis < 3; ++axis) {
    const auto index = randint(0, 4, {7});
    Shape shape = x.shape();
    shape[axis] = 7;
    const auto source = values(shape);
    check(x, [&](auto on, const auto& x) { return index_select(x, axis, on(index)); });
    check(x, [&](auto on, const auto& x) { return index_select(transpose(x, 0, 1), axis, on(index)); });
    check(x, [&](auto on, const auto& x) { return index_add(x, axis, on(index), on(source), 1.5); });
    check(source, [&](auto on, const auto& s) { return index_add(on(x), axis, on(index), s); });
    check(x, [&](auto on, const auto& x) { return index_copy(x, axis, on(index), on(source)); });
    check(source, [&](auto on, const auto& s) { return index_copy(on(x), axis, on(index), s); });
    check(x, [&](auto on, const auto& x) { return index_fill(x, axis, on(index), 0.5); });
  }
  check(values({}), [&](auto on, const auto& x) { return index_select(x, 0, on(zeros<std::int64_t>({1}))); });
}

TEST_CASE("masks") {
  manual_seed(4);
  const auto x = values({4, 5});
  const Tensor<bool> m = rand<float>({4, 5}) > 0.5f, row = rand<float>({5}) > 0.5f,
                     more = rand<float>({3, 4, 5}) > 0.5f;
  const Tensor<bool> all = rand<float>({4, 5}) > -1.f, empty_mask = rand<float>({0, 5}) > 0.f;
  for (const auto& mask : {m, row, more, all}) {
    check(x, [&](auto on, const auto& x) { return eval(masked_fill(x, on(mask), 2.0)); });
    check(x, [&](auto on, const auto& x) { return masked_select(x, on(mask)); });
    check(x, [&](auto on, const auto& x) { return masked_scatter(x, on(mask), on(values({60}))); });
    check(values({60}), [&](auto on, const auto& s) { return masked_scatter(on(x), on(mask), s); });
    CHECK(same(nonzero(to<D>(mask)), nonzero(mask)));
  }
  CHECK(same(nonzero(to<D>(empty_mask)), nonzero(empty_mask)));
  CHECK(same(nonzero(to<D>(transpose(more, 0, 2))), nonzero(transpose(more, 0, 2))));
  CHECK(same(nonzero(to<D>(x)), nonzero(x)));
  const Tensor<bool> large = rand<float>({1 << 17}) > 0.9f;
  CHECK(same(nonzero(to<D>(large)), nonzero(large)));
  check(values({}), [&](auto on, const auto& x) { return masked_select(x, on(tensor<bool>({true})(0))); });
  check(x, [&](auto on, const auto& x) {
    auto t = clone(x);
    masked_fill_(t, on(m), 5.0);
    return t;
  });
}

TEST_CASE("embedding") {
  manual_seed(5);
  const auto table = values({7, 5});
  const Tensor<std::int64_t> index = randint(0, 7, {4, 6});
  check(table, [&](auto on, const auto& w) { return embedding(on(index), w); });
  check(table, [&](auto on, const auto& w) { return embedding(on(index), w, 2); });
  check(table, [&](auto on, const auto& w) { return embedding(on(eval(cast<std::int32_t>(index))), w, -1); });
  check(values({5, 7}), [&](auto on, const auto& w) { return embedding(on(index), transpose(w, 0, 1)); });
  check(table, [&](auto on, const auto& w) { return embedding(on(zeros<std::int64_t>({0})), w); });
}
