// SPDX-License-Identifier: MIT
// Where an expression is not a Tensor, and other surprises: the code of pitfalls.md.
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

// Takes tensors alone: doubled_tensor(a + b) does not compile, because a + b is no Tensor<T> from which T could follow.
template <Scalar T>
Tensor<T> doubled_tensor(const Tensor<T>& x) {
  return x * 2;
}

// Takes tensors and expressions, and fuses with both.
template <TensorLike X>
auto doubled(X&& x) {
  return std::forward<X>(x) * 2;
}

int failed = 0;
void check(bool good, const char* what) {
  if (good) return;
  std::printf("wrong: %s\n", what);
  failed = 1;
}

int main() {
  const auto a = tensor<float>({1, 2}), b = tensor<float>({3, 4});
  {
    auto y = doubled(a + b);                          // an expression
    Tensor<float> z = doubled_tensor(Tensor(a + b));  // Tensor(...) evaluates, and finds the dtype itself
    check(equal(y, z), "templates");
  }
  {
    const auto scale = [](const Tensor<float>& x, bool twice) -> Tensor<float> {  // without -> it does not compile
      if (twice) return x * 2;
      return x;
    };
    check(equal(scale(a, true), a + a) && equal(scale(a, false), a), "lambda");
  }
  {
    std::vector<Tensor<float>> parts{a + b, a};  // std::vector parts{a + b, a} does not compile
    std::vector lazy{a + b, a + b};              // a vector of expressions: no other kind goes into it
    parts.push_back(a * b);
    check(cat(parts).numel() == 6 && lazy.size() == 2, "containers");
  }
  {
    Tensor<float> h = a;  // with auto h = a * 2, the assignment below does not compile
    for (int i = 0; i < 3; ++i) h = relu(h * 2);
    check(equal(h, a * 8), "assignment");
  }
  {
    const auto x = randn<float>({64, 100}), w = randn<float>({256, 100}), r = randn<float>({64, 256});
    const Tensor<float> fused = relu(linear(x, w) + r);  // one pass: each part of the product is finished in the cache
    const auto product = linear(x, w);                   // has a name: it is stored, since it may be asked for again
    const Tensor<float> apart = relu(product + r);       // a pass of its own
    check(equal(fused, apart), "a product with what follows");
  }
  {
    Tensor<float> x = clone(a);
    auto later = x * 2;  // computes nothing yet
    x += 1;
    try {
      const Tensor<float> y = later;
      check(false, "a changed operand is used");
    } catch (const ValueError&) {
    }
    auto stored = Tensor(x * 2);  // computed here
    x += 1;
    check(equal(stored, (a + 1) * 2), "in place");
  }
  {
    Tensor<float> x = zeros<float>({2, 2});
    x[0] = a;         // writes into x
    auto row = x[1];  // a view that has a name: assigning to it gives the name another tensor
    row = b;
    check(x.sum().item() == 3, "rebinding");
    x[1].copy_(b);  // writes into x; so do row.copy_(b) and row += b
    check(x.sum().item() == 10, "writing");
  }
  {
    Tensor<float> x = clone(a), same = x, other = clone(x);
    same += 1;
    check(equal(x, a + 1) && equal(other, a), "copies share their elements");
  }
  {
    if (equal(a, b)) check(false, "equal");   // one bool
    const Tensor<bool> where_equal = a == b;  // pointwise: if (a == b) does not compile
    if (any(a > 1).item() && all(where_equal).item()) check(false, "any and all");
  }
  {
    const auto swish = let(a + b, [](auto v) { return v * sigmoid(v); });  // a + b once, in registers
    const auto sum_of_both = a + b;                                        // a + b once, in memory
    check(all(isclose(swish, sum_of_both * sigmoid(sum_of_both))).item(), "let");
  }
  return failed;
}
