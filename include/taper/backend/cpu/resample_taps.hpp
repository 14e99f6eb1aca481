// SPDX-License-Identifier: MIT
// Resampling along one axis as a sparse matrix: which elements each place is made of, and with what weights.
#pragma once

#include <taper/core/pool_vector.hpp>

#include <cmath>
#include <cstdint>

namespace taper::inline TAPER_CODE {

/// How interpolate fills the places between elements. PyTorch's names.
enum class InterpolateMode : std::uint8_t { nearest, nearest_exact, linear, bilinear, trilinear, bicubic, area };

namespace detail {

/// One axis of a resampling: `in` elements become `out`.
struct ResampleAxis {
  std::int64_t in = 1, out = 1;
  double scale = 0;    // out / in as the caller gave it; 0: from the sizes
  bool exact = false;  // nearest goes by the sizes alone where they are equal or one is twice the other
};

/// Place i of the result is the sum of weight[k] times element index[k] for k from start[i] up to start[i + 1].
struct Taps {
  std::int64_t in = 1, out = 1;
  bool identity = true;  // each place is its own element; the lists are empty
  PoolVector<std::int64_t> start, index;
  PoolVector<double> weight;

  static Taps same(std::int64_t n) {
    Taps t;
    t.in = t.out = n;
    return t;
  }
  /// The gradient's: from out places back to in elements.
  Taps transposed() const {
    Taps t;
    t.in = out, t.out = in, t.identity = identity;
    if (identity) return t;
    t.start.resize(static_cast<std::size_t>(in) + 2, std::int64_t{0});
    t.index.resize(index.size(), std::int64_t{0});
    t.weight.resize(index.size(), 0.0);
    for (const std::int64_t k : index) ++t.start[static_cast<std::size_t>(k) + 2];
    for (std::size_t k = 2; k < t.start.size(); ++k) t.start[k] += t.start[k - 1];
    for (std::int64_t i = 0; i < out; ++i)
      for (std::int64_t k = start[static_cast<std::size_t>(i)]; k < start[static_cast<std::size_t>(i) + 1]; ++k) {
        const auto from = static_cast<std::size_t>(k);
        const auto to = static_cast<std::size_t>(t.start[static_cast<std::size_t>(index[from]) + 1]++);
        t.index[to] = i;
        t.weight[to] = weight[from];
      }
    t.start.pop_back();
    return t;
  }
};

/// The taps of a mode along one axis: PyTorch's formulas, evaluated in double but for the places of nearest, which are
/// found in float there. Weights of zero are left out.
class TapsOf {
 public:
  TapsOf(InterpolateMode mode, bool align_corners, const ResampleAxis& axis) : axis_(axis) {
    taps_.in = axis.in, taps_.out = axis.out, taps_.identity = false;
    taps_.start.push_back(0);
    const double ratio = axis.scale > 0 ? 1 / axis.scale : static_cast<double>(axis.in) / static_cast<double>(axis.out);
    const double step = !align_corners ? ratio
                        : axis.out > 1 ? static_cast<double>(axis.in - 1) / static_cast<double>(axis.out - 1)
                                       : 0;
    for (std::int64_t i = 0; i < axis.out; ++i) {
      const auto at = static_cast<double>(i);
      const double place = align_corners ? step * at : step * (at + 0.5) - 0.5;
      switch (mode) {
        case InterpolateMode::nearest:
          if (axis.exact && (axis.out == axis.in || axis.out == 2 * axis.in))
            tap(i / (axis.out / axis.in), 1);
          else
            tap(static_cast<std::int64_t>(std::floor(static_cast<float>(i) * static_cast<float>(ratio))), 1);
          break;
        case InterpolateMode::nearest_exact:
          tap(static_cast<std::int64_t>(
                  std::floor(static_cast<float>((at + 0.5) * static_cast<double>(static_cast<float>(ratio))))),
              1);
          break;
        case InterpolateMode::area:
          mean(i);
          break;
        case InterpolateMode::bicubic:
          cubic(place);
          break;
        default:
          if (axis.out == axis.in)
            tap(i, 1);
          else
            linear(place < 0 ? 0 : place);
      }
      taps_.start.push_back(static_cast<std::int64_t>(taps_.index.size()));
    }
    bool same = axis.in == axis.out;
    for (std::size_t i = 0; same && i < taps_.index.size(); ++i)
      same = taps_.index[i] == static_cast<std::int64_t>(i) && taps_.weight[i] == 1;
    if (same && static_cast<std::int64_t>(taps_.index.size()) == axis.out) taps_ = Taps::same(axis.in);
  }
  Taps take() { return std::move(taps_); }

 private:
  /// Beyond the ends stands the last element.
  void tap(std::int64_t k, double weight) {
    if (weight == 0) return;
    taps_.index.push_back(k < 0 ? 0 : k < axis_.in ? k : axis_.in - 1);
    taps_.weight.push_back(weight);
  }
  /// The element before a place, and how far behind it the place lies.
  std::int64_t before(double place, double& rest) const {
    auto k = static_cast<std::int64_t>(std::floor(place));
    if (k > axis_.in - 1) k = axis_.in - 1;
    rest = place - static_cast<double>(k);
    rest = rest < 0 ? 0 : rest > 1 ? 1 : rest;
    return k;
  }
  void linear(double place) {
    double rest;
    const std::int64_t k = before(place, rest);
    tap(k, 1 - rest);
    tap(k + 1, rest);
  }
  /// The piecewise cubic through four elements with slope -0.75 (Keys).
  void cubic(double place) {
    constexpr double a = -0.75;
    const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
    const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
    double t;
    const std::int64_t k = before(place, t);
    tap(k - 1, far(t + 1));
    tap(k, near(t));
    tap(k + 1, near(1 - t));
    tap(k + 2, far(2 - t));
  }
  void mean(std::int64_t i) {
    const std::int64_t first = i * axis_.in / axis_.out, last = ((i + 1) * axis_.in + axis_.out - 1) / axis_.out;
    for (std::int64_t k = first; k < last; ++k) tap(k, 1 / static_cast<double>(last - first));
  }

  ResampleAxis axis_;
  Taps taps_;
};

}  // namespace detail

}  // namespace taper::inline TAPER_CODE
