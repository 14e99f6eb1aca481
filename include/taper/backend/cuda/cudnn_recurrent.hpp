// SPDX-License-Identifier: MIT
// Recurrent layers through cuDNN: all steps of a layer in one call, both directions.
#pragma once

#include <taper/backend/cuda/cudnn.hpp>
#include <taper/backend/recurrent_run.hpp>

#if TAPER_CUDNN
namespace taper::inline TAPER_ABI::base {

/// Whether the sizes of a layer fit cuDNN's, and there is something to do.
inline bool cudnn_takes(const RecurrentLayer& l) {
  constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;
  return l.steps > 0 && l.n > 0 && l.in > 0 && l.size > 0 && l.steps * l.n * l.in <= most &&
         (l.steps + 2) * l.block() <= most && l.gates() * l.size * (l.in > l.size ? l.in : l.size) <= most;
}

/// A layer as cuDNN is told of it.
class CudnnRnn {
 public:
  CudnnOwned<cudnnRNNDescriptor_t, &cudnnCreateRNNDescriptor, &cudnnDestroyRNNDescriptor> rnn;
  CudnnOwned<cudnnRNNDataDescriptor_t, &cudnnCreateRNNDataDescriptor, &cudnnDestroyRNNDataDescriptor> x, y;
  CudnnTensor state;

  /// With exact, products of float are not rounded to fewer bits.
  CudnnRnn(const RecurrentLayer& l, cudnnDataType_t type, bool exact, cudnnHandle_t handle) {
    const bool wide = type == CUDNN_DATA_DOUBLE, half = type == CUDNN_DATA_HALF || type == CUDNN_DATA_BFLOAT16;
    const cudnnRNNMode_t mode = l.kind == RecurrentKind::lstm   ? CUDNN_LSTM
                                : l.kind == RecurrentKind::gru  ? CUDNN_GRU
                                : l.kind == RecurrentKind::tanh ? CUDNN_RNN_TANH
                                                                : CUDNN_RNN_RELU;
    check(cudnnSetDropoutDescriptor(none_, handle, 0, nullptr, 0, 0));
    check(cudnnSetRNNDescriptor_v8(rnn, CUDNN_RNN_ALGO_STANDARD, mode,
                                   l.bias ? CUDNN_RNN_DOUBLE_BIAS : CUDNN_RNN_NO_BIAS,
                                   l.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT,
                                   type, wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT,
                                   half    ? CUDNN_TENSOR_OP_MATH
                                   : exact ? CUDNN_FMA_MATH
                                           : CUDNN_DEFAULT_MATH,
                                   size(l.in), size(l.size), size(l.size), 1, none_, CUDNN_RNN_PADDED_IO_DISABLED));
    // Sequences of one length lie packed as they are.
    const std::vector<int> lengths(static_cast<std::size_t>(l.n), size(l.steps));
    const auto sequence = [&](cudnnRNNDataDescriptor_t d, std::int64_t elements) {
      check(cudnnSetRNNDataDescriptor(d, type, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, size(l.steps), size(l.n),
                                      size(elements), lengths.data(), nullptr));
    };
    sequence(x, l.in);
    sequence(y, l.directions * l.size);
    const int sizes[] = {size(l.directions), size(l.n), size(l.size)},
              strides[] = {size(l.n * l.size), size(l.size), 1};
    check(cudnnSetTensorNdDescriptor(state, type, 3, sizes, strides));
  }

 private:
  static void check(cudnnStatus_t status) { check_cudnn("recurrent", status); }
  static int size(std::int64_t n) { return static_cast<int>(n); }
  CudnnOwned<cudnnDropoutDescriptor_t, &cudnnCreateDropoutDescriptor, &cudnnDestroyDropoutDescriptor> none_;
};

/// Runs layers on a stream, with Memory's allocate and deallocate for what cuDNN needs beside its operands. plan,
/// locate and forward return false, with nothing done, where cuDNN does not do such a layer.
template <class Memory>
struct CudnnRecurrent {
  cudaStream_t stream;
  bool exact;

  template <OfCudnn T>
  bool plan(const RecurrentLayer& l, RecurrentPlaces& out) const {
    if (!cudnn_takes(l) || (std::same_as<T, bfloat16> && cudnnGetVersion() < first_with_bfloat16)) return false;
    const cudnnHandle_t handle = cudnn_handle("recurrent", stream);
    const CudnnRnn c(l, CudnnType<T>::data, exact, handle);
    return supports(cudnnGetRNNWeightSpaceSize(handle, c.rnn, &out.weights)) &&
           supports(cudnnGetRNNTempSpaceSizes(handle, c.rnn, mode(l), c.x, &out.work, &out.reserve));
  }

  /// Finds the places of weights in their buffer.
  template <OfCudnn T>
  bool locate(const RecurrentLayer& l, const T* weights, RecurrentPlaces& out) const {
    const cudnnHandle_t handle = cudnn_handle("recurrent", stream);
    const CudnnRnn c(l, CudnnType<T>::data, exact, handle);
    for (int direction = 0; direction < l.directions; ++direction)
      for (int part = 0; part < 2; ++part)
        if (!find(l, c, handle, weights, direction, part, out)) return false;
    return true;
  }

  template <OfCudnn T>
  bool forward(const RecurrentLayerRun<T>& run) const {
    const RecurrentLayer& l = run.layer;
    const cudnnHandle_t handle = cudnn_handle("recurrent", stream);
    const CudnnRnn c(l, CudnnType<T>::data, exact, handle);
    CudnnSpace<Memory> work;
    work.bytes = run.places.work;
    work.take();
    T *h = run.all + l.steps * l.block(), *last_c = l.has_c() ? h + l.block() : nullptr;
    return supports(cudnnRNNForward(handle, c.rnn, mode(l), nullptr, c.x, run.x, c.y, run.all, c.state, run.h0, h,
                                    c.state, run.c0, last_c, run.places.weights, run.weights, work.bytes, work.data,
                                    l.keep ? run.places.reserve : 0, run.reserve));
  }

  /// Changes what is in the reserve.
  template <OfCudnn T>
  void backward(const RecurrentLayerRun<T>& run, const RecurrentLayerGradients<T>& d) const {
    const RecurrentLayer& l = run.layer;
    const cudnnHandle_t handle = cudnn_handle("recurrent", stream);
    const CudnnRnn c(l, CudnnType<T>::data, exact, handle);
    CudnnSpace<Memory> work;
    work.bytes = run.places.work;
    work.take();
    const T *h = d.up + l.steps * l.block(), *last_c = l.has_c() ? h + l.block() : nullptr;
    check_cudnn("recurrent",
                cudnnRNNBackwardData_v8(handle, c.rnn, nullptr, c.y, run.all, d.up, c.x, d.x, c.state, run.h0, h, d.h0,
                                        c.state, run.c0, last_c, d.c0, run.places.weights, run.weights, work.bytes,
                                        work.data, run.places.reserve, run.reserve));
    if (!d.weights) return;
    check_cudnn("recurrent", cudnnRNNBackwardWeights_v8(handle, c.rnn, CUDNN_WGRAD_MODE_ADD, nullptr, c.x, run.x,
                                                        c.state, run.h0, c.y, run.all, run.places.weights, d.weights,
                                                        work.bytes, work.data, run.places.reserve, run.reserve));
  }

 private:
  static constexpr std::size_t first_with_bfloat16 = 91300;
  static bool supports(cudnnStatus_t status) { return cudnn_supports("recurrent", status); }
  static cudnnForwardMode_t mode(const RecurrentLayer& l) {
    return l.keep ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE;
  }

  /// Where a direction's weights of the input (part 0) or of the states begin, which are those of all gates in
  /// PyTorch's order. False where the gates do not follow each other.
  template <class T>
  static bool find(const RecurrentLayer& l, const CudnnRnn& c, cudnnHandle_t handle, const T* weights, int direction,
                   int part, RecurrentPlaces& out) {
    const int gates = static_cast<int>(l.gates());
    const CudnnTensor matrix, vector;
    std::int64_t &first = out.at[direction][part], &first_bias = out.at[direction][2 + part];
    for (int gate = 0; gate < gates; ++gate) {
      void *weight = nullptr, *bias = nullptr;
      if (!supports(cudnnGetRNNWeightParams(handle, c.rnn, direction, out.weights, weights, part * gates + gate, matrix,
                                            &weight, vector, &bias)))
        return false;
      const auto place = [&](const void* p) { return static_cast<const T*>(p) - weights; };
      if (!weight || (l.bias && !bias)) return false;
      if (gate == 0) first = place(weight), first_bias = l.bias ? place(bias) : 0;
      if (place(weight) != first + gate * l.size * (part == 0 ? l.in : l.size)) return false;
      if (l.bias && place(bias) != first_bias + gate * l.size) return false;
    }
    return true;
  }
};

}  // namespace taper::inline TAPER_ABI::base
#endif
