// SPDX-License-Identifier: MIT
// The sizes of a 2-d convolution. A 1-d convolution has h = kh = 1.
#pragma once

#include <taper/config.hpp>

#include <cstdint>

namespace taper::inline TAPER_ABI::base {

/// Images (n, c, h, w), weights (oc, c / groups, kh, kw), results (n, oc, oh, ow), all contiguous, or images and results
/// with their channels last: (n, h, w, c), (n, oh, ow, oc). Units of all flags pass it to each other; what it computes is inlined.
struct Conv2dShape {
  std::int64_t n = 1, c = 1, h = 1, w = 1;
  std::int64_t oc = 1, kh = 1, kw = 1;
  std::int64_t sh = 1, sw = 1, ph = 0, pw = 0, dh = 1, dw = 1, groups = 1;
  bool channels_last = false;

  TAPER_INLINE std::int64_t oh() const { return size(h, kh, sh, ph, dh); }
  TAPER_INLINE std::int64_t ow() const { return size(w, kw, sw, pw, dw); }
  TAPER_INLINE std::int64_t group_in() const { return c / groups; }
  TAPER_INLINE std::int64_t group_out() const { return oc / groups; }
  TAPER_INLINE std::int64_t taps() const { return kh * kw; }
  TAPER_INLINE bool empty() const { return n <= 0 || c <= 0 || oc <= 0 || oh() <= 0 || ow() <= 0; }

 private:
  TAPER_INLINE static std::int64_t size(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                                        std::int64_t dilation) {
    const std::int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

/// A convolution or one of its gradients, as a device other than the host runs it: from two of image, weight and result, in this
/// order, to the third. The bias, which may be null, has an element for each channel of a result or an image that is made.
template <class T>
struct ConvCall {
  Conv2dShape s;
  const T *first, *second, *bias;
  T* out;
};

}  // namespace taper::inline TAPER_ABI::base
