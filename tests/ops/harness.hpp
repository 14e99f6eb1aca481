// SPDX-License-Identifier: MIT
// Runs the table of op cases: values and gradients against the goldens, central differences, layouts, sizes, launches.
// The functions under test come as pointers over tensors, so that all of this is compiled once for each dtype.
#pragma once

#include <taper/eval/tensor.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/view.hpp>

#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

namespace pointwise {

using taper::Shape;
using taper::Tensor;
using taper::detail::RecordPtr;

/// How far from PyTorch a result may be. In double the figures are those; in float `ulps` units of the last place.
struct Tolerance {
  double rtol = 1e-12, atol = 1e-13;
  double ulps = 8;         // of values, in float
  double gradient_ulps = 16;
  double slope = 1e-6;     // of central differences, relative to 1 + |slope|
};

/// What a row of the table may say beyond its function.
struct Extra {
  Tolerance tolerance{};
  std::vector<double> kinks{};  // of the first operand: no central differences around them
  // Whether special values are compared, and their gradients.
  bool special = true, special_gradient = true, special_gradient_float = true;
  int backward_launches = 1;
};

/// One row of the table.
struct Case {
  const char* name = nullptr;  // in tests/golden/ops
  int arity = 1;
  RecordPtr (*in_double)(const Tensor<double>*) = nullptr;
  RecordPtr (*in_float)(const Tensor<float>*) = nullptr;
  Extra extra;
};

template <class T>
using Function = RecordPtr (*)(const Tensor<T>*);
template <class T>
Function<T> function_of(const Case& c) {
  if constexpr (std::is_same_v<T, double>) return c.in_double;
  else return c.in_float;
}

/// The value of an expression, without its type.
template <taper::TensorLike X>
RecordPtr record_of(X&& x) {
  return Tensor<taper::value_t<X>>(taper::eval(std::forward<X>(x))).handle();
}
/// F of the first tensors, on the device under test.
template <auto F, class T, std::size_t... I>
RecordPtr call(const Tensor<T>* x, std::index_sequence<I...>) {
  if constexpr (device::is_host) return record_of(F(x[I]...));
  const Tensor<T, device::D> there[] = {device::there(x[I])...};
  return record_of(device::back(F(there[I]...)));
}
template <auto F, class T>
RecordPtr call1(const Tensor<T>* x) { return call<F, T>(x, std::make_index_sequence<1>()); }
template <auto F, class T>
RecordPtr call2(const Tensor<T>* x) { return call<F, T>(x, std::make_index_sequence<2>()); }
template <auto F, class T>
RecordPtr call3(const Tensor<T>* x) { return call<F, T>(x, std::make_index_sequence<3>()); }

template <auto F>
Case unary(const char* name, Extra e = {}) {
  return {name, 1, &call1<F, double>, &call1<F, float>, std::move(e)};
}
template <auto F>
Case binary(const char* name, Extra e = {}) {
  return {name, 2, &call2<F, double>, &call2<F, float>, std::move(e)};
}
template <auto F>
Case ternary(const char* name, Extra e = {}) {
  return {name, 3, &call3<F, double>, &call3<F, float>, std::move(e)};
}

template <class T>
struct Run {
  RecordPtr y;
  std::vector<Tensor<T>> gradients;  // undefined where none arrived
  std::int64_t forward_launches = 0, backward_launches = 0;
};

template <class T>
bool differentiable_result(const RecordPtr& y) {
  return y->dtype == taper::dtype_of<T> && taper::autograd::wants_gradient(*y);
}

/// Calls f on leaves, or on views that `see` makes of leaves, and sends gy back.
template <class T, class See>
Run<T> run(Function<T> f, std::vector<Tensor<T>> leaves, const Tensor<T>& gy, See see) {
  Run<T> out;
  std::vector<Tensor<T>> inputs;
  for (Tensor<T>& leaf : leaves) {
    leaf.requires_grad_();
    inputs.push_back(see(leaf));
  }
  taper::reset_stats();
  out.y = f(inputs.data());
  out.forward_launches = taper::stats().launches;
  if (gy.defined() && differentiable_result<T>(out.y)) {
    taper::reset_stats();
    taper::backward(Tensor<T>(out.y), gy);
    out.backward_launches = taper::stats().launches;
  }
  for (Tensor<T>& leaf : leaves) out.gradients.push_back(leaf.grad());
  return out;
}
template <class T>
Tensor<T> itself(const Tensor<T>& x) { return x; }

template <class T>
std::string differ(const RecordPtr& actual, const Tensor<double>& expected, double rtol, double atol) {
  return golden::detail::compare(*actual, expected.record(), rtol, atol);
}

/// Complains with the case's name and what was compared.
inline void expect(const Case& c, const char* dtype, const std::string& what, const std::string& wrong) {
  INFO(c.name << " (" << dtype << "), " << what << ": " << wrong);
  CHECK(wrong.empty());
}

/// Leaves come from keys <case>/<prefix>x0, ..., expectations from <case>/<expected>y, ...
template <class T>
void check_golden(const golden::File& file, const Case& c, const std::string& name, const std::string& inputs,
                  const std::string& expected) {
  constexpr bool wide = std::is_same_v<T, double>;
  const char* dtype = wide ? "double" : "float";
  const double epsilon = std::numeric_limits<T>::epsilon();
  const Tolerance& t = c.extra.tolerance;
  const double rtol = wide ? t.rtol : t.ulps * epsilon, atol = wide ? t.atol : rtol;
  const double grtol = wide ? t.rtol : t.gradient_ulps * epsilon, gatol = wide ? t.atol : grtol;
  std::vector<Tensor<T>> leaves;
  for (int i = 0; i < c.arity; ++i) leaves.push_back(file.tensor<T>(name + "/" + inputs + "x" + std::to_string(i)));
  const std::string gy = name + "/" + inputs + "gy";
  Tensor<T> upstream;
  if (file.has(gy)) upstream = file.tensor<T>(gy);
  else upstream = Tensor<T>(taper::detail::GradOpsFor<T, taper::Cpu>::full(file.shape(name + "/" + expected + "y"), 1));
  const Run<T> r = run(function_of<T>(c), leaves, upstream, itself<T>);
  expect(c, dtype, expected + "value", differ<T>(r.y, file.tensor<double>(name + "/" + expected + "y"), rtol, atol));
  for (int i = 0; i < c.arity; ++i) {
    const std::string key = name + "/" + expected + "gx" + std::to_string(i);
    const std::string what = expected + "gradient of operand " + std::to_string(i);
    const Tensor<T>& g = r.gradients[static_cast<std::size_t>(i)];
    const bool wanted = inputs.empty() || (c.extra.special_gradient && (wide || c.extra.special_gradient_float));
    if (!file.has(key) || !wanted) continue;
    const auto wrong = [&] { return differ<T>(g.handle(), file.tensor<double>(key), grtol, gatol); };
    expect(c, dtype, what, g.defined() ? wrong() : "it is missing");
  }
  if (!inputs.empty() || name != c.name) return;
  const auto launches = [](std::int64_t n, std::int64_t allowed) {
    return n == allowed ? std::string() : "there are " + std::to_string(n);
  };
  expect(c, dtype, "launches forward", launches(r.forward_launches, 1));
  if (r.backward_launches == 0) return;
  expect(c, dtype, "launches backward", launches(r.backward_launches, c.extra.backward_launches));
}

/// x with axes 0 and -1 exchanged in memory, seen in the old order: the same values with other strides.
template <class T>
Tensor<T> exchanged(const Tensor<T>& x) {
  return taper::contiguous(taper::transpose(x, 0, -1));
}

/// Other layouts of the same values give the same bits, and the same gradients in the leaf's layout.
template <class T>
void check_layouts(const golden::File& file, const Case& c) {
  const std::string name = c.name;
  std::vector<Tensor<T>> leaves, transposed, padded;
  for (int i = 0; i < c.arity; ++i) {
    Tensor<T> x = file.tensor<T>(name + "/x" + std::to_string(i));
    if (x.dim() == 1) x = taper::view(x, {8, 8});
    leaves.push_back(x);
    transposed.push_back(exchanged(x));
    // Every second column of a tensor twice as wide: what lies between is left alone.
    Tensor<T> wide(taper::detail::GradOpsFor<T, taper::Cpu>::full({x.shape()[0], 2 * x.shape()[1] + 1}, 7));
    taper::slice(wide, 1, {1, taper::open_end, 2}).copy_(x);
    padded.push_back(wide);
  }
  Tensor<T> gy;
  if (file.has(name + "/gy")) gy = taper::view(file.tensor<T>(name + "/gy"), {8, 8});
  const char* dtype = std::is_same_v<T, double> ? "double" : "float";
  const Run<T> plain = run(function_of<T>(c), leaves, gy, itself<T>);
  const auto turn = [](const Tensor<T>& x) { return taper::transpose(x, 0, -1); };
  const auto step = [](const Tensor<T>& x) { return taper::slice(x, 1, {1, taper::open_end, 2}); };
  const Run<T> other = run(function_of<T>(c), transposed, gy, turn), stepped = run(function_of<T>(c), padded, gy, step);
  auto same = [](const RecordPtr& a, const RecordPtr& b) { return golden::detail::compare(*a, *b, 0, 0); };
  expect(c, dtype, "transposed", same(other.y, plain.y));
  expect(c, dtype, "stepped", same(stepped.y, plain.y));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!plain.gradients[i].defined()) continue;
    const RecordPtr& gradient = plain.gradients[i].handle();
    expect(c, dtype, "transposed gradient", same(turn(other.gradients[i]).handle(), gradient));
    expect(c, dtype, "stepped gradient", same(step(stepped.gradients[i]).handle(), gradient));
    const Tensor<T> between = taper::slice(stepped.gradients[i], 1, {0, taper::open_end, 2});
    const Tensor<T> zeros(taper::detail::GradOpsFor<T, taper::Cpu>::full(between.shape(), 0));
    expect(c, dtype, "gradient between the steps", same(between.handle(), zeros.handle()));
  }
}

/// Rank 0 gives the first element's result; size 0 gives nothing and does not fail.
template <class T>
void check_sizes(const golden::File& file, const Case& c) {
  const std::string name = c.name;
  const char* dtype = std::is_same_v<T, double> ? "double" : "float";
  std::vector<Tensor<T>> all, first, none;
  for (int i = 0; i < c.arity; ++i) {
    const Tensor<T> x = taper::view(file.tensor<T>(name + "/x" + std::to_string(i)), {64});
    all.push_back(x);
    first.push_back(taper::clone(taper::select(x, 0, 5)));
    none.push_back(taper::clone(taper::view(taper::narrow(x, 0, 0, 0), {0, 3})));
  }
  const bool has_gradient = file.has(name + "/gy");
  auto ones = [&](const Shape& shape) {
    return has_gradient ? Tensor<T>(taper::detail::GradOpsFor<T, taper::Cpu>::full(shape, 1)) : Tensor<T>();
  };
  const Run<T> many = run(function_of<T>(c), all, ones({64}), itself<T>);
  const Run<T> one = run(function_of<T>(c), first, ones({}), itself<T>);
  const Run<T> zero = run(function_of<T>(c), none, ones({0, 3}), itself<T>);
  auto fifth = [](const RecordPtr& r) {
    taper::detail::ViewOp op;
    op.kind = taper::detail::ViewOp::select;
    op.a = 5;
    return taper::detail::make_alias(*r, taper::detail::apply(op, taper::detail::geometry_of(*r)));
  };
  auto same = [](const RecordPtr& a, const RecordPtr& b) { return golden::detail::compare(*a, *b, 0, 0); };
  expect(c, dtype, "rank 0", same(one.y, fifth(many.y)));
  expect(c, dtype, "size 0", zero.y->shape == Shape{0, 3} ? "" : "shape " + taper::to_string(zero.y->shape));
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!many.gradients[i].defined()) continue;
    expect(c, dtype, "rank 0 gradient", same(one.gradients[i].handle(), fifth(many.gradients[i].handle())));
    const Shape shape = zero.gradients[i].shape();
    expect(c, dtype, "size 0 gradient", shape == Shape{0, 3} ? "" : "shape " + taper::to_string(shape));
  }
}

/// Gradients against central differences, one operand after the other.
inline void check_slopes(const golden::File& file, const Case& c) {
  const std::string name = c.name;
  if (!file.has(name + "/gy")) return;
  std::vector<Tensor<double>> x;
  for (int i = 0; i < c.arity; ++i) x.push_back(file.tensor<double>(name + "/x" + std::to_string(i)));
  const Tensor<double> ones(taper::detail::GradOpsFor<double, taper::Cpu>::full(x[0].shape(), 1));
  const Run<double> r = run(c.in_double, x, ones, itself<double>);
  for (int i = 0; i < c.arity; ++i) {
    const Tensor<double>& g = r.gradients[static_cast<std::size_t>(i)];
    if (!g.defined()) continue;
    std::vector<Tensor<double>> low, high;
    for (const auto& t : x) {
      low.push_back(taper::clone(taper::detach(t)));
      high.push_back(taper::clone(taper::detach(t)));
    }
    const auto k = static_cast<std::size_t>(i);
    const std::int64_t n = x[k].numel();
    const double h = 1e-5;
    for (std::int64_t j = 0; j < n; ++j) low[k].data_ptr()[j] -= h, high[k].data_ptr()[j] += h;
    const Tensor<double> below(c.in_double(low.data())), above(c.in_double(high.data()));
    std::string wrong;
    for (std::int64_t j = 0; j < n; ++j) {
      bool kink = false;
      for (const double at : c.extra.kinks) kink |= std::fabs(x[0].data_ptr()[j] - at) < 4 * h;
      const double slope = (above.data_ptr()[j] - below.data_ptr()[j]) / (2 * h), analytic = g.data_ptr()[j];
      if (!kink && !(std::fabs(slope - analytic) <= c.extra.tolerance.slope * (1 + std::fabs(slope))))
        wrong += "\n  at " + std::to_string(j) + ": " + std::to_string(analytic) + ", slope " + std::to_string(slope);
    }
    expect(c, "double", "central differences of operand " + std::to_string(i), wrong);
  }
}

/// Gradients of all operands for an upstream gradient of ones, recorded or not.
inline std::vector<Tensor<double>> first_gradients(const Case& c, const std::vector<Tensor<double>>& leaves, bool create_graph) {
  for (const Tensor<double>& leaf : leaves) Tensor<double>(leaf).requires_grad_();
  const Tensor<double> y(c.in_double(leaves.data()));
  if (!y.requires_grad()) return std::vector<Tensor<double>>(leaves.size());
  const Tensor<double> ones(taper::detail::GradOpsFor<double, taper::Cpu>::full(y.shape(), 1));
  taper::backward(y, ones, {.create_graph = create_graph});
  std::vector<Tensor<double>> out;
  for (const Tensor<double>& leaf : leaves) out.push_back(leaf.grad());
  return out;
}

/// Second derivatives: the recorded backward gives the same gradients, and theirs meet central differences. The function
/// works element by element, so all elements move at once.
inline void check_second_slopes(const golden::File& file, const Case& c) {
  const std::string name = c.name;
  if (!file.has(name + "/gy")) return;
  std::vector<Tensor<double>> x;
  const auto count = static_cast<std::size_t>(c.arity);
  for (std::size_t i = 0; i < count; ++i) x.push_back(file.tensor<double>(name + "/x" + std::to_string(i)));
  const auto moved = [&](std::size_t k, double h) {
    std::vector<Tensor<double>> at;
    for (const auto& t : x) at.push_back(taper::clone(taper::detach(t)));
    for (std::int64_t j = 0; j < at[k].numel(); ++j) at[k].data_ptr()[j] += h;
    return first_gradients(c, at, false);
  };
  const auto plain = moved(0, 0), recorded = first_gradients(c, x, true);
  for (const auto& leaf : x) leaf.set_grad({});
  for (std::size_t i = 0; i < count; ++i) {
    if (plain[i].defined() != recorded[i].defined()) expect(c, "double", "recorded gradient", "only one of them is there");
    if (!recorded[i].defined()) continue;
    expect(c, "double", "recorded gradient", differ<double>(recorded[i].handle(), plain[i], 1e-9, 1e-11));
    const Tensor<double> weight(taper::detail::GradOpsFor<double, taper::Cpu>::full(x[i].shape(), static_cast<double>(i) + 1));
    if (recorded[i].requires_grad()) taper::backward(recorded[i], weight, {.retain_graph = true});
  }
  for (std::size_t k = 0; k < count; ++k) {
    const double h = 1e-5;
    const auto below = moved(k, -h), above = moved(k, h);
    std::string wrong;
    for (std::int64_t j = 0; j < x[k].numel(); ++j) {
      bool kink = false;
      for (const double at : c.extra.kinks) kink |= std::fabs(x[0].data_ptr()[j] - at) < 4 * h;
      double slope = 0;
      for (std::size_t i = 0; i < count; ++i)
        if (below[i].defined()) slope += (static_cast<double>(i) + 1) * (above[i].data_ptr()[j] - below[i].data_ptr()[j]) / (2 * h);
      const double analytic = x[k].grad().defined() ? x[k].grad().data_ptr()[j] : 0;
      if (!kink && !(std::fabs(slope - analytic) <= 10 * c.extra.tolerance.slope * (1 + std::fabs(slope))))
        wrong += "\n  at " + std::to_string(j) + ": " + std::to_string(analytic) + ", slope " + std::to_string(slope);
    }
    expect(c, "double", "second derivative for operand " + std::to_string(k), wrong);
  }
}

/// One tensor in every place: its gradient is the sum of what the places get alone.
inline void check_repeated(const golden::File& file, const Case& c) {
  if (c.arity < 2) return;
  const std::string name = c.name;
  const Tensor<double> x = file.tensor<double>(name + "/x1");
  const Tensor<double> ones(taper::detail::GradOpsFor<double, taper::Cpu>::full(x.shape(), 1));
  std::vector<Tensor<double>> apart;
  for (int i = 0; i < c.arity; ++i) apart.push_back(taper::clone(x));
  const bool has_gradient = file.has(name + "/gy");
  const Run<double> one_each = run(c.in_double, apart, has_gradient ? ones : Tensor<double>(), itself<double>);
  Tensor<double> shared = taper::clone(x).requires_grad_();
  const std::vector<Tensor<double>> places(static_cast<std::size_t>(c.arity), shared);
  const RecordPtr y = c.in_double(places.data());
  expect(c, "double", "one tensor in every place", golden::detail::compare(*y, *one_each.y, 0, 0));
  if (!has_gradient || !differentiable_result<double>(y)) return;
  taper::backward(Tensor<double>(y), ones);
  Tensor<double> sum(taper::detail::GradOpsFor<double, taper::Cpu>::full(x.shape(), 0));
  for (const Tensor<double>& g : one_each.gradients)
    if (g.defined())
      for (std::int64_t j = 0; j < x.numel(); ++j) sum.data_ptr()[j] += g.data_ptr()[j];
  expect(c, "double", "its gradient", golden::detail::compare(shared.grad().record(), sum.record(), 1e-14, 1e-14));
}

/// Everything, for every case.
inline void check_cases(const std::vector<Case>& cases) {
  const golden::File file("ops");
  for (const Case& c : cases) {
    const std::string name = c.name;
    INFO(name);
    check_golden<double>(file, c, name, "", "");
    check_golden<float>(file, c, name, "", "");
    if (file.has(name + "_bcast/y")) {
      check_golden<double>(file, c, name + "_bcast", "", "");
      check_golden<float>(file, c, name + "_bcast", "", "");
    }
    if (c.extra.special && file.has(name + "/special_y")) {
      check_golden<double>(file, c, name, "special_", "special_");
      check_golden<float>(file, c, name, "special_", "special32_");
    }
    if (file.tensor<double>(name + "/x0").numel() != 64) continue;
    check_layouts<double>(file, c);
    check_layouts<float>(file, c);
    check_sizes<double>(file, c);
    check_sizes<float>(file, c);
    check_slopes(file, c);
    check_second_slopes(file, c);
    check_repeated(file, c);
  }
}

}  // namespace pointwise
