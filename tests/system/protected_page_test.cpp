// SPDX-License-Identifier: MIT
// Operands in foreign memory that begin or end at a page nobody may touch: no kernel reads before or behind them.
// Build: -O2 -DTAPER_FIRST_ORDER_ONLY
#include <taper/core/from_blob.hpp>
#include <taper/ops.hpp>

#include "tests/support/catch.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>

using namespace taper;

namespace {

/// Memory between two pages without access; the data lie at its end, or at its start.
class Fenced {
 public:
  Fenced(std::size_t bytes, bool at_end) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    size_ = (bytes + page_ - 1) / page_ * page_ + 2 * page_;
    base_ = static_cast<std::byte*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(base_ != MAP_FAILED);
    REQUIRE(mprotect(base_, page_, PROT_NONE) == 0);
    REQUIRE(mprotect(base_ + size_ - page_, page_, PROT_NONE) == 0);
    data = at_end ? base_ + size_ - page_ - bytes : base_ + page_;
  }
  Fenced(Fenced&& other) noexcept
      : data(other.data), page_(other.page_), size_(other.size_), base_(std::exchange(other.base_, nullptr)) {}
  ~Fenced() {
    if (base_) munmap(base_, size_);
  }
  std::byte* data;

 private:
  std::size_t page_, size_ = 0;
  std::byte* base_ = nullptr;
};

/// A copy of x between two protected pages.
template <class T>
Tensor<T> fenced(const Tensor<T>& x, bool at_end) {
  auto memory = std::make_shared<Fenced>(static_cast<std::size_t>(x.numel()) * sizeof(T), at_end);
  auto* data = reinterpret_cast<T*>(memory->data);
  std::copy(x.data_ptr(), x.data_ptr() + x.numel(), data);
  return from_blob(data, x.shape(), [memory](void*) {});
}

template <class T>
void check_same(const Tensor<T>& got, const Tensor<T>& expected) {
  REQUIRE(got.shape() == expected.shape());
  const Tensor<T> a = got.is_contiguous() ? got : clone(got), b = expected.is_contiguous() ? expected : clone(expected);
  // Another alignment may lead another way through a kernel, never to another value than rounding explains.
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double x = static_cast<double>(a.data_ptr()[i]), y = static_cast<double>(b.data_ptr()[i]);
    if (!(std::abs(x - y) <= 1e-4 * (1 + std::abs(y)))) FAIL("element " << i << " is " << x << ", not " << y);
  }
}

/// f over tensors in Taper's own memory and over the same between protected pages, forward and backward.
template <class F>
void check(const std::vector<Shape>& shapes, F&& f) {
  for (const bool at_end : {false, true}) {
    std::vector<Tensor<float>> own, foreign;
    Generator generator(1);
    for (const Shape& s : shapes) {
      const Tensor<float> x = rand<float>(s, generator) + 0.25f;
      own.push_back(clone(x));
      foreign.push_back(fenced(x, at_end));
    }
    for (auto* all : {&own, &foreign})
      for (auto& x : *all) x.requires_grad_();
    const Tensor<float> expected = f(own), got = f(foreign);
    check_same(got, expected);
    const Tensor<float> g = rand<float>(expected.shape(), generator);
    expected.backward(g);
    got.backward(fenced(g, at_end));
    for (std::size_t i = 0; i < own.size(); ++i)
      if (own[i].grad().defined()) check_same(foreign[i].grad(), own[i].grad());
  }
}

}  // namespace

TEST_CASE("products, in every transposition and odd size") {
  for (const std::int64_t m : {1, 3, 17, 50})
    for (const std::int64_t k : {1, 5, 33, 130})
      for (const std::int64_t n : {1, 7, 16, 47}) {
        check({{m, k}, {k, n}}, [](const auto& x) { return matmul(x[0], x[1]).eval(); });
        check({{k, m}, {k, n}}, [](const auto& x) { return matmul(x[0].t(), x[1]).eval(); });
        check({{m, k}, {n, k}}, [](const auto& x) { return matmul(x[0], x[1].t()).eval(); });
        check({{k, m}, {n, k}}, [](const auto& x) { return matmul(x[0].t(), x[1].t()).eval(); });
        check({{m, k}, {n, k}, {n}}, [](const auto& x) { return linear(x[0], x[1], x[2]).eval(); });
      }
  check({{3, 5, 19}, {3, 19, 11}}, [](const auto& x) { return matmul(x[0], x[1]).eval(); });
  check({{210, 190}, {190, 230}}, [](const auto& x) { return matmul(x[0], x[1]).eval(); });
}

TEST_CASE("convolutions and pools") {
  for (const std::int64_t side : {5, 9, 20})
    for (const std::int64_t channels : {1, 3, 16}) {
      check({{2, channels, side, side}, {5, channels, 3, 3}, {5}},
            [](const auto& x) { return conv2d(x[0], x[1], x[2], {.padding = 1}).eval(); });
      check({{2, channels, side, side}, {5, channels, 2, 3}, {5}},
            [](const auto& x) { return conv2d(x[0], x[1], x[2], {.stride = 2}).eval(); });
      check({{2, channels, side, side}, {channels, 1, 3, 3}},
            [&](const auto& x) { return conv2d(x[0], x[1], {}, {.padding = 1, .groups = channels}).eval(); });
      check({{2, channels, side, side}, {channels, 4, 3, 3}},
            [](const auto& x) { return conv_transpose2d(x[0], x[1], {}, {.stride = 2}).eval(); });
      check({{2, channels, side, side}}, [](const auto& x) { return max_pool2d(x[0], 2); });
      check({{2, channels, side, side}}, [](const auto& x) { return avg_pool2d(x[0], 2); });
    }
  check({{2, 3, 29}, {4, 3, 5}, {4}}, [](const auto& x) { return conv1d(x[0], x[1], x[2]).eval(); });
}

TEST_CASE("pointwise expressions, reductions, softmax, norms") {
  for (const std::int64_t n : {1, 3, 8, 31, 100, 1025}) {
    check({{n}, {n}}, [](const auto& x) { return (tanh(x[0] * 2 + x[1]) * exp(-x[1]) + log(x[0])).eval(); });
    check({{7, n}, {n}, {7, 1}}, [](const auto& x) { return (x[0] * x[1] + sigmoid(x[2])).eval(); });
    check({{n, 7}}, [](const auto& x) { return (x[0].t() * 2).eval(); });
    check({{n, 7}}, [](const auto& x) { return sum(x[0], 0); });
    check({{7, n}}, [](const auto& x) { return mean(square(x[0]), 1); });
    check({{7, n}}, [](const auto& x) { return logsumexp(x[0], 1); });
    check({{7, n}}, [](const auto& x) { return cumsum(x[0], 1); });
    check({{7, n}}, [](const auto& x) { return softmax(x[0], 1); });
    check({{n, 7}}, [](const auto& x) { return log_softmax(x[0], 0); });
    check({{7, n}, {n}, {n}}, [n](const auto& x) { return layer_norm(x[0], {n}, x[1], x[2]); });
    check({{4, n, 6}, {n}, {n}}, [](const auto& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true).eval(); });
    check({{9, n}, {n}, {n}}, [](const auto& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true).eval(); });
    for (const bool at_end : {false, true}) {
      const Tensor<float> x = rand<float>({n});
      check_same(where(fenced<bool>((x > 0.5f).eval(), at_end), fenced(x, at_end), 0.0f).eval(),
                 where(x > 0.5f, x, 0.0f).eval());
      const Tensor<std::uint8_t> bytes = cast<std::uint8_t>(arange(n)).eval();
      check_same((fenced(bytes, at_end) * fenced(x, at_end)).eval(), (bytes * x).eval());
      const Tensor<double> wide = cast<double>(x).eval();
      check_same((fenced(wide, at_end) + fenced(x, at_end)).eval(), (wide + x).eval());
    }
  }
}
