// SPDX-License-Identifier: MIT
// Numbers in a StateDict: how optimizers and schedulers keep their options and counters beside their tensors.
#pragma once

#include <taper/core/literal.hpp>
#include <taper/nn/state_dict.hpp>

#include <array>
#include <optional>
#include <vector>

namespace taper::inline TAPER_CODE::optim::internal {

inline void put(StateDict& out, std::string key, double value) { out.set(std::move(key), tensor<double>(value)); }
inline void put(StateDict& out, std::string key, bool value) { out.set(std::move(key), tensor<bool>(value)); }
inline void put(StateDict& out, std::string key, std::int64_t value) { out.set(std::move(key), tensor<std::int64_t>(value)); }
inline void put(StateDict& out, std::string key, const std::vector<double>& values) { out.set(std::move(key), tensor<double>(values)); }
inline void put(StateDict& out, std::string key, const std::vector<std::int64_t>& values) {
  out.set(std::move(key), tensor<std::int64_t>(values));
}
template <std::size_t N>
void put(StateDict& out, std::string key, const std::array<double, N>& values) {
  out.set(std::move(key), tensor<double>(values));
}
/// A missing value is a missing key.
template <class T>
void put(StateDict& out, std::string key, const std::optional<T>& value) {
  if (value) put(out, std::move(key), *value);
}

/// The n numbers under a key, whatever their dtype; n = -1 for any number of them.
/// Throws: StateError where the key is missing, or holds something else.
template <class T>
std::vector<T> numbers(const StateDict& state, const std::string& key, std::int64_t n) {
  const AnyTensor& found = state.at(key);
  if ((n >= 0 && found.numel() != n) || detail::is_complex(found.dtype()) || !found.is_contiguous())
    detail::raise<StateError>("load_state_dict", "'", key, "' should hold ", n, " real numbers and is ", found.dtype(), " of shape ",
                              found.shape());
  std::vector<T> out;
  dispatch_dtype(found.dtype(), [&]<class S>() {
    if constexpr (!Complex<S>)
      for (std::int64_t i = 0; i < found.numel(); ++i)
        out.push_back(static_cast<T>(static_cast<compute_t<S>>(reinterpret_cast<const S*>(found.data())[i])));
  });
  return out;
}

inline void get(const StateDict& state, const std::string& key, double& value) { value = numbers<double>(state, key, 1)[0]; }
inline void get(const StateDict& state, const std::string& key, bool& value) { value = numbers<double>(state, key, 1)[0] != 0; }
inline void get(const StateDict& state, const std::string& key, std::int64_t& value) {
  value = numbers<std::int64_t>(state, key, 1)[0];
}
inline void get(const StateDict& state, const std::string& key, std::vector<double>& values) {
  values = numbers<double>(state, key, static_cast<std::int64_t>(values.size()));
}
template <std::size_t N>
void get(const StateDict& state, const std::string& key, std::array<double, N>& values) {
  const std::vector<double> found = numbers<double>(state, key, static_cast<std::int64_t>(N));
  for (std::size_t i = 0; i < N; ++i) values[i] = found[i];
}
template <class T>
void get(const StateDict& state, const std::string& key, std::optional<T>& value) {
  value.reset();
  if (state.contains(key)) get(state, key, value.emplace());
}

/// The entries whose keys start with prefix, without it.
inline StateDict part_of(const StateDict& state, std::string_view prefix) {
  StateDict out;
  for (const auto& [key, value] : state)
    if (key.starts_with(prefix)) out.set(key.substr(prefix.size()), value);
  return out;
}
/// Adds all entries of part under keys that start with prefix.
inline void put_all(StateDict& out, const std::string& prefix, const StateDict& part) {
  for (const auto& [key, value] : part) out.set(prefix + key, value);
}

/// raise<ValueError> unless ok. The text is "what, got value".
template <class T>
void require(bool ok, std::string_view op, std::string_view what, const T& value) {
  if (!ok) detail::raise<ValueError>(op, what, ", got ", value);
}

}  // namespace taper::inline TAPER_CODE::optim::internal
