// SPDX-License-Identifier: MIT
// Of several devices of one type, a thread computes with the tensors of its own alone; those of others it looks at and brings home.
// Needs: thrust
// Build: -fno-sanitize=null
#include <taper/core/from_blob.hpp>
#include <taper/core/print.hpp>
#include <taper/eval/grad.hpp>
#include <taper/interop/dlpack.hpp>
#include <taper/nn/clip.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/ops.hpp>
#include <taper/optim/adam.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <sstream>

#include "tests/support/counting_system.hpp"
#include "tests/support/golden.hpp"

using namespace taper;

namespace {

int current = 0, &launches = CountingSystem::launches;
struct SeveralSystem : CountingSystem {
  static int index() { return current; }
};
using Several = BasicThrust<SeveralSystem>;
template <class T>
using There = Tensor<T, Several>;

/// This thread works on a device for a while.
struct On {
  int before = current;
  explicit On(int device) { current = device; }
  ~On() { current = before; }
};

template <class T>
There<T> on(int device, const Tensor<T>& x) {
  const On guard(device);
  return to<Several>(x);
}
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const DeviceError& e) {
    return e.what();
  }
  FAIL("no DeviceError was thrown");
  return {};
}

/// Where the operands of a call lie, in the order in which it asks for them.
struct Places {
  int others, odd = -1;  // the number of the one that is on device 1
  std::vector<std::function<bool()>> unchanged{};
  template <class T>
  There<T> operator()(const Tensor<T>& x) {
    const There<T> out = on(static_cast<int>(unchanged.size()) == odd ? 1 : others, x);
    unchanged.push_back([out, x] { return std::memcmp(out.record().data, x.data_ptr(), static_cast<std::size_t>(x.numel()) * sizeof(T)) == 0; });
    return out;
  }
};

/// f(at) makes operands with at(x) and returns a call with them. It runs where all of them are on the current device. Where one, or
/// all, are on another it throws and changes none. Where all are, nothing was launched but what `makes` tensors of the call's own.
template <class F>
void check(const char* name, F f, int makes = 0) {
  INFO(name);
  Places there{1};
  {
    const On guard(1);
    auto call = f(there);
    REQUIRE_NOTHROW(call());
  }
  const int operands = static_cast<int>(there.unchanged.size());
  for (int odd = -1; odd < operands; ++odd) {
    INFO((odd < 0 ? "all operands " : "operand ") << odd);
    Places at{odd < 0 ? 1 : 0, odd};
    auto call = f(at);
    launches = 0;
    CHECK_THROWS_AS(call(), DeviceError);
    if (odd < 0) CHECK(launches == makes);
    CHECK(std::all_of(at.unchanged.begin(), at.unchanged.end(), [](const auto& holds) { return holds(); }));
  }
}

Tensor<float> numbers(const Shape& shape) {
  Tensor<float> x(base::make_dense<Cpu>(DType::float32, shape));
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data_ptr()[i] = static_cast<float>((i * 7) % 5) * 0.25f + 0.125f;
  return x;
}
const auto index_of = [](const Shape& shape) { return zeros<std::int64_t>(shape); };

}  // namespace

TEST_CASE("tensors of two devices do not meet in one expression") {
  const Tensor<float> ones_ = ones<float>({2, 3});
  auto a = on(0, ones_), b = on(1, ones_);
  CHECK(message([&] { (void)eval(a * 2.0f + b); }) ==
        "[evaluate] a tensor of shape (2, 3) is on GPU 1, this thread works on GPU 0: write cuda::DeviceGuard guard(1), or move it through "
        "the host, to<Cpu>(x)");
  CHECK_THROWS_AS(sum(a * b), DeviceError);
  CHECK_THROWS_AS(sum(b), DeviceError);
  CHECK_THROWS_AS(b.copy_(1.0f * a), DeviceError);
  CHECK_THROWS_AS(eval(exp(view(b, {3, 2}))), DeviceError);
  current = 1;
  check_equal(to<Cpu>(eval(b + 1.0f)), full<float>({2, 3}, 2));
  const auto blob = from_blob<float, Several>(b.data_ptr(), {2, 3});
  check_equal(to<Cpu>(eval(b + blob)), full<float>({2, 3}, 2));
  current = 0;
  CHECK_THROWS_AS(eval(a + blob), DeviceError);
}

TEST_CASE("a tensor of another device gives its pointer to nobody") {
  auto b = on(1, ones<float>({2, 3}));
  CHECK(message([&] { (void)b.data_ptr(); }) ==
        "[data_ptr] a tensor of shape (2, 3) is on GPU 1, this thread works on GPU 0: write cuda::DeviceGuard guard(1), or move it through "
        "the host, to<Cpu>(x)");
  CHECK_THROWS_AS(std::as_const(b).data_ptr(), DeviceError);
  const On guard(1);
  CHECK(b.data_ptr() == std::as_const(b).data_ptr());
}

TEST_CASE("pointwise functions and reductions look where their tensors are") {
  check("add", [](auto& at) { return [a = at(numbers({2, 3})), b = at(numbers({3}))] { (void)eval(a + b); }; });
  check("where", [](auto& at) { return [m = at(ones<bool>({2, 3})), b = at(numbers({2, 3}))] { (void)eval(where(m, b, 0.0f)); }; });
  check("sum", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)sum(a, {0}); }; });
  check("var", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)var(a); }; });
  check("max", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)max(a, 1); }; });
  check("argmax", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)argmax(a, 1); }; });
  check("any", [](auto& at) { return [a = at(ones<bool>({2, 3}))] { (void)any(a); }; });
  check("clone", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)clone(transpose(a, 0, 1)); }; });
  check("contiguous", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)contiguous(transpose(a, 0, 1)); }; });
  check("cast", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)eval(cast<double>(a)); }; });
}

TEST_CASE("products look where their tensors are") {
  check("matmul", [](auto& at) { return [a = at(numbers({2, 3})), b = at(numbers({3, 4}))] { (void)eval(matmul(a, b)); }; });
  check("matmul of stacks", [](auto& at) { return [a = at(numbers({5, 2, 3})), b = at(numbers({5, 3, 4}))] { (void)eval(matmul(a, b)); }; });
  check("einsum", [](auto& at) { return [a = at(numbers({2, 3})), b = at(numbers({3, 4}))] { (void)eval(einsum("ij,jk->ik", a, b)); }; });
  check("linear", [](auto& at) {
    return [x = at(numbers({2, 3})), w = at(numbers({4, 3})), b = at(numbers({4}))] { (void)eval(relu(linear(x, w, b))); };
  });
  check("linear without a bias", [](auto& at) { return [x = at(numbers({2, 3})), w = at(numbers({4, 3}))] { (void)eval(linear(x, w)); }; });
  check("conv2d", [](auto& at) {
    return [x = at(numbers({1, 2, 4, 4})), w = at(numbers({3, 2, 3, 3})), b = at(numbers({3}))] { (void)eval(conv2d(x, w, b)); };
  });
  check("conv_transpose2d", [](auto& at) {
    return [x = at(numbers({1, 3, 4, 4})), w = at(numbers({3, 2, 3, 3})), b = at(numbers({2}))] { (void)eval(conv_transpose2d(x, w, b)); };
  });
  check("scaled_dot_product_attention", [](auto& at) {
    return [q = at(numbers({2, 3, 4})), k = at(numbers({2, 5, 4})), v = at(numbers({2, 5, 4})), m = at(ones<bool>({3, 5}))] {
      (void)scaled_dot_product_attention(q, k, v, m);
    };
  });
  check("scaled_dot_product_attention, added mask", [](auto& at) {
    return [q = at(numbers({2, 3, 4})), k = at(numbers({2, 5, 4})), v = at(numbers({2, 5, 4})), m = at(numbers({3, 5}))] {
      (void)scaled_dot_product_attention(q, k, v, m);
    };
  });
  check("a recurrent sequence", [](auto& at) {
    return [in = at(numbers({3, 2, 16})), hh = at(numbers({16, 4})), bias = at(numbers({16})), h = at(numbers({2, 4})), c = at(numbers({2, 4}))] {
      (void)detail::whole_sequence("lstm", detail::LSTMStep{}, detail::RecurrentInputs<float, Several>{in, hh, bias, h, c}, false);
    };
  });
}

TEST_CASE("rows and windows look where their tensors are") {
  check("softmax", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)softmax(x, 1); }; });
  check("log_softmax", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)log_softmax(x, 1); }; });
  check("cross_entropy", [](auto& at) {
    return [x = at(numbers({2, 3})), y = at(index_of({2})), w = at(numbers({3}))] { (void)cross_entropy(x, y, w); };
  });
  check("cross_entropy of probabilities", [](auto& at) { return [x = at(numbers({2, 3})), y = at(numbers({2, 3}))] { (void)cross_entropy(x, y); }; }, 1);
  check("layer_norm", [](auto& at) {
    return [x = at(numbers({2, 3})), w = at(numbers({3})), b = at(numbers({3}))] { (void)layer_norm(x, {3}, w, b); };
  });
  for (const bool training : {false, true})
    check("batch_norm", [training](auto& at) {
      return [training, x = at(numbers({4, 3})), m = at(numbers({3})), v = at(numbers({3})), w = at(numbers({3})), b = at(numbers({3}))] {
        (void)eval(batch_norm(x, m, v, w, b, training));
      };
    });
  check("max_pool2d", [](auto& at) { return [x = at(numbers({1, 2, 4, 4}))] { (void)eval(max_pool2d(x, 2)); }; });
  check("avg_pool2d", [](auto& at) { return [x = at(numbers({1, 2, 4, 4}))] { (void)eval(avg_pool2d(x, 2)); }; });
  check("interpolate", [](auto& at) {
    return [x = at(numbers({1, 2, 4, 4}))] { (void)interpolate(x, {.scale_factor = 2, .mode = InterpolateMode::bilinear}); };
  });
}

TEST_CASE("functions that move elements look where their tensors are") {
  check("embedding", [](auto& at) { return [i = at(index_of({2})), w = at(numbers({4, 3}))] { (void)embedding(i, w); }; });
  check("gather", [](auto& at) { return [x = at(numbers({2, 3})), i = at(index_of({2, 1}))] { (void)gather(x, 1, i); }; });
  check("scatter", [](auto& at) {
    return [x = at(numbers({2, 3})), i = at(index_of({2, 1})), s = at(numbers({2, 1}))] { (void)scatter(x, 1, i, s); };
  });
  check("scatter_add", [](auto& at) {
    return [x = at(numbers({2, 3})), i = at(index_of({2, 1})), s = at(numbers({2, 1}))] { (void)scatter_add(x, 1, i, s); };
  });
  check("scatter_", [](auto& at) {
    return [x = at(numbers({2, 3})), i = at(index_of({2, 1})), s = at(numbers({2, 1}))] { scatter_(x, 1, i, s); };
  });
  check("scatter_add_", [](auto& at) {
    return [x = at(numbers({2, 3})), i = at(index_of({2, 1})), s = at(numbers({2, 1}))] { scatter_add_(x, 1, i, s); };
  });
  check("index_select", [](auto& at) { return [x = at(numbers({2, 3})), i = at(index_of({2}))] { (void)index_select(x, 1, i); }; });
  check("index_add_", [](auto& at) {
    return [x = at(numbers({2, 3})), i = at(index_of({2})), s = at(numbers({2, 2}))] { index_add_(x, 1, i, s); };
  });
  check("x(index)", [](auto& at) { return [x = at(numbers({2, 3})), i = at(index_of({2}))] { (void)eval(x(i)); }; });
  check("x(mask)", [](auto& at) { return [x = at(numbers({2, 3})), m = at(ones<bool>({2, 3}))] { (void)eval(x(m)); }; });
  check("x(index) = s", [](auto& at) {
    return [x = at(numbers({2, 3})), i = at(index_of({2})), s = at(numbers({3}))]() mutable { x(i) = s; };
  });
  check("take", [](auto& at) { return [x = at(numbers({2, 3})), i = at(index_of({2}))] { (void)take(x, i); }; });
  check("masked_fill", [](auto& at) { return [x = at(numbers({2, 3})), m = at(ones<bool>({2, 3}))] { (void)eval(masked_fill(x, m, 1.0f)); }; });
  check("masked_select", [](auto& at) { return [x = at(numbers({2, 3})), m = at(ones<bool>({2, 3}))] { (void)masked_select(x, m); }; });
  check("nonzero", [](auto& at) { return [x = at(ones<bool>({2, 3}))] { (void)nonzero(x); }; });
  check("tril", [](auto& at) { return [x = at(numbers({3, 3}))] { (void)tril(x); }; });
  check("pad", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)pad(x, {1, 1}); }; });
  check("pad by reflection", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)pad(x, {1, 1}, {.mode = PadMode::reflect}); }; });
  check("flip", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)flip(x, {1}); }; });
  check("one_hot", [](auto& at) { return [i = at(index_of({2}))] { (void)one_hot(i, 3); }; });
  check("one_hot of unknown classes", [](auto& at) { return [i = at(index_of({2}))] { (void)one_hot(i); }; });
  check("cat", [](auto& at) { return [a = at(numbers({2, 3})), b = at(numbers({2, 3}))] { (void)cat(std::vector{a, b}, 0); }; });
  check("repeat", [](auto& at) { return [a = at(numbers({2, 3}))] { (void)repeat(a, {2, 2}); }; });
}

TEST_CASE("functions of order look where their tensors are") {
  check("sort", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)sort(x); }; });
  check("argsort", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)argsort(x); }; });
  check("topk", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)topk(x, 2); }; });
  check("cumsum", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)cumsum(x, 1); }; });
  check("cumprod", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)cumprod(x, 1); }; });
  check("cummax", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)cummax(x, 1); }; });
  check("unique", [](auto& at) { return [x = at(numbers({6}))] { (void)unique(x); }; });
  check("unique_consecutive", [](auto& at) { return [x = at(numbers({6}))] { (void)unique_consecutive(x); }; });
}

TEST_CASE("functions that draw numbers look where their tensors are") {
  check("normal_", [](auto& at) { return [x = at(numbers({2, 3}))]() mutable { normal_(x); }; });
  check("uniform_", [](auto& at) { return [x = at(numbers({2, 3}))]() mutable { uniform_(transpose(x, 0, 1)); }; });
  check("bernoulli_", [](auto& at) { return [x = at(numbers({2, 3})), p = at(full<float>({3}, 0.5f))]() mutable { bernoulli_(x, p); }; });
  check("normal", [](auto& at) { return [m = at(numbers({2, 3})), s = at(numbers({3}))] { (void)normal(m, s); }; });
  check("multinomial", [](auto& at) { return [x = at(numbers({4}))] { (void)multinomial(x, 2); }; });
  check("dropout", [](auto& at) { return [x = at(numbers({2, 3}))] { (void)eval(dropout(x)); }; }, 1);
}

TEST_CASE("functions in place look where their tensors are, and leave them as they were") {
  check("fill_", [](auto& at) { return [x = at(numbers({2, 3}))]() mutable { x.fill_(1.0f); }; });
  check("zero_", [](auto& at) { return [x = at(numbers({2, 3}))]() mutable { x.zero_(); }; });
  check("+=", [](auto& at) { return [x = at(numbers({2, 3}))]() mutable { x += 1.0f; }; });
  check("+= a tensor", [](auto& at) { return [x = at(numbers({2, 3})), y = at(numbers({3}))]() mutable { x += y; }; });
  check("copy_", [](auto& at) { return [x = at(numbers({2, 3})), y = at(numbers({2, 3}))]() mutable { x.copy_(y); }; });
  check("x[0] = y", [](auto& at) { return [x = at(numbers({2, 3})), y = at(numbers({3}))]() mutable { x[0] = y; }; });

  auto x = on(1, numbers({2, 3}));
  const auto version = x.version();
  CHECK_THROWS_AS(x += 1.0f, DeviceError);
  CHECK_THROWS_AS(x.fill_(1.0f), DeviceError);
  CHECK_THROWS_AS(normal_(x), DeviceError);
  CHECK(x.version() == version);
  check_equal(to<Cpu>(x), numbers({2, 3}));
}

TEST_CASE("gradients live on the current device") {
  const auto recorded = [](auto& at) {
    auto x = at(numbers({2, 3})).requires_grad_();
    const On guard(x.record().storage->index);
    return sum(x * 2.0f);
  };
  check("backward", [&](auto& at) { return [y = recorded(at)] { y.backward({.retain_graph = true}); }; });
  check("backward of a sum of elements alone", [](auto& at) {
    auto x = at(numbers({1})).requires_grad_();
    const On guard(x.record().storage->index);
    return [y = There<float>(x + 1.0f)] { y.backward(); };
  });
  check("backward of a product", [](auto& at) {
    auto x = at(numbers({2, 3})).requires_grad_();
    const On guard(x.record().storage->index);
    return [y = There<float>(matmul(x, transpose(x, 0, 1)))] { sum(y).backward(); };
  });
  check("grad", [](auto& at) {
    auto x = at(numbers({1})).requires_grad_();
    const On guard(x.record().storage->index);
    return [x, y = There<float>(x * x)] { (void)grad(y, x); };
  });
  auto x = on(0, numbers({2, 3})).requires_grad_();
  const There<float> y = x + 1.0f;
  CHECK_THROWS_AS(y.backward(on(1, numbers({2, 3}))), DeviceError);
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("optimizers and clipping change nothing of another device") {
  std::vector<There<float>> weights{on(1, numbers({3})).requires_grad_()};
  weights[0].set_grad(on(1, numbers({3})));
  const ParameterRefs refs(weights);
  optim::Adam optimizer(refs, {.lr = 0.5});
  launches = 0;
  CHECK_THROWS_AS(optimizer.step(), DeviceError);
  CHECK_THROWS_AS(nn::clip_grad_norm_(refs, 0.01), DeviceError);
  CHECK_THROWS_AS(optimizer.zero_grad(false), DeviceError);
  CHECK(launches == 0);
  check_equal(to<Cpu>(weights[0]), numbers({3}));
  const On guard(1);
  (void)nn::clip_grad_norm_(refs, 10.0);
  optimizer.step();  // the first of all: its states are made here
  check_close(to<Cpu>(weights[0]), numbers({3}) - 0.5f, 1e-5, 1e-5);
}

TEST_CASE("a tensor of another device is looked at, and brought home") {
  const Tensor<float> host = numbers({2, 3});
  const auto x = on(1, host);
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.numel() == 6);
  CHECK(x.is_contiguous());
  check_equal(to<Cpu>(x), host);
  check_equal(to<Cpu>(x[1]), host[1]);
  check_equal(to<Cpu>(transpose(x, 0, 1)), contiguous(transpose(host, 0, 1)));
  check_equal(to<Cpu>(x(Slice{}, Slice{0, 3, 2})), contiguous(host(Slice{}, Slice{0, 3, 2})));
  check_equal(to<Cpu>(expand(x[1], {2, 3})), contiguous(expand(host[1], {2, 3})));
  check_equal(to<Cpu>(x.contiguous()), host);
  CHECK(x[1][2].item() == host[1][2].item());
  std::ostringstream text;
  text << x[1];
  CHECK(text.str() == "tensor([0.3750, 0.8750, 0.1250], device='thrust::cpp:1')");
  check_equal(to<Cpu>(from_dlpack<float, Several>(to_dlpack(x))), host);
  check_equal(to<Cpu>(to<Several>(to<Cpu>(x))), host);
  CHECK(to<Several>(to<Cpu>(x)).record().storage->index == 0);
}
