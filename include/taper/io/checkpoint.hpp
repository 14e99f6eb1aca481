// SPDX-License-Identifier: MIT
// Checkpoints: model, optimizer, scheduler, data loader, generator and counters of a run in one file.
#pragma once

#include <taper/core/literal.hpp>
#include <taper/data/data_loader.hpp>
#include <taper/io/tensors.hpp>
#include <taper/nn/state_dict.hpp>

#include <array>
#include <bit>
#include <string>

namespace taper::inline TAPER_ABI {

namespace detail {

template <class P>
concept LoaderPart = requires(P& p) {
  p.load_state(p.state());
};
template <class P>
concept OptimizerPart = requires(P& p) {
  p.param_groups();
};
template <class P>
concept StatefulPart = requires(P& p, const StateDict& state) {
  { p.state_dict() } -> std::same_as<StateDict>;
  p.load_state_dict(state);
};
/// What a checkpoint may hold.
template <class P>
concept CheckpointPart =
    std::same_as<P, Generator> || std::is_arithmetic_v<P> || LoaderPart<P> || StatefulPart<P> || nn::Module<P>;

template <CheckpointPart P>
constexpr std::string_view part_kind() {
  if constexpr (std::same_as<P, Generator>)
    return "generator";
  else if constexpr (std::is_arithmetic_v<P>)
    return "number";
  else if constexpr (LoaderPart<P>)
    return "loader";
  else if constexpr (OptimizerPart<P>)
    return "optimizer";
  else if constexpr (StatefulPart<P>)
    return "scheduler";
  else
    return "model";
}

/// 64 bits, whatever they mean, as an int64.
inline std::int64_t bits_of(std::uint64_t bits) { return std::bit_cast<std::int64_t>(bits); }
/// The n integers under `name`.
inline const std::int64_t* integers_at(const StateDict& state, std::string_view name, std::int64_t n) {
  const AnyTensor& found = state.at(name);
  if (found.dtype() != DType::int64 || found.numel() != n)
    raise<StateError>("load_checkpoint", "'", name, "' should hold ", n, " int64 numbers and is ", found.dtype(),
                      " of shape ", found.shape());
  return reinterpret_cast<const std::int64_t*>(found.data());
}

template <CheckpointPart P>
StateDict part_state(const P& part) {
  if constexpr (std::same_as<P, Generator>) {
    return {{"state", tensor<std::int64_t>({bits_of(part.state().seed), bits_of(part.state().offset)})}};
  } else if constexpr (std::is_arithmetic_v<P>) {
    if constexpr (std::is_floating_point_v<P>)
      return {{"value", tensor<double>(static_cast<double>(part))}};
    else
      return {{"value", tensor<std::int64_t>(static_cast<std::int64_t>(part))}};
  } else if constexpr (LoaderPart<P>) {
    const auto s = part.state();
    return {{"state", tensor<std::int64_t>({bits_of(s.seed), s.epoch, s.batch})}};
  } else if constexpr (StatefulPart<P>) {
    return part.state_dict();
  } else {
    return nn::state_dict(part);
  }
}

template <CheckpointPart P>
void restore_part(P& part, const StateDict& state) {
  if constexpr (std::same_as<P, Generator>) {
    const std::int64_t* v = integers_at(state, "state", 2);
    part.set_state({std::bit_cast<std::uint64_t>(v[0]), std::bit_cast<std::uint64_t>(v[1])});
  } else if constexpr (std::is_floating_point_v<P>) {
    part = static_cast<P>(state.at("value").template as<double>().item());
  } else if constexpr (std::is_arithmetic_v<P>) {
    part = static_cast<P>(*integers_at(state, "value", 1));
  } else if constexpr (LoaderPart<P>) {
    const std::int64_t* v = integers_at(state, "state", 3);
    part.load_state({std::bit_cast<std::uint64_t>(v[0]), v[1], v[2]});
  } else if constexpr (StatefulPart<P>) {
    part.load_state_dict(state);
  } else {
    nn::load_state_dict(part, state);
  }
}

/// The names of parts: their kind, and from the second of a kind on its number.
template <class... P>
std::array<std::string, sizeof...(P)> part_names() {
  std::array<std::string, sizeof...(P)> out{std::string(part_kind<P>())...};
  for (std::size_t i = sizeof...(P); i-- > 0;) {
    const auto before = std::count(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(i), out[i]);
    if (before > 0) out[i] += std::to_string(before);
  }
  return out;
}

inline StateDict deep_copy(const StateDict& state) {
  StateDict out;
  for (const auto& [name, t] : state) {
    std::vector<std::vector<std::byte>> store;
    out.add(name, io::internal::copied(io::internal::dense_elements(t, store), t.dtype(), t.shape(), false));
  }
  return out;
}

/// Restores a part and then the rest; where the rest fails, the part becomes what it was.
inline void restore_parts(const StateDict*) {}
template <class P, class... Rest>
void restore_parts(const StateDict* states, P& part, Rest&... rest) {
  struct Undo {
    P& part;
    StateDict before;
    bool armed = true;
    ~Undo() {
      if (armed) restore_part(part, before);
    }
  };
  StateDict before = deep_copy(part_state(part));
  restore_part(part, *states);  // all or nothing by itself
  Undo undo{part, std::move(before)};
  restore_parts(states + 1, rest...);
  undo.armed = false;
}

}  // namespace detail

/// Writes a run to one file, atomically: any of models, optimizers, schedulers, data loaders, generators and numbers.
///   save_checkpoint("run.ckpt", net, optimizer, scheduler, loader, default_generator(), epoch);
/// It is a safetensors file; the model's tensors are model.<name>, a second model's model1.<name>.
/// Throws: IoError.
template <class... P>
requires(detail::CheckpointPart<P>&&...) void save_checkpoint(const std::string& path, const P&... parts) {
  StateDict all;
  const auto names = detail::part_names<P...>();
  std::size_t i = 0;
  (
      [&] {
        for (const auto& [name, t] : detail::part_state(parts)) all.add(names[i] + '.' + name, t);
        ++i;
      }(),
      ...);
  io::save(all, path);
}

/// Restores what save_checkpoint wrote, into parts of the same kinds in the same order: the run goes on with the same
/// bits. Throws: IoError; StateError where something is missing, left over or does not fit. Then all parts are as
/// before.
template <class... P>
requires(detail::CheckpointPart<std::remove_cvref_t<P>>&&...) void load_checkpoint(const std::string& path,
                                                                                   P&&... parts) {
  static_assert((!std::is_const_v<std::remove_reference_t<P>> && ...),
                "load_checkpoint writes to its parts: they must not be const");
  const StateDict all = io::load(path);
  const auto names = detail::part_names<std::remove_cvref_t<P>...>();
  std::array<StateDict, sizeof...(P)> states;
  for (const auto& [key, t] : all) {
    std::size_t i = 0;
    while (i < names.size() &&
           !(key.starts_with(names[i]) && key.size() > names[i].size() && key[names[i].size()] == '.'))
      ++i;
    if (i == names.size())
      detail::raise<StateError>("load_checkpoint", "'", path, "' holds '", key, "', for which no part was given");
    states[i].add(key.substr(names[i].size() + 1), t);
  }
  detail::restore_parts(states.data(), parts...);
}

}  // namespace taper::inline TAPER_ABI
