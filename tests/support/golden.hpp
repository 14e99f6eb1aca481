// SPDX-License-Identifier: MIT
// Golden files as tensors, and the comparison that every test shares: shape first, NaN only meets NaN, errors printed.
#pragma once

#include <taper/eval/replay.hpp>
#include <taper/eval/tensor.hpp>
#include <taper/io/mapped_file.hpp>
#include <taper/io/safetensors.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

#ifndef TAPER_SOURCE_DIR
#define TAPER_SOURCE_DIR "."
#endif

namespace golden {

/// tests/golden/<name>.safetensors. Arrays are float64, int64 or bool there and are converted to what is asked for; a
/// complex tensor is an array with a last axis (re, im).
class File {
 public:
  explicit File(const std::string& name)
      : path_(TAPER_SOURCE_DIR "/tests/golden/" + name + ".safetensors"), file_(path_),
        header_(taper::io::safetensors::parse(file_.bytes(), path_)) {
    auto& entries = header_.entries;
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  }

  /// Every key, "<case>/<name>", sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : header_.entries) out.push_back(entry.name);
    return out;
  }
  /// Every case, sorted.
  std::vector<std::string> cases() const {
    std::vector<std::string> out;
    for (const auto& entry : header_.entries) {
      std::string name = entry.name.substr(0, entry.name.find('/'));
      if (out.empty() || out.back() != name) out.push_back(std::move(name));
    }
    return out;
  }
  bool has(const std::string& key) const { return find(key) != nullptr; }
  taper::DType dtype(const std::string& key) const { return at(key).dtype; }
  taper::Shape shape(const std::string& key) const { return at(key).shape; }

  /// The array as a dense tensor of T.
  template <taper::Scalar T>
  taper::Tensor<T> tensor(const std::string& key) const {
    const auto& entry = at(key);
    taper::Shape shape = entry.shape;
    if constexpr (taper::Complex<T>) {
      if (shape.empty() || shape.back() != 2)
        taper::detail::raise<taper::ShapeError>("golden", key, " has no last axis (re, im)");
      shape.erase(shape.size() - 1);
    }
    taper::Tensor<T> out(taper::detail::make_dense<taper::Cpu>(taper::dtype_of<T>, shape));
    using R = taper::real_t<T>;
    auto* to = reinterpret_cast<R*>(out.data_ptr());
    const std::byte* from = file_.data() + entry.begin;
    const std::int64_t n = entry.shape.numel();
    for (std::int64_t i = 0; i < n; ++i) {
      if (entry.dtype == taper::DType::float64) to[i] = static_cast<R>(read<double>(from, i));
      else if (entry.dtype == taper::DType::float32) to[i] = static_cast<R>(read<float>(from, i));
      else if (entry.dtype == taper::DType::int64) to[i] = static_cast<R>(read<std::int64_t>(from, i));
      else to[i] = static_cast<R>(read<std::uint8_t>(from, i));
    }
    return out;
  }
  /// The elements, flat.
  template <class T = double>
  std::vector<T> values(const std::string& key) const {
    const taper::Tensor<T> t = tensor<T>(key);
    return std::vector<T>(t.data_ptr(), t.data_ptr() + t.numel());
  }
  /// The only element: an option, "<case>/arg/<name>".
  template <class T = double>
  T value(const std::string& key) const {
    return tensor<T>(key).item();
  }
  template <class T = double>
  T value(const std::string& key, T otherwise) const {
    return has(key) ? value<T>(key) : otherwise;
  }

 private:
  template <class T>
  static T read(const std::byte* from, std::int64_t i) {
    T out;
    std::memcpy(&out, from + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return out;
  }
  const taper::io::safetensors::Entry* find(const std::string& key) const {
    const auto it = std::lower_bound(header_.entries.begin(), header_.entries.end(), key,
                                     [](const auto& entry, const std::string& k) { return entry.name < k; });
    return it != header_.entries.end() && it->name == key ? &*it : nullptr;
  }
  const taper::io::safetensors::Entry& at(const std::string& key) const {
    const auto* entry = find(key);
    if (!entry) taper::detail::raise<taper::IoError>("golden", "'", path_, "' has no '", key, "'");
    return *entry;
  }

  std::string path_;
  taper::io::MappedFile file_;
  taper::io::safetensors::Header header_;
};

namespace detail {

// long double holds every dtype's values without loss.
using Number = long double;

inline Number read(const std::byte* p, taper::DType dtype) {
  return taper::dispatch_dtype(dtype, [p]<class T>() -> Number {
    if constexpr (taper::Complex<T>) {
      return 0;  // complex values are read as two real ones
    } else {
      T value;
      std::memcpy(static_cast<void*>(&value), p, sizeof value);
      return static_cast<Number>(static_cast<taper::compute_t<T>>(value));
    }
  });
}

/// The elements in row-major order; of complex ones (re, im).
inline std::vector<Number> numbers(const taper::detail::TensorRecord& r) {
  const bool complex = taper::detail::is_complex(r.dtype);
  const taper::DType part = r.dtype == taper::DType::complex64 ? taper::DType::float32 : taper::DType::float64;
  std::vector<Number> out;
  for (std::int64_t i = 0; i < r.numel; ++i) {
    std::int64_t rest = i, offset = 0;
    for (int axis = r.shape.size() - 1; axis >= 0; --axis) {
      offset += rest % r.shape[axis] * r.strides[axis];
      rest /= r.shape[axis];
    }
    const std::byte* p = r.data + offset * static_cast<std::int64_t>(taper::size_of(r.dtype));
    out.push_back(read(p, complex ? part : r.dtype));
    if (complex) out.push_back(read(p + taper::size_of(part), part));
  }
  return out;
}

/// Empty where actual is close to expected; otherwise the first bad positions.
inline std::string compare(const taper::detail::TensorRecord& actual, const taper::detail::TensorRecord& expected,
                           double rtol, double atol) {
  std::ostringstream out;
  out.precision(17);
  if (!(actual.shape == expected.shape)) {
    out << "shape " << taper::to_string(actual.shape) << ", expected " << taper::to_string(expected.shape);
    return out.str();
  }
  const std::vector<Number> a = numbers(actual), e = numbers(expected);
  if (a.size() != e.size()) return "one is complex, the other is not";
  std::size_t bad = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Number error = std::fabs(a[i] - e[i]);
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i])) || error <= atol + rtol * std::fabs(e[i])) continue;
    if (++bad > 5) continue;
    out << "\n  at " << i << ": " << a[i] << ", expected " << e[i] << ", off by " << error << " ("
        << error / std::fabs(e[i]) << " relative)";
  }
  if (bad == 0) return {};
  std::ostringstream head;
  head << bad << " of " << a.size() << " values are off (rtol " << rtol << ", atol " << atol << ")";
  return head.str() + out.str();
}

}  // namespace detail

/// The value of x, in the host's memory.
template <taper::TensorLike X>
taper::detail::RecordPtr on_host(const X& x) {
  const auto value = taper::eval(x);
  if constexpr (taper::detail::on_host<taper::device_t<X>>) return value.handle();
  else return taper::detail::host_copy<taper::device_t<X>>(value.record());
}

/// Empty where |actual - expected| <= atol + rtol |expected| everywhere (NaN meets NaN alone, infinities exactly);
/// otherwise what is wrong. Dtypes may differ, and devices: float results meet double expectations.
template <taper::TensorLike A, taper::TensorLike E>
std::string difference(const A& actual, const E& expected, double rtol, double atol) {
  return detail::compare(*on_host(actual), *on_host(expected), rtol, atol);
}

/// Fails the running Catch test, with the first bad positions, unless actual is close to expected.
template <taper::TensorLike A, taper::TensorLike E>
void check_close(const A& actual, const E& expected, double rtol, double atol) {
  const std::string wrong = difference(actual, expected, rtol, atol);
  INFO(wrong);
  CHECK(wrong.empty());
}
/// The same with no error allowed.
template <taper::TensorLike A, taper::TensorLike E>
void check_equal(const A& actual, const E& expected) {
  check_close(actual, expected, 0, 0);
}

}  // namespace golden

using golden::check_close;
using golden::check_equal;
