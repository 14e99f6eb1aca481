// SPDX-License-Identifier: MIT
// Indices, masks and lists of the wrong dtype: the diagnostic names the fault and the fix.
// CASE 1: an index must be a tensor of std::int64_t: write cast<std::int64_t>
// CASE 2: an index is an integer, a Slice, ellipsis, none, an int64 tensor or a bool mask
// CASE 3: an index is an integer, a Slice, ellipsis, none, an int64 tensor or a bool mask
// CASE 4: error_operands_have_different_dtypes_write_cast
// CASE 5: error_the_tensors_of_a_list_must_have_one_dtype_and_device_write_cast
// CASE 6: error_a_mask_must_be_a_bool_tensor_write_a_comparison_or_cast_to_bool
// CASE 7: error_the_value_does_not_fit_the_dtype_of_the_tensor_write_cast
// CASE 8: error_an_expression_cannot_be_assigned_declare_a_Tensor
// CASE 9: error_operands_have_different_dtypes_write_cast
// CASE 10: an index must be a tensor of std::int64_t: write cast<std::int64_t>
// CASE 11: complex numbers have no order
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/index_select.hpp>
#include <taper/ops/join.hpp>
#include <taper/ops/masked.hpp>
#include <taper/ops/one_hot.hpp>
#include <taper/ops/sort.hpp>

#ifndef CASE
#define CASE 0
#endif

using namespace taper;

void check(Tensor<float> x, Tensor<double> wide, Tensor<std::int64_t> index, Tensor<std::int32_t> narrow_index,
           Tensor<bool> mask) {
  x(0, Slice{1, 2}, ellipsis, none, index) = x(index);
  x(mask) = 1;
#if CASE == 1
  gather(x, 0, narrow_index);
#endif
#if CASE == 2
  x(0, narrow_index);
#endif
#if CASE == 3
  x(1.5);
#endif
#if CASE == 4
  x(index) = wide;
#endif
#if CASE == 5
  cat({x, wide}, 1);
#endif
#if CASE == 6
  masked_fill(x, index, 0);
#endif
#if CASE == 7
  masked_fill(index, mask, 0.5);
#endif
#if CASE == 8
  auto chosen = x(index);
  chosen = x;
#endif
#if CASE == 9
  index_add(x, 0, index, wide);
#endif
#if CASE == 10
  one_hot(x);
#endif
#if CASE == 11
  sort(zeros<std::complex<float>>({2}));
#endif
  (void)wide, (void)narrow_index;
}
