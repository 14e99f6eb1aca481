// SPDX-License-Identifier: MIT
// All parameters as one vector, and back.
#pragma once

#include <taper/nn/parameters.hpp>
#include <taper/ops/join.hpp>

#include <vector>

namespace taper::inline TAPER_CODE::nn {

/// The elements of all parameters one after another.
/// Shapes: (number of elements).
/// Gradient: flows back into the parameters.
template <Scalar T, Device D>
Tensor<T, D> parameters_to_vector(const ParameterRefs<Tensor<T, D>>& parameters) {
  std::vector<Tensor<T, D>> flat;
  parameters.for_each([&flat](const std::string&, const Tensor<T, D>& p) { flat.push_back(flatten(p)); });
  return cat(flat);
}

/// Writes a vector's elements into the parameters, in their order.
/// Throws: ShapeError, before anything is written, unless the vector has as many elements as the parameters.
template <Scalar T, Device D>
void vector_to_parameters(const Tensor<T, D>& vector, const ParameterRefs<Tensor<T, D>>& parameters) {
  const NoGrad guard;
  std::int64_t n = 0, at = 0;
  for (const ParameterRef& p : parameters) n += p.record->numel;
  if (!(vector.shape() == Shape{n}))
    detail::raise<ShapeError>("vector_to_parameters", "a vector of shape ", vector.shape(), " does not fit parameters of ", n, " elements: it must be (", n, ",)");
  parameters.for_each([&](const std::string&, Tensor<T, D> p) {
    p.copy_(view(narrow(vector, 0, at, p.numel()), p.shape()));
    at += p.numel();
  });
}

}  // namespace taper::inline TAPER_CODE::nn
