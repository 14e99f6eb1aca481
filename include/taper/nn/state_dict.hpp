// SPDX-License-Identifier: MIT
// A module's tensors by name, and loading them back with every difference named before anything is written.
#pragma once

#include <taper/core/state_dict.hpp>
#include <taper/nn/module.hpp>

namespace taper::inline TAPER_CODE {

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

TAPER_RARE inline std::string list_of(std::string_view what, const std::vector<std::string>& names) {
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

namespace internal {

/// One entry of a module's state: its name, its record, and how elements of another dtype are written into it.
struct StateEntry {
  std::string name;
  detail::RecordPtr record;
  void (*copy)(detail::TensorRecord& to, const detail::TensorRecord& from);
};

/// All that state dictionaries need of a module's type; what is done with it is compiled once.
template <class M>
std::vector<StateEntry> state_entries(M& module) {
  std::vector<StateEntry> out;
  for_each_state(module, [&](const std::string& name, const auto& tensor) {
    out.push_back({name, tensor.handle(), &copy_elements<value_t<decltype(tensor)>>});
  });
  return out;
}

TAPER_RARE inline LoadResult load_entries(const std::vector<StateEntry>& entries, const StateDict& state, const LoadOptions& options) {
  LoadResult result;
  for (const auto& [name, record, copy] : entries) {
    const AnyTensor* found = state.find(name);
    if (!found) result.missing.push_back(name);
    else if (!(found->shape() == record->shape))
      result.mismatched.push_back(detail::concat(name, " is ", found->shape(), " here and ", record->shape, " in the module"));
    else if (detail::category(found->dtype()) != detail::category(record->dtype))
      result.mismatched.push_back(detail::concat(name, " is ", found->dtype(), " here and ", record->dtype, " in the module"));
  }
  for (const auto& [name, tensor] : state)
    if (std::none_of(entries.begin(), entries.end(), [&](const StateEntry& e) { return e.name == name; })) result.unexpected.push_back(name);
  if (!result.mismatched.empty() || (options.strict && !result.complete()))
    detail::raise<StateError>("load_state_dict", "the state does not fit the module", list_of("missing", result.missing),
                              list_of("unexpected", result.unexpected), list_of("not fitting", result.mismatched));
  const NoGrad guard;
  for (const auto& [name, record, copy] : entries)
    if (const AnyTensor* found = state.find(name)) copy(*record, found->record());
  return result;
}

}  // namespace internal

/// Parameters and buffers by PyTorch's names. The tensors share the module's memory.
template <class M>
StateDict state_dict(const M& module) {
  StateDict out;
  for (const auto& [name, record, copy] : internal::state_entries(module))
    out.add(name, AnyTensor(detail::make_alias(*record, detail::geometry_of(*record))));
  return out;
}

/// Copies tensors of the same names into the module; other floating dtypes are cast.
/// Throws: StateError, before anything is written, with all missing, unexpected and mis-shaped names (see LoadOptions).
template <class M>
LoadResult load_state_dict(M& module, const StateDict& state, const LoadOptions& options = {}) {
  return internal::load_entries(internal::state_entries(module), state, options);
}

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
