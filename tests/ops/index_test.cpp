// SPDX-License-Identifier: MIT
// Indexing with integers, slices, index tensors and masks, read and written, against PyTorch and by hand.
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/inplace.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

using Index = Tensor<std::int64_t>;

/// 0, 1, 2, ... in the given shape.
Tensor<float> counted(const Shape& shape) { return view(arange<float>(shape.numel()), shape); }

}  // namespace

TEST_CASE("indexing reads what PyTorch reads, with its gradients") {
  const golden::File file("structural");
  const auto at = [&](const char* key) { return device::there(file.tensor<std::int64_t>(key)); };
  check_both(file, "index.tensor", {"x"}, [&](const auto& x) { return x[0](at("index.tensor/index")).eval(); });
  for (const char* name : {"index.two_tensors", "index.two_broadcast"}) {
    const std::string key = name;
    check_both(file, key, {"x"},
               [&](const auto& x) { return x[0](at((key + "/i").c_str()), at((key + "/j").c_str())).eval(); });
  }
  check_both(file, "index.apart", {"x"},
             [&](const auto& x) { return x[0](at("index.apart/i"), Slice{}, at("index.apart/j")).eval(); });
  check_both(file, "index.slice_tensor", {"x"}, [&](const auto& x) {
    return x[0](Slice{1, 3}, at("index.slice_tensor/i")).eval();
  });
  check_both(file, "index.mask", {"x"},
             [&](const auto& x) { return x[0](device::there(file.tensor<bool>("index.mask/mask"))).eval(); });
  check_both(file, "index.steps", {"x"}, [&](const auto& x) {
    return x[0](ellipsis, Slice{1, open_end, 2}, none, -1);
  });
}

TEST_CASE("integers, slices, ellipsis and none give views") {
  Tensor<float> x = counted({4, 3, 2});
  CHECK(x(1).data_ptr() == x.data_ptr() + 6);
  CHECK(x(1).shape() == Shape{3, 2});
  CHECK(x(-1, Slice{1, 3}).shape() == Shape{2, 2});
  CHECK(x(-1, Slice{1, 3}).data_ptr() == x.data_ptr() + 20);
  CHECK(x(ellipsis, 1).shape() == Shape{4, 3});
  CHECK(x(ellipsis, 1).data_ptr() == x.data_ptr() + 1);
  CHECK(x(none, Slice{}, none, 0, ellipsis).shape() == Shape{1, 4, 1, 2});
  CHECK(x(Slice{open_end, open_end, 3}).shape() == Shape{2, 3, 2});
  CHECK(x(Slice{10, 20}).shape() == Shape{0, 3, 2});
  CHECK(x(0, 1, 1).item() == 3);
  CHECK(x().data_ptr() == x.data_ptr());
  const Tensor<float> constant = x;
  static_assert(std::is_same_v<decltype(constant(0)), const Tensor<float>>);
  CHECK(constant(1, 2, 0).item() == 10);
  check_equal((x + 1.f)(1, 2), tensor<float>({11, 12}));
  auto named = x + 1.f;
  check_equal(named(tensor({1, 3}), 0), x(tensor({1, 3}), 0) + 1.f);
  Tensor<float> rank_0 = tensor<float>(3);
  CHECK(rank_0(ellipsis).item() == 3);
  CHECK(rank_0(none).shape() == Shape{1});
}

TEST_CASE("an index list known at run time") {
  const Tensor<float> x = counted({4, 3, 2});
  check_equal(index(x, {1, Slice{0, 2}}), x(1, Slice{0, 2}));
  check_equal(index(x, {ellipsis, tensor({1, 1, 0})}), x(ellipsis, tensor({1, 1, 0})));
}

TEST_CASE("writing through views") {
  Tensor<float> x = counted({2, 3});
  x(0, Slice{1, 3}) = tensor<float>({10, 20});
  x(1, 0) = -1.f;
  x[1] = x(1) + 100.f;
  check_equal(x, tensor<float>({{0, 10, 20}, {99, 104, 105}}));
  x(0) += 1.f;
  x(0, 0) -= 1.f;
  x(Slice{0, 1}) = x(Slice{1, 2});
  check_equal(x, tensor<float>({{99, 104, 105}, {99, 104, 105}}));
}

TEST_CASE("writing through index tensors and masks") {
  Tensor<float> x = counted({4, 3});
  const Index rows = tensor({3, 0});
  x(rows) = tensor<float>({{1, 2, 3}, {4, 5, 6}});
  check_equal(x, tensor<float>({{4, 5, 6}, {3, 4, 5}, {6, 7, 8}, {1, 2, 3}}));
  x(x > 4.5f) = 0.f;
  check_equal(x, tensor<float>({{4, 0, 0}, {3, 4, 0}, {0, 0, 0}, {1, 2, 3}}));
  x(rows, 1) += 10.f;
  x(rows, Slice{0, 1}) *= 2.f;
  check_equal(x, tensor<float>({{8, 10, 0}, {3, 4, 0}, {0, 0, 0}, {2, 12, 3}}));
  x(tensor({0, 0, 0}), tensor({2, 2, 2})) = tensor<float>({5, 6, 7});  // the last one wins
  CHECK(x(0, 2).item() == 7);
  x(Slice{1, 3}, tensor({2, 0})) = tensor<float>({-1, -2});  // broadcast, behind a slice
  check_equal(x, tensor<float>({{8, 10, 7}, {-2, 4, -1}, {-2, 0, -1}, {2, 12, 3}}));
  x(tensor({0, 1})) = x(tensor({1, 0}));  // read in full before it is written
  check_equal(x(Slice{0, 2}), tensor<float>({{-2, 4, -1}, {8, 10, 7}}));
  Tensor<std::int64_t> n = tensor({1, 2, 3});
  n(n > 1) = 0;
  check_equal(n, tensor({1, 0, 0}));
  Tensor<bool> b = tensor({true, false});
  b(tensor({1})) = true;
  check_equal(b, tensor({true, true}));
}

TEST_CASE("several masks and indices, PyTorch's order of the result's axes") {
  const Tensor<float> x = counted({2, 3, 4});
  const Tensor<bool> mask = tensor({true, false, true});
  CHECK(x(Slice{}, mask).shape() == Shape{2, 2, 4});
  CHECK(x(0, mask, tensor({1, 3})).shape() == Shape{2});
  check_equal(x(0, mask, tensor({1, 3})), tensor<float>({1, 11}));
  CHECK(x(tensor({0, 1}), Slice{}, tensor({{0}, {1}, {2}})).shape() == Shape{3, 2, 3});
  CHECK(x(tensor({0}), none, tensor({0})).shape() == Shape{1, 1, 4});
  // A 0-dim index is an integer.
  check_equal(x(tensor(1)), x[1]);
  check_equal(x(tensor(-1), tensor({0, 2})), x(-1, tensor({0, 2})));
  // A 0-dim mask chooses all or nothing along a new axis.
  CHECK(x(tensor(true)).shape() == Shape{1, 2, 3, 4});
  CHECK(x(tensor(false)).shape() == Shape{0, 2, 3, 4});
  CHECK(x(zeros<std::int64_t>({0})).shape() == Shape{0, 3, 4});
  CHECK(x(zeros<bool>({2, 3})).shape() == Shape{0, 4});
}

TEST_CASE("index_put accumulates, one after another") {
  Tensor<float> x = zeros<float>({3});
  const Index twice = tensor({1, 1, -1});
  index_put_(x, {twice}, tensor<float>({1, 2, 3}), true);
  check_equal(x, tensor<float>({0, 3, 3}));
  check_equal(index_put(x, {twice}, 1.f, true), tensor<float>({0, 5, 4}));
  check_equal(index_put(x, {0}, 1.f, true), tensor<float>({1, 3, 3}));
  // Sums of halves are rounded once.
  Tensor<float16> h = zeros<float16>({1});
  index_put_(h, {zeros<std::int64_t>({4096})}, static_cast<float16>(1.f), true);
  CHECK(static_cast<float>(h.item()) == 4096);
}

TEST_CASE("gradients of reading and writing meet central differences, also of second order") {
  const auto i = device::there(tensor({2, 0, 2})), j = device::there(tensor({1, 1, 0}));
  check_gradients({irregular({3, 2, 2})}, [&](const auto& x) { return (x[0](i, j) * x[0](i, j)).eval(); });
  check_gradients({irregular({3, 2, 2})}, [&](const auto& x) {
    return square(x[0](Slice{1, 3}, ellipsis, j)).eval();
  });
  check_gradients({irregular({3, 2}), irregular({3, 2})}, [&](const auto& x) {
    Tensor<double, device::D> y = x[0] * 1.0;
    y(i) = square(x[1]);  // row 2 is written twice: the first value is lost
    return square(y).eval();
  });
  check_gradients({irregular({3, 2}), irregular({2})}, [&](const auto& x) {
    Tensor<double, device::D> y = square(x[0]);
    y(Slice{0, 2}, device::there(tensor({1, 0}))) = x[1];  // broadcast, through a view
    y(device::there(tensor({0, 1}))) *= y(device::there(tensor({1, 2})));
    return square(y).eval();
  });
  check_gradients({irregular({3, 2}), irregular({3, 2})},
                  [&](const auto& x) { return square(index_put(square(x[0]), {i}, x[1], true)).eval(); });
  check_gradients({irregular({4})}, [&](const auto& x) {
    Tensor<double, device::D> y = square(x[0]);
    y(device::there(tensor({true, false, true, false}))) = 0.0;
    return square(y).eval();
  });
}

TEST_CASE("a wrong index is an error before anything is written") {
  Tensor<float> x = counted({4, 3, 2});
  const Tensor<float> before = clone(x);
  CHECK_THROWS_WITH(x(4), StartsWith("[index]") && Contains("index 4 is out of range for axis 0 of size 4"));
  CHECK_THROWS_WITH(x(0, -4), Contains("index -4 is out of range for axis 1 of size 3"));
  CHECK_THROWS_AS(x(0, 0, 0, 0), IndexError);
  CHECK_THROWS_AS(x(ellipsis, ellipsis), IndexError);
  CHECK_THROWS_WITH(x(0, tensor({1, 3})) = 0.f, Contains("index 3 is out of range for axis 1 of size 3"));
  CHECK_THROWS_AS(x(tensor({0, -5})) = 0.f, IndexError);
  CHECK_THROWS_AS(x(tensor({true, false})), IndexError);
  CHECK_THROWS_AS(x(tensor({0, 1}), tensor({0, 1, 2})), ShapeError);
  CHECK_THROWS_AS(x(tensor({0, 1})) = zeros<float>({3}), ShapeError);
  CHECK_THROWS_AS(x(Slice{0, 1, -1}), ValueError);
  Tensor<float> wide = expand(zeros<float>({1, 2}), {3, 2});
  CHECK_THROWS_WITH(wide(tensor({0})) = 1.f, Contains("overlaps itself"));
  Tensor<float> leaf = counted({3});
  leaf.requires_grad_();
  CHECK_THROWS_AS(leaf(tensor({0})) = 1.f, AutogradError);
  {
    const NoGrad guard;
    leaf(tensor({0})) = 1.f;
    CHECK(leaf[0].item() == 1);
  }
  check_equal(x, before);
  // An expression of chosen elements notices that they were changed before it was evaluated.
  auto chosen = x(tensor({0}));
  x.fill_(0);
  CHECK_THROWS_AS(chosen.eval(), ValueError);
}

TEST_CASE("a saved tensor that an indexed write changed is noticed") {
  Tensor<float> x = counted({3});
  x.requires_grad_();
  Tensor<float> y = x * 2.f, z = y * y;
  y(tensor({0})) = 1.f;
  CHECK_THROWS_AS(sum(z).backward(), AutogradError);
}
