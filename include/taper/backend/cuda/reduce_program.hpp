// SPDX-License-Identifier: MIT
// Reductions of a program: of its values, and of one leaf's gradient over the axes along which the leaf was broadcast.
#pragma once

#include <taper/backend/cuda/map.hpp>
#include <taper/backend/cuda/reduce.hpp>

#include <complex>

namespace taper::inline TAPER_CODE::detail {

/// Element by element, in place of packets: operands by their offsets, zero where nobody saved what no wanted gradient reads.
template <class P>
struct ElementAt {
  std::byte* const* data;
  const std::int64_t* offset;
  double factor = 1;
  template <class T>
  TAPER_INLINE TAPER_HD auto at(int k) const {
    return data[k] ? widen<T>(reinterpret_cast<const stored_t<T>*>(data[k])[offset[k]]) : compute_t<T>{};
  }
  template <int L>
  TAPER_INLINE TAPER_HD auto leaf() const {
    return at<typename P::template type<L>>(L);
  }
  TAPER_INLINE TAPER_HD auto result() const { return at<typename P::result>(P::leaves); }
  TAPER_INLINE TAPER_HD auto gradient() const {
    return at<typename P::result>(P::leaves + 1) * static_cast<real_t<compute_t<typename P::result>>>(factor);
  }
};

/// The value of a program at offsets.
template <class P>
struct ProgramValue {
  static constexpr int operands = P::leaves > 0 ? P::leaves : 1;
  std::byte* data[operands];
  typename P::Data settings;
  TAPER_INLINE TAPER_HD auto operator()(const std::int64_t* offset) const {
    RegisterFile<P, Elements> r;
    run_program_at<P>(r, settings, ElementAt<P>{data, offset});
    return get<P::root>(r);
  }
};

/// What the gradients of a program's leaves are summed in.
template <class P>
struct GradientSum;
template <class R, class... L, class C, class I, int Root>
struct GradientSum<Program<R, List<L...>, C, I, Root>> {
  using type = std::conditional_t<(Complex<L> || ...), std::complex<double>, double>;
};

/// The gradient of one leaf of a program at offsets. Which leaf is data: one kernel serves all.
template <class P, bool SavedOutput>
struct ProgramGradient {
  static constexpr int operands = P::leaves + 2;  // the leaves, the result, its gradient
  using Sum = typename GradientSum<P>::type;
  std::byte* data[operands];
  double factor;
  int leaf;
  typename P::Data settings;
  TAPER_INLINE TAPER_HD Sum operator()(const std::int64_t* offset) const {
    return of(offset, std::make_integer_sequence<int, P::leaves>{});
  }

 private:
  template <int... L>
  TAPER_INLINE TAPER_HD Sum of(const std::int64_t* offset, std::integer_sequence<int, L...>) const {
    RegisterFile<P, Elements> adjoint;
    run_vjp_at<P, SavedOutput>(adjoint, settings, ElementAt<P>{data, offset, factor});
    Sum out{};
    (choose<L>(out, adjoint), ...);
    return out;
  }
  template <int L>
  TAPER_INLINE TAPER_HD void choose(Sum& out, const RegisterFile<P, Elements>& adjoint) const {
    if constexpr (P::template analysis<SavedOutput>.reached[L])
      if (L == leaf) out = cast_number<Sum>(get<L>(adjoint));
  }
};

template <class Out>
struct StoreResult {
  Out* out;
  double factor;
  template <class Acc>
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const Acc& acc) const {
    out[i] = narrow_result<Out>(acc, factor);
  }
};

/// A sum of gradients, stored as the leaf's type or added to what is there.
struct StoreGradient {
  std::byte* out;
  DType type;
  bool fresh;
  template <class T, class Acc>
  TAPER_INLINE TAPER_HD void store(std::int64_t i, const Acc& acc) const {
    T* p = reinterpret_cast<T*>(out) + i;
    const auto value = narrow_result<compute_t<T>>(acc, 1);
    *p = static_cast<T>(fresh ? value : static_cast<compute_t<T>>(*p) + value);
  }
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const double& acc) const {
    if (type == DType::float32) store<float>(i, acc);
    else if (type == DType::float64) store<double>(i, acc);
    else if (type == DType::float16) store<float16>(i, acc);
    else store<bfloat16>(i, acc);
  }
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const std::complex<double>& acc) const {
    if (type == DType::complex64) store<std::complex<float>>(i, acc);
    else if (type == DType::complex128) store<std::complex<double>>(i, acc);
    else (*this)(i, acc.real());
  }
};

/// The sum of what the gradient of a leaf would be had it not been broadcast along the axes in `mask`. Operands: the leaves,
/// the result and its gradient, null where this gradient does not read them.
template <class D, class P, bool SavedOutput>
void device_gradient_sum(const DeviceJob& job, std::uint32_t mask, int leaf, const TensorRecord& target, bool fresh) {
  using Value = ProgramGradient<P, SavedOutput>;
  Value value{{}, job.factor, leaf, settings_of<P>(job)};
  for (int k = 0; k < Value::operands; ++k) value.data[k] = job.operands[k].data;
  device_reduce<D, SumReducer<typename Value::Sum>>(job, mask, value, StoreGradient{target.data, target.dtype, fresh});
}

template <class D, class P, class R, class Out>
void device_reduce_program(const DeviceJob& job, std::uint32_t mask, Out* out, double factor) {
  ProgramValue<P> value{{}, settings_of<P>(job)};
  for (int k = 0; k < P::leaves; ++k) value.data[k] = job.operands[k].data;
  device_reduce<D, R>(job, mask, value, StoreResult<Out>{out, factor});
}

}  // namespace taper::inline TAPER_CODE::detail
