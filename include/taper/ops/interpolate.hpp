// SPDX-License-Identifier: MIT
// interpolate: the last one to three axes at another size.
#pragma once

#include <taper/backend/cpu/resample.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/view.hpp>

#include <cmath>
#include <initializer_list>
#include <span>
#include <type_traits>

namespace taper::inline TAPER_CODE {

/// Up to three numbers, one per resized axis; one stands for all of them, none for not given.
template <class N>
struct PerAxis {
  std::int64_t count = 0;
  N values[3] = {};

  constexpr PerAxis() = default;
  template <class S>
  requires std::is_arithmetic_v<S>
  constexpr PerAxis(S all) : count(1), values{static_cast<N>(all)} {}
  constexpr PerAxis(std::initializer_list<N> each) {
    if (each.size() > 3) detail::raise<ValueError>("PerAxis", "at most 3 axes are resized, not ", each.size());
    for (const N value : each) values[count++] = value;
  }
  constexpr bool given() const { return count > 0; }
  constexpr N operator[](int axis) const { return values[count == 1 ? 0 : axis]; }
};

/// What interpolate is to do: either size or scale_factor is given. With recompute_scale_factor the positions follow
/// from the rounded size instead of the factor.
struct InterpolateFuncOptions {
  PerAxis<std::int64_t> size = {};
  PerAxis<double> scale_factor = {};
  InterpolateMode mode = InterpolateMode::nearest;
  bool align_corners = false;
  bool recompute_scale_factor = false;
};

namespace detail {

inline const char* interpolate_name(InterpolateMode mode) {
  constexpr const char* names[] = {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"};
  return names[static_cast<int>(mode)];
}

/// A resampling of all planes of x: a linear map, the same for its gradient with the taps transposed.
struct Resampling {
  InterpolateMode mode = InterpolateMode::nearest;
  bool align_corners = false;
  ResampleAxis axes[3];  // depth, height, width
  Shape in, out;

  Resampling(const Shape& x, const InterpolateFuncOptions& o)
      : mode(o.mode), align_corners(o.align_corners), in(x), out(x) {
    const int rank = x.size() - 2;
    if (rank < 1 || rank > 3)
      raise<ShapeError>("interpolate", "x must have 3, 4 or 5 dimensions (n, c, ..), not shape ", x);
    using M = InterpolateMode;
    const int needed = mode == M::linear                           ? 1
                       : mode == M::bilinear || mode == M::bicubic ? 2
                       : mode == M::trilinear                      ? 3
                                                                   : rank;
    if (needed != rank)
      raise<ShapeError>("interpolate", "mode ", interpolate_name(mode), " needs x of ", needed + 2,
                        " dimensions, not of shape ", x, ": ",
                        rank == 1   ? "linear"
                        : rank == 2 ? "bilinear or bicubic"
                                    : "trilinear",
                        " fits it");
    if (align_corners && (mode == M::nearest || mode == M::nearest_exact || mode == M::area))
      raise<ValueError>("interpolate", "align_corners is for linear, bilinear, bicubic and trilinear, not for ",
                        interpolate_name(mode));
    if (o.size.given() == o.scale_factor.given())
      raise<ValueError>("interpolate", o.size.given() ? "size and scale_factor are both given: give one"
                                                      : "give size or scale_factor");
    if (o.size.given() && o.recompute_scale_factor)
      raise<ValueError>("interpolate", "recompute_scale_factor needs scale_factor, not size");
    if (const std::int64_t count = o.size.given() ? o.size.count : o.scale_factor.count; count != 1 && count != rank)
      raise<ShapeError>("interpolate", o.size.given() ? "size has " : "scale_factor has ", count,
                        " numbers, x of shape ", x, " needs 1 or ", rank);
    for (int i = 0; i < rank; ++i) {
      ResampleAxis& axis = axes[3 - rank + i];
      axis.in = x[2 + i], axis.exact = rank == 2;  // as in PyTorch, where it is for planes alone
      if (o.size.given()) {
        axis.out = o.size[i];
      } else {
        const double factor = o.scale_factor[i], exact = std::floor(static_cast<double>(axis.in) * factor);
        if (!(factor > 0) || !(exact < 0x1p62))
          raise<ValueError>("interpolate", "scale_factor ", factor, " must be a positive number");
        axis.out = static_cast<std::int64_t>(exact);
        if (!o.recompute_scale_factor && mode != M::area) axis.scale = factor;
      }
      if (axis.in < 1 || axis.out < 1)
        raise<ShapeError>("interpolate", "axis ", 2 + i, " of x ", x, " cannot go from size ", axis.in, " to ",
                          axis.out, ": both must be at least 1");
      out[2 + i] = axis.out;
    }
    check_shape("interpolate", out);
  }

  /// y = the map of x, or with Transposed its transpose.
  template <bool Transposed, class T>
  void run(const T* x, T* y) const {
    using C = compute_t<T>;
    const Taps d = taps<Transposed>(0), h = taps<Transposed>(1), w = taps<Transposed>(2);
    const std::int64_t planes = in[0] * in[1];
    if (d.identity) return resample<T, T>(planes * d.in, h, w, x, y);
    // The pass along depth sees planes as rows; it comes where there is less to do.
    const bool first = d.out <= d.in;
    const std::int64_t plane = first ? h.in * w.in : h.out * w.out;
    const Taps rows = Taps::same(plane);
    const tiles::Scratch<C> middle(planes * (first ? d.out : d.in) * plane);
    if (first) {
      resample<T, C>(planes, d, rows, x, middle.data());
      resample<C, T>(planes * d.out, h, w, middle.data(), y);
    } else {
      resample<T, C>(planes * d.in, h, w, x, middle.data());
      resample<C, T>(planes, d, rows, middle.data(), y);
    }
  }

  template <bool Transposed>
  Taps taps(int axis) const {
    Taps t = TapsOf(mode, align_corners, axes[axis]).take();
    return Transposed ? t.transposed() : t;
  }
};

/// A resampling or its transpose: each is the other's gradient.
template <bool Transposed, Scalar T, Device D>
Tensor<T, D> resampled(const Resampling& r, const Tensor<T, D>& input) {
  const Tensor<T, D> x = contiguous(input);
  Tensor<T, D> y = empty_tensor<T, D>(Transposed ? r.in : r.out);
  count_pass();
  if constexpr (on_host<D>) r.run<Transposed>(x.data_ptr(), y.data_ptr());
  else
    Accelerator<D>::resample(r.in[0] * r.in[1], r.taps<Transposed>(0), r.taps<Transposed>(1), r.taps<Transposed>(2), x.data_ptr(), y.data_ptr());
  auto backward = [r](const autograd::BackwardContext& ctx) {
    if (ctx.wants(0)) ctx.give(0, resampled<!Transposed>(r, dense_gradient<T, D>(ctx)));
  };
  return record_op("interpolate", std::move(y), false, std::move(backward), x);
}

}  // namespace detail

/// x at another size: interpolate(x, {.scale_factor = 2, .mode = InterpolateMode::bilinear}). Element i lies at i + 1/2
/// of its axis, or with align_corners so that the first and last stay where they are. nearest rounds positions down
/// (nearest_exact to the nearest), the linear ones mix the 2, 4 or 8 elements around, bicubic 16, area takes means as
/// adaptive_avg_pool. Shapes: x (n, c, l), (n, c, h, w) or (n, c, d, h, w) -> (n, c, ..), the last sizes as given or
/// floor(size scale_factor). linear needs 3 dimensions, bilinear and bicubic 4, trilinear 5. Dtypes: floating; 16-bit
/// floats are mixed in float. An element of weight zero is left out: its NaN or infinity does not pass, other than in
/// PyTorch, which multiplies it. Gradient: the transposed map (PyTorch's of nearest is not where a scale_factor leaves 1
/// or 3 axes their size or doubles it by rounding). Throws: ShapeError where mode, size and x do not fit, ValueError
/// for both or neither of size and scale_factor. Error: positions and weights are found in double where PyTorch's are
/// float.
template <TensorLike X>
requires Floating<value_t<X>> tensor_t<X> interpolate(X&& x, const InterpolateFuncOptions& options) {
  const detail::Resampling r(x.shape(), options);
  return detail::resampled<false>(r, tensor_t<X>(eval(std::forward<X>(x))));
}

TAPER_REFUSE_NOT_FLOATING(interpolate)

}  // namespace taper::inline TAPER_CODE
