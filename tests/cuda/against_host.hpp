// SPDX-License-Identifier: MIT
// Functions of tensors on a device against the same on the host: values, gradients, gradients of gradients. The device
// is one whose memory the host cannot touch, or what a build names in TAPER_TEST_DEVICE.
#pragma once

#include <taper/core/random.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/cast.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/to.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/guarded_system.hpp"

namespace against_host {

using namespace taper;
using There = std::conditional_t<device::is_host, Guarded, device::D>;

template <class T>
inline constexpr double tolerance = Integral<T> || std::is_same_v<T, bool> ? 0
                                    : sizeof(real_t<T>) == 8               ? 1e-12
                                    : std::is_same_v<T, bfloat16>          ? 2e-2
                                    : std::is_same_v<T, float16>           ? 3e-3
                                                                           : 1e-5;

/// Fixed, irregular values between -1 and 1; whole ones up to 100 where T is an integer.
template <class T>
Tensor<T> irregular(const Shape& shape, int seed = 1) {
  Tensor<T> out(detail::make_dense<Cpu>(dtype_of<T>, shape));
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    const double x = std::sin(static_cast<double>(i * 7 + seed) * 1.7 + 0.3);
    if constexpr (Complex<T>)
      out.data_ptr()[i] = T(static_cast<real_t<T>>(x), static_cast<real_t<T>>(std::cos(x * 3)));
    else if constexpr (Integral<T>)
      out.data_ptr()[i] = static_cast<T>(static_cast<std::int64_t>(x * 100));
    else
      out.data_ptr()[i] = static_cast<T>(x);
  }
  return out;
}

/// Few distinct values, so that there are equal ones; NaN, infinities and both zeros among them.
template <Scalar T>
Tensor<T> few_values(const Shape& shape) {
  if constexpr (!Floating<T>) {
    return randint<T>(0, std::same_as<T, bool> ? 2 : 40, shape);
  } else {
    Tensor<T> x = cast<T>(cast<float>(randint(-30, 30, shape)) * 0.125f);
    if (x.numel() < 10) return x;
    const auto infinity = std::numeric_limits<float>::infinity();
    for (const auto& [at, value] : {std::pair{3, std::nanf("")}, {5, -0.0f}, {6, 0.0f}, {7, -infinity}, {8, infinity}})
      x.data_ptr()[at] = T(value);
    x.data_ptr()[x.numel() - 2] = T(std::nanf(""));
    return x;
  }
}

/// x where the tensors of type Like are.
template <class Like, Scalar T>
auto beside(const Like&, const Tensor<T>& x) {
  if (!x.defined()) return Tensor<T, device_t<Like>>();
  return to<device_t<Like>>(x);
}
/// Moves what a case was written with on the host to where it runs.
template <class D>
struct Mover {
  template <class X>
  auto operator()(const X& x) const {
    return to<D>(x);
  }
};

/// The same shape, and elements within `ulp` of the host's or of `least`, whichever is more; NaN where it has NaN.
template <class D, Scalar T>
bool same(const Tensor<T, D>& there, const Tensor<T>& host, double ulp = 0, double least = 0) {
  if (!(there.shape() == host.shape())) return false;
  const Tensor<T> a = contiguous(to<Cpu>(there)), b = contiguous(host);
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const T x = std::as_const(a).data_ptr()[i], y = std::as_const(b).data_ptr()[i];
    if constexpr (Floating<T>) {
      const auto u = static_cast<double>(static_cast<compute_t<T>>(x)),
                 v = static_cast<double>(static_cast<compute_t<T>>(y));
      const auto epsilon = static_cast<double>(static_cast<compute_t<T>>(std::numeric_limits<T>::epsilon()));
      if ((std::isnan(u) && std::isnan(v)) || u == v) continue;
      if (!(std::abs(u - v) <= ulp * epsilon * std::max(std::abs(v), least))) return false;
    } else if (!(x == y)) {
      return false;
    }
  }
  return true;
}

template <class T, class D>
using Function = std::function<Tensor<T, D>(const std::vector<Tensor<T, D>>&)>;

/// What f gives: its value; the gradients of all inputs for a fixed upstream gradient, where order is 1 or more; the
/// gradients of a fixed combination of these, where it is 2.
template <class T, class D>
std::vector<Tensor<T>> run(const std::vector<Tensor<T>>& inputs, const Function<T, D>& f, int order) {
  std::vector<Tensor<T, D>> x;
  for (const auto& input : inputs) x.push_back(input.defined() ? detach(to<D>(input)) : Tensor<T, D>());
  if constexpr (Differentiable<T>)
    for (auto& t : x)
      if (t.defined() && order > 0) t.requires_grad_();
  const Tensor<T, D> y = f(x);
  std::vector<Tensor<T>> out{to<Cpu>(detach(y))};
  if constexpr (Differentiable<T>) {
    if (order == 0 || !y.requires_grad()) return out;
    const auto take = [&] {
      for (auto& t : x) {
        out.push_back(t.defined() && t.grad().defined() ? to<Cpu>(detach(t.grad())) : Tensor<T>());
        if (t.defined()) t.set_grad({});
      }
    };
    Tensor<T, D> g = to<D>(irregular<T>(y.shape(), 3));
    y.backward(g, {.retain_graph = order > 1});
    take();
    if constexpr (!Complex<T>) {
      if (order == 1) return out;
      g.requires_grad_();
      x.push_back(g);
      y.backward(g, {.create_graph = true});
      Tensor<T, D> total;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!x[i].defined() || !x[i].grad().defined()) continue;
        const Tensor<T, D> part = sum(x[i].grad() * to<D>(irregular<T>(x[i].shape(), static_cast<int>(i))));
        total = total.defined() ? Tensor<T, D>(total + part) : part;
      }
      for (auto& t : x)
        if (t.defined()) t.set_grad({});
      if (total.defined() && total.requires_grad()) total.backward();
      take();
    }
  }
  return out;
}

/// f() once, or in every way that the device has of running its kernels.
template <class D, class F>
void in_every_way(const F& f) {
  if constexpr (requires { D::System::in_every_way(f); })
    D::System::in_every_way(f);
  else
    f();
}

/// f(tensors) on both sides. Inputs may be undefined.
template <Scalar T, class D = There, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f, int order = 2) {
  const std::vector<Tensor<T>> expected = run<T, Cpu>(inputs, Function<T, Cpu>(f), order);
  in_every_way<D>([&] {
    const std::vector<Tensor<T>> found = run<T, D>(inputs, Function<T, D>(f), order);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("value, gradients, second gradients: number " << i);
      REQUIRE(found[i].defined() == expected[i].defined());
      if (expected[i].defined()) check_close(found[i], expected[i], tolerance<T>, tolerance<T>);
    }
  });
}
/// f(mover, x) on both sides.
template <class D = There, Scalar T, class F>
void check(const Tensor<T>& x, const F& f, int order = 2) {
  check<T, D>(
      std::vector<Tensor<T>>{x}, [&](const auto& v) { return f(Mover<device_t<decltype(v[0])>>(), v[0]); }, order);
}

}  // namespace against_host
