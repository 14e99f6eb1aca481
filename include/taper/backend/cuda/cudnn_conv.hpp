// SPDX-License-Identifier: MIT
// Convolutions through cuDNN, by algorithms that give the same bits every time, unless others are allowed.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cuda/cudnn.hpp>
#include <taper/backend/cuda/nondeterministic.hpp>

#if TAPER_CUDNN
namespace taper::inline TAPER_ABI::base {

/// Whether the sizes of a convolution fit cuDNN's, and there is something to do.
inline bool cudnn_takes(const Conv2dShape& s) {
  return !s.empty() && s.group_in() > 0 && s.h > 0 && s.w > 0 &&
         cudnn_fits(s.n * s.c * s.h * s.w, s.n * s.oc * s.oh() * s.ow(), s.oc * s.group_in() * s.taps()) &&
         cudnn_fits(s.ph, s.pw, s.sh, s.sw, s.dh, s.dw);
}

/// A convolution as cuDNN is told of it.
class CudnnConv {
 public:
  CudnnTensor image, result, bias;
  CudnnOwned<cudnnFilterDescriptor_t, &cudnnCreateFilterDescriptor, &cudnnDestroyFilterDescriptor> weight;
  CudnnOwned<cudnnConvolutionDescriptor_t, &cudnnCreateConvolutionDescriptor, &cudnnDestroyConvolutionDescriptor> conv;

  /// With exact, products of float are not rounded to fewer bits. biases: how many channels a bias is for.
  CudnnConv(const Conv2dShape& s, cudnnDataType_t type, bool exact, std::int64_t biases) {
    const bool wide = type == CUDNN_DATA_DOUBLE, half = type == CUDNN_DATA_HALF || type == CUDNN_DATA_BFLOAT16;
    cudnn_describe("conv", image, type, s.n, s.c, s.h, s.w);
    cudnn_describe("conv", result, type, s.n, s.oc, s.oh(), s.ow());
    cudnn_describe("conv", bias, type, 1, biases, 1, 1);
    check(cudnnSetFilter4dDescriptor(weight, type, CUDNN_TENSOR_NCHW, size(s.oc), size(s.group_in()), size(s.kh),
                                     size(s.kw)));
    check(cudnnSetConvolution2dDescriptor(conv, size(s.ph), size(s.pw), size(s.sh), size(s.sw), size(s.dh), size(s.dw),
                                          CUDNN_CROSS_CORRELATION, wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT));
    check(cudnnSetConvolutionGroupCount(conv, size(s.groups)));
    check(cudnnSetConvolutionMathType(conv, half ? CUDNN_TENSOR_OP_MATH : exact ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH));
  }

 private:
  static void check(cudnnStatus_t status) { check_cudnn("conv", status); }
  static int size(std::int64_t n) { return static_cast<int>(n); }
};

/// Runs convolutions on a stream, with Memory's allocate and deallocate for what an algorithm needs beside its
/// operands. Each function returns false, with nothing done, where cuDNN does not do such a call.
template <class Memory>
struct CudnnConvolutions {
  cudaStream_t stream;
  bool exact;

  template <OfCudnn T>
  bool forward(const ConvCall<T>& call) const {
    if (!cudnn_takes(call.s)) return false;
    constexpr auto algorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    const CudnnConv c(call.s, CudnnType<T>::data, exact, call.s.oc);
    const cudnnHandle_t handle = cudnn_handle("conv", stream);
    Workspace space;
    if (!cudnn_supports("conv", cudnnGetConvolutionForwardWorkspaceSize(handle, c.image, c.weight, c.conv, c.result,
                                                                        algorithm, &space.bytes)))
      return false;
    space.take();
    const Scale<T> one = 1, zero = 0;
    if (!cudnn_supports(
            "conv", cudnnConvolutionForward(handle, &one, c.image, call.first, c.weight, call.second, c.conv, algorithm,
                                            space.data, space.bytes, &zero, c.result, call.out)))
      return false;
    add_bias(call, handle, c, c.result);
    return true;
  }
  template <OfCudnn T>
  bool data_gradient(const ConvCall<T>& call) const {
    if (!cudnn_takes(call.s)) return false;
    const CudnnConv c(call.s, CudnnType<T>::data, exact, call.s.c);
    const cudnnHandle_t handle = cudnn_handle("conv", stream);
    const auto algorithm = algorithm_of<cudnnConvolutionBwdDataAlgoPerf_t>(
        CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, c, &cudnnGetConvolutionBackwardDataAlgorithm_v7, handle, c.weight, c.result, c.conv, c.image);
    Workspace space;
    if (!cudnn_supports("conv", cudnnGetConvolutionBackwardDataWorkspaceSize(handle, c.weight, c.result, c.conv,
                                                                             c.image, algorithm, &space.bytes)))
      return false;
    space.take();
    const Scale<T> one = 1, zero = 0;
    if (!cudnn_supports("conv",
                        cudnnConvolutionBackwardData(handle, &one, c.weight, call.first, c.result, call.second, c.conv,
                                                     algorithm, space.data, space.bytes, &zero, c.image, call.out)))
      return false;
    add_bias(call, handle, c, c.image);
    return true;
  }
  template <OfCudnn T>
  bool weight_gradient(const ConvCall<T>& call) const {
    if (!cudnn_takes(call.s)) return false;
    const CudnnConv c(call.s, CudnnType<T>::data, exact, call.s.oc);
    const cudnnHandle_t handle = cudnn_handle("conv", stream);
    const auto algorithm = algorithm_of<cudnnConvolutionBwdFilterAlgoPerf_t>(
        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, c, &cudnnGetConvolutionBackwardFilterAlgorithm_v7, handle, c.image, c.result, c.conv, c.weight);
    Workspace space;
    if (!cudnn_supports("conv", cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, c.image, c.result, c.conv,
                                                                               c.weight, algorithm, &space.bytes)))
      return false;
    space.take();
    const Scale<T> one = 1, zero = 0;
    return cudnn_supports(
        "conv", cudnnConvolutionBackwardFilter(handle, &one, c.image, call.first, c.result, call.second, c.conv,
                                               algorithm, space.data, space.bytes, &zero, c.weight, call.out));
  }

 private:
  template <class T>
  using Scale = compute_t<T>;

  static constexpr std::size_t most_workspace = std::size_t{1} << 30;

  /// The one that gives the same bits every time; where others may be taken, the one that cuDNN expects to be fastest among those of
  /// the precision that was asked for.
  template <class Perf, class Algorithm, class Find, class... A>
  static Algorithm algorithm_of(Algorithm same_bits, const CudnnConv& c, Find find, cudnnHandle_t handle, const A&... descriptors) {
    if (!cuda::nondeterministic_allowed()) return same_bits;
    constexpr int most = 8;
    Perf found[most];
    int count = 0;
    cudnnMathType_t math{};
    check_cudnn("conv", cudnnGetConvolutionMathType(c.conv, &math));
    if (find(handle, descriptors..., most, &count, found) != CUDNN_STATUS_SUCCESS) return same_bits;
    for (int i = 0; i < count; ++i)
      if (found[i].status == CUDNN_STATUS_SUCCESS && found[i].mathType == math && found[i].memory <= most_workspace) return found[i].algo;
    return same_bits;
  }

  using Workspace = CudnnSpace<Memory>;

  template <class T>
  static void add_bias(const ConvCall<T>& call, cudnnHandle_t handle, const CudnnConv& c, cudnnTensorDescriptor_t to) {
    const Scale<T> one = 1;
    if (call.bias) check_cudnn("conv", cudnnAddTensor(handle, &one, c.bias, call.bias, &one, to, call.out));
  }
};

}  // namespace taper::inline TAPER_ABI::base
#endif
