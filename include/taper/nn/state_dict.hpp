// SPDX-License-Identifier: MIT
// A module's tensors by name, and loading them back with every difference named before anything is written.
#pragma once

#include <taper/core/state_dict.hpp>
#include <taper/nn/module.hpp>

#include <vector>

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

/// The type through which those of a category are converted into each other.
template <Scalar T>
using widest_t = std::conditional_t<Complex<T>, std::complex<double>, std::conditional_t<Floating<T>, double, std::int64_t>>;

/// Elements of any dtype written into a tensor of the same category, where dtypes differ through the category's widest
/// type. Compiled once for all types: loading is no place for kernels.
TAPER_RARE inline void copy_elements(detail::TensorRecord& to, const detail::TensorRecord& from) {
  const auto n = static_cast<std::size_t>(from.numel), from_size = size_of(from.dtype), to_size = size_of(to.dtype);
  const detail::Scratch given(n * from_size + 1), converted(to.dtype == from.dtype ? 0 : n * to_size + 1);
  detail::gather(given.data(), from.data, from_size, detail::Walk(from.shape, from.strides), 0, from.numel);
  if (to.dtype != from.dtype) {
    constexpr std::size_t block = 256;
    alignas(std::complex<double>) std::byte wide[block * sizeof(std::complex<double>)];
    for (std::size_t at = 0; at < n; at += block) {
      const std::size_t count = std::min(block, n - at);
      dispatch_dtype(from.dtype, [&]<class S>() {
        const S* p = reinterpret_cast<const S*>(given.data()) + at;
        auto* w = reinterpret_cast<widest_t<S>*>(wide);
        for (std::size_t i = 0; i < count; ++i) w[i] = static_cast<widest_t<S>>(p[i]);
      });
      dispatch_dtype(to.dtype, [&]<class T>() {
        T* p = reinterpret_cast<T*>(converted.data()) + at;
        const auto* w = reinterpret_cast<const widest_t<T>*>(wide);
        for (std::size_t i = 0; i < count; ++i) p[i] = static_cast<T>(w[i]);
      });
    }
  }
  detail::scatter(to.data, (to.dtype == from.dtype ? given : converted).data(), to_size, detail::Walk(to.shape, to.strides), 0, to.numel);
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

/// One entry of a module's state; how it comes from and goes to another device than the host, null on the host.
struct StateEntry {
  std::string name;
  detail::RecordPtr record;
  detail::RecordPtr (*to_host)(const detail::TensorRecord&) = nullptr;
  void (*from_host)(detail::TensorRecord&, const detail::TensorRecord&) = nullptr;
};

/// All that state dictionaries need of a module's type; what is done with it is compiled once.
template <class M>
detail::PoolVector<StateEntry> state_entries(M& module) {
  detail::PoolVector<StateEntry> out;
  for_each_state(module, [&](const std::string& name, const auto& tensor) {
    using D = device_t<decltype(tensor)>;
    StateEntry entry{name, tensor.handle()};
    if constexpr (!detail::on_host<D>) entry.to_host = &detail::host_copy<D>, entry.from_host = &detail::write_from_host<D>;
    out.push_back(std::move(entry));
  });
  return out;
}

TAPER_RARE inline LoadResult load_entries(const detail::PoolVector<StateEntry>& entries, const StateDict& state, const LoadOptions& options) {
  LoadResult result;
  for (const auto& [name, record, to_host, from_host] : entries) {
    const AnyTensor* found = state.find(name);
    if (!found) result.missing.push_back(name);
    else if (!(found->shape() == record->shape))
      result.mismatched.push_back(detail::concat(name, " is ", found->shape(), " here and ", record->shape, " in the module"));
    else if (detail::category(found->dtype()) != detail::category(record->dtype))
      result.mismatched.push_back(detail::concat(name, " is ", found->dtype(), " here and ", record->dtype, " in the module"));
  }
  for (const auto& item : state) {
    const auto& name = item.first;  // clang's OpenMP does not capture structured bindings
    if (std::none_of(entries.begin(), entries.end(), [&](const StateEntry& e) { return e.name == name; })) result.unexpected.push_back(name);
  }
  if (!result.mismatched.empty() || (options.strict && !result.complete()))
    detail::raise<StateError>("load_state_dict", "the state does not fit the module", list_of("missing", result.missing),
                              list_of("unexpected", result.unexpected), list_of("not fitting", result.mismatched));
  const NoGrad guard;
  for (const auto& [name, record, to_host, from_host] : entries) {
    const AnyTensor* found = state.find(name);
    if (!found) continue;
    const detail::RecordPtr host = from_host ? detail::make_dense<Cpu>(record->dtype, record->shape) : record;
    copy_elements(*host, found->record());
    if (from_host) from_host(*record, *host);
  }
  return result;
}

}  // namespace internal

/// Parameters and buffers by PyTorch's names. The tensors share the module's memory; those of another device are copies of it
/// in host memory.
template <class M>
StateDict state_dict(const M& module) {
  StateDict out;
  for (const auto& [name, record, to_host, from_host] : internal::state_entries(module))
    out.add(name, AnyTensor(to_host ? to_host(*record) : detail::make_alias(*record, detail::geometry_of(*record))));
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
