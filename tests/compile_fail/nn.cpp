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
// CASE 12: error_neither_a_plain_aggregate_nor_a_class_with_a_public_using_members_of_nn_Members<.*WithConstructor>
// CASE 13: error_a_field_is_a_C_array_make_it_a_std_array<.*WithArray>
// CASE 14: error_the_members_are_those_of_the_base_list_all_fields_in_a_using_members_of_this_class<.*Derived>
// CASE 15: error_a_base_has_fields_list_all_fields_in_a_public_using_members_of_nn_Members<.*WithBase>
// CASE 16: this part of a module would be neither trained nor saved
// CASE 17: this part of a module would be neither trained nor saved
// CASE 18: what is in other containers is neither trained nor saved
// CASE 19: what is in other containers is neither trained nor saved
// CASE 20: what is in other containers is neither trained nor saved
// CASE 21: what is in other containers is neither trained nor saved
// CASE 22: must be nn::Parameters \(trained\) or nn::Buffers \(not trained\), not bare Tensors
// CASE 23: must be nn::Parameters \(trained\) or nn::Buffers \(not trained\), not bare Tensors
// CASE 24: this part of a module would be neither trained nor saved
#include <taper/nn/convert.hpp>
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/parameters.hpp>
#include <taper/nn/sequential.hpp>

#include <deque>
#include <unordered_map>
#include <variant>

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

// Parts whose fields cannot be visited.
class WithConstructor {
 public:
  explicit WithConstructor(int n) : fc(n, n) {}
  Tensor<float> operator()(const Tensor<float>& x) const { return fc(x); }

 private:
  nn::Linear<float> fc;
};
class WithForward {
 public:
  explicit WithForward(int n) : fc(n, n) {}
  Tensor<float> forward(const Tensor<float>& x) const { return fc(x); }

 private:
  nn::Linear<float> fc;
};
struct WithArray {
  nn::Linear<float> layers[2]{nn::Linear<float>{2, 2}, nn::Linear<float>{2, 2}};
  template <class X>
  auto operator()(const X& x) const {
    return layers[0](x);
  }
};
struct Derived : nn::Linear<float> {
  using nn::Linear<float>::Linear;
  float scale = 2;
};
struct WithBase : Fixed {
  nn::Linear<float> out{2, 2};
  Tensor<float> operator()(const Tensor<float>& x) const { return out(fc(x)); }
};
struct Interface {
  virtual ~Interface() = default;
  virtual Tensor<float> operator()(const Tensor<float>& x) const = 0;
};
struct Group {
  WithConstructor part{2};
};
template <class Part>
struct Net {
  Part part;
  nn::Linear<float> out{2, 2};
};
template <class Part>
void train(Net<Part>& net) {
  (void)parameters(net);
}

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
#elif CASE == 12
auto wrong(nn::Sequential<nn::Linear<float>, WithConstructor>& net) { return parameters(net); }
#elif CASE == 13
void wrong(Net<WithArray>& net) { train(net); }
#elif CASE == 14
void wrong(Net<Derived>& net) { train(net); }
#elif CASE == 15
void wrong(Net<WithBase>& net) { train(net); }
#elif CASE == 16
void wrong(Net<std::vector<std::unique_ptr<Interface>>>& net) { train(net); }
#elif CASE == 17
void wrong(Net<Group>& net) { nn::eval(net); }
#elif CASE == 18
void wrong(Net<std::shared_ptr<nn::Linear<float>>>& net) { train(net); }
#elif CASE == 19
void wrong(Net<std::unordered_map<std::string, nn::Linear<float>>>& net) { train(net); }
#elif CASE == 20
void wrong(Net<std::variant<nn::Linear<float>, nn::ReLU>>& net) { train(net); }
#elif CASE == 21
void wrong(Net<std::deque<WithConstructor>>& net) { train(net); }
#elif CASE == 22
void wrong(Net<std::vector<Tensor<float>>>& net) { train(net); }
#elif CASE == 23
void wrong(Net<std::optional<Tensor<float>>>& net) { train(net); }
#elif CASE == 24
void wrong(Net<WithForward>& net) { train(net); }
#endif
