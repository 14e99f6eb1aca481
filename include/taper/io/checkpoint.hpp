// SPDX-License-Identifier: MIT
// Checkpoint: everything a run is made of in one file, so that it goes on from there to the same bits.
#pragma once

#include <taper/core/literal.hpp>
#include <taper/data/data_loader.hpp>
#include <taper/io/tensors.hpp>
#include <taper/nn/state_dict.hpp>

#include <bit>
#include <functional>

namespace taper::inline TAPER_CODE {

namespace detail {

// How each kind of part becomes tensors by name, and takes them back.

template <class X>
concept StatefulPart = requires(X& x, const X& c, const StateDict& state) {
  { c.state_dict() } -> std::same_as<StateDict>;
  x.load_state_dict(state);
};
template <class X>
concept LoaderPart = requires(X& x, const X& c, const data::DataLoaderState& state) {
  { c.state() } -> std::same_as<data::DataLoaderState>;
  x.load_state(state);
  x.put_back(state);
};
template <class X>
concept NumberPart = std::is_arithmetic_v<X> && Scalar<X>;

inline AnyTensor part_numbers(std::initializer_list<std::int64_t> values) {
  Tensor<std::int64_t> out(make_dense<Cpu>(DType::int64, {static_cast<std::int64_t>(values.size())}));
  std::copy(values.begin(), values.end(), out.data_ptr());
  return out;
}
template <Scalar T>
const T* part_numbers(const StateDict& state, std::string_view name, std::int64_t n) {
  const AnyTensor& found = state.at(name);
  if (found.dtype() != dtype_of<T> || found.numel() != n || !found.is_contiguous())
    raise<StateError>("checkpoint", "'", name, "' is ", found.dtype(), found.shape(), " and should be ", n, " of ",
                      dtype_of<T>);
  return reinterpret_cast<const T*>(found.data());
}

template <class X>
StateDict part_state(const X& x) {
  if constexpr (StatefulPart<X>) {
    return x.state_dict();
  } else if constexpr (LoaderPart<X>) {
    const data::DataLoaderState s = x.state();
    return {{"position", part_numbers({std::bit_cast<std::int64_t>(s.seed), s.epoch, s.batch})}};
  } else if constexpr (std::same_as<X, Generator>) {
    const GeneratorState s = x.state();
    return {{"position", part_numbers({std::bit_cast<std::int64_t>(s.seed), std::bit_cast<std::int64_t>(s.offset)})}};
  } else if constexpr (NumberPart<X>) {
    return {{"value", tensor<X>(x)}};
  } else {
    return nn::state_dict(x);
  }
}

template <class X>
void load_part(X& x, const StateDict& state) {
  if constexpr (StatefulPart<X>) {
    x.load_state_dict(state);
  } else if constexpr (LoaderPart<X>) {
    const std::int64_t* p = part_numbers<std::int64_t>(state, "position", 3);
    if (p[1] < 0 || p[2] < 0)
      raise<StateError>("checkpoint", "a data loader cannot stand at batch ", p[2], " of epoch ", p[1]);
    x.load_state({std::bit_cast<std::uint64_t>(p[0]), p[1], p[2]});
  } else if constexpr (std::same_as<X, Generator>) {
    const std::int64_t* p = part_numbers<std::int64_t>(state, "position", 2);
    x.set_state({std::bit_cast<std::uint64_t>(p[0]), std::bit_cast<std::uint64_t>(p[1])});
  } else if constexpr (NumberPart<X>) {
    x = *part_numbers<X>(state, "value", 1);
  } else {
    nn::load_state_dict(x, state);
  }
}

inline StateDict copied(const StateDict& state) {
  StateDict out;
  for (const auto& [key, value] : state) {
    const TensorRecord& r = value.record();
    RecordPtr copy = make_dense<Cpu>(r.dtype, r.shape);
    if (r.numel > 0) gather(copy->data, r.data, size_of(r.dtype), Walk(r.shape, r.strides), 0, r.numel);
    out.add(key, AnyTensor(std::move(copy)));
  }
  return out;
}
/// What puts a part back as it is now.
template <class X>
std::function<void()> put_back_part(X& x) {
  if constexpr (LoaderPart<X>) return [&x, state = x.state()] { x.put_back(state); };
  else return [&x, state = copied(part_state(std::as_const(x)))] { load_part(x, state); };
}

}  // namespace detail

/// What a Checkpoint can hold: a module, anything with state_dict() and load_state_dict() (optimizers, schedulers), a
/// DataLoader, a Generator, a number.
template <class X>
concept Checkpointable = detail::StatefulPart<X> || detail::LoaderPart<X> || std::same_as<X, Generator> ||
    detail::NumberPart<X> || nn::Module<X>;

/// The parts of a run by name, saved to and loaded from one safetensors file. It refers to the parts, which must
/// outlive it and stay where they are. Tensors are called "<part>.<name>", so that PyTorch finds a model's parameters
/// in the file.
///
/// What a run draws from must be among the parts: the model, the optimizer, its scheduler, the data loader and, where
/// anything is drawn while training (dropout), default_generator(). A run that is loaded between two steps, also in the
/// middle of an epoch, then goes on to the same bits. A data loader goes on with the epoch it was saved in, also where its
/// loop had been left by `break`: the saved run does so after loader.load_state(loader.state()), otherwise it begins anew.
class Checkpoint {
 public:
  /// Adds a part. Throws: ValueError for a name that is empty, has a dot in it or is taken.
  template <Checkpointable X>
  Checkpoint& add(std::string name, X& part) {
    if (name.empty() || name.find('.') != name.npos)
      detail::raise<ValueError>("checkpoint", "a part's name cannot be empty or hold a dot: '", name, "'");
    if (find(name)) detail::raise<ValueError>("checkpoint", "there are two parts '", name, "'");
    parts_.push_back({std::move(name), [&part] { return detail::part_state(std::as_const(part)); },
                      [&part](const StateDict& state) { detail::load_part(part, state); }, [&part] { return detail::put_back_part(part); }});
    return *this;
  }

  /// All parts' tensors. They share the parts' memory where these have any.
  StateDict state_dict() const {
    StateDict out;
    for (const Part& part : parts_)
      for (const auto& [key, value] : part.state()) out.add(part.name + "." + key, value);
    return out;
  }
  /// Restores all parts, or none.
  /// Throws: StateError where a part is missing, unknown, or does not fit; everything is then as it was before.
  void load_state_dict(const StateDict& state) const {
    std::vector<StateDict> given(parts_.size());
    for (const auto& [key, value] : state) {
      const auto dot = key.find('.');
      const Part* part = dot == key.npos ? nullptr : find(std::string_view(key).substr(0, dot));
      if (!part) detail::raise<StateError>("checkpoint", "'", key, "' belongs to no part; the parts are ", names());
      given[static_cast<std::size_t>(part - parts_.data())].add(key.substr(dot + 1), value);
    }
    for (std::size_t i = 0; i < parts_.size(); ++i)
      if (given[i].empty() && !parts_[i].state().empty())
        detail::raise<StateError>("checkpoint", "the part '", parts_[i].name, "' is missing");
#if TAPER_EXCEPTIONS
    std::vector<std::function<void()>> before;
    for (const Part& part : parts_) before.push_back(part.put_back());
    std::size_t done = 0;
    try {
      for (; done < parts_.size(); ++done) parts_[done].load(given[done]);
    } catch (...) {
      while (done-- > 0) before[done]();
      throw;
    }
#else
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].load(given[i]);
#endif
  }

  /// Writes the file as a whole or not at all. Throws: IoError.
  void save(const std::string& path, const io::Metadata& metadata = {}) const {
    io::save(state_dict(), path, metadata);
  }
  /// Restores all parts from a file, or none. Throws: IoError; StateError as load_state_dict.
  void load(const std::string& path) const { load_state_dict(io::map(path)); }

 private:
  struct Part {
    std::string name;
    std::function<StateDict()> state;
    std::function<void(const StateDict&)> load;
    std::function<std::function<void()>()> put_back;
  };

  const Part* find(std::string_view name) const {
    for (const Part& part : parts_)
      if (part.name == name) return &part;
    return nullptr;
  }
  std::string names() const {
    std::string out;
    for (const Part& part : parts_) out += (out.empty() ? "'" : ", '") + part.name + "'";
    return out;
  }

  std::vector<Part> parts_;
};

}  // namespace taper::inline TAPER_CODE
