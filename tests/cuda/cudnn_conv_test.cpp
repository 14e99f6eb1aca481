// SPDX-License-Identifier: MIT
// What cuDNN is told of a convolution: it must find the sizes that Taper finds, whatever the options.
// Needs: cudnn
#include <taper/backend/cuda/cudnn_conv.hpp>

#include "tests/support/catch.hpp"

using taper::base::Conv2dShape;
using taper::base::CudnnConv;

namespace {

void check_sizes(const Conv2dShape& s) {
  INFO("h " << s.h << ", w " << s.w << ", kernel " << s.kh << " x " << s.kw << ", stride " << s.sh << " x " << s.sw
            << ", padding " << s.ph << " x " << s.pw << ", dilation " << s.dh << " x " << s.dw << ", groups "
            << s.groups);
  REQUIRE(taper::base::cudnn_takes(s));
  const CudnnConv c(s, CUDNN_DATA_FLOAT, true, s.oc);
  int n = 0, channels = 0, h = 0, w = 0;
  REQUIRE(cudnnGetConvolution2dForwardOutputDim(c.conv, c.image, c.weight, &n, &channels, &h, &w) ==
          CUDNN_STATUS_SUCCESS);
  CHECK(n == s.n);
  CHECK(channels == s.oc);
  CHECK(h == s.oh());
  CHECK(w == s.ow());

  // The result's own description, and that its elements lie densely.
  cudnnDataType_t type{};
  int stride[4] = {};
  REQUIRE(cudnnGetTensor4dDescriptor(c.result, &type, &n, &channels, &h, &w, stride, stride + 1, stride + 2,
                                     stride + 3) == CUDNN_STATUS_SUCCESS);
  CHECK(type == CUDNN_DATA_FLOAT);
  CHECK(n == s.n);
  CHECK(channels == s.oc);
  CHECK(h == s.oh());
  CHECK(w == s.ow());
  CHECK(stride[3] == 1);
  CHECK(stride[2] == s.ow());
  CHECK(stride[1] == s.oh() * s.ow());
  CHECK(stride[0] == s.oc * s.oh() * s.ow());
}

}  // namespace

TEST_CASE("cuDNN finds a result of the size that Taper allocates") {
  for (const std::int64_t stride : {1, 2, 3})
    for (const std::int64_t padding : {0, 1, 2, 5})
      for (const std::int64_t dilation : {1, 2, 3})
        for (const std::int64_t groups : {1, 2, 6}) {
          // In each direction its own numbers: a swap of two would show.
          check_sizes({.n = 3,
                       .c = 6,
                       .h = 17,
                       .w = 23,
                       .oc = 12,
                       .kh = 4,
                       .kw = 3,
                       .sh = stride,
                       .sw = stride + 1,
                       .ph = padding,
                       .pw = padding + 1,
                       .dh = dilation,
                       .dw = dilation + 1,
                       .groups = groups});
          check_sizes({.n = 3,
                       .c = 6,
                       .w = 23,
                       .oc = 12,
                       .kw = 5,
                       .sw = stride,
                       .pw = padding,
                       .dw = dilation,
                       .groups = groups});  // 1-d
        }
}

TEST_CASE("cuDNN is told to cross-correlate, in which type to sum, and which products may be rounded") {
  const Conv2dShape s{.n = 2,
                      .c = 4,
                      .h = 9,
                      .w = 8,
                      .oc = 6,
                      .kh = 3,
                      .kw = 2,
                      .sh = 2,
                      .sw = 3,
                      .ph = 1,
                      .pw = 4,
                      .dh = 5,
                      .dw = 6,
                      .groups = 2};
  struct Case {
    cudnnDataType_t type, sum;
    bool exact;
    cudnnMathType_t math;
  };
  for (const Case& e : {Case{CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, true, CUDNN_FMA_MATH},
                        Case{CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, false, CUDNN_DEFAULT_MATH},
                        Case{CUDNN_DATA_DOUBLE, CUDNN_DATA_DOUBLE, true, CUDNN_FMA_MATH},
                        Case{CUDNN_DATA_HALF, CUDNN_DATA_FLOAT, true, CUDNN_TENSOR_OP_MATH},
                        Case{CUDNN_DATA_BFLOAT16, CUDNN_DATA_FLOAT, true, CUDNN_TENSOR_OP_MATH}}) {
    const CudnnConv c(s, e.type, e.exact, s.oc);
    int ph = 0, pw = 0, sh = 0, sw = 0, dh = 0, dw = 0, groups = 0;
    cudnnConvolutionMode_t mode{};
    cudnnDataType_t sum{};
    cudnnMathType_t math{};
    REQUIRE(cudnnGetConvolution2dDescriptor(c.conv, &ph, &pw, &sh, &sw, &dh, &dw, &mode, &sum) == CUDNN_STATUS_SUCCESS);
    REQUIRE(cudnnGetConvolutionGroupCount(c.conv, &groups) == CUDNN_STATUS_SUCCESS);
    REQUIRE(cudnnGetConvolutionMathType(c.conv, &math) == CUDNN_STATUS_SUCCESS);
    CHECK(ph == 1);
    CHECK(pw == 4);
    CHECK(sh == 2);
    CHECK(sw == 3);
    CHECK(dh == 5);
    CHECK(dw == 6);
    CHECK(groups == 2);
    CHECK(mode == CUDNN_CROSS_CORRELATION);
    CHECK(sum == e.sum);
    CHECK(math == e.math);
    cudnnDataType_t type{};
    cudnnTensorFormat_t format{};
    int oc = 0, in = 0, kh = 0, kw = 0;
    REQUIRE(cudnnGetFilter4dDescriptor(c.weight, &type, &format, &oc, &in, &kh, &kw) == CUDNN_STATUS_SUCCESS);
    CHECK(type == e.type);
    CHECK(format == CUDNN_TENSOR_NCHW);
    CHECK(oc == 6);
    CHECK(in == 2);
    CHECK(kh == 3);
    CHECK(kw == 2);
  }
}

TEST_CASE("what cuDNN has no numbers or no work for is left to Taper's own kernels") {
  Conv2dShape s{.n = 2, .c = 4, .h = 9, .w = 8, .oc = 6};
  CHECK(taper::base::cudnn_takes(s));
  s.n = 0;
  CHECK_FALSE(taper::base::cudnn_takes(s));
  s.n = std::int64_t{1} << 24;
  CHECK_FALSE(taper::base::cudnn_takes(s));
  s.n = 1, s.sh = std::int64_t{1} << 32;
  CHECK_FALSE(taper::base::cudnn_takes(s));
}
