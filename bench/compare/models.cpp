// SPDX-License-Identifier: MIT
// Networks that people know: a training step of ResNet-18, MobileNetV2 in use.
#include "training.hpp"

namespace compare {

namespace {

/// What leads around a block: nothing, or a convolution where its size changes (He et al., 2015).
template <bool Changes>
struct Shortcut {
  std::int64_t in, out, stride;
  nn::Conv2d<float> conv{in, out, {.kernel_size = 1, .stride = stride, .bias = false}};
  nn::BatchNorm2d<float> norm{out};
  auto operator()(const Tensor<float>& x) const { return norm(conv(x)); }
};
template <>
struct Shortcut<false> {
  std::int64_t in, out, stride;
  const Tensor<float>& operator()(const Tensor<float>& x) const { return x; }
};

template <bool Changes>
struct BasicBlock {
  std::int64_t in, out, stride = 1;
  nn::Conv2d<float> conv1{in, out, {.kernel_size = 3, .stride = stride, .padding = 1, .bias = false}};
  nn::BatchNorm2d<float> norm1{out};
  nn::Conv2d<float> conv2{out, out, {.kernel_size = 3, .padding = 1, .bias = false}};
  nn::BatchNorm2d<float> norm2{out};
  Shortcut<Changes> shortcut{in, out, stride};
  Tensor<float> operator()(const Tensor<float>& x) const {
    return relu(norm2(conv2(relu(norm1(conv1(x))))) + shortcut(x));
  }
};

/// Large: for images of 224 pixels, with a stem of stride 4. Otherwise for images of 32.
template <bool Large>
struct ResNet18 {
  nn::Conv2d<float> conv{3, 64, {.kernel_size = Large ? 7 : 3, .stride = Large ? 2 : 1, .padding = Large ? 3 : 1, .bias = false}};
  nn::BatchNorm2d<float> norm{64};
  BasicBlock<false> block1{64, 64}, block2{64, 64};
  BasicBlock<true> block3{64, 128, 2};
  BasicBlock<false> block4{128, 128};
  BasicBlock<true> block5{128, 256, 2};
  BasicBlock<false> block6{256, 256};
  BasicBlock<true> block7{256, 512, 2};
  BasicBlock<false> block8{512, 512};
  nn::Linear<float> fc{512, 10};
  Tensor<float> operator()(const Tensor<float>& x) const {
    Tensor<float> h = relu(norm(conv(x)));
    if constexpr (Large) h = max_pool2d(h, 3, {.stride = 2, .padding = 1});
    h = block8(block7(block6(block5(block4(block3(block2(block1(h))))))));
    return fc(mean(h, {2, 3}));
  }
};

/// Wider, depthwise, narrower, with no activation at the end (Sandler et al., 2018).
template <bool Wider>
struct Expansion {
  std::int64_t in, out;
  nn::Conv2d<float> conv{in, out, {.kernel_size = 1, .bias = false}};
  nn::BatchNorm2d<float> norm{out};
  Tensor<float> operator()(const Tensor<float>& x) const { return relu6(norm(conv(x))); }
};
template <>
struct Expansion<false> {
  std::int64_t in, out;
  const Tensor<float>& operator()(const Tensor<float>& x) const { return x; }
};

template <bool Wider = true>
struct Inverted {
  std::int64_t in, out, stride = 1, wide = Wider ? 6 * in : in;
  Expansion<Wider> expand{in, wide};
  nn::Conv2d<float> conv{wide, wide, {.kernel_size = 3, .stride = stride, .padding = 1, .groups = wide, .bias = false}};
  nn::BatchNorm2d<float> norm{wide};
  nn::Conv2d<float> project{wide, out, {.kernel_size = 1, .bias = false}};
  nn::BatchNorm2d<float> norm2{out};
  Tensor<float> operator()(const Tensor<float>& x) const {
    const auto y = norm2(project(Tensor<float>(relu6(norm(conv(expand(x)))))));
    if (stride == 1 && in == out) return x + y;
    return y;
  }
};

struct MobileNetV2 {
  nn::Conv2d<float> conv{3, 32, {.kernel_size = 3, .stride = 2, .padding = 1, .bias = false}};
  nn::BatchNorm2d<float> norm{32};
  Inverted<false> first{32, 16};
  Inverted<> a1{16, 24, 2}, a2{24, 24}, b1{24, 32, 2}, b2{32, 32}, b3{32, 32}, c1{32, 64, 2}, c2{64, 64}, c3{64, 64}, c4{64, 64},
      d1{64, 96}, d2{96, 96}, d3{96, 96}, e1{96, 160, 2}, e2{160, 160}, e3{160, 160}, f1{160, 320};
  nn::Conv2d<float> last{320, 1280, {.kernel_size = 1, .bias = false}};
  nn::BatchNorm2d<float> norm2{1280};
  nn::Linear<float> fc{1280, 1000};
  Tensor<float> operator()(const Tensor<float>& x) const {
    Tensor<float> h = first(relu6(norm(conv(x))));
    h = c1(b3(b2(b1(a2(a1(h))))));
    h = f1(e3(e2(e1(d3(d2(d1(c4(c3(c2(h))))))))));
    return fc(mean(relu6(norm2(last(h))), {2, 3}));
  }
};

Case resnet(const Inputs& in) { return training<ResNet18<true>, optim::SGD>(in, classified(in)); }
Case small_resnet(const Inputs& in) { return training<ResNet18<false>, optim::SGD>(in, classified(in)); }

Case mobilenet(const Inputs& in) {
  const auto net = std::make_shared<MobileNetV2>();
  nn::load_state_dict(*net, in.under("net."));
  nn::eval(*net);
  return forward_only([net, x = in["x"]] {
    const NoGrad guard;
    return (*net)(x);
  });
}

}  // namespace

std::vector<Kind> models() { return {{"resnet18", resnet}, {"small_resnet18", small_resnet}, {"mobilenet_v2", mobilenet}}; }

}  // namespace compare
