// SPDX-License-Identifier: MIT
// Images whose channels are last: the code of channels_last.md.
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

int failed = 0;
void check(bool good, const char* what) {
  if (good) return;
  std::printf("wrong: %s\n", what);
  failed = 1;
}

struct Net {
  nn::Conv2d<float> conv1{3, 16, {.kernel_size = 3, .padding = 1}}, conv2{16, 32, {.kernel_size = 3, .stride = 2}};
  nn::BatchNorm2d<float> norm{16};
  Tensor<float> operator()(const Tensor<float>& x) const { return relu(conv2(relu(norm(conv1(x))))); }
};

void convert_the_input() {
  const Net net;
  const auto images = rand<float>({8, 3, 32, 32});
  const Tensor<float> x = images.to(MemoryFormat::channels_last);  // a copy; the shape stays (8, 3, 32, 32)
  const Tensor<float> y = net(x);                                  // runs on it as it lies, every layer
  check(x.shape() == images.shape(), "the shape stays");
  check(x.strides() == Strides{3072, 1, 96, 3}, "the strides of channels last");
  check(y.is_contiguous(MemoryFormat::channels_last), "the result of channels last");
}

void write_it_out() {
  const auto x = rand<float>({2, 3, 4, 5}).contiguous(MemoryFormat::channels_last);
  const Tensor<float> y = x * 2.0f;           // lies as x does
  const Tensor<float> rows = y.contiguous();  // row-major again, for code that walks data_ptr()
  check(!y.is_contiguous() && rows.is_contiguous(), "row-major again");
}

int main() {
  convert_the_input();
  write_it_out();
  return failed;
}
