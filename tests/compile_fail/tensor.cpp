// SPDX-License-Identifier: MIT
// Mistakes with tensors and expressions: the diagnostic names the fault and the fix.
// CASE 1: error_only_floating_and_complex_tensors_have_a_gradient
// CASE 2: error_only_floating_and_complex_tensors_have_a_gradient
// CASE 3: error_only_floating_and_complex_tensors_have_a_gradient
// CASE 4: error_a_tensor_has_no_truth_value_use_all_any_equal_or_item
// CASE 5: error_a_tensor_has_no_truth_value_use_all_any_equal_or_item
// CASE 6: error_a_tensor_is_made_by_tensor_zeros_ones_full_or_empty
// CASE 7: error_a_tensor_is_made_by_tensor_zeros_ones_full_or_empty
// CASE 8: error_cannot_convert_between_dtypes_write_cast
// CASE 9: error_cannot_convert_between_dtypes_write_cast
// CASE 10: error_sizes_are_written_in_braces
// CASE 11: error_sizes_and_axes_are_written_in_braces
// CASE 12: error_sizes_and_axes_are_written_in_braces
// CASE 13: error_an_expression_cannot_be_assigned_declare_a_Tensor
// CASE 14: discards qualifiers|is a private member|no viable overloaded '='|not marked const
// CASE 15: discards qualifiers|not marked const
// CASE 16: Scalar<unsigned|does not satisfy 'Scalar'|requires +Scalar<T>|\(Scalar<T>\)
// CASE 17: error_operands_have_different_dtypes_write_cast
// CASE 18: error_operands_have_different_dtypes_write_cast
// CASE 19: error_this_function_needs_a_floating_dtype_write_cast
// CASE 20: NumericOperands
// CASE 21: error_the_target_must_be_int64_classes_or_probabilities_of_the_dtype_of_the_input_write_cast
// CASE 22: error_the_target_must_be_int64_classes_or_probabilities_of_the_dtype_of_the_input_write_cast
// CASE 23: error_operands_have_different_dtypes_write_cast
// CASE 24: error_sizes_are_written_in_braces
#include <taper/core/random.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/loss.hpp>
#include <taper/ops/matmul.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/softmax.hpp>

#ifndef CASE
#define CASE 0
#endif

using namespace taper;

void use(Tensor<float> x, const Tensor<float>& fixed, const Tensor<double>& wide, Tensor<std::int64_t> counts,
         const Tensor<bool>& mask) {
  auto twice = x + x;
  if (equal(x, fixed) && all(x == fixed).item()) x = twice;
  Tensor<float> made = zeros<float>({2, 3}).view({3, 2});
  made = tensor<float>({1, 2, 3});
  sum(made).backward();
  (void)wide, (void)counts, (void)mask;
#if CASE == 1
  counts.backward();
#elif CASE == 2
  counts.requires_grad_();
#elif CASE == 3
  (counts * 2).backward();
#elif CASE == 4
  if (x == fixed) x = fixed;
#elif CASE == 5
  while (x) x = fixed;
#elif CASE == 6
  Tensor<float> wrong{1, 2, 3};
#elif CASE == 7
  Tensor<float> wrong(2, 3);
#elif CASE == 8
  Tensor<float> wrong = wide;
#elif CASE == 9
  x = x * wide;
#elif CASE == 10
  auto wrong = zeros<float>(2, 3);
#elif CASE == 11
  auto wrong = x.view(2, 3);
#elif CASE == 12
  auto wrong = reshape(x, -1);
#elif CASE == 13
  twice = x;
#elif CASE == 14
  fixed[0] = 1;
#elif CASE == 15
  fixed.fill_(1);
#elif CASE == 16
  Tensor<unsigned> wrong;
#elif CASE == 17
  auto wrong = matmul(x, wide);
#elif CASE == 18
  auto wrong = mse_loss(x, counts);
#elif CASE == 19
  auto wrong = softmax(counts, 0);
#elif CASE == 20
  auto wrong = relu(mask);
#elif CASE == 21
  auto wrong = cross_entropy(x, wide);
#elif CASE == 22
  auto wrong = cross_entropy(counts, x);  // the input comes first
#elif CASE == 23
  auto wrong = binary_cross_entropy_with_logits(x, mask);
#elif CASE == 24
  auto wrong = randn<float>(2, 3);
#endif
}
