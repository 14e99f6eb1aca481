// SPDX-License-Identifier: MIT
// Tensors as text, laid out as PyTorch does: to_string(x), and << for any stream.
#pragma once

#include <taper/core/elements.hpp>
#include <taper/core/print_number.hpp>

#include <vector>

namespace taper::inline TAPER_CODE {

namespace detail {

inline constinit PrintOptions print_options{};

/// Writes one tensor, whose elements the host reads from `data`; a device other than the host is named.
class TensorPrinter {
 public:
  TensorPrinter(const TensorRecord& r, const std::byte* data, std::string device, const PrintOptions& options)
      : r_(r),
        data_(data),
        device_(std::move(device)),
        options_(options),
        summarise_(r.numel > options.threshold),
        hidden_(summarise_ && options.edgeitems == 0) {}

  std::string operator()() {
    std::string out(prefix);
    if (r_.numel == 0) {
      out += "[]";
    } else if (hidden_) {
      out += "[...]";
    } else {
      format_cells();
      append_block(out, 0, prefix.size());
    }
    add_suffixes(out);
    return out + ")";
  }

 private:
  static constexpr std::string_view prefix = "tensor(";

  /// True where an axis of this size shows its edges only.
  bool cut(std::int64_t size) const { return summarise_ && size > 2 * options_.edgeitems; }

  /// Calls f(index) for the indices of an axis that are shown, and gap() where some are left out.
  template <class F, class Gap>
  void shown(std::int64_t size, F&& f, Gap&& gap) const {
    const bool edges = cut(size);
    for (std::int64_t i = 0; i < size; ++i) {
      if (edges && i == options_.edgeitems) {
        gap();
        i = size - options_.edgeitems;
      }
      f(i);
    }
  }

  template <class F>
  void visit(int axis, std::int64_t offset, F&& f) const {
    if (axis == r_.shape.size()) return f(data_ + offset * static_cast<std::int64_t>(size_of(r_.dtype)));
    shown(r_.shape[axis], [&](std::int64_t i) { visit(axis + 1, offset + i * r_.strides[axis], f); }, [] {});
  }

  void format_cells() {
    dispatch_dtype(r_.dtype, [this]<class T>() {
      if constexpr (std::is_integral_v<T>) {
        visit(0, 0, [this](const std::byte* p) {
          const T v = *reinterpret_cast<const T*>(p);
          if constexpr (std::is_same_v<T, bool>) cells_.emplace_back(v ? "True" : "False");
          else cells_.push_back(concat(static_cast<std::int64_t>(v)));
        });
        for (const std::string& cell : cells_) width_ = std::max(width_, cell.size());
        for (std::string& cell : cells_) cell.insert(0, width_ - cell.size(), ' ');
      } else {
        std::vector<double> re, im;
        visit(0, 0, [&](const std::byte* p) {
          const T v = *reinterpret_cast<const T*>(p);
          if constexpr (Complex<T>) {
            re.push_back(static_cast<double>(v.real()));
            im.push_back(static_cast<double>(v.imag()));
          } else {
            re.push_back(static_cast<double>(v));
          }
        });
        const NumberFormat real(re, options_);
        width_ = real.width();
        if constexpr (Complex<T>) {
          const NumberFormat imag(im, options_);
          width_ += imag.width() + 1;
          for (std::size_t i = 0; i < re.size(); ++i) cells_.push_back(complex_text(real, imag, re[i], im[i]));
        } else {
          for (const double v : re) cells_.push_back(real(v));
        }
      }
    });
  }

  void append_block(std::string& out, int axis, std::size_t indent) {
    const int left = r_.shape.size() - axis;
    if (left == 0) {
      out += cells_[next_++];
      return;
    }
    const auto line = static_cast<std::size_t>(options_.linewidth > 0 ? options_.linewidth : 0);
    const std::size_t per_line = line > indent + width_ + 2 ? (line - indent) / (width_ + 2) : 1;
    std::size_t count = 0;
    auto separate = [&] {
      if (count > 0) {
        if (left > 1) out.append(",").append(static_cast<std::size_t>(left - 1), '\n').append(indent + 1, ' ');
        else if (count % per_line == 0) out.append(",\n").append(indent + 1, ' ');
        else out += ", ";
      }
      ++count;
    };
    out += '[';
    shown(
        r_.shape[axis],
        [&](std::int64_t) {
          separate();
          append_block(out, axis + 1, indent + 1);
        },
        [&] {
          separate();
          out += left == 1 ? " ..." : "...";
        });
    out += ']';
  }

  void add_suffixes(std::string& out) const {
    std::size_t column = out.size() - (out.rfind('\n') + 1) + 2;  // PyTorch's count: npos + 1 is 0
    // Lines break where PyTorch's do, whose names of dtypes are six characters longer.
    auto add = [&](const std::string& suffix, std::size_t length) {
      if (column + length + 2 > static_cast<std::size_t>(options_.linewidth)) {
        out.append(",\n").append(prefix.size(), ' ') += suffix;
        column = prefix.size() + length;
      } else {
        out.append(", ") += suffix;
        column += length + 2;
      }
    };
    auto add_plain = [&](const std::string& suffix) { add(suffix, suffix.size()); };
    if (!device_.empty()) add_plain("device='" + device_ + "'");
    if (hidden_ || (r_.numel == 0 && r_.shape.size() != 1)) add_plain("size=" + to_string(r_.shape));
    // What a list of such numbers would become needs no name; an empty list becomes float32.
    const bool implied =
        r_.dtype == DType::float32 ||
        (r_.numel > 0 && (r_.dtype == DType::int64 || r_.dtype == DType::boolean || r_.dtype == DType::complex64));
    if (!implied) {
      const std::string suffix = "dtype=" + to_string(r_.dtype);
      add(suffix, suffix.size() + std::string_view("torch.").size());
    }
    for (const TensorRecord* r = &r_; r; r = r->link ? r->link->parent : nullptr) {
      if (!r->wants_grad) continue;
      add_plain("requires_grad=True");
      break;
    }
  }

  const TensorRecord& r_;
  const std::byte* const data_;
  const std::string device_;
  const PrintOptions& options_;
  const bool summarise_, hidden_;  // only the edges are shown; nothing is
  std::vector<std::string> cells_;
  std::size_t width_ = 0, next_ = 0;
};

/// A standard output stream, told by its shape: its header is not needed here.
template <class S>
concept OutputStream = !TensorLike<S> && requires(S& s, const char* text) {
  typename S::char_type;
  typename S::traits_type;
  s.write(text, 1);
};
template <class S>
S& write_text(S& stream, const std::string& text) {
  stream.write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
  return stream;
}

}  // namespace detail

/// The options that printing uses where it is given none.
inline const PrintOptions& get_printoptions() { return detail::print_options; }
/// Sets them for the whole program: set_printoptions({.precision = 2}). Not while another thread prints.
/// Throws: ValueError for a negative number.
inline void set_printoptions(const PrintOptions& options) {
  if (options.precision < 0 || options.edgeitems < 0 || options.threshold < 0 || options.linewidth < 0)
    detail::raise<ValueError>("set_printoptions", "precision ", options.precision, ", threshold ", options.threshold,
                              ", edgeitems ", options.edgeitems, " and linewidth ", options.linewidth,
                              " must not be negative");
  detail::print_options = options;
}

/// The text of a tensor, or of an expression's value, as PyTorch prints it: "tensor([1., 2., 3.])". Of a tensor on a device, waits
/// for it and takes what lies between its first element and its last to the host: "tensor([1.], device='cuda:0')".
template <TensorLike X>
std::string to_string(const X& x, const PrintOptions& options = get_printoptions()) {
  using D = device_t<X>;
  const tensor_t<X> t = detail::stored(x);
  const detail::TensorRecord& r = t.record();
  if constexpr (detail::on_host<D>) {
    return detail::TensorPrinter(r, r.data, {}, options)();
  } else {
    std::vector<std::byte> elements(r.numel > 0 ? static_cast<std::size_t>(detail::extent_bytes(r)) : 0);
    if (r.numel > 0) D::to_host(elements.data(), r.data, elements.size());
    return detail::TensorPrinter(r, elements.data(), detail::concat(D::name, ':', r.storage->index), options)();
  }
}

template <detail::OutputStream S, TensorLike X>
S& operator<<(S& stream, const X& x) {
  return detail::write_text(stream, to_string(x));
}
/// A shape, strides or a list of axes: "(2, 3)".
template <detail::OutputStream S>
S& operator<<(S& stream, const Dims& dims) {
  return detail::write_text(stream, to_string(dims));
}
template <detail::OutputStream S>
S& operator<<(S& stream, DType dtype) {
  return detail::write_text(stream, to_string(dtype));
}

}  // namespace taper::inline TAPER_CODE
