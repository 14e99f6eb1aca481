// SPDX-License-Identifier: MIT
// Shapes, strides, broadcasting, view geometry and slices on numbers alone.

#include <taper/core/index.hpp>
#include <taper/core/shape.hpp>
#include <taper/core/view.hpp>

#include <string>

#include "tests/support/catch.hpp"

using namespace taper;
using detail::Geometry;
using detail::ViewOp;

namespace {

Geometry dense(const Shape& shape) { return {shape, detail::contiguous_strides(shape), 0}; }

template <class E, class F>
void check_error(F&& f, const std::string& part) {
  std::string message = "no error";
  try {
    f();
  } catch (const E& error) {
    message = error.what();
  }
  INFO(message);
  CHECK(message.find(part) != message.npos);
}

}  // namespace

TEST_CASE("a list of sizes") {
  Shape s{2, 3, 4};
  CHECK(s.size() == 3);
  CHECK(s.numel() == 24);
  CHECK(s[1] == 3);
  CHECK(s.at(-1) == 4);
  CHECK(s.back() == 4);
  s.insert(1, 7);
  CHECK(s == Shape{2, 7, 3, 4});
  s.insert(4, 9);
  CHECK(s == Shape{2, 7, 3, 4, 9});
  s.erase(0);
  CHECK(s == Shape{7, 3, 4, 9});
  CHECK(s != Shape{7, 3, 4});
  CHECK(Shape{}.empty());
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{3, 0}.numel() == 0);
  CHECK(Dims::filled(3, 5) == Dims{5, 5, 5});
  std::int64_t sum = 0;
  for (const std::int64_t v : Shape{1, 2, 3}) sum += v;
  CHECK(sum == 6);
  static_assert(Shape{2, 3}.numel() == 6);
}

TEST_CASE("text") {
  CHECK(to_string(Shape{}) == "()");
  CHECK(to_string(Shape{5}) == "(5,)");
  CHECK(to_string(Shape{2, -1}) == "(2, -1)");
}

TEST_CASE("at most eight dimensions") {
  CHECK((Shape{1, 2, 3, 4, 5, 6, 7, 8}).size() == 8);
  check_error<ShapeError>([] { return Shape{1, 2, 3, 4, 5, 6, 7, 8, 9}; }, "at most 8 dimensions, not 9");
  check_error<ShapeError>([] { Dims::filled(8, 1).push_back(1); }, "at most 8 dimensions");
  check_error<ShapeError>([] { Dims::filled(8, 1).insert(0, 1); }, "at most 8 dimensions");
}

TEST_CASE("dense strides") {
  CHECK(detail::contiguous_strides({2, 3, 4}) == Strides{12, 4, 1});
  CHECK(detail::contiguous_strides({}) == Strides{});
  CHECK(detail::contiguous_strides({2, 0, 4}) == Strides{4, 4, 1});
  CHECK(detail::is_contiguous({2, 3}, {3, 1}));
  CHECK(!detail::is_contiguous({2, 3}, {1, 2}));
  CHECK(detail::is_contiguous({2, 1, 3}, {3, 77, 1}));  // the step of a size of 1 is never taken
  CHECK(detail::is_contiguous({0, 3}, {9, 9}));
  CHECK(!detail::is_contiguous({2, 2}, {0, 1}));
}

TEST_CASE("axes from the back") {
  CHECK(detail::wrap_axis("t", 1, 3) == 1);
  CHECK(detail::wrap_axis("t", -1, 3) == 2);
  CHECK(detail::wrap_axis("t", -3, 3) == 0);
  CHECK(detail::wrap_axis("t", 0, 0) == 0);
  CHECK(detail::wrap_axis("t", -1, 0) == 0);
  check_error<IndexError>([] { return detail::wrap_axis("t", 3, 3); },
                          "[t] axis 3 is out of range for 3 dimensions: use -3 to 2");
  check_error<IndexError>([] { return detail::wrap_axis("t", -4, 3); }, "axis -4");
  check_error<IndexError>([] { return detail::wrap_axis("t", 1, 0); }, "axis 1");
}

TEST_CASE("sizes that cannot be") {
  CHECK_NOTHROW(detail::check_shape("t", {std::int64_t{1} << 58}));
  CHECK_NOTHROW(detail::check_shape("t", {0, 5}));
  check_error<ShapeError>([] { detail::check_shape("t", {3, -1}); }, "(3, -1) has a negative size");
  check_error<ShapeError>([] { detail::check_shape("t", {(std::int64_t{1} << 58) + 1}); }, "too many elements");
  check_error<ShapeError>(
      [] {
        detail::check_shape("t", {std::int64_t{1} << 32, std::int64_t{1} << 32});
      },
      "too many elements");
  check_error<ShapeError>(
      [] {
        detail::check_shape("t", {0, std::int64_t{1} << 40, std::int64_t{1} << 40});
      },
      "too many elements");
}

TEST_CASE("broadcasting") {
  const auto both = [](const Shape& a, const Shape& b) {
    const Shape out = detail::broadcast_shapes("t", a, b);
    CHECK(detail::broadcast_shapes("t", b, a) == out);
    return out;
  };
  CHECK(both({2, 3}, {2, 3}) == Shape{2, 3});
  CHECK(both({2, 1}, {3}) == Shape{2, 3});
  CHECK(both({4, 1, 3}, {5, 1}) == Shape{4, 5, 3});
  CHECK(both({}, {2}) == Shape{2});
  CHECK(both({0}, {1}) == Shape{0});
  CHECK(both({3, 0}, {1, 1}) == Shape{3, 0});
  check_error<ShapeError>([] { return detail::broadcast_shapes("add", {2, 3}, {4}); },
                          "[add] the shapes (2, 3) and (4,) cannot be broadcast: size 3 meets 4 in dimension -1");
  check_error<ShapeError>(
      [] {
        return detail::broadcast_shapes("add", {2, 3}, {3, 3});
      },
      "size 2 meets 3 in dimension -2");
  check_error<ShapeError>([] { return detail::broadcast_shapes("add", {0}, {2}); }, "cannot be broadcast");
  CHECK(detail::broadcast_strides({2, 1, 3}, {3, 3, 1}, {5, 2, 4, 3}) == Strides{0, 3, 0, 1});
  CHECK(detail::broadcast_strides({}, {}, {2, 2}) == Strides{0, 0});
}

TEST_CASE("strides of a view") {
  Strides out;
  CHECK(detail::view_strides(dense({2, 3, 4}), {6, 4}, out));
  CHECK(out == Strides{4, 1});
  CHECK(detail::view_strides(dense({2, 3, 4}), {2, 2, 6}, out));
  CHECK(out == Strides{12, 6, 1});
  CHECK(detail::view_strides(dense({6}), {1, 2, 1, 3}, out));
  CHECK(detail::is_contiguous({1, 2, 1, 3}, out));
  CHECK(detail::view_strides({{2, 3}, {6, 2}, 0}, {6}, out));
  CHECK(out == Strides{2});
  CHECK(detail::view_strides({{3, 2}, {1, 3}, 0}, {3, 2, 1}, out));
  CHECK((out[0] == 1 && out[1] == 3));
  CHECK(!detail::view_strides({{3, 2}, {1, 3}, 0}, {6}, out));
  CHECK(!detail::view_strides({{2, 3}, {4, 1}, 0}, {6}, out));
  CHECK(detail::view_strides({{2, 3}, {0, 0}, 0}, {6}, out));
  CHECK(out == Strides{0});
  CHECK(detail::view_strides(dense({0, 3}), {3, 0}, out));
}

TEST_CASE("one size of a view may be left open") {
  CHECK(detail::infer_shape("view", {-1, 4}, {2, 3, 4}) == Shape{6, 4});
  CHECK(detail::infer_shape("view", {24}, {2, 3, 4}) == Shape{24});
  CHECK(detail::infer_shape("view", {-1}, {}) == Shape{1});
  check_error<ShapeError>([] { return detail::infer_shape("view", {-1, -1}, {4}); }, "only one size");
  check_error<ShapeError>([] { return detail::infer_shape("view", {-2, 2}, {4}); }, "negative");
  check_error<ShapeError>([] { return detail::infer_shape("view", {-1, 3}, {4}); }, "cannot be seen as");
  check_error<ShapeError>([] { return detail::infer_shape("view", {-1, 0}, {0, 4}); }, "cannot be seen as");
  check_error<ShapeError>([] { return detail::infer_shape("view", {5}, {4}); }, "4 elements are not 5");
}

TEST_CASE("geometry of views") {
  const auto apply = [](const Geometry& g, ViewOp::Kind kind, int dim, std::int64_t a = 0, std::int64_t b = 0,
                        std::int64_t c = 0, Dims dims = {}) {
    ViewOp op;
    op.kind = kind, op.dim = dim, op.a = a, op.b = b, op.c = c, op.dims = dims;
    return detail::apply(op, g);
  };
  const Geometry g = dense({2, 3, 4});
  const auto is = [](const Geometry& x, const Shape& shape, const Strides& strides, std::int64_t offset) {
    CHECK(x.shape == shape);
    CHECK(x.strides == strides);
    CHECK(x.offset == offset);
  };
  is(apply(g, ViewOp::permute, 0, 0, 0, 0, {2, 0, 1}), {4, 2, 3}, {1, 12, 4}, 0);
  is(apply(g, ViewOp::slice, 2, 1, 2, 2), {2, 3, 2}, {12, 4, 2}, 1);
  is(apply(g, ViewOp::select, 1, 2), {2, 4}, {12, 1}, 8);
  is(apply(dense({3, 1}), ViewOp::expand, 0, 0, 0, 0, {2, 3, 5}), {2, 3, 5}, {0, 1, 0}, 0);
  is(apply(dense({2, 1, 3}), ViewOp::squeeze, 1), {2, 3}, {3, 1}, 0);
  is(apply(dense({2, 3}), ViewOp::unsqueeze, 1), {2, 1, 3}, {3, 3, 1}, 0);
  is(apply(dense({2, 3}), ViewOp::unsqueeze, 2), {2, 3, 1}, {3, 1, 1}, 0);
  is(apply(dense({7}), ViewOp::unfold, 0, 3, 2), {3, 3}, {2, 1}, 0);
  is(apply(dense({3, 4}), ViewOp::diagonal, 0, 1, 1), {3}, {5}, 1);
  is(apply(dense({3, 4}), ViewOp::diagonal, 0, -1, 1), {2}, {5}, 4);
  is(apply(dense({3, 4}), ViewOp::diagonal, 0, 9, 1), {0}, {5}, 0);
  check_error<ShapeError>([&] { return apply({{3, 2}, {1, 3}, 0}, ViewOp::view, 0, 0, 0, 0, {6}); }, "use reshape");
}

TEST_CASE("slices as Python's") {
  const auto resolve = [](const Slice& s, std::int64_t size) {
    const ViewOp op = detail::resolve("index", s, 0, size);
    return Dims{op.a, op.b, op.c};
  };
  CHECK(resolve({}, 5) == Dims{0, 5, 1});
  CHECK(resolve({1, 3}, 5) == Dims{1, 2, 1});
  CHECK(resolve({-2}, 5) == Dims{3, 2, 1});
  CHECK(resolve({open_end, -1}, 5) == Dims{0, 4, 1});
  CHECK(resolve({0, 5, 2}, 5) == Dims{0, 3, 2});
  CHECK(resolve({3, 1}, 5) == Dims{3, 0, 1});
  CHECK(resolve({7, 9}, 5) == Dims{5, 0, 1});
  CHECK(resolve({-9, 9}, 5) == Dims{0, 5, 1});
  CHECK(resolve({}, 0) == Dims{0, 0, 1});
  check_error<ValueError>([&] { return resolve({0, 5, -1}, 5); }, "must be positive");
  CHECK(detail::resolve("index", -1, 0, 5).a == 4);
  check_error<IndexError>([] { return detail::resolve("index", 5, 0, 5); },
                          "index 5 is out of range for axis 0 of size 5");
  check_error<IndexError>([] { return detail::resolve("index", -6, 0, 5); }, "index -6");
}
