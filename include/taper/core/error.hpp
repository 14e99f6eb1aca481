// SPDX-License-Identifier: MIT
// Errors: every user mistake found at run time is a taper::Error whose text names the operation, the operands and the fix.
#pragma once

#include <taper/config.hpp>

#include <atomic>
#include <charconv>
#include <complex>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace taper::inline TAPER_ABI {

/// Base of everything Taper throws. what() reads "[operation] what is wrong, with both operands, and what to do".
class Error : public std::exception {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

/// Sizes that do not fit each other or the operation.
class ShapeError : public Error { using Error::Error; };
/// An index or an axis out of range.
class IndexError : public Error { using Error::Error; };
/// A value outside what the operation accepts.
class ValueError : public Error { using Error::Error; };
/// A dtype other than the one asked for (files, run-time dtypes).
class DTypeError : public Error { using Error::Error; };
/// A device that is missing or is not the one asked for.
class DeviceError : public Error { using Error::Error; };
/// Misuse of the tape: a freed graph, a saved tensor changed in place, no gradient wanted.
class AutogradError : public Error { using Error::Error; };
/// A file that is missing, broken, truncated or hostile, or a write that failed.
class IoError : public Error { using Error::Error; };
/// Memory that the system refuses.
class MemoryError : public Error { using Error::Error; };
/// A state_dict that does not fit the module or the optimizer.
class StateError : public Error { using Error::Error; };

/// Called with the message instead of a throw when exceptions are switched off; the program aborts after it returns.
using ErrorHandler = void (*)(const char* message);

namespace base {

inline std::atomic<ErrorHandler> error_handler{nullptr};

template <class T>
void append(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += value;
  } else if constexpr (std::is_arithmetic_v<T>) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out += std::string_view(value);
  } else {
    out += to_string(value);  // found by argument-dependent lookup: Shape, Slice, DType, ...
  }
}

/// One part of a message as data: what raise() is given is put into a list first, so that its many uses share their code.
struct MessagePart {
  const void* value;
  void (*append)(std::string& out, const void* value);
};
template <class T>
void append_part(std::string& out, const void* value) {
  append(out, *static_cast<const T*>(value));
}
inline void append_literal(std::string& out, const void* value) { out += static_cast<const char*>(value); }
template <class T>
MessagePart part_of(const T& value) {
  if constexpr (std::is_array_v<T>) return {value, &append_literal};  // one function for literals of all lengths
  else return {&value, &append_part<T>};
}

TAPER_COLD inline std::string concat_parts(const MessagePart* parts, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) parts[i].append(out, parts[i].value);
  return out;
}
TAPER_COLD inline std::string message_of(std::string_view op, const MessagePart* parts, std::size_t count) {
  std::string out = "[";
  out += op;
  out += "] ";
  return out += concat_parts(parts, count);
}

/// The parts written one after another.
template <class... Parts>
std::string concat(const Parts&... parts) {
  const MessagePart list[] = {part_of(parts)...};
  return concat_parts(list, sizeof...(parts));
}

template <class E>
[[noreturn]] TAPER_COLD void raise_message(std::string_view op, const MessagePart* parts, std::size_t count) {
  std::string text = message_of(op, parts, count);
#if TAPER_EXCEPTIONS
  throw E(std::move(text));
#else
  if (const ErrorHandler handler = error_handler.load()) handler(text.c_str());
  std::abort();
#endif
}

/// Throws E with the text "[op] parts...", or calls the handler and aborts where exceptions are off.
template <class E, class... Parts>
[[noreturn, gnu::cold]] inline void raise(std::string_view op, const Parts&... parts) {
  const MessagePart list[] = {part_of(parts)...};
  raise_message<E>(op, list, sizeof...(parts));
}

}  // namespace base

/// Sets what is called with an error's text in a build without exceptions, before abort(). Returns the handler before.
inline ErrorHandler set_error_handler(ErrorHandler handler) { return base::error_handler.exchange(handler); }

}  // namespace taper::inline TAPER_ABI
