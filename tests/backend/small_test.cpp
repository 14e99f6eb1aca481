// SPDX-License-Identifier: MIT
// The short way of small pointwise jobs and optimizer steps: the last pack may use a block's slack and nothing else.
#include <taper/taper.hpp>

#include "../support/catch.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <complex>
#include <cstdint>
#include <vector>

using namespace taper;

namespace {

/// n elements that end where a page begins that nobody may touch.
template <class T>
class AtTheEdge {
 public:
  explicit AtTheEdge(std::int64_t n) : n_(n), page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    base_ =
        static_cast<std::byte*>(mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(static_cast<void*>(base_) != MAP_FAILED);
    REQUIRE(mprotect(base_ + page_, page_, PROT_NONE) == 0);
  }
  AtTheEdge(const AtTheEdge&) = delete;
  AtTheEdge& operator=(const AtTheEdge&) = delete;
  ~AtTheEdge() { munmap(base_, 2 * page_); }
  T* data() const { return reinterpret_cast<T*>(base_ + page_) - n_; }
  Tensor<T> tensor(T value) const {
    Tensor<T> x = from_blob(data(), {n_});
    return x.fill_(value);
  }

 private:
  std::int64_t n_;
  std::size_t page_;
  std::byte* base_;
};

}  // namespace

TEST_CASE("small jobs on foreign memory stay inside it") {
  for (const std::int64_t n : {1, 3, 15, 16, 17, 31, 33, 65}) {
    const AtTheEdge<float> memory_a(n), memory_b(n), memory_g(n);
    Tensor<float> a = memory_a.tensor(2), b = memory_b.tensor(3), g = memory_g.tensor(1);
    CHECK(sum(a * b).item() == 6.0f * static_cast<float>(n));
    a += b;
    a.requires_grad_();
    a.set_grad(g);  // the pass adds to it in place
    sum(a * a * 0.5).backward();
    optim::SGD optimizer({a}, {.lr = 1});
    optimizer.step();
    for (std::int64_t i = 0; i < n; ++i) {
      CHECK(memory_g.data()[i] == 6);
      CHECK(memory_a.data()[i] == -1);
    }
  }
}

TEST_CASE("small jobs into a view leave its neighbours alone") {
  for (const std::int64_t n : {1, 3, 8, 15, 33}) {
    Tensor<float> whole = full<float>({100}, 7);
    Tensor<float> part = whole(Slice{10, 10 + n});
    part += 1;
    part.copy_(part * 2);
    for (std::int64_t i = 0; i < 100; ++i) CHECK(whole.data_ptr()[i] == (i >= 10 && i < 10 + n ? 16 : 7));
  }
}

TEST_CASE("an optimizer's step into a view leaves its neighbours alone") {
  Tensor<float> whole = full<float>({100}, 7);
  Tensor<float> part = whole(Slice{10, 13}).detach();
  part.requires_grad_();
  sum(part * 2).backward();
  optim::SGD optimizer({part}, {.lr = 1, .momentum = 0.9});
  optimizer.step();
  for (std::int64_t i = 0; i < 100; ++i) CHECK(whole.data_ptr()[i] == (i >= 10 && i < 13 ? 5 : 7));
}

TEST_CASE("integer division looks at no idle lane") {
  // The slack behind these holds zeros: dividing by them would throw.
  const Tensor<std::int32_t> a = full<std::int32_t>({3}, 12), b = full<std::int32_t>({3}, 4);
  CHECK(equal(floor_divide(a, b), full<std::int32_t>({3}, 3)));
}

TEMPLATE_TEST_CASE("one element meets many, whatever its size", "", std::uint8_t, std::int16_t, float16, float, double,
                   std::int64_t, std::complex<float>, std::complex<double>) {
  using T = TestType;
  const Tensor<T> one = full<T>({1}, T(3));
  for (const std::int64_t n : {2, 17, 70}) CHECK(equal(full<T>({n}, T(4)) + one, full<T>({n}, T(7))));
}

TEMPLATE_TEST_CASE("sums of few elements are exact", "", std::uint8_t, std::int32_t, float, double, float16,
                   std::complex<double>) {
  using T = TestType;
  for (std::int64_t n = 0; n <= 70; ++n) {
    const Tensor<T> x = cast<T>(arange<std::int64_t>(n));
    const auto expected = static_cast<double>(n * (n - 1) / 2);
    using S = value_t<decltype(sum(x))>;
    CHECK(equal(sum(x), full<S>({}, static_cast<S>(expected))));
    CHECK(equal(sum(x + x), full<S>({}, static_cast<S>(2 * expected))));
  }
}

TEMPLATE_TEST_CASE("the gradient of a small mean is one over its size", "", float, double, float16) {
  using T = TestType;
  for (const std::int64_t n : {1, 2, 3, 17, 64}) {
    Tensor<T> x = ones<T>({n}).requires_grad_();
    mean(x * 3.0).backward();
    for (std::int64_t i = 0; i < n; ++i)
      CHECK(static_cast<double>(x.grad().data_ptr()[i]) ==
            Approx(3.0 / static_cast<double>(n)).epsilon(std::same_as<T, float16> ? 1e-3 : 1e-6));
  }
}

TEST_CASE("few elements reduce to the largest, the smallest, the product") {
  const Tensor<float> x = tensor<float>({3, -1, 4, -1.5f, 5, -9, 2, -6});
  CHECK(amax(x + 1).item() == 6);
  CHECK(amin(x + 1).item() == -8);
  CHECK(prod(x).item() == 9720);
  CHECK(sum(zeros<float>({0})).item() == 0);
  CHECK(prod(zeros<float>({0})).item() == 1);
}

TEMPLATE_TEST_CASE("a reduction of a tensor of 16-bit floats reads them as such", "", float16, bfloat16) {
  CHECK(static_cast<float>(sum(full<TestType>({5000}, TestType(1))).item()) ==
        (std::same_as<TestType, float16> ? 5000 : 4992));
  CHECK(static_cast<float>(amax(full<TestType>({40}, TestType(3))).item()) == 3);
}
