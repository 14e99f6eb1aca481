// SPDX-License-Identifier: MIT
// Matrix products, convolutions (forward and each gradient alone), pointwise expressions, an add of a few numbers.
#include "case.hpp"

namespace compare {

namespace {

template <class T>
Case matrix_product(const Inputs& in) {
  return forward_only<T>([a = in.operator[]<T>("a"), b = in.operator[]<T>("b")] { return matmul(a, b); });
}

Conv2dFuncOptions conv_options(const Inputs& in) {
  return {.stride = in.number("stride"), .padding = in.number("padding"), .groups = in.number("groups")};
}

Case conv_forward(const Inputs& in) {
  return forward_only([x = in["x"], w = in["w"], o = conv_options(in)] { return conv2d(x, w, {}, o); });
}

/// The gradient of x or of w alone, from a graph that is kept.
Case conv_gradient(const Inputs& in) {
  const std::string of = in.text("of");
  const Tensor<float> leaf = in[of].requires_grad_(), seed = in["g"];
  const Tensor<float> y =
      of == "x" ? conv2d(leaf, in["w"], {}, conv_options(in)) : conv2d(in["x"], leaf, {}, conv_options(in));
  const auto run = [leaf, seed, y] {
    leaf.set_grad({});
    y.backward(seed, {.retain_graph = true});
  };
  return {run, [run, leaf, of] {
            run();
            StateDict out;
            out.add("d." + of, leaf.grad());
            return out;
          }};
}

/// tanh(a x + b) c + relu(d): five leaves, one expression.
Case pointwise(const Inputs& in) {
  const Tensor<float> a = in["a"], x = in["x"], b = in["b"], c = in["c"], d = in["d"];
  return with_backward([=] { return Tensor<float>(tanh(a * x + b) * c + relu(d)); },
                       {{"a", a}, {"x", x}, {"b", b}, {"c", c}, {"d", d}}, in["g"]);
}

Case add(const Inputs& in) {
  const Tensor<float> a = in["a"].requires_grad_(in.number("recorded") != 0), b = in["b"];
  const auto run = [a, b] {
    const Tensor<float> y = a + b;
    keep(y);
    return y;
  };
  return {run, [run] {
            StateDict out;
            out.add("y", detach(run()));
            return out;
          }};
}

}  // namespace

std::vector<Kind> kernels() {
  return {{"gemm", matrix_product<float>}, {"gemm_bfloat16", matrix_product<bfloat16>},
          {"conv_forward", conv_forward},  {"conv_gradient", conv_gradient},
          {"pointwise", pointwise},        {"add", add}};
}

}  // namespace compare
