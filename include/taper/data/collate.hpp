// SPDX-License-Identifier: MIT
// Collation: a list of samples becomes a batch, field by field, for any tuple or aggregate.
#pragma once

#include <taper/core/function_ref.hpp>
#include <taper/core/is_tuple.hpp>
#include <taper/core/pool_vector.hpp>
#include <taper/nn/reflect.hpp>
#include <taper/ops/view.hpp>

#include <array>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

namespace taper::inline TAPER_CODE::data {

/// Many samples as one batch: tensors are stacked along a new first axis, numbers become a tensor, the fields of tuples
/// and aggregates are collated one by one into a tuple, anything else into a std::vector.
template <class List>
auto collate(List&& samples);

namespace internal {

/// Samples like `first` along a new first axis: `count` of them, one after another from next(). Compiled once for all dtypes.
inline detail::RecordPtr stack_samples(const detail::TensorRecord& first, std::size_t count, detail::FunctionRef<const detail::TensorRecord&()> next) {
  const std::size_t size = size_of(first.dtype), bytes = static_cast<std::size_t>(first.numel) * size;
  Shape shape = first.shape;
  shape.insert(0, static_cast<std::int64_t>(count));
  detail::RecordPtr out = detail::make_dense<Cpu>(first.dtype, shape);
  std::byte* to = out->data;
  for (std::size_t i = 0; i < count; ++i, to += bytes) {
    const detail::TensorRecord& r = next();
    if (!(r.shape == first.shape))
      detail::raise<ShapeError>("collate", "samples of one batch have different shapes, ", first.shape, " and ", r.shape,
                                ": pad them in a transform, or give the loader a collate function of your own");
    if (r.contiguous) std::memcpy(to, r.data, bytes);
    else detail::gather(to, r.data, size, detail::Walk(r.shape, r.strides), 0, r.numel);
  }
  return out;
}

// What is only passed through on the way to a batch comes from the caching allocator, so that a loop asks the system for
// nothing.
template <std::size_t I, class List>
auto collate_field(List& samples) {
  detail::PoolVector<std::tuple_element_t<I, typename List::value_type>> field;
  field.reserve(samples.size());
  for (auto& s : samples) field.push_back(std::move(std::get<I>(s)));
  return data::collate(std::move(field));
}

template <class S>
auto fields_of(S& sample) {
  return detail::apply_fields(sample, [](auto&... f) { return std::tuple<std::remove_cvref_t<decltype(f)>...>(std::move(f)...); });
}

}  // namespace internal

template <class List>
auto collate(List&& samples) {
  using S = typename List::value_type;
  if (samples.empty()) detail::raise<ValueError>("collate", "a batch needs at least one sample");
  if constexpr (TensorHandle<S>) {
    auto at = samples.begin();
    return Tensor<value_t<S>>(
        internal::stack_samples(samples.front().record(), samples.size(), [&]() -> const detail::TensorRecord& { return (at++)->record(); }));
  } else if constexpr (std::is_arithmetic_v<S> && Scalar<S>) {
    Tensor<S> out(detail::make_dense<Cpu>(dtype_of<S>, {static_cast<std::int64_t>(samples.size())}));
    S* p = out.data_ptr();
    for (const S s : samples) *p++ = s;
    return out;
  } else if constexpr (detail::is_tuple<S>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple(internal::collate_field<I>(samples)...);
    }(std::make_index_sequence<std::tuple_size_v<S>>{});
  } else if constexpr (!std::same_as<S, std::string> && std::is_class_v<S> && nn::Reflected<S>) {
    detail::PoolVector<decltype(internal::fields_of(samples.front()))> rows;
    rows.reserve(samples.size());
    for (S& s : samples) rows.push_back(internal::fields_of(s));
    return data::collate(std::move(rows));
  } else {
    return std::vector<S>(std::make_move_iterator(samples.begin()), std::make_move_iterator(samples.end()));
  }
}

/// The collation that a DataLoader uses unless it is given another.
struct DefaultCollate {
  template <class List>
  auto operator()(List&& samples) const {
    return data::collate(std::move(samples));
  }
};

}  // namespace taper::inline TAPER_CODE::data
