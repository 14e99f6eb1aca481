// SPDX-License-Identifier: MIT
// Joins, borders, turns and triangles on a device give what they give on the host.
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

TEST_CASE("joined and taken apart") {
  const auto x = values({4, 5, 6});
  check(x, [&](auto on, const auto& x) { return cat({x, on(values({4, 2, 6})), x}, 1); });
  check(x, [&](auto, const auto& x) { return cat({x, transpose(x, 0, 0), x(Slice{1, 3})}, 0); });
  check(x, [&](auto, const auto& x) { return stack({x, x}, 1); });
  check(x, [&](auto, const auto& x) { return stack({transpose(x, 0, 2), transpose(x, 0, 2)}, -1); });
  check(values({0}), [&](auto on, const auto& x) { return cat({x, on(values({2, 3}))}, 1); });
  check(values({3}), [&](auto, const auto& x) { return hstack({x, x}); });
  check(values({3}), [&](auto, const auto& x) { return vstack({x, x}); });
  check(values({3}), [&](auto, const auto& x) { return dstack({x, x}); });
  check(values({3}), [&](auto, const auto& x) { return column_stack({x, x}); });
  check(x, [&](auto, const auto& x) { return split(x, 2, 1)[2]; });
  check(x, [&](auto, const auto& x) { return unbind(x, 2)[3]; });
  check(x, [&](auto, const auto& x) {
    auto parts = tensor_split(x, 4, 1);
    return cat({parts[3], parts[0]}, 1);
  });
  check(values({3}), [&](auto, const auto& x) { return meshgrid({x, x})[1]; });
}

TEST_CASE("borders") {
  const auto x = values({2, 3, 4, 5});
  for (const auto mode : {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular}) {
    check(x, [&](auto, const auto& x) { return pad(x, {2, 1}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(x, {2, 3, 0, 2}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(x, {4, 4, 3, 3, 2, 2}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(x, {-1, 1, -1, 2}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(transpose(x, 1, 3), {1, 1, 1, 0}, {.mode = mode}); });
  }
  check(x, [&](auto, const auto& x) { return pad(x, {-1, -1}); });
  check(x, [&](auto, const auto& x) { return pad(x, {1, 2}, {.value = 2.5}); });
  check(values({1, 3}), [&](auto, const auto& x) { return pad(x, {0, 0, 5, 6}, {.mode = PadMode::replicate}); });
  check(values({0, 3}), [&](auto, const auto& x) { return pad(x, {1, 1, 1, 2}); });
}

TEST_CASE("other arrangements") {
  const auto x = values({4, 5, 6});
  check(x, [&](auto, const auto& x) { return repeat(x, {2, 1, 3, 1}); });
  check(x, [&](auto, const auto& x) { return tile(x, {2, 2}); });
  check(x, [&](auto, const auto& x) { return repeat_interleave(x, 3, 1); });
  check(x, [&](auto on, const auto& x) { return repeat_interleave(x, on(tensor<std::int64_t>({1, 0, 3, 2})), 0); });
  check(x, [&](auto, const auto& x) { return flip(x, {0, 2}); });
  check(x, [&](auto, const auto& x) { return flip(transpose(x, 0, 2), {1}); });
  check(x, [&](auto, const auto& x) { return flip(expand(x(Slice{}, Slice{0, 1}), {4, 3, 6}), {0, 1}); });
  check(values({0, 3}), [&](auto, const auto& x) { return flip(x, {0, 1}); });
  check(x, [&](auto, const auto& x) { return roll(x, {1, -2}, {0, 2}); });
  check(x, [&](auto, const auto& x) { return roll(x, 7); });
  for (int k = 0; k < 4; ++k) check(x, [&](auto, const auto& x) { return rot90(x, k, 0, 2); });
  for (const int diagonal : {-7, -2, 0, 1, 4, 9}) {
    check(x, [&](auto, const auto& x) { return tril(x, diagonal); });
    check(x, [&](auto, const auto& x) { return triu(transpose(x, 1, 2), diagonal); });
    check(x, [&](auto, const auto& x) { return diag_embed(x, diagonal, 0, 2); });
    check(values({3}), [&](auto, const auto& x) { return diag(x, diagonal); });
  }
  check(values({3, 4}), [&](auto, const auto& x) { return diag(x, 1); });
  check(values({2, 2}), [&](auto, const auto& x) { return diagflat(x); });
  check(values({2, 8, 3, 2}), [&](auto, const auto& x) { return pixel_shuffle(x, 2); });
  check(values({2, 2, 4, 6}), [&](auto, const auto& x) { return pixel_unshuffle(x, 2); });
  check(values({2, 3, 4, 5}), [&](auto, const auto& x) { return contiguous(x, MemoryFormat::channels_last); });
  check(values({3, 8}), [&](auto, const auto& x) { return unfold(x, 1, 3, 2); });
  CHECK(same(tril_indices<D>(4, 5, 1), tril_indices(4, 5, 1)));
  CHECK(same(triu_indices<D>(4, 5, -1), triu_indices(4, 5, -1)));
  const auto index = tensor<std::int64_t>({{0, 3}, {2, 1}});
  CHECK(same(one_hot(to<D>(index)), one_hot(index)));
  CHECK(same(one_hot(to<D>(transpose(index, 0, 1)), 6), one_hot(transpose(index, 0, 1), 6)));
}
