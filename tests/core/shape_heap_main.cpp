// SPDX-License-Identifier: MIT
// Shapes, strides, indices and views never touch the heap; views of tensors take their records from the cache.
// Build: -O2 -DTAPER_FIRST_ORDER_ONLY
#include "tests/support/counting.hpp"

#include <taper/core/factory.hpp>
#include <taper/core/view.hpp>
#include <taper/ops/view.hpp>

#include <cstdio>
#include <type_traits>

using namespace taper;

static_assert(std::is_trivially_copyable_v<Shape> && std::is_trivially_copyable_v<detail::ViewOp>);

#if COUNTS_ALLOCATIONS
namespace {

std::int64_t shapes() {
  const std::int64_t before = counting::mine;
  std::int64_t sink = 0;
  for (int i = 1; i < 100; ++i) {
    Shape a{2, 3, 1, i, 5, 1, 2, 2};
    Shape b = Shape::filled(3, 1);
    b.insert(1, i);
    b.erase(2);
    b.push_back(2);
    const Shape both = detail::broadcast_shapes("test", a, Shape{1, 2});
    const Strides strides = detail::contiguous_strides(both);
    sink += both.numel() + b.numel() + detail::broadcast_strides(Shape{1, 2}, Strides{2, 1}, both)[0] +
            detail::is_contiguous(both, strides);
    const detail::ViewOp slice = detail::resolve("test", Slice{0, -1, 2}, 3, i + 1);
    sink +=
        detail::apply(slice, {Shape{2, 3, 4, i + 1}, detail::contiguous_strides({2, 3, 4, i + 1}), 0}).shape.numel();
    a = both;
    std::swap(a, b);
    sink += a == b;
  }
  if (sink == 0) std::puts("");
  return counting::mine - before;
}

std::int64_t views(const Tensor<float>& x) {
  const std::int64_t before = counting::mine;
  std::int64_t sink = 0;
  for (int i = 0; i < 100; ++i) {
    sink += permute(x, {2, 0, 1}).shape()[0] + transpose(x, 0, 1).shape()[1] + reshape(x, {-1, 4}).shape()[0];
    sink += unsqueeze(x, 0).numel() + expand(x, {5, 2, 3, 4}).numel() + narrow(x, 2, 1, 2).numel() +
            select(x, 0, 1).numel();
  }
  if (sink == 0) std::puts("");
  return counting::mine - before;
}

}  // namespace

int main() {
  const std::int64_t of_shapes = shapes();
  const Tensor<float> x = zeros<float>({2, 3, 4});
  views(x);
  const std::int64_t of_views = views(x);
  delete new int;  // the counter counts
  std::printf("shapes: %lld requests, views: %lld, in all %lld\n", static_cast<long long>(of_shapes),
              static_cast<long long>(of_views), static_cast<long long>(counting::mine));
  return of_shapes != 0 || of_views != 0 || counting::mine == 0;
}
#else
int main() { std::puts("left out: allocations are counted with the GNU C library and without sanitizers"); }
#endif
