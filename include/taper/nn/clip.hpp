// SPDX-License-Identifier: MIT
// Gradient clipping: by the norm of all gradients together, or element by element.
#pragma once

#include <taper/backend/lists.hpp>
#include <taper/core/literal.hpp>
#include <taper/nn/parameters.hpp>
#include <taper/ops/arithmetic.hpp>

#include <cmath>
#include <limits>

namespace taper::inline TAPER_CODE {

namespace detail {

// What a norm sums, in double. Zeros change nothing.
struct SquareSum {
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V sum, V x) const { return sum + x * x; }
  TAPER_HD static double join(double a, double b) { return a + b; }
};
struct AbsSum {
  static constexpr bool of_moduli = true;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V sum, V x) const { return sum + math::abs(x); }
  TAPER_HD static double join(double a, double b) { return a + b; }
};
struct AbsMax {
  static constexpr bool of_moduli = true;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V most, V x) const { return math::max(most, math::abs(x)); }
  TAPER_HD static double join(double a, double b) { return math::max(a, b); }
};
struct PowerSum {
  static constexpr bool of_moduli = true;
  double power;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V sum, V x) const { return sum + math::pow(math::abs(x), V(power)); }
  TAPER_HD static double join(double a, double b) { return a + b; }
};

struct ScaleBy {
  static constexpr std::uint32_t writes = 1;
  double factor;
  template <class V>
  TAPER_HD TAPER_INLINE void operator()(V& x) const { x = x * V(factor); }
};
struct ClampTo {
  static constexpr std::uint32_t writes = 1;
  double limit;
  template <class V>
  TAPER_HD TAPER_INLINE void operator()(V& x) const { x = math::min(math::max(x, V(-limit)), V(limit)); }
};

/// The dtype of a norm over tensors of these types.
template <class... P>
struct NormOf { using type = compute_t<promote_t<real_t<value_t<P>>...>>; };
template <>
struct NormOf<> { using type = float; };

/// The gradient of a parameter, or null. One whose elements share memory gets memory of its own.
inline TensorRecord* own_gradient(const ParameterRef& p) {
  if constexpr (!inference_only) {
    if (autograd::Slot* slot = autograd::slot_of(*p.record); slot && slot->grad) {
      if (overlaps_itself(*slot->grad)) slot->grad = slot->ops->clone(slot->grad);
      return slot->grad.get();
    }
  }
  return nullptr;
}

/// Calls run(job, type) for each type with the list of its tensors: the parameters themselves, or their gradients.
template <class... P, class Run>
void for_each_list(const ParameterRefs<P...>& refs, bool gradients, const void* functor, Run&& run) {
  PoolVector<ListTuple> tuples;
  constexpr DType dtypes[] = {dtype_of<value_t<P>>..., DType::float32};
  for (std::size_t type = 0; type < sizeof...(P); ++type) {
    tuples.clear();
    for (const ParameterRef& p : refs) {
      if (p.type != type) continue;
      if (TensorRecord* r = gradients ? own_gradient(p) : p.record.get()) tuples.push_back({functor, {r}, 0});
    }
    if (!tuples.empty()) run(ListJob{dtypes[type], 1, 1, tuples.data(), static_cast<std::int64_t>(tuples.size())}, type);
  }
}

/// run_fold over the absolute values of complex tensors, which are made first.
template <class F, Complex T, Device D>
double run_fold_of_moduli(const ListJob& job, const F& f) {
  using R = real_t<T>;
  PoolVector<Tensor<R, D>> moduli;
  PoolVector<ListTuple> tuples;
  for (std::int64_t k = 0; k < job.count; ++k) {
    moduli.push_back(abs(Tensor<T, D>(RecordPtr::share(job.tuples[k].operand[0]))));
    tuples.push_back({&f, {&moduli.back().record()}, 0});
  }
  return run_fold<F, R, D>({dtype_of<R>, 1, 0, tuples.data(), job.count}, f);
}
template <class F, class P>
double fold_of(const ListJob& job, const F& f) {
  if constexpr (Complex<value_t<P>> && requires { F::of_moduli; }) return run_fold_of_moduli<F, value_t<P>, device_t<P>>(job, f);
  else return run_fold<F, value_t<P>, device_t<P>>(job, f);
}

/// f over all elements of all tensors, in double. Complex numbers are two real ones unless F::of_moduli is there.
template <class F, class... P>
double fold_all(const ParameterRefs<P...>& refs, bool gradients, const F& f) {
  constexpr double (*folds[])(const ListJob&, const F&) = {&fold_of<F, P>..., nullptr};
  double out = 0;
  for_each_list(refs, gradients, &f, [&](const ListJob& job, std::size_t type) { out = F::join(out, folds[type](job, f)); });
  return out;
}
/// Changes all gradients by f.
template <class F, class... P>
void change_gradients(const ParameterRefs<P...>& refs, const F& f) {
  const NoGrad guard;
  constexpr void (*runs[])(const ListJob&) = {&run_list<F, value_t<P>, device_t<P>, 1>..., nullptr};
  for_each_list(refs, true, &f, [&](const ListJob& job, std::size_t type) { runs[type](job); });
}

template <class... P>
double total_norm(std::string_view op, const ParameterRefs<P...>& refs, bool gradients, double norm_type, bool error_if_nonfinite) {
  if (!(norm_type > 0)) raise<ValueError>(op, "norm_type must be positive (infinity for the largest element), got ", norm_type);
  const NoGrad guard;
  double out = 0;
  if (norm_type == 2) out = std::sqrt(fold_all(refs, gradients, SquareSum{}));
  else if (norm_type == 1) out = fold_all(refs, gradients, AbsSum{});
  else if (norm_type == std::numeric_limits<double>::infinity()) out = fold_all(refs, gradients, AbsMax{});
  else out = std::pow(fold_all(refs, gradients, PowerSum{norm_type}), 1 / norm_type);
  if (error_if_nonfinite && !math::isfinite(out))
    raise<ValueError>(op, "the total norm of order ", norm_type, " is ", out, ": nothing was changed; pass error_if_nonfinite = false to go on");
  return out;
}
// Left incomplete: their names are the diagnostics.
template <class M>
struct error_clipping_takes_parameters_of_the_net_not_the_net_itself;
template <class... P>
struct error_complex_gradients_have_no_order_clip_their_norm;

template <class... P>
auto norm_tensor(const ParameterRefs<P...>&, double norm) {
  return tensor<typename NormOf<P...>::type>(norm);
}

}  // namespace detail

namespace nn {

/// The norm of all elements of all tensors together, of the absolute values of complex ones, summed in double.
/// Dtypes: float for the 16-bit types, the promoted real type otherwise.
/// Throws: ValueError where norm_type is not positive, or the norm is not finite and error_if_nonfinite is set.
template <class... P>
auto get_total_norm(const ParameterRefs<P...>& tensors, double norm_type = 2, bool error_if_nonfinite = false) {
  return detail::norm_tensor(tensors, detail::total_norm("get_total_norm", tensors, false, norm_type, error_if_nonfinite));
}

/// Multiplies all gradients by max_norm / (total_norm + 1e-6) where that is below 1.
template <class... P>
void clip_grads_with_norm_(const ParameterRefs<P...>& parameters, double max_norm, double total_norm) {
  const double factor = max_norm / (total_norm + 1e-6);
  if (factor >= 1) return;
  detail::change_gradients(parameters, detail::ScaleBy{factor});
}

/// Scales all gradients together so that their norm is at most max_norm, and returns the norm they had.
/// Throws: ValueError, before anything is changed, where norm_type is not positive, or the norm is not finite and
/// error_if_nonfinite is set.
template <class... P>
auto clip_grad_norm_(const ParameterRefs<P...>& parameters, double max_norm, double norm_type = 2, bool error_if_nonfinite = false) {
  const double norm = detail::total_norm("clip_grad_norm_", parameters, true, norm_type, error_if_nonfinite);
  clip_grads_with_norm_(parameters, max_norm, norm);
  return detail::norm_tensor(parameters, norm);
}

template <Module M>
detail::error_clipping_takes_parameters_of_the_net_not_the_net_itself<M> clip_grad_norm_(M&, double, double = 2, bool = false) = delete;
template <Module M>
detail::error_clipping_takes_parameters_of_the_net_not_the_net_itself<M> clip_grad_value_(M&, double) = delete;

/// Clamps every element of every gradient to [-clip_value, clip_value].
/// Dtypes: real.
template <class... P>
  requires(!Complex<value_t<P>> && ...)
void clip_grad_value_(const ParameterRefs<P...>& parameters, double clip_value) {
  detail::change_gradients(parameters, detail::ClampTo{clip_value});
}
template <class... P>
  requires(Complex<value_t<P>> || ...)
detail::error_complex_gradients_have_no_order_clip_their_norm<P...> clip_grad_value_(const ParameterRefs<P...>&, double) = delete;

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
