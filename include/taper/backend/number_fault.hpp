// SPDX-License-Identifier: MIT
// A number in a tensor that is out of range for what it is used for: plain data, which kernels fill too, and its error.
#pragma once

#include <taper/core/error.hpp>
#include <taper/core/shape.hpp>

#include <string_view>

namespace taper::inline TAPER_ABI::base {

struct NumberFault {
  enum class Kind : int { none, index, row, class_number, probability };
  Kind kind = Kind::none;
  const char* op = nullptr;  // a literal, of the host's
  std::size_t op_length = 0;
  Shape numbers, indexed;  // of the tensor that holds the number, of the tensor that it indexes
  std::int64_t axis = 0, size = 0;
  std::int64_t element = 0, value = 0;

  NumberFault() = default;
  /// Of an index into an axis.
  static NumberFault of_axis(std::string_view op, std::int64_t axis, std::int64_t size) {
    NumberFault out(Kind::index, op);
    out.axis = axis, out.size = size;
    return out;
  }
  /// Of a row of a table.
  static NumberFault of_row(std::string_view op, const Shape& indices, const Shape& table) {
    NumberFault out(Kind::row, op);
    out.numbers = indices, out.indexed = table, out.size = table[0];
    return out;
  }
  static NumberFault of_class(std::string_view op, const Shape& target, std::int64_t classes) {
    NumberFault out(Kind::class_number, op);
    out.numbers = target, out.size = classes;
    return out;
  }
  static NumberFault of_probability(std::string_view op) { return NumberFault(Kind::probability, op); }

  /// The same, of a given element.
  NumberFault at(std::int64_t i, std::int64_t v) const {
    NumberFault out = *this;
    out.element = i, out.value = v;
    return out;
  }

 private:
  NumberFault(Kind k, std::string_view o) : kind(k), op(o.data()), op_length(o.size()) {}
};

[[noreturn]] TAPER_COLD inline void throw_fault(const NumberFault& f, std::string_view when = "") {
  const std::string_view op(f.op, f.op_length);
  switch (f.kind) {
    case NumberFault::Kind::row:
      raise<IndexError>(op, "index ", f.value, " (element ", f.element, " of indices ", f.numbers, ") is out of range for weight ", f.indexed,
                        ": use 0 to ", f.size - 1, when);
    case NumberFault::Kind::class_number:
      raise<IndexError>(op, "class ", f.value, " (element ", f.element, " of the target ", f.numbers, ") is out of range for ", f.size, " classes", when);
    case NumberFault::Kind::probability:
      raise<ValueError>(op, "all elements of the input must be between 0 and 1: use ", op, "_with_logits for others", when);
    default:
      raise<IndexError>(op, "index ", f.value, " is out of range for axis ", f.axis, " of size ", f.size, when);
  }
}

}  // namespace taper::inline TAPER_ABI::base
