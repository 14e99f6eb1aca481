// SPDX-License-Identifier: MIT
// Mistakes with modules: the diagnostic names the fault and the fix.
// CASE 1: use of deleted function .*ModuleList|call to deleted constructor of .*ModuleList|ModuleList.*cannot be referenced -- it is a deleted function
// CASE 2: HasNoBareTensorUseParameterOrBuffer
// CASE 3: a Linear holds parameters, so its dtype must be floating or complex
// CASE 4: a layer of this Sequential cannot take what the layer before it gives
// CASE 5: error_this_layer_holds_another_dtype_or_device_write_cast_or_to|MatchesLayerDTypeAndDevice<.*evaluated to false
// CASE 6: error_the_indices_of_embedding_must_be_int64_or_int32_write_cast|does not satisfy 'EmbeddingIndex'
// CASE 7: a Parameter must be floating or complex: use Buffer for other types
// CASE 8: to<T>\(module\) needs a model that is a template over its dtype
// CASE 9: error_this_layer_holds_another_dtype_or_device_write_cast_or_to|MatchesLayerDTypeAndDevice<.*evaluated to false
// CASE 10: ambiguous
// CASE 11: a batch norm divides by deviations, so its dtype must be floating
#include <taper/nn/convert.hpp>
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/sequential.hpp>

#ifndef CASE
#define CASE 0
#endif

using namespace taper;

struct Bare {
  nn::Linear<float> fc{2, 2};
  Tensor<float> scale;
};
struct Fixed {
  nn::Linear<float> fc{2, 2};
};

void fine(const Tensor<float>& x) {
  (void)nn::ModuleList<nn::Linear<float>>::make(2, 2, 2);
  (void)nn::Sequential{nn::Linear<float>{2, 2}, nn::ReLU{}}(x).eval();
  (void)nn::parameter_count(Fixed{});
}

#if CASE == 1
nn::ModuleList<nn::Linear<float>> wrong(12, nn::Linear<float>{2, 2});
#elif CASE == 2
static_assert(nn::Module<Bare>);
#elif CASE == 3
nn::Linear<int> wrong{2, 2};
#elif CASE == 4
auto wrong(const Tensor<float>& x) { return nn::Sequential{nn::ReLU{}, 3}(x); }
#elif CASE == 5
auto wrong(const Tensor<double>& x) { return nn::Linear<float>{2, 2}(x); }
#elif CASE == 6
auto wrong(const Tensor<float>& x) { return nn::Embedding<float>{2, 2}(x); }
#elif CASE == 7
nn::Parameter<std::int64_t> wrong;
#elif CASE == 8
auto wrong(const Fixed& net) { return to<double>(net); }
#elif CASE == 9
auto wrong(const Tensor<std::int64_t>& x) { return nn::LSTM<float>{2, 2}(x); }
#elif CASE == 10
nn::Conv2d<float> wrong{1, 8, {3, 5}};  // a kernel, or a kernel and a stride: write {.kernel_size = {3, 5}}
#elif CASE == 11
nn::BatchNorm2d<std::int32_t> wrong{3};
#endif
