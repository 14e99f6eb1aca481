// SPDX-License-Identifier: MIT
// Orders, scans, places and arrangements on emulated GPU threads: the host's, whatever the schedule.
// Thrust's sort binds references to null, which sanitizers let pass here.
// Build: -fno-sanitize=null
// Needs: thrust
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"
#include "tests/support/simt_system.hpp"

using namespace taper;
using against_host::irregular;
using against_host::same;

namespace {

Tensor<float> r(const Shape& shape, int seed = 1) { return irregular<float>(shape, seed); }
template <class F>
void check(const Tensor<float>& x, const F& f) {
  against_host::check<Simt>(x, f, 1);
}

}  // namespace

TEST_CASE("scans, orders and extremes") {
  for (const auto& [x, axis] : {std::pair{r({300}), 0}, {r({3, 131, 2}), 1}, {r({7, 5}).t(), 0}}) {
    check(x, [axis = axis](auto, const auto& v) { return cumsum(v, axis); });
    check(x, [axis = axis](auto, const auto& v) { return cumprod(v, axis); });
    check(x, [axis = axis](auto, const auto& v) { return cummax(v, axis).values; });
    check(x, [axis = axis](auto, const auto& v) { return max(v, axis).values; });
    check(x, [axis = axis](auto, const auto& v) { return sort(v, axis).values; });
    check(x, [axis = axis](auto, const auto& v) { return topk(v, 3, axis).values; });
  }
  check(r({2, 9000}), [](auto, const auto& v) { return max(v, 1).values; });  // in parts
  const Tensor<float> few = floor(r({5, 60}) * 3.0f);
  simt::under_every_schedule([&](int) {
    const auto there = unique(to<Simt>(few));
    const auto here = unique(few);
    CHECK(same(there.values, here.values));
    CHECK(same(there.inverse, here.inverse));
    CHECK(same(argmin(to<Simt>(few), 1), argmin(few, 1)));
  });
}

TEST_CASE("taken from places, put there, added up") {
  manual_seed(1);
  const auto index = randint(0, 7, {4, 65}), rows = randint(-7, 7, {70});
  const auto x = r({7, 5}), source = r({70, 5}, 3);
  check(x, [&](auto on, const auto& v) { return embedding(on(index), v); });
  check(x, [&](auto on, const auto& v) { return eval(v(on(rows))); });
  check(x.t(), [&](auto on, const auto& v) {
    return index_add(transpose(v, 0, 1), 0, on(eval(rows + std::int64_t{7}) % std::int64_t{7}), on(source));
  });
  check(x, [&](auto on, const auto& v) { return index_put(v, {on(rows)}, on(source), true); });
  check(source, [&](auto on, const auto& v) { return index_put(on(x), {on(rows)}, v); });
  check(r({7, 65}), [&](auto on, const auto& v) { return gather(v, 0, on(index)); });
  check(r({4, 65}), [&](auto on, const auto& v) { return scatter_add(on(r({7, 65})), 0, on(index), v); });
  const Tensor<bool> mask = r({70, 5}, 9) > 0.2f;
  check(source, [&](auto on, const auto& v) { return masked_select(v, on(mask)); });
  simt::under_every_schedule([&](int) {
    CHECK(same(nonzero(to<Simt>(mask)), nonzero(mask)));
    CHECK(same(one_hot(to<Simt>(index), 8), one_hot(index, 8)));
    CHECK_THROWS_AS(embedding(to<Simt>(eval(index + std::int64_t{3})), to<Simt>(x)), IndexError);
  });
}

TEST_CASE("arranged anew") {
  const auto x = r({3, 5, 7});
  check(x, [](auto, const auto& v) { return cat({v, transpose(v, 1, 1), v}, 1); });
  check(x, [](auto, const auto& v) { return pad(v, {2, 3, 1, 0}, {.mode = PadMode::reflect}); });
  check(x, [](auto, const auto& v) { return pad(transpose(v, 0, 2), {1, 2, 0, 3}, {.value = 2.5}); });
  check(x, [](auto, const auto& v) { return flip(roll(v, 2, 1), {0, 2}); });
  check(x, [](auto, const auto& v) { return triu(v, 1); });
  check(x, [](auto, const auto& v) { return repeat(v, {2, 1, 3}); });
  check(x, [](auto, const auto& v) { return contiguous(permute(v, {2, 0, 1})); });
}

TEST_CASE("likelihoods of classes") {
  manual_seed(2);
  const auto classes = randint<std::int64_t>(0, 5, {70});
  check(r({70, 5}), [&](auto on, const auto& v) { return nll_loss(v, on(classes)); });
  check(r({70, 5}), [&](auto on, const auto& v) { return cross_entropy(v, on(classes)); });
}
