// SPDX-License-Identifier: MIT
// A stand-in for libcudnn: convolutions and poolings are checked and recorded, and compute nothing.
#include "tests/cuda/standin/library.hpp"

#include <cudnn.h>

struct cudnnContext : standin::Handle {};
struct cudnnTensorStruct {
  cudnnDataType_t type{};
  std::int64_t n = 0, c = 0, h = 0, w = 0;  // of a filter: results, channels of a group, height, width
  std::int64_t bytes() const {
    return n * c * h * w * (type == CUDNN_DATA_DOUBLE ? 8 : type == CUDNN_DATA_FLOAT ? 4 : 2);
  }
  std::string text() const { return taper::base::concat(n, "x", c, "x", h, "x", w); }
};
struct cudnnFilterStruct : cudnnTensorStruct {};
struct cudnnConvolutionStruct {
  int ph = 0, pw = 0, sh = 0, sw = 0, dh = 0, dw = 0, groups = 1;
  cudnnDataType_t compute{};
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};
struct cudnnPoolingStruct {
  cudnnPoolingMode_t mode{};
  int kh = 0, kw = 0, ph = 0, pw = 0, sh = 0, sw = 0;
};

namespace {

using standin::recorder;
constexpr const char *handle_kind = "cuDNN handle", *tensor_kind = "cuDNN tensor descriptor",
                     *filter_kind = "cuDNN filter descriptor", *convolution_kind = "cuDNN convolution descriptor",
                     *pooling_kind = "cuDNN pooling descriptor";

cudnnStatus_t status(bool good) { return good ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM; }
template <class T>
cudnnStatus_t make(T** thing, const char* kind) {
  recorder()->made(*thing = new T, kind);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t destroy(const void* thing, const char* kind) {
  return status(recorder()->destroyed(thing, kind));
}  // its address is not used again

double factor(const void* p, cudnnDataType_t type) {
  return type == CUDNN_DATA_DOUBLE ? *static_cast<const double*>(p)
                                   : static_cast<double>(*static_cast<const float*>(p));
}
std::string factors(const void* alpha, const void* beta, cudnnDataType_t type) {
  return taper::base::concat(" alpha ", factor(alpha, type), " beta ", factor(beta, type));
}

bool sizes(cudnnTensorStruct* t, const char* kind, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c,
           int h, int w) {
  standin::Call call("cudnnSetDescriptor");
  call.lives(t, kind)
      .require(n > 0 && c > 0 && h > 0 && w > 0, "a size is not positive")
      .require(format == CUDNN_TENSOR_NCHW, "a format that the stand-in has not");
  if (call.good()) t->type = type, t->n = n, t->c = c, t->h = h, t->w = w;
  return call.good();
}

/// A setting, where it is not the usual one.
std::string pair(const char* name, int height, int width, int usual) {
  if (height == usual && width == usual) return "";
  return height == width ? taper::base::concat(name, height) : taper::base::concat(name, height, "x", width);
}

/// How many windows follow one another along an axis.
std::int64_t windows(std::int64_t in, int pad, int dilation, std::int64_t taps, int stride) {
  return (in + 2 * pad - dilation * (taps - 1) - 1) / stride + 1;
}

/// A convolution, or one of its gradients: result and two operands.
struct Convolution {
  standin::Call call;
  cudnnTensorDescriptor_t x, y;
  cudnnFilterDescriptor_t w;
  cudnnConvolutionDescriptor_t conv;

  Convolution(const char* name, cudnnHandle_t handle, cudnnTensorDescriptor_t x_, cudnnFilterDescriptor_t w_,
              cudnnConvolutionDescriptor_t conv_, cudnnTensorDescriptor_t y_)
      : call(name), x(x_), y(y_), w(w_), conv(conv_) {
    call.lives(handle, handle_kind)
        .lives(x, tensor_kind)
        .lives(w, filter_kind)
        .lives(conv, convolution_kind)
        .lives(y, tensor_kind);
    if (!call.good()) return;
    call.require(x->n > 0 && w->n > 0 && y->n > 0 && conv->sh > 0, "a descriptor that was not set");
    call.require(x->type == w->type && x->type == y->type, "types that differ")
        .require((conv->compute == CUDNN_DATA_DOUBLE) == (x->type == CUDNN_DATA_DOUBLE),
                 "a compute type that is not for these");
    if (!call.good()) return;
    call.require(x->c == w->c * conv->groups && w->n % conv->groups == 0, "channels and groups do not fit")
        .require(y->n == x->n && y->c == w->n && y->h == windows(x->h, conv->ph, conv->dh, w->h, conv->sh) &&
                     y->w == windows(x->w, conv->pw, conv->dw, w->w, conv->sw),
                 "the result of ", x->text(), " by ", w->text(), " is not ", y->text());
  }
  std::size_t workspace() const { return static_cast<std::size_t>(1000 + y->bytes()); }
  cudnnStatus_t asked(std::size_t* bytes) const {
    if (call.good()) *bytes = workspace();
    return status(call.good());
  }

  template <class Perf, class Algorithm>
  cudnnStatus_t ranked(int asked, int* count, Perf* found, Algorithm no, Algorithm yes) {
    call.require(asked >= 3, "no room for what was found");
    if (!call.good()) return status(false);
    *count = 3;
    for (int i = 0; i < 3; ++i) found[i] = {i < 2 ? no : yes, CUDNN_STATUS_SUCCESS, 1, 1000, CUDNN_DETERMINISTIC, conv->math, {}};
    found[0].mathType = conv->math == CUDNN_FMA_MATH ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH;
    found[1].memory = std::size_t{1} << 40;
    return status(true);
  }

  struct Part {
    const cudnnTensorStruct* t;
    const void* data;
  };
  cudnnStatus_t run(cudnnHandle_t handle, int algorithm, const void* alpha, const void* beta, void* space,
                    std::size_t bytes, Part a, Part b, Part to) {
    if (!call.good()) return status(false);
    call.require(bytes >= workspace(), "a workspace of ", bytes, " bytes for ", workspace());
    call.reach(space, static_cast<std::int64_t>(bytes));
    for (const Part& p : {a, b, to}) call.reach(p.data, p.t->bytes());
    for (const Part& p : {a, b})
      call.require(!standin::overlap(p.data, p.t->bytes(), to.data, to.t->bytes()), "the result overlaps an operand");
    for (const Part& p : {a, b, to})
      call.require(!standin::overlap(p.data, p.t->bytes(), space, static_cast<std::int64_t>(bytes)),
                   "the workspace overlaps a tensor");
    return status(call.submit(*handle, " ", x->text(), " by ", w->text(), " to ", y->text(),
                              pair(" pad ", conv->ph, conv->pw, 0), pair(" stride ", conv->sh, conv->sw, 1),
                              pair(" dilation ", conv->dh, conv->dw, 1),
                              conv->groups > 1 ? taper::base::concat(" groups ", conv->groups) : "", " algorithm ",
                              algorithm, factors(alpha, beta, x->type)));
  }
};

/// A pooling, or the gradient of an average: what it reads and what it writes.
struct Pooling {
  standin::Call call;
  cudnnPoolingDescriptor_t pool;
  cudnnTensorDescriptor_t x, y;

  Pooling(const char* name, cudnnHandle_t handle, cudnnPoolingDescriptor_t pool_, cudnnTensorDescriptor_t x_, cudnnTensorDescriptor_t y_)
      : call(name), pool(pool_), x(x_), y(y_) {
    call.lives(handle, handle_kind).lives(pool, pooling_kind).lives(x, tensor_kind).lives(y, tensor_kind);
    if (!call.good()) return;
    call.require(x->n > 0 && y->n > 0 && pool->sh > 0, "a descriptor that was not set");
    call.require(x->type == y->type, "types that differ");
    if (!call.good()) return;
    call.require(y->n == x->n && y->c == x->c && y->h == windows(x->h, pool->ph, 1, pool->kh, pool->sh) &&
                     y->w == windows(x->w, pool->pw, 1, pool->kw, pool->sw),
                 "the result of ", x->text(), " is not ", y->text());
  }
  cudnnStatus_t run(cudnnHandle_t handle, const void* alpha, const void* beta, const void* from, std::int64_t from_bytes, void* to,
                    std::int64_t to_bytes) {
    call.reach(from, from_bytes);
    call.reach(to, to_bytes);
    call.require(!standin::overlap(from, from_bytes, to, to_bytes), "the result overlaps an operand");
    if (!call.good()) return status(false);
    const char* const mode = pool->mode == CUDNN_POOLING_MAX                             ? " max"
                             : pool->mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ? " average"
                                                                                         : " average of what is inside";
    return status(call.submit(*handle, mode, " ", x->text(), " to ", y->text(), " kernel ", pool->kh, "x", pool->kw,
                              pair(" pad ", pool->ph, pool->pw, 0), pair(" stride ", pool->sh, pool->sw, 1), factors(alpha, beta, x->type)));
  }
};

}  // namespace

extern "C" {

size_t cudnnGetVersion() { return CUDNN_VERSION; }
cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) { return make(handle, handle_kind); }
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) { return destroy(handle, handle_kind); }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (!recorder()->lives(handle, handle_kind, "cudnnSetStream")) return status(false);
  handle->stream = stream;
  return status(true);
}
const char* cudnnGetErrorString(cudnnStatus_t) { return "an error of the stand-in"; }

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* t) { return make(t, tensor_kind); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t t) { return destroy(t, tensor_kind); }
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t t, cudnnTensorFormat_t format, cudnnDataType_t type,
                                         int n, int c, int h, int w) {
  return status(sizes(t, tensor_kind, format, type, n, c, h, w));
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* f) { return make(f, filter_kind); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t f) { return destroy(f, filter_kind); }
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t f, cudnnDataType_t type, cudnnTensorFormat_t format,
                                         int k, int c, int h, int w) {
  return status(sizes(f, filter_kind, format, type, k, c, h, w));
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* c) { return make(c, convolution_kind); }
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t c) { return destroy(c, convolution_kind); }
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t c, int ph, int pw, int sh, int sw, int dh,
                                              int dw, cudnnConvolutionMode_t mode, cudnnDataType_t compute) {
  standin::Call call("cudnnSetConvolution2dDescriptor");
  call.lives(c, convolution_kind)
      .require(ph >= 0 && pw >= 0 && sh > 0 && sw > 0 && dh > 0 && dw > 0, "a size is too small");
  call.require(mode == CUDNN_CROSS_CORRELATION, "a convolution that is none of PyTorch's");
  if (call.good()) *c = {ph, pw, sh, sw, dh, dw, 1, compute, CUDNN_DEFAULT_MATH};
  return status(call.good());
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t c, int groups) {
  if (!recorder()->lives(c, convolution_kind, "cudnnSetConvolutionGroupCount") || groups < 1) return status(false);
  c->groups = groups;
  return status(true);
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t c, cudnnMathType_t math) {
  if (!recorder()->lives(c, convolution_kind, "cudnnSetConvolutionMathType")) return status(false);
  c->math = math;
  return status(true);
}
cudnnStatus_t cudnnGetConvolutionMathType(cudnnConvolutionDescriptor_t c, cudnnMathType_t* math) {
  if (!recorder()->lives(c, convolution_kind, "cudnnGetConvolutionMathType")) return status(false);
  *math = c->math;
  return status(true);
}

// What is fastest: something of another precision, then something too large, then what can be taken.
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t conv,
                                                          cudnnTensorDescriptor_t x, const int asked, int* count,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* found) {
  return Convolution("cudnnGetConvolutionBackwardDataAlgorithm", handle, x, w, conv, y)
      .ranked(asked, count, found, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t y,
                                                            cudnnConvolutionDescriptor_t conv,
                                                            cudnnFilterDescriptor_t w, const int asked, int* count,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* found) {
  return Convolution("cudnnGetConvolutionBackwardFilterAlgorithm", handle, x, w, conv, y)
      .ranked(asked, count, found, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
                                                      cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t,
                                                      std::size_t* bytes) {
  return Convolution("cudnnGetConvolutionForwardWorkspaceSize", handle, x, w, conv, y).asked(bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                           cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t conv,
                                                           cudnnTensorDescriptor_t x, cudnnConvolutionBwdDataAlgo_t,
                                                           std::size_t* bytes) {
  return Convolution("cudnnGetConvolutionBackwardDataWorkspaceSize", handle, x, w, conv, y).asked(bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                             cudnnTensorDescriptor_t y,
                                                             cudnnConvolutionDescriptor_t conv,
                                                             cudnnFilterDescriptor_t w, cudnnConvolutionBwdFilterAlgo_t,
                                                             std::size_t* bytes) {
  return Convolution("cudnnGetConvolutionBackwardFilterWorkspaceSize", handle, x, w, conv, y).asked(bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x,
                                      const void* px, cudnnFilterDescriptor_t w, const void* pw,
                                      cudnnConvolutionDescriptor_t conv, cudnnConvolutionFwdAlgo_t algorithm,
                                      void* space, std::size_t bytes, const void* beta, cudnnTensorDescriptor_t y,
                                      void* py) {
  return Convolution("conv", handle, x, w, conv, y)
      .run(handle, algorithm, alpha, beta, space, bytes, {x, px}, {w, pw}, {y, py});
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t w,
                                           const void* pw, cudnnTensorDescriptor_t y, const void* py,
                                           cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdDataAlgo_t algorithm,
                                           void* space, std::size_t bytes, const void* beta, cudnnTensorDescriptor_t x,
                                           void* px) {
  Convolution c("conv data gradient", handle, x, w, conv, y);
  c.call.require(algorithm != CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, "an algorithm that gives other bits every time");
  return c.run(handle, algorithm, alpha, beta, space, bytes, {w, pw}, {y, py}, {x, px});
}
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x,
                                             const void* px, cudnnTensorDescriptor_t y, const void* py,
                                             cudnnConvolutionDescriptor_t conv,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* space, std::size_t bytes,
                                             const void* beta, cudnnFilterDescriptor_t w, void* pw) {
  Convolution c("conv weight gradient", handle, x, w, conv, y);
  c.call.require(algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 && algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3,
                 "an algorithm that gives other bits every time");
  return c.run(handle, algorithm, alpha, beta, space, bytes, {x, px}, {y, py}, {w, pw});
}
cudnnStatus_t cudnnAddTensor(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t a, const void* pa,
                             const void* beta, cudnnTensorDescriptor_t c, void* pc) {
  standin::Call call("add");
  call.lives(handle, handle_kind).lives(a, tensor_kind).lives(c, tensor_kind);
  if (!call.good()) return status(false);
  const auto fits = [](std::int64_t part, std::int64_t whole) { return part == 1 || part == whole; };
  call.require(a->type == c->type && fits(a->n, c->n) && fits(a->c, c->c) && fits(a->h, c->h) && fits(a->w, c->w),
               a->text(), " is not added to ", c->text());
  call.reach(pa, a->bytes());
  call.reach(pc, c->bytes());
  return status(call.submit(*handle, " ", a->text(), " to ", c->text(), factors(alpha, beta, a->type)));
}


cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* p) { return make(p, pooling_kind); }
cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t p) { return destroy(p, pooling_kind); }
cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t p, cudnnPoolingMode_t mode, cudnnNanPropagation_t nan, int kh, int kw,
                                          int ph, int pw, int sh, int sw) {
  standin::Call call("cudnnSetPooling2dDescriptor");
  call.lives(p, pooling_kind)
      .require(kh > 0 && kw > 0 && ph >= 0 && pw >= 0 && ph < kh && pw < kw && sh > 0 && sw > 0, "a size is too small or too large")
      .require(nan == CUDNN_PROPAGATE_NAN, "a pooling that loses NaN");
  if (call.good()) *p = {mode, kh, kw, ph, pw, sh, sw};
  return status(call.good());
}
cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, cudnnPoolingDescriptor_t pool, const void* alpha, cudnnTensorDescriptor_t x,
                                  const void* px, const void* beta, cudnnTensorDescriptor_t y, void* py) {
  Pooling p("pool", handle, pool, x, y);
  return p.call.good() ? p.run(handle, alpha, beta, px, x->bytes(), py, y->bytes()) : status(false);
}
cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, cudnnPoolingDescriptor_t pool, const void* alpha, cudnnTensorDescriptor_t y,
                                   const void* py, cudnnTensorDescriptor_t dy, const void* pdy, cudnnTensorDescriptor_t x, const void* px,
                                   const void* beta, cudnnTensorDescriptor_t dx, void* pdx) {
  Pooling p("pool gradient", handle, pool, dx, dy);
  p.call.lives(x, tensor_kind).lives(y, tensor_kind);
  if (!p.call.good()) return status(false);
  p.call.require(pool->mode != CUDNN_POOLING_MAX, "other bits every time")
      .require(x->text() == dx->text() && y->text() == dy->text(), "sizes that differ")
      .reach(py, y->bytes());
  p.call.reach(px, x->bytes());
  return p.run(handle, alpha, beta, pdy, dy->bytes(), pdx, dx->bytes());
}

}  // extern "C"
