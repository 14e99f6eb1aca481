// SPDX-License-Identifier: MIT
// Whether convolutions, poolings and recurrent layers go through cuDNN: where its header is found, unless TAPER_CUDNN is 0, in all
// units of a program alike.
#pragma once

#include <taper/backend/cuda/errors.hpp>
#include <taper/core/dtype.hpp>

#if !defined(TAPER_CUDNN)
#if __has_include(<cudnn.h>)
#define TAPER_CUDNN 1
#else
#define TAPER_CUDNN 0
#endif
#endif

#if TAPER_CUDNN
#include <cudnn.h>
#include <cstdint>
#include <vector>

namespace taper::inline TAPER_ABI::base {

inline void check_cudnn(std::string_view op, cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) raise<DeviceError>(op, "cuDNN says ", cudnnGetErrorString(status));
}
/// False for what cuDNN has no kernel for, which is no fault.
inline bool cudnn_supports(std::string_view op, cudnnStatus_t status) {
  if (CUDNN_STATUS_CATEGORY(static_cast<int>(status)) == CUDNN_STATUS_NOT_SUPPORTED) return false;
  check_cudnn(op, status);
  return true;
}

/// What cuDNN calls a dtype. Sums are of the compute type.
template <class T>
struct CudnnType;
template <>
struct CudnnType<float> {
  static constexpr cudnnDataType_t data = CUDNN_DATA_FLOAT;
};
template <>
struct CudnnType<double> {
  static constexpr cudnnDataType_t data = CUDNN_DATA_DOUBLE;
};
template <>
struct CudnnType<float16> {
  static constexpr cudnnDataType_t data = CUDNN_DATA_HALF;
};
template <>
struct CudnnType<bfloat16> {
  static constexpr cudnnDataType_t data = CUDNN_DATA_BFLOAT16;
};

template <class T>
concept OfCudnn = requires {
  CudnnType<T>::data;
};

/// A thing of cuDNN's that is made and destroyed.
template <class T, cudnnStatus_t (*Create)(T*), cudnnStatus_t (*Destroy)(T)>
class CudnnOwned {
 public:
  CudnnOwned() { check_cudnn("cudnn", Create(&it_)); }
  ~CudnnOwned() { (void)Destroy(it_); }
  CudnnOwned(const CudnnOwned&) = delete;
  CudnnOwned& operator=(const CudnnOwned&) = delete;
  operator T() const { return it_; }

 private:
  T it_{};
};

using CudnnTensor = CudnnOwned<cudnnTensorDescriptor_t, &cudnnCreateTensorDescriptor, &cudnnDestroyTensorDescriptor>;

/// Whether cuDNN's numbers hold these.
template <class... N>
bool cudnn_fits(N... n) {
  return ((n < std::int64_t{1} << 31) && ...);
}
/// Tells cuDNN of dense images, channels first.
inline void cudnn_describe(std::string_view op, cudnnTensorDescriptor_t t, cudnnDataType_t type, std::int64_t n, std::int64_t c,
                           std::int64_t h, std::int64_t w) {
  check_cudnn(op, cudnnSetTensor4dDescriptor(t, CUDNN_TENSOR_NCHW, type, static_cast<int>(n), static_cast<int>(c), static_cast<int>(h),
                                             static_cast<int>(w)));
}

/// Memory for the length of a call.
template <class Memory>
struct CudnnSpace {
  std::size_t bytes = 0;
  void* data = nullptr;
  void take() {
    if (bytes > 0) data = Memory::allocate(bytes);
  }
  CudnnSpace() = default;
  CudnnSpace(const CudnnSpace&) = delete;
  CudnnSpace& operator=(const CudnnSpace&) = delete;
  ~CudnnSpace() {
    if (data) Memory::deallocate(data, bytes);
  }
};

/// The handles of a thread, one per device, each with the stream that it was told last.
struct CudnnHandles {
  struct Handle {
    cudnnHandle_t handle = nullptr;
    cudaStream_t stream = nullptr;
  };
  std::vector<Handle> of_device;

  CudnnHandles() = default;
  CudnnHandles(const CudnnHandles&) = delete;
  CudnnHandles& operator=(const CudnnHandles&) = delete;
  ~CudnnHandles() {
    for (const Handle& h : of_device)
      if (h.handle) (void)cudnnDestroy(h.handle);
  }
};

/// The calling thread's handle for the current device.
inline cudnnHandle_t cudnn_handle(std::string_view op, cudaStream_t stream) {
  static thread_local CudnnHandles handles;
  int device = 0;
  check_cuda(op, cudaGetDevice(&device));
  if (handles.of_device.size() <= static_cast<std::size_t>(device))
    handles.of_device.resize(static_cast<std::size_t>(device) + 1);
  auto& [handle, last] = handles.of_device[static_cast<std::size_t>(device)];
  if (!handle) check_cudnn(op, cudnnCreate(&handle));
  if (last != stream) {
    check_cudnn(op, cudnnSetStream(handle, stream));
    last = stream;
  }
  return handle;
}

}  // namespace taper::inline TAPER_ABI::base
#endif
