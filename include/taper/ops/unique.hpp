// SPDX-License-Identifier: MIT
// The distinct elements of a tensor, how often each occurs, and which of them each element is.
#pragma once

#include <taper/ops/sort.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

/// auto [values, inverse, counts] = unique(x).
template <class Values, Device D = Cpu>
struct UniqueResult {
  Values values;                      // (distinct)
  Tensor<std::int64_t, D> inverse;    // x's shape: values(inverse) is x
  Tensor<std::int64_t, D> counts;     // (distinct)
};

namespace detail {

/// The same on a device, which is waited for: it counts the runs.
template <Scalar T, Device D>
UniqueResult<Tensor<T, D>, D> device_unique_runs(const Tensor<T, D>& given, const std::int64_t* order) {
  const Tensor<T, D> x(dense_record_on<D>(given.handle()));
  const std::int64_t n = x.numel();
  Tensor<std::int64_t, D> first = empty_tensor<std::int64_t, D>({n + 1});
  UniqueResult<Tensor<T, D>, D> out;
  out.inverse = empty_tensor<std::int64_t, D>(x.shape());
  const std::int64_t runs = n == 0 ? 0 : Accelerator<D>::number_runs(x.data_ptr(), order, n, out.inverse.data_ptr(), first.data_ptr());
  out.values = empty_tensor<T, D>({runs});
  out.counts = empty_tensor<std::int64_t, D>({runs});
  if (runs > 0) Accelerator<D>::take_runs(x.data_ptr(), order, n, runs, first.data_ptr(), out.values.data_ptr(), out.counts.data_ptr());
  return out;
}

/// Runs of equal elements of x in the given order; an order of none is x's own.
template <Scalar T, Device D>
UniqueResult<Tensor<T, D>, D> unique_runs(const Tensor<T, D>& given, const std::int64_t* order) {
  if constexpr (!on_host<D>) return device_unique_runs(given, order);
  const RecordPtr x = dense_record(given.handle());
  const T* p = reinterpret_cast<const T*>(x->data);
  const std::int64_t n = x->numel;
  UniqueResult<Tensor<T, D>, D> out;
  out.inverse = empty_tensor<std::int64_t, D>(given.shape());
  std::int64_t* inverse = out.inverse.data_ptr();
  auto place = [&](std::int64_t i) { return order ? order[i] : i; };
  std::int64_t runs = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (i == 0 || !(p[place(i)] == p[place(i - 1)])) ++runs;
    inverse[place(i)] = runs - 1;
  }
  out.values = empty_tensor<T, D>({runs});
  out.counts = zero_tensor<std::int64_t, D>({runs});
  for (std::int64_t i = n - 1; i >= 0; --i) {  // backwards: of equal elements the first is kept
    const std::int64_t run = inverse[place(i)];
    out.values.data_ptr()[run] = p[place(i)];
    ++out.counts.data_ptr()[run];
  }
  return out;
}

}  // namespace detail

/// The distinct elements of x in order, with the inverse index and the counts. Every NaN is an element of its own.
/// Dtypes: real.
template <TensorLike X>
UniqueResult<tensor_t<X>, device_t<X>> unique(X&& x) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const auto order = argsort(detach(reshape(t, {-1})));
  return detail::unique_runs(t, order.data_ptr());
}
/// x without repetitions of the element just before, with the inverse index and the counts.
template <TensorLike X>
UniqueResult<tensor_t<X>, device_t<X>> unique_consecutive(X&& x) {
  return detail::unique_runs(tensor_t<X>(eval(std::forward<X>(x))), nullptr);
}

}  // namespace taper::inline TAPER_CODE
