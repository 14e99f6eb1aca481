// SPDX-License-Identifier: MIT
// Modules as text: every text of module_repr.txt, and what PyTorch does not have.
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/activation_gated.hpp>
#include <taper/nn/layers/activation_smooth.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/conv_transpose.hpp>
#include <taper/nn/layers/dropout.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/nn/layers/flatten.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/loss.hpp>
#include <taper/nn/layers/norm.hpp>
#include <taper/nn/layers/pool.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/layers/rnn_cell.hpp>
#include <taper/nn/layers/softmax.hpp>
#include <taper/nn/layers/upsample.hpp>
#include <taper/nn/print.hpp>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/catch.hpp"

#ifndef TAPER_SOURCE_DIR
#define TAPER_SOURCE_DIR "."
#endif

using namespace taper;

namespace {

/// The text of each constructor: [constructor], ---, text, ===.
std::map<std::string, std::string> expected_texts() {
  std::ifstream file(TAPER_SOURCE_DIR "/tests/golden/module_repr.txt");
  std::map<std::string, std::string> out;
  std::string line, name;
  while (std::getline(file, line)) {
    if (line.empty()) continue;
    name = line.substr(1, line.size() - 2);
    std::getline(file, line);  // ---
    std::string text;
    while (std::getline(file, line) && line != "===") text += (text.empty() ? "" : "\n") + line;
    out[name] = text;
  }
  return out;
}

using Linear = nn::Linear<float>;
constexpr auto relu_step = nn::RNNNonlinearity::relu;

std::map<std::string, std::string> our_texts() {
  nn::ModuleList<Linear> linears;
  linears.push_back(Linear{4, 5});
  linears.push_back(Linear{5, 3});
  struct TwoKinds {
    Linear a{4, 5};
    nn::ReLU b;
  };
  std::string dictionary = to_string(TwoKinds{});  // a ModuleDict of several types is an aggregate
  dictionary.replace(0, dictionary.find('('), "ModuleDict");
  return {
      {"nn.Linear(4, 5)", to_string(Linear{4, 5})},
      {"nn.Linear(4, 5, bias=False)", to_string(Linear{4, 5, {.bias = false}})},
      {"nn.Identity()", to_string(nn::Identity{})},
      {"nn.Bilinear(3, 4, 5)", to_string(nn::Bilinear<float>{3, 4, 5})},
      {"nn.Conv1d(3, 8, 3)", to_string(nn::Conv1d<float>{3, 8, 3})},
      {"nn.Conv2d(3, 8, 3)", to_string(nn::Conv2d<float>{3, 8, 3})},
      {"nn.Conv2d(3, 8, (3, 5), stride=2, padding=(1, 2))",
       to_string(nn::Conv2d<float>{3, 8, {.kernel_size = {3, 5}, .stride = 2, .padding = {1, 2}}})},
      {"nn.Conv2d(4, 8, 3, dilation=2, groups=2, bias=False)",
       to_string(nn::Conv2d<float>{4, 8, 3, {.dilation = 2, .groups = 2, .bias = false}})},
      {"nn.Conv2d(3, 8, 3, padding='same')", to_string(nn::Conv2d<float>{3, 8, 3, {.padding = "same"}})},
      {"nn.Conv2d(3, 8, 3, padding=1, padding_mode='reflect')",
       to_string(nn::Conv2d<float>{3, 8, 3, {.padding = 1, .padding_mode = PadMode::reflect}})},
      {"nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)", to_string(nn::ConvTranspose2d<float>{8, 3, 4, {.stride = 2, .padding = 1}})},
      {"nn.ConvTranspose2d(8, 3, 3, stride=2, output_padding=1)",
       to_string(nn::ConvTranspose2d<float>{8, 3, 3, {.stride = 2, .output_padding = 1}})},
      {"nn.MaxPool1d(2)", to_string(nn::MaxPool1d{2})},
      {"nn.MaxPool2d(2)", to_string(nn::MaxPool2d{2})},
      {"nn.MaxPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True)",
       to_string(nn::MaxPool2d{.kernel_size = {3, 2}, .stride = {2, 1}, .padding = 1, .ceil_mode = true})},
      {"nn.AvgPool1d(2)", to_string(nn::AvgPool1d{2})},
      {"nn.AvgPool2d(2)", to_string(nn::AvgPool2d{2})},
      {"nn.AvgPool2d((3, 2), stride=(2, 1))", to_string(nn::AvgPool2d{{3, 2}, {2, 1}})},
      {"nn.AdaptiveAvgPool1d(3)", to_string(nn::AdaptiveAvgPool1d{3})},
      {"nn.AdaptiveAvgPool2d(1)", to_string(nn::AdaptiveAvgPool2d{1})},
      {"nn.AdaptiveAvgPool2d((3, 2))", to_string(nn::AdaptiveAvgPool2d{{3, 2}})},
      {"nn.AdaptiveMaxPool2d(2)", to_string(nn::AdaptiveMaxPool2d{2})},
      {"nn.Upsample(scale_factor=2, mode='bilinear')", to_string(nn::Upsample{.scale_factor = 2, .mode = InterpolateMode::bilinear})},
      {"nn.Upsample(size=(5, 6), mode='nearest-exact')", to_string(nn::Upsample{.size = {5, 6}, .mode = InterpolateMode::nearest_exact})},
      {"nn.Upsample(scale_factor=(1.5, 2))", to_string(nn::Upsample{.scale_factor = {1.5, 2}})},
      {"nn.Upsample(7)", to_string(nn::Upsample{7})},
      {"nn.PixelShuffle(3)", to_string(nn::PixelShuffle{3})},
      {"nn.PixelUnshuffle(2)", to_string(nn::PixelUnshuffle{2})},
      {"nn.BatchNorm1d(3)", to_string(nn::BatchNorm1d<float>{3})},
      {"nn.BatchNorm2d(3, eps=1e-3, momentum=0.5, affine=False)",
       to_string(nn::BatchNorm2d<float>{3, {.eps = 1e-3, .momentum = 0.5, .affine = false}})},
      {"nn.BatchNorm2d(3, momentum=None, track_running_stats=False)",
       to_string(nn::BatchNorm2d<float>{3, {.momentum = {}, .track_running_stats = false}})},
      {"nn.LayerNorm(5)", to_string(nn::LayerNorm<float>{5})},
      {"nn.LayerNorm((3, 5), elementwise_affine=False)", to_string(nn::LayerNorm<float>{{3, 5}, {.elementwise_affine = false}})},
      {"nn.Dropout()", to_string(nn::Dropout{})},
      {"nn.Dropout(0.25)", to_string(nn::Dropout{0.25})},
      {"nn.Embedding(6, 3)", to_string(nn::Embedding<float>{6, 3})},
      {"nn.Embedding(6, 3, padding_idx=1)", to_string(nn::Embedding<float>{6, 3, {.padding_idx = 1}})},
      {"nn.Flatten()", to_string(nn::Flatten{})},
      {"nn.Flatten(0, 1)", to_string(nn::Flatten{0, 1})},
      {"nn.Unflatten(1, (2, 3))", to_string(nn::Unflatten{1, {2, 3}})},
      {"nn.ELU()", to_string(nn::ELU{})},
      {"nn.CELU()", to_string(nn::CELU{})},
      {"nn.SELU()", to_string(nn::SELU{})},
      {"nn.GELU()", to_string(nn::GELU{})},
      {"nn.GELU(approximate='tanh')", to_string(nn::GELU{GeluApproximate::tanh})},
      {"nn.Hardshrink()", to_string(nn::Hardshrink{})},
      {"nn.Hardsigmoid()", to_string(nn::Hardsigmoid{})},
      {"nn.Hardtanh()", to_string(nn::Hardtanh{})},
      {"nn.Hardswish()", to_string(nn::Hardswish{})},
      {"nn.LeakyReLU()", to_string(nn::LeakyReLU{})},
      {"nn.LeakyReLU(0.2)", to_string(nn::LeakyReLU{0.2})},
      {"nn.LogSigmoid()", to_string(nn::LogSigmoid{})},
      {"nn.PReLU()", to_string(nn::PReLU<float>{})},
      {"nn.PReLU(3)", to_string(nn::PReLU<float>{3})},
      {"nn.ReLU()", to_string(nn::ReLU{})},
      {"nn.ReLU6()", to_string(nn::ReLU6{})},
      {"nn.RReLU()", to_string(nn::RReLU{})},
      {"nn.Sigmoid()", to_string(nn::Sigmoid{})},
      {"nn.SiLU()", to_string(nn::SiLU{})},
      {"nn.Mish()", to_string(nn::Mish{})},
      {"nn.Softplus()", to_string(nn::Softplus{})},
      {"nn.Softshrink()", to_string(nn::Softshrink{})},
      {"nn.Softsign()", to_string(nn::Softsign{})},
      {"nn.Tanh()", to_string(nn::Tanh{})},
      {"nn.Tanhshrink()", to_string(nn::Tanhshrink{})},
      {"nn.Threshold(0.5, 20.0)", to_string(nn::Threshold{0.5, 20.0})},
      {"nn.GLU()", to_string(nn::GLU{})},
      {"nn.Softmin(dim=1)", to_string(nn::Softmin{1})},
      {"nn.Softmax(dim=1)", to_string(nn::Softmax{1})},
      {"nn.LogSoftmax(dim=1)", to_string(nn::LogSoftmax{1})},
      {"nn.RNN(3, 4)", to_string(nn::RNN<float>{3, 4})},
      {"nn.RNN(3, 4, num_layers=2, nonlinearity='relu', bidirectional=True)",
       to_string(nn::RNN<float>{3, 4, {.num_layers = 2, .nonlinearity = relu_step, .bidirectional = true}})},
      {"nn.LSTM(3, 4)", to_string(nn::LSTM<float>{3, 4})},
      {"nn.LSTM(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)",
       to_string(nn::LSTM<float>{3, 4, {.num_layers = 2, .bias = false, .batch_first = true, .dropout = 0.5, .bidirectional = true}})},
      {"nn.GRU(3, 4, num_layers=2)", to_string(nn::GRU<float>{3, 4, {.num_layers = 2}})},
      {"nn.RNNCell(3, 4)", to_string(nn::RNNCell<float>{3, 4})},
      {"nn.RNNCell(3, 4, nonlinearity='relu')", to_string(nn::RNNCell<float>{3, 4, {.nonlinearity = relu_step}})},
      {"nn.LSTMCell(3, 4)", to_string(nn::LSTMCell<float>{3, 4})},
      {"nn.GRUCell(3, 4, bias=False)", to_string(nn::GRUCell<float>{3, 4, {.bias = false}})},
      {"nn.MSELoss()", to_string(nn::MSELoss{})},
      {"nn.CrossEntropyLoss()", to_string(nn::CrossEntropyLoss<float>{})},
      {"nn.BCEWithLogitsLoss()", to_string(nn::BCEWithLogitsLoss<float>{})},
      {"nn.SmoothL1Loss()", to_string(nn::SmoothL1Loss{})},
      {"nn.HuberLoss()", to_string(nn::HuberLoss{})},
      {"nn.KLDivLoss()", to_string(nn::KLDivLoss{})},
      {"nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))",
       to_string(nn::Sequential{Linear{4, 5}, nn::ReLU{}, Linear{5, 3}})},
      {"nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()), nn.Flatten())",
       to_string(nn::Sequential{nn::Conv2d<float>{1, 2, 3}, nn::Sequential{nn::BatchNorm2d<float>{2}, nn::ReLU{}}, nn::Flatten{}})},
      {"nn.Sequential()", to_string(nn::Sequential<>{})},
      {"nn.ModuleList([nn.Linear(4, 5), nn.Linear(5, 3)])", to_string(linears)},
      {"nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)])", to_string(nn::ModuleList<Linear>::make(3, 4, 4))},
      {"nn.ModuleDict({'a': nn.Linear(4, 5), 'b': nn.ReLU()})", dictionary},
  };
}

template <class T>
struct Net {
  nn::Linear<T> fc1{2, 3};
  std::vector<nn::Linear<T>> layers{nn::Linear<T>{3, 3}, nn::Linear<T>{3, 3}};
  std::optional<nn::ReLU> none;
  nn::Mode mode;
  int count = 0;
};
struct Own {
  int size = 4;
  nn::Linear<float> fc{4, 4};
  std::string extra_repr() const { return "size=4"; }
};

}  // namespace

TEST_CASE("modules print as in PyTorch") {
  const auto expected = expected_texts(), ours = our_texts();
  CHECK(expected.size() == ours.size());
  for (const auto& [constructor, text] : expected) {
    INFO(constructor);
    REQUIRE(ours.count(constructor) == 1);
    CHECK(ours.at(constructor) == text);
  }
}

TEST_CASE("a user's module prints its class, its own settings and its modules") {
  CHECK(to_string(Net<float>{}) == R"(Net(
  (fc1): Linear(in_features=2, out_features=3, bias=True)
  (layers): ModuleList(
    (0-1): 2 x Linear(in_features=3, out_features=3, bias=True)
  )
))");
  CHECK(to_string(Own{}) == R"(Own(
  size=4
  (fc): Linear(in_features=4, out_features=4, bias=True)
))");
  std::ostringstream stream;
  stream << nn::Sequential{Linear{1, 1}, [](auto&& x) { return x; }};
  CHECK(stream.str() == "Sequential(\n  (0): Linear(in_features=1, out_features=1, bias=True)\n  (1): function()\n)");
  CHECK(to_string(nn::ParameterList<float>({nn::Parameter<float>(zeros({2, 3}))})) ==
        "ParameterList(\n  (0): Parameter containing: [float32 of size 2x3]\n)");
  // Equal parameters stand one by one, other than equal modules.
  CHECK(to_string(nn::ParameterList<float>({nn::Parameter<float>(zeros({2})), nn::Parameter<float>(zeros({2}))})) ==
        "ParameterList(\n  (0): Parameter containing: [float32 of size 2]\n  (1): Parameter containing: [float32 of size 2]\n)");
}
