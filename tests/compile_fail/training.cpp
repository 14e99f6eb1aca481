// SPDX-License-Identifier: MIT
// Mistakes around a training loop: the diagnostic names the fault and the fix.
// CASE 1: error_an_optimizer_takes_parameters_of_a_net_not_the_net_itself
// CASE 2: error_options_are_written_in_braces_by_name_as_in_lr
// CASE 3: AdamOptions
// CASE 4: error_the_parameters_would_die_with_this_temporary_give_the_net_a_name
// CASE 5: error_the_parameters_would_die_with_this_temporary_give_the_net_a_name
// CASE 6: HasNoBareTensorUseParameterOrBuffer
// CASE 7: HasNoCArrayUseStdArray
// CASE 8: error_clipping_takes_parameters_of_the_net_not_the_net_itself
// CASE 9: Dataset<|constraints not satisfied for class template 'DataLoader'
// CASE 10: a layer of this Sequential cannot take what the layer before it gives
// CASE 11: use of deleted function .*RuleOptimizer\(const|call to (implicitly-)?deleted (copy )?constructor
// CASE 12: error_cannot_convert_between_dtypes_write_cast
// CASE 13: LSTMOutput
// CASE 14: error_options_are_written_in_braces_by_name_as_in_lr
// CASE 15: Optimizer<|constraints not satisfied for class template 'StepLR'
// CASE 16: error_complex_gradients_have_no_order_clip_their_norm
#include <taper/data/data_loader.hpp>
#include <taper/nn/clip.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/sequential.hpp>
#include <taper/optim/adam.hpp>
#include <taper/optim/lr_scheduler/step_lr.hpp>
#include <taper/optim/sgd.hpp>

#ifndef CASE
#define CASE 0
#endif

using namespace taper;

struct Net {
  nn::Linear<float> fc{2, 2};
  auto operator()(const Tensor<float>& x) const { return fc(x); }
};
struct Bare {
  nn::Linear<float> fc{2, 2};
  Tensor<float> scale;
};
struct Raw {
  nn::Linear<float> fc{2, 2};
  nn::Linear<float> more[2]{nn::Linear<float>{2, 2}, nn::Linear<float>{2, 2}};
};

void use(Net& net, const Tensor<float>& x, const Tensor<double>& wide) {
  optim::SGD optimizer{parameters(net), {.lr = 0.1}};
  optim::StepLR scheduler{optimizer, 3};
  nn::clip_grad_norm_(parameters(net), 1.0);
  data::DataLoader loader{data::TensorDataset{x, x}, {.batch_size = 2}};
  (void)wide;
#if CASE == 1
  optim::SGD wrong{net, {.lr = 0.1}};
#elif CASE == 2
  optim::SGD wrong{parameters(net), 0.1};
#elif CASE == 3
  optim::Adam wrong{parameters(net), {.momentum = 0.9}};
#elif CASE == 4
  optim::SGD wrong{parameters(Net{}), {.lr = 0.1}};
#elif CASE == 5
  auto wrong = parameters(nn::Linear<float>{2, 2});
#elif CASE == 6
  Bare bare;
  auto wrong = parameters(bare);
#elif CASE == 7
  Raw raw;
  auto wrong = parameters(raw);
#elif CASE == 8
  nn::clip_grad_norm_(net, 1.0);
#elif CASE == 9
  data::DataLoader wrong{x, {.batch_size = 2}};
#elif CASE == 10
  auto wrong = nn::Sequential{nn::Linear<float>{2, 2}, nn::Linear<double>{2, 2}}(x);
#elif CASE == 11
  auto wrong = optimizer;
#elif CASE == 12
  auto wrong = net(wide);
#elif CASE == 13
  Tensor<float> wrong = nn::LSTM<float>{2, 2}(x);
#elif CASE == 14
  optim::AdamW wrong{parameters(net), 1e-3};
#elif CASE == 15
  optim::StepLR wrong{net, 3};
#elif CASE == 16
  nn::clip_grad_value_(parameters(zeros<std::complex<float>>({2})), 1.0);
#endif
}
