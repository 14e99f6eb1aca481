// SPDX-License-Identifier: MIT
// Class numbers as rows of zeros and a one.
#pragma once

#include <taper/ops/gather.hpp>

namespace taper::inline TAPER_CODE {

/// y[.., c] = 1 where x[..] is c, 0 elsewhere. Shapes: (..) -> (.., classes); where their number is not given, the
/// largest class and one more (a device's are brought to the host).
/// Dtypes: int64. Throws: ValueError for no classes; IndexError for a class below 0 or beyond the last.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> one_hot(X&& x, std::int64_t classes = -1) {
  TAPER_REQUIRE_INDEX(std::remove_cvref_t<X>);
  using D = device_t<X>;
  const detail::RecordPtr from = detail::dense_record_on<D>(Tensor<std::int64_t, D>(eval(std::forward<X>(x))).handle());
  const auto* p = reinterpret_cast<const std::int64_t*>(from->data);
  if (classes == -1) {
    if (from->numel == 0)
      detail::raise<ValueError>("one_hot",
                                "the classes of a tensor without elements cannot be inferred: give their number");
    detail::RecordPtr there = from;
    if constexpr (!detail::on_host<D>) there = detail::host_copy<D>(*from);
    const auto* q = reinterpret_cast<const std::int64_t*>(there->data);
    for (std::int64_t i = 0; i < from->numel; ++i) classes = q[i] >= classes ? q[i] + 1 : classes;
    if (classes < 1) classes = 1;
  }
  if (classes < 1) detail::raise<ValueError>("one_hot", "the number of classes must be positive, not ", classes);
  if constexpr (detail::on_host<D>) detail::check_indices("one_hot", p, from->numel, from->shape.size(), classes, false);
  else detail::Accelerator<D>::check_indices("one_hot", p, from->numel, from->shape.size(), classes, false);
  Shape shape = from->shape;
  shape.push_back(classes);
  detail::check_shape("one_hot", shape);
  if constexpr (detail::on_host<D>) {
    Tensor<std::int64_t, D> out = detail::zero_tensor<std::int64_t, D>(shape);
    for (std::int64_t i = 0; i < from->numel; ++i) out.data_ptr()[i * classes + p[i]] = 1;
    return out;
  } else {
    Tensor<std::int64_t, D> out = detail::empty_tensor<std::int64_t, D>(shape);
    detail::Accelerator<D>::one_hot(p, classes, out.record());
    return out;
  }
}

}  // namespace taper::inline TAPER_CODE
