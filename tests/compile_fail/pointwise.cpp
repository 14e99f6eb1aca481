// SPDX-License-Identifier: MIT
// Mistakes with pointwise functions that do not compile, each naming its fault.
// CASE 1: error_operands_are_on_different_devices_move_one_with_to
// CASE 2: error_complex_numbers_have_no_order_compare_real_imag_or_abs
// CASE 3: error_use_logical_and_of_tensors_in_place_of_this_operator
// CASE 4: error_bitwise_operators_take_integers_or_bools_not
// CASE 5: error_bool_tensors_cannot_be_subtracted_use_logical_xor_or_cast
// CASE 6: error_a_bool_tensor_cannot_be_negated_use_logical_not
// CASE 7: error_the_condition_must_be_a_bool_tensor_write_a_comparison_or_cast_to_bool
// CASE 8: error_the_result_does_not_fit_the_dtype_of_the_target_write_cast
// CASE 9: error_a_const_tensor_cannot_be_changed_in_place
// CASE 10: error_an_expression_cannot_be_changed_in_place_declare_a_Tensor
// CASE 11: error_use_logical_or_of_tensors_in_place_of_this_operator
// CASE 12: FloatingOperands|RealOperands
// CASE 13: error_operands_are_on_different_devices_move_one_with_to
// CASE 14: error_the_result_does_not_fit_the_dtype_of_the_target_write_cast
#include <taper/ops/eager.hpp>
#include <taper/ops/inplace.hpp>

struct Elsewhere {
  static constexpr std::string_view name = "elsewhere";
  static void* allocate(std::size_t);
  static void deallocate(void*, std::size_t) noexcept;
};

using namespace taper;

void use(Tensor<float>& x, const Tensor<float>& fixed, Tensor<std::int64_t>& i, Tensor<bool>& mask, Tensor<std::complex<float>>& z,
         Tensor<float, Elsewhere>& far) {
  auto sum = x + i;
  (void)sum, (void)fixed, (void)mask, (void)z, (void)far;
#if CASE == 1
  auto y = x + far;
#elif CASE == 2
  auto y = z < x;
#elif CASE == 3
  auto y = x > 0 && x < 1;
#elif CASE == 4
  auto y = x & mask;
#elif CASE == 5
  auto y = mask - mask;
#elif CASE == 6
  auto y = -mask;
#elif CASE == 7
  auto y = where(x, x, i);
#elif CASE == 8
  i += x;
#elif CASE == 9
  fixed += x;
#elif CASE == 10
  sum += x;
#elif CASE == 11
  auto y = mask || mask;
#elif CASE == 12
  auto y = gelu(z);
#elif CASE == 13
  auto y = maximum(far, x);
#elif CASE == 14
  i /= 2;
#endif
}
