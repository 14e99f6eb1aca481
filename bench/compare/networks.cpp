// SPDX-License-Identifier: MIT
// Whole training steps: zero_grad, forward, loss, backward, optimizer; and the optimizer alone.
#include "training.hpp"

namespace compare {

namespace {

struct Mlp {
  nn::Linear<float> fc1{784, 128}, fc2{128, 10};
  auto operator()(const Tensor<float>& x) const { return fc2(relu(fc1(x))); }
};

struct DeepMlp {
  nn::Linear<float> fc1{784, 512}, fc2{512, 512}, fc3{512, 10};
  auto operator()(const Tensor<float>& x) const { return fc3(relu(fc2(relu(fc1(x))))); }
};

struct LeNet {
  nn::Conv2d<float> conv1{1, 6, {.kernel_size = 5, .padding = 2}}, conv2{6, 16, {.kernel_size = 5}};
  nn::Linear<float> fc1{400, 120}, fc2{120, 84}, fc3{84, 10};
  auto operator()(const Tensor<float>& x) const {
    const Tensor<float> h = max_pool2d(relu(conv2(max_pool2d(relu(conv1(x)), 2))), 2);
    return fc3(relu(fc2(relu(fc1(flatten(h, 1))))));
  }
};

struct Recurrent {
  nn::LSTM<float> lstm{128, 128, {.num_layers = 2}};
  Tensor<float> operator()(const Tensor<float>& x) const { return lstm(x).output; }
};

/// A block of a transformer, norms first: x (n, tokens, Width).
template <std::int64_t Width, std::int64_t Heads>
struct Block {
  nn::LayerNorm<float> norm1{Width}, norm2{Width};
  nn::Linear<float> qkv{Width, 3 * Width}, proj{Width, Width}, fc1{Width, 4 * Width}, fc2{4 * Width, Width};

  Tensor<float> attention(const Tensor<float>& x) const {
    const std::int64_t n = x.size(0), tokens = x.size(1);
    const Tensor<float> parts = permute(reshape(qkv(x), {n, tokens, 3, Heads, Width / Heads}), {2, 0, 3, 1, 4});
    const Tensor<float> mixed = scaled_dot_product_attention(select(parts, 0, 0), select(parts, 0, 1), select(parts, 0, 2));
    return proj(reshape(transpose(mixed, 1, 2), {n, tokens, Width}));
  }
  Tensor<float> operator()(const Tensor<float>& x) const {
    const Tensor<float> h = x + attention(norm1(x));
    return h + fc2(gelu(fc1(norm2(h))));
  }
};

struct Tiny {
  nn::Linear<float> fc1{4, 8}, fc2{8, 2};
  auto operator()(const Tensor<float>& x) const { return fc2(relu(fc1(x))); }
};

Case mlp(const Inputs& in) { return training<Mlp, optim::Adam>(in, classified(in)); }
Case deep_mlp(const Inputs& in) { return training<DeepMlp, optim::Adam>(in, classified(in)); }
Case block(const Inputs& in) { return training<Block<128, 4>, optim::Adam>(in, fitted(in)); }
Case gpt2_block(const Inputs& in) { return training<Block<768, 12>, optim::Adam>(in, fitted(in)); }
Case lenet(const Inputs& in) { return training<LeNet, optim::Adam>(in, classified(in)); }
Case lstm(const Inputs& in) { return training<Recurrent, optim::Adam>(in, fitted(in)); }
Case tiny(const Inputs& in) { return training<Tiny, optim::SGD>(in, fitted(in)); }

/// Adam over parameters whose gradients are there already.
Case adam(const Inputs& in) {
  struct State {
    Tensor<float> p, q;
    optim::Adam<Tensor<float>> optimizer;
    explicit State(const Inputs& from)
        : p(from["p"].requires_grad_()), q(from["q"].requires_grad_()), optimizer({p, q}, {.lr = rate_of_results}) {
      p.set_grad(from["p_grad"]);
      q.set_grad(from["q_grad"]);
    }
  };
  const auto s = std::make_shared<State>(in);
  return {[s] { s->optimizer.step(); },
          [s] {
            for (int i = 0; i < steps_of_results; ++i) s->optimizer.step();
            s->optimizer.param_groups()[0].lr = rate_of_samples;
            StateDict out;
            out.add("p", s->p);
            out.add("q", s->q);
            return out;
          }};
}

}  // namespace

std::vector<Kind> networks() {
  return {{"mlp", mlp},   {"deep_mlp", deep_mlp}, {"block", block}, {"gpt2_block", gpt2_block},
          {"lenet", lenet}, {"lstm", lstm},         {"tiny", tiny},   {"adam", adam}};
}

}  // namespace compare
