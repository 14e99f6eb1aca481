// SPDX-License-Identifier: MIT
// Mixed precision as a type: a model whose parameters stay in float computes in a 16-bit type.
#pragma once

#include <taper/nn/convert.hpp>
#include <taper/nn/state_dict.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// X with From among its template arguments, and among theirs, made To.
template <class X, class From, class To>
struct Replace { using type = X; };
template <class From, class To>
struct Replace<From, From, To> { using type = To; };
template <template <class...> class Outer, class... A, class From, class To>
struct Replace<Outer<A...>, From, To> { using type = Outer<typename Replace<A, From, To>::type...>; };

}  // namespace detail

namespace amp {

/// A model that is called in U: see autocast().
template <Floating U, nn::Module M>
class Autocast {
 public:
  explicit Autocast(const M& module) : module_(&module) {}

  /// The model's result for x..., floating tensors among them cast to U and those of the result back to float.
  template <class... X>
  auto operator()(X&&... x) const {
    using To = detail::rebind_t<M, U, void>;
    static_assert(detail::all_state_is<To, U, void>(), "autocast needs a model that is a template over its dtype: write template <class T> struct Net");
    const To computes = detail::convert_field<true, To>(*module_);
    auto y = back(computes(operand(std::forward<X>(x))...));
    keep_buffers(computes);
    return y;
  }

 private:
  template <class X>
  static decltype(auto) operand(X&& x) {
    if constexpr (TensorLike<X>) {
      if constexpr (Floating<value_t<X>>) return tensor_of<U>(cast<U>(std::forward<X>(x)));
      else return std::forward<X>(x);
    } else {
      return std::forward<X>(x);
    }
  }
  template <class T, class X>
  static Tensor<T, device_t<X>> tensor_of(X&& x) { return eval(std::forward<X>(x)); }
  template <class Y>
  static auto back(Y&& y) {
    using X = std::remove_cvref_t<Y>;
    using Float = typename detail::Replace<X, U, float>::type;
    if constexpr (TensorLike<Y>) {
      if constexpr (!std::same_as<value_t<Y>, U>) return tensor_t<Y>(std::forward<Y>(y));
      else if constexpr (std::same_as<X, tensor_t<Y>>) return y.defined() ? tensor_of<float>(cast<float>(y)) : Float();
      else return tensor_of<float>(cast<float>(std::forward<Y>(y)));
    } else if constexpr (std::same_as<Float, X>) {
      return X(std::forward<Y>(y));
    } else if constexpr (detail::is_tuple<X>) {
      return std::apply([](auto&... parts) { return Float(back(parts)...); }, y);
    } else if constexpr (detail::is_list<X>) {
      Float out;
      for (auto& part : y) out.push_back(back(part));
      return out;
    } else if constexpr (std::is_aggregate_v<X> && nn::Reflected<X>) {
      return detail::apply_fields(y, [](auto&... fields) { return Float{back(fields)...}; });
    } else {
      return X(std::forward<Y>(y));
    }
  }
  /// What the call changed in buffers of U goes back into the model's. Buffers of one type in both are shared.
  template <class To>
  void keep_buffers(const To& computes) const {
    const NoGrad guard;
    const auto moved = nn::internal::state_entries(computes);
    std::size_t i = 0;
    nn::for_each_state(*module_, [&](const std::string&, const auto& mine) {
      using X = std::remove_cvref_t<decltype(mine)>;
      const auto& record = moved[i++].record;
      if constexpr (detail::is_buffer<X>) {
        if (record.get() == mine.handle().get() || record->storage->version.load(std::memory_order_relaxed) == 0) return;
        using T = value_t<X>;
        using From = std::conditional_t<Floating<T>, U, T>;
        tensor_t<X>(mine).copy_(cast<T>(Tensor<From, device_t<X>>(record)));
      }
    });
  }

  const M* module_;
};

/// auto y = amp::autocast<bfloat16>(net)(x): parameters and x are cast to U for the call, every layer computes and stores
/// in U (accumulating in float), the result is float again: a tensor, or those of a tuple, a vector or a struct that is a
/// template over its dtype, as an LSTM's. Gradients reach the float parameters: the casts are on the tape. net must be a
/// template over its dtype and outlive the object. Running statistics of batch norms stay in float and are the model's
/// own; other buffers that a call changes are rounded to U. Losses are best taken of the float result.
/// Source: Micikevicius et al., Mixed Precision Training, 2018.
template <Floating U, nn::Module M>
Autocast<U, M> autocast(const M& module) {
  return Autocast<U, M>(module);
}
template <Floating U, nn::Module M>
Autocast<U, M> autocast(const M&& module) = delete;

}  // namespace amp
}  // namespace taper::inline TAPER_CODE
