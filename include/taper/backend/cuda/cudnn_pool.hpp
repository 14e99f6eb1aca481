// SPDX-License-Identifier: MIT
// Poolings through cuDNN: averages both ways, and maxima of which nobody asks where they lie.
#pragma once

#include <taper/backend/cuda/cudnn.hpp>

#if TAPER_CUDNN
namespace taper::inline TAPER_ABI::base {

/// A pooling whose windows all lie within the padded planes, as cuDNN's do.
struct CudnnPool {
  CudnnTensor planes, result;
  CudnnOwned<cudnnPoolingDescriptor_t, &cudnnCreatePoolingDescriptor, &cudnnDestroyPoolingDescriptor> pool;

  template <class Windows>
  CudnnPool(const Windows& p, cudnnPoolingMode_t mode, cudnnDataType_t type) {
    const auto& s = p.s;
    // As images of up to 1024 planes: what is an image does not matter here, but to a grid of CUDA's it may.
    std::int64_t channels = s.planes < 1024 ? s.planes : 1024;
    while (s.planes % channels != 0) --channels;
    cudnn_describe("pool", planes, type, s.planes / channels, channels, s.h, s.w);
    cudnn_describe("pool", result, type, s.planes / channels, channels, p.oh, p.ow);
    check_cudnn("pool", cudnnSetPooling2dDescriptor(pool, mode, CUDNN_PROPAGATE_NAN, size(s.kh), size(s.kw), size(s.ph), size(s.pw),
                                                    size(s.sh), size(s.sw)));
  }

  /// Whether cuDNN has such a pooling: no adaptive one, nothing dilated, nothing beyond the padding, where ceil_mode may reach.
  template <class Windows>
  static bool takes(const Windows& p) {
    const auto& s = p.s;
    return !p.adaptive && s.planes > 0 && s.dh == 1 && s.dw == 1 && (p.oh - 1) * s.sh + s.kh <= s.h + 2 * s.ph &&
           (p.ow - 1) * s.sw + s.kw <= s.w + 2 * s.pw &&
           cudnn_fits(s.planes * s.h * s.w, s.planes * p.oh * p.ow, s.kh, s.kw, s.sh, s.sw);
  }

 private:
  static int size(std::int64_t n) { return static_cast<int>(n); }
};

/// Runs poolings on a stream. Each function returns false, with nothing done, where cuDNN does not do such a call.
struct CudnnPoolings {
  cudaStream_t stream;

  template <OfCudnn T, class Windows>
  bool maxima(const Windows& p, const T* x, T* y) const {
    return forward(p, CUDNN_POOLING_MAX, x, y);
  }
  template <OfCudnn T, class Windows>
  bool average(const Windows& p, bool include_pad, const T* x, T* y) const {
    return forward(p, average_mode(include_pad), x, y);
  }
  template <OfCudnn T, class Windows>
  bool average_backward(const Windows& p, bool include_pad, const T* dy, T* dx) const {
    if (!CudnnPool::takes(p)) return false;
    const CudnnPool c(p, average_mode(include_pad), CudnnType<T>::data);
    const compute_t<T> one = 1, zero = 0;
    // cuDNN wants planes and result of a forward, of which an average's gradient reads nothing: any memory of their sizes serves.
    return cudnn_supports("avg_pool", cudnnPoolingBackward(cudnn_handle("avg_pool", stream), c.pool, &one, c.result, dy, c.result, dy,
                                                           c.planes, dx, &zero, c.planes, dx));
  }

 private:
  static cudnnPoolingMode_t average_mode(bool include_pad) {
    return include_pad ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
  }
  template <OfCudnn T, class Windows>
  bool forward(const Windows& p, cudnnPoolingMode_t mode, const T* x, T* y) const {
    if (!CudnnPool::takes(p)) return false;
    const CudnnPool c(p, mode, CudnnType<T>::data);
    const compute_t<T> one = 1, zero = 0;
    return cudnn_supports("pool", cudnnPoolingForward(cudnn_handle("pool", stream), c.pool, &one, c.planes, x, &zero, c.result, y));
  }
};

}  // namespace taper::inline TAPER_ABI::base
#endif
