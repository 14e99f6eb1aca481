// SPDX-License-Identifier: MIT
// A module's tensors by name, and loading them back with every difference named before anything is written.
#pragma once

#include <taper/core/state_dict.hpp>
#include <taper/nn/module.hpp>

namespace taper::inline TAPER_ABI {

/// What load_state_dict found: names the module has and the dictionary lacks, the reverse, and what does not fit.
struct LoadResult {
  std::vector<std::string> missing, unexpected, mismatched;
  bool complete() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

/// strict: any missing or unexpected name is an error. A tensor that does not fit is always one.
struct LoadOptions {
  bool strict = true;
};

namespace nn {

namespace internal {

template <class F>
struct EachState : Visitor {
  F& f;
  explicit EachState(F& fn) : f(fn) {}
  template <class P>
  void parameter(const std::string& name, P& p) {
    f(name, p);
  }
  template <class B>
  void buffer(const std::string& name, B& b) {
    f(name, b);
  }
};

/// Elements of any dtype of T's category written into a tensor of T. Plain loops: loading is no place for kernels.
template <class T>
void copy_elements(detail::TensorRecord& to, const detail::TensorRecord& from) {
  const detail::Scratch memory(static_cast<std::size_t>(from.numel) * sizeof(T) + 1);
  T* dense = reinterpret_cast<T*>(memory.data());
  dispatch_dtype(from.dtype, [&]<class S>() {
    if constexpr (detail::category(dtype_of<S>) == detail::category(dtype_of<T>)) {
      std::size_t at = 0;
      const detail::Walk walk(from.shape, from.strides);
      detail::for_each_row(walk, 0, from.numel, [&](std::int64_t offset, std::int64_t, std::int64_t n) {
        const S* p = reinterpret_cast<const S*>(from.data) + offset;
        for (std::int64_t i = 0; i < n; ++i, p += walk.inner_stride()) {
          if constexpr (Complex<T>) dense[at++] = T(static_cast<real_t<T>>(p->real()), static_cast<real_t<T>>(p->imag()));
          else dense[at++] = static_cast<T>(static_cast<compute_t<S>>(*p));
        }
      });
    }
  });
  detail::scatter(to.data, memory.data(), sizeof(T), detail::Walk(to.shape, to.strides), 0, to.numel);
  to.storage->version.fetch_add(1, std::memory_order_relaxed);
}

inline std::string list_of(std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::string out = detail::concat("; ", what, ": ");
  for (std::size_t i = 0; i < names.size(); ++i) out += (i ? ", " : "") + names[i];
  return out;
}

}  // namespace internal

/// f(name, tensor) for every parameter and buffer, each with its own type.
template <class M, class F>
void for_each_state(M& module, F&& f) {
  visit(module, internal::EachState<F>(f));
}

/// Parameters and buffers by PyTorch's names. The tensors share the module's memory.
template <class M>
StateDict state_dict(const M& module) {
  StateDict out;
  for_each_state(module, [&](const std::string& name, const auto& tensor) { out.add(name, AnyTensor(detach(tensor))); });
  return out;
}

/// Copies tensors of the same names into the module; other floating dtypes are cast.
/// Throws: StateError, before anything is written, with all missing, unexpected and mis-shaped names (see LoadOptions).
template <class M>
LoadResult load_state_dict(M& module, const StateDict& state, const LoadOptions& options = {}) {
  LoadResult result;
  std::vector<std::string> known;
  for_each_state(module, [&](const std::string& name, const auto& tensor) {
    using T = value_t<decltype(tensor)>;
    known.push_back(name);
    const AnyTensor* found = state.find(name);
    if (!found) result.missing.push_back(name);
    else if (!(found->shape() == tensor.shape()))
      result.mismatched.push_back(detail::concat(name, " is ", found->shape(), " here and ", tensor.shape(), " in the module"));
    else if (detail::category(found->dtype()) != detail::category(dtype_of<T>))
      result.mismatched.push_back(detail::concat(name, " is ", found->dtype(), " here and ", dtype_of<T>, " in the module"));
  });
  std::sort(known.begin(), known.end());
  for (const auto& [name, tensor] : state)
    if (!std::binary_search(known.begin(), known.end(), name)) result.unexpected.push_back(name);
  if (!result.mismatched.empty() || (options.strict && !result.complete()))
    detail::raise<StateError>("load_state_dict", "the state does not fit the module", internal::list_of("missing", result.missing),
                              internal::list_of("unexpected", result.unexpected), internal::list_of("not fitting", result.mismatched));
  const NoGrad guard;
  for_each_state(module, [&](const std::string& name, auto& tensor) {
    using T = value_t<decltype(tensor)>;
    const AnyTensor* found = state.find(name);
    if (!found) return;
    internal::copy_elements<T>(tensor.record(), found->record());
  });
  return result;
}

}  // namespace nn
}  // namespace taper::inline TAPER_ABI
