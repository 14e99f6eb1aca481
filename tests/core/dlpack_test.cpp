// SPDX-License-Identifier: MIT
// DLPack both ways: geometry and memory are shared, lifetimes end once, what does not fit is refused and left to the caller.
// Needs: dlpack
// Devices
#include <taper/core/factory.hpp>
#include <taper/interop/dlpack.hpp>
#include <taper/ops.hpp>

#include <vector>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;

namespace {

/// A tensor of another library: a plain vector behind DLPack's struct.
struct Foreign {
  std::vector<float> data;
  std::vector<std::int64_t> shape, strides;
  DLManagedTensor managed{};
  int deleted = 0;

  Foreign(std::int64_t n, std::vector<std::int64_t> s, std::vector<std::int64_t> st, std::uint64_t offset)
      : data(static_cast<std::size_t>(n)), shape(std::move(s)), strides(std::move(st)) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
    managed.dl_tensor = {data.data(), {kDLCPU, 0}, static_cast<int>(shape.size()), {kDLFloat, 32, 1}, shape.data(), strides.empty() ? nullptr : strides.data(), offset};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* m) { ++static_cast<Foreign*>(m->manager_ctx)->deleted; };
  }
};

}  // namespace

TEST_CASE("a tensor goes out and comes back over the same memory") {
  Tensor<float> x = arange<float>(24).reshape({2, 3, 4});
  DLManagedTensor* out = to_dlpack(transpose(x, 0, 2));
  CHECK(out->dl_tensor.ndim == 3);
  CHECK(out->dl_tensor.shape[0] == 4);
  CHECK(out->dl_tensor.strides[0] == 1);
  CHECK(out->dl_tensor.data == x.data_ptr());
  CHECK(out->dl_tensor.device.device_type == kDLCPU);
  Tensor<float> back = from_dlpack<float>(out);
  check_equal(back, transpose(x, 0, 2));
  back.fill_(7);
  CHECK(x[1][2][3].item() == 7);
}

TEST_CASE("a tensor of a device goes out and comes back over the same memory") {
  const auto x = device::there(arange<float>(24).reshape({2, 3, 4}));
  DLManagedTensor* out = to_dlpack(transpose(x, 0, 2));
  CHECK(out->dl_tensor.data == x.record().data);
  const auto type = out->dl_tensor.device.device_type;
  CHECK(out->dl_tensor.strides[0] == 1);
  auto back = from_dlpack<float, device::D>(out);
  check_equal(device::back(back), transpose(arange<float>(24).reshape({2, 3, 4}), 0, 2));
  back.fill_(7);
  check_equal(device::back(x), full<float>({2, 3, 4}, 7));
  Foreign host(6, {2, 3}, {}, 0);
  if (type != kDLCPU) CHECK_THROWS_AS((from_dlpack<float, device::D>(&host.managed)), DeviceError);
}

TEST_CASE("exports of every dtype say what they are") {
  const auto type = []<class T>(T) {
    DLManagedTensor* m = to_dlpack(zeros<T>({2}));
    const DLDataType t = m->dl_tensor.dtype;
    m->deleter(m);
    return std::vector<int>{t.code, t.bits, t.lanes};
  };
  CHECK(type(double()) == std::vector<int>{kDLFloat, 64, 1});
  CHECK(type(float16()) == std::vector<int>{kDLFloat, 16, 1});
  CHECK(type(bfloat16()) == std::vector<int>{kDLBfloat, 16, 1});
  CHECK(type(std::int64_t()) == std::vector<int>{kDLInt, 64, 1});
  CHECK(type(std::uint8_t()) == std::vector<int>{kDLUInt, 8, 1});
  CHECK(type(bool()) == std::vector<int>{kDLUInt, 8, 1});
  CHECK(type(std::complex<float>()) == std::vector<int>{kDLComplex, 64, 1});
}

TEST_CASE("foreign memory is read where it lies and given back once") {
  Foreign dense(6, {2, 3}, {}, 0), strided(20, {2, 3}, {8, 2}, 3 * sizeof(float));
  {
    const Tensor<float> a = from_dlpack<float>(&dense.managed), view = a[1];
    check_equal(a, tensor<float>({{0, 1, 2}, {3, 4, 5}}));
    const Tensor<float> b = from_dlpack<float>(&strided.managed);
    check_equal(b, tensor<float>({{3, 5, 7}, {11, 13, 15}}));
    CHECK(dense.deleted == 0);
  }
  CHECK(dense.deleted == 1);
  CHECK(strided.deleted == 1);
}

TEST_CASE("what does not fit is refused and stays the caller's") {
  Foreign x(6, {2, 3}, {}, 0);
  CHECK_THROWS_AS(from_dlpack<double>(&x.managed), DTypeError);
  CHECK_THROWS_AS(from_dlpack<std::int32_t>(&x.managed), DTypeError);
  CHECK_THROWS_AS(from_dlpack<float>(nullptr), ValueError);
  x.managed.dl_tensor.dtype.lanes = 4;
  CHECK_THROWS_AS(from_dlpack<float>(&x.managed), DTypeError);
  x.managed.dl_tensor.dtype.lanes = 1;
  x.managed.dl_tensor.device = {kDLCUDA, 0};
  CHECK_THROWS_AS(from_dlpack<float>(&x.managed), DeviceError);
  x.managed.dl_tensor.device = {kDLCPU, 0};
  x.strides = {3, -1};
  x.managed.dl_tensor.strides = x.strides.data();
  CHECK_THROWS_AS(from_dlpack<float>(&x.managed), ShapeError);
  std::vector<std::int64_t> many(9, 1);
  x.managed.dl_tensor.strides = nullptr;
  x.managed.dl_tensor.shape = many.data();
  x.managed.dl_tensor.ndim = 9;
  CHECK_THROWS_AS(from_dlpack<float>(&x.managed), ShapeError);
  CHECK(x.deleted == 0);
}
