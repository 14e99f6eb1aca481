// SPDX-License-Identifier: MIT
// Whole training steps: zero_grad, forward, loss, backward, optimizer; and the optimizer alone.
#include "case.hpp"

#include <taper/nn.hpp>
#include <taper/optim.hpp>

#include <cmath>
#include <memory>

namespace compare {

namespace {

// What makes the results visible is a large rate, what keeps a network as it is for thousands of steps is a small one.
constexpr double rate_of_results = 1e-3, rate_of_samples = 1e-6;
constexpr int steps_of_results = 3;

/// A network, its optimizer and its loss, with the parameters of the file.
template <class Net, template <class...> class Optimizer, class Loss>
struct Training {
  Net net;
  Loss loss;
  Optimizer<Tensor<float>> optimizer;

  Training(const Inputs& in, Loss l) : loss(std::move(l)), optimizer(parameters(net), {.lr = rate_of_results}) {
    nn::load_state_dict(net, in.under("net."));
  }
  Tensor<float> step() {
    optimizer.zero_grad();
    const Tensor<float> value = loss(net);
    value.backward();
    optimizer.step();
    return value;
  }
};

template <class Net, template <class...> class Optimizer, class Loss>
Case training(const Inputs& in, Loss loss) {
  const auto t = std::make_shared<Training<Net, Optimizer, Loss>>(in, std::move(loss));
  return {[t] { t->step(); },
          [t] {
            StateDict out;
            for (int i = 0; i < steps_of_results; ++i) out.add("loss" + std::to_string(i), detach(t->step()));
            for (const auto& [name, tensor] : nn::state_dict(t->net)) out.add("net." + name, tensor);
            t->optimizer.param_groups()[0].lr = rate_of_samples;
            return out;
          }};
}

/// Cross entropy with the file's labels.
auto classified(const Inputs& in) {
  return [x = in["x"], target = in.operator[]<std::int64_t>("target")](const auto& net) {
    return cross_entropy(net(x), target);
  };
}
/// The mean squared distance from the file's target.
auto fitted(const Inputs& in) {
  return [x = in["x"], target = in["target"]](const auto& net) { return mse_loss(net(x), target); };
}

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

/// A block of a transformer, norms first: x (n, tokens, width).
struct Block {
  static constexpr std::int64_t width = 128, heads = 4;
  nn::LayerNorm<float> norm1{width}, norm2{width};
  nn::Linear<float> qkv{width, 3 * width}, proj{width, width}, fc1{width, 4 * width}, fc2{4 * width, width};

  Tensor<float> attention(const Tensor<float>& x) const {
    const std::int64_t n = x.size(0), tokens = x.size(1), size = width / heads;
    const Tensor<float> parts = permute(reshape(qkv(x), {n, tokens, 3, heads, size}), {2, 0, 3, 1, 4});
    const Tensor<float> q = select(parts, 0, 0), k = select(parts, 0, 1), v = select(parts, 0, 2);
    const Tensor<float> scores = matmul(q, transpose(k, -2, -1)) * (1 / std::sqrt(static_cast<double>(size)));
    const Tensor<float> mixed = matmul(softmax(scores, -1), v);
    return proj(reshape(transpose(mixed, 1, 2), {n, tokens, width}));
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
Case block(const Inputs& in) { return training<Block, optim::Adam>(in, fitted(in)); }
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
  return {{"mlp", mlp},   {"deep_mlp", deep_mlp}, {"block", block}, {"lenet", lenet},
          {"lstm", lstm}, {"tiny", tiny},         {"adam", adam}};
}

}  // namespace compare
