// SPDX-License-Identifier: MIT
// A tensor on the host whose dtype is known at run time: what files and state dictionaries hold.
#pragma once

#include <taper/core/tensor.hpp>

namespace taper::inline TAPER_ABI {

/// A handle to a host tensor of any dtype.
class AnyTensor {
 public:
  AnyTensor() = default;
  template <Scalar T>
  AnyTensor(const Tensor<T, Cpu>& tensor) : record_(tensor.handle()) {}
  explicit AnyTensor(base::RecordPtr record) : record_(std::move(record)) {}

  bool defined() const noexcept { return static_cast<bool>(record_); }
  DType dtype() const { return record().dtype; }
  const Shape& shape() const { return record().shape; }
  std::int64_t numel() const { return record().numel; }
  bool is_contiguous() const { return record().contiguous; }
  const std::byte* data() const { return record().data; }

  /// The tensor itself. Throws: DTypeError where its dtype is not T.
  template <Scalar T>
  Tensor<T, Cpu> as() const {
    if (dtype() != dtype_of<T>)
      base::raise<DTypeError>("as", "this tensor of shape ", shape(), " holds ", dtype(), ", not ", dtype_of<T>, ": use to<T>(x) to convert");
    return Tensor<T, Cpu>(record_);
  }
  base::TensorRecord& record() const {
    if (!record_) base::raise<ValueError>("any tensor", "this tensor is undefined");
    return *record_;
  }
  const base::RecordPtr& handle() const noexcept { return record_; }

 private:
  base::RecordPtr record_;
};

}  // namespace taper::inline TAPER_ABI
