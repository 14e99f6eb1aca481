// SPDX-License-Identifier: MIT
// Modules as values: fusion in Sequential, copies, modes, containers, state dictionaries, a model from PyTorch and back.
// Devices: slow
#include <taper/core/stats.hpp>
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/activation_smooth.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/dropout.hpp>
#include <taper/nn/layers/flatten.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/parameters.hpp>
#include <taper/nn/save.hpp>
#include <taper/nn/sequential.hpp>
#include <taper/ops/pool.hpp>

#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <set>
#include <unordered_map>
#include <variant>

#include <unistd.h>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using device::D;
using Linear = nn::Linear<double, D>;

namespace {

/// tests/oracle/net.py.
template <class T>
struct Net {
  nn::Conv2d<T, D> conv1{1, 8, 3, {.padding = 1}};
  nn::BatchNorm2d<T, D> bn1{8};
  nn::Conv2d<T, D> conv2{8, 16, 3, {.padding = 1}};
  nn::Linear<T, D> fc{16 * 4 * 4, 10};

  auto operator()(const Tensor<T, D>& x) const {
    const auto h = max_pool2d(conv2(relu(bn1(conv1(x)))), 2);
    return fc(flatten(h, 1));
  }
};
static_assert(nn::ModuleFor<Net<float>, Tensor<float, D>>);

template <class M>
std::vector<std::string> names(const M& module) {
  std::vector<std::string> out;
  nn::for_each_state(module, [&](const std::string& name, const auto&) { out.push_back(name); });
  return out;
}

/// Classes that cannot be reflected, and have no parts: all of these may stand in a module.
class Vocabulary {
 public:
  explicit Vocabulary(int n) : n_(n) {}
  std::vector<int> operator()(const std::string& text) const { return {n_, static_cast<int>(text.size())}; }
  std::size_t forward() const { return words_.size(); }

 private:
  int n_;
  std::unordered_map<std::string, int> words_;
};
class ByName {
 public:
  explicit ByName(bool reverse) : reverse_(reverse) {}
  bool operator()(int a, int b) const { return (a < b) != reverse_; }

 private:
  bool reverse_;
};
class Settings {
 public:
  explicit Settings(double rate) : rate(rate) {}
  double rate;
  char name[8] = "";
};
struct Names {
  std::string all[2];
};
/// Read by operator() as matrices of other libraries are, drawn from as their distributions.
class Grid {
 public:
  using value_type = double;
  Grid(int rows, int columns) : columns_(columns), data_(static_cast<std::size_t>(rows * columns)) {}
  double& operator()(int i) { return data_[static_cast<std::size_t>(i)]; }
  double& operator()(int i, int j) { return data_[static_cast<std::size_t>(i * columns_ + j)]; }

 private:
  int columns_;
  std::vector<double> data_;
};
class Dice {
 public:
  using result_type = int;
  explicit Dice(int sides) : sides_(sides) {}
  template <class G>
  int operator()(G& g) const {
    return static_cast<int>(g() % static_cast<unsigned>(sides_));
  }

 private:
  int sides_;
};
/// What its author keeps out of the module.
class Declared {
 public:
  explicit Declared(int n) : hidden(n, n) {}
  auto operator()(const Tensor<double, D>& x) const { return hidden(x); }
  Linear hidden;
  using members = nn::Members<>;
};
class Later;
template <class T>
struct Handle {
  explicit Handle(T* p) : object(p) {}
  T* object;
};
enum class Colour { red };
struct Many {
  Vocabulary vocabulary{3};
  Settings settings{0.5};
  Grid grid{2, 2};
  Dice dice{6};
  Names names;
  Declared declared{2};
  std::set<int, ByName> sorted{ByName(true)};
  std::string text;
  std::vector<std::string> texts;
  std::vector<bool> flags;
  std::optional<double> scale;
  std::unordered_map<int, std::vector<double>> table;
  std::map<int, double, std::greater<>> counts;
  std::variant<int, std::string> choice;
  std::shared_ptr<std::string> shared;
  std::shared_ptr<Later> later;
  std::weak_ptr<Linear> watched;
  Handle<Linear> handle{nullptr};
  Linear* pointer = nullptr;
  std::vector<Linear*> pointers;
  std::vector<Linear>::iterator at;
  std::function<Tensor<double, D>(const Tensor<double, D>&)> f;
  std::mt19937 engine;
  std::uniform_real_distribution<double> chance;
  std::unique_ptr<std::mutex> mutex;
  Colour colour = Colour::red;
  Shape shape;
  PadMode mode = PadMode::constant;
  nn::Linear<double, D> (*maker)() = nullptr;
  Linear fc{2, 2};
};

}  // namespace

TEST_CASE("Sequential equals PyTorch's") {
  layer_case::check("sequential", nn::Sequential{Linear{4, 5}, nn::Tanh{}, Linear{5, 3}});
  layer_case::check("sequential.nested", nn::Sequential{nn::Conv2d<double, D>{1, 2, 3}, nn::Sequential{nn::BatchNorm2d<double, D>{2}, nn::ReLU{}},
                                                        nn::Flatten{}, Linear{8, 3}});
}

TEST_CASE("pointwise neighbours in a Sequential are one kernel each way") {
  const nn::Sequential net{nn::Tanh{}, nn::ReLU{}, nn::Identity{}, nn::Sigmoid{}};
  const Tensor<double, D> x = randn<double, D>({4, 4}).requires_grad_();
  reset_stats();
  const Tensor<double, D> y = net(x);
  CHECK(stats().launches == 1);
  reset_stats();
  y.backward(ones<double, D>({4, 4}));
  CHECK(stats().launches == 1);
  check_close(y, sigmoid(relu(tanh(x))), 1e-15, 0);
  check_equal(nn::Sequential<>{}(x), x);
}

TEST_CASE("a model that PyTorch saved gives the same outputs here") {
  const golden::File io("net_io");
  Net<float> net;
  load(net, TAPER_SOURCE_DIR "/tests/golden/net.safetensors");
  nn::eval(net);
  check_close(net(device::there(io.tensor<float>("float/x"))), io.tensor<float>("float/y"), 1e-5, 1e-6);
  Net<double> wide;
  load(wide, TAPER_SOURCE_DIR "/tests/golden/net.safetensors");
  nn::eval(wide);
  check_close(wide(device::there(io.tensor<double>("double/x"))), io.tensor<double>("double/y"), 1e-12, 1e-13);
}

TEST_CASE("a saved model is PyTorch's file again, and gives the same outputs after loading") {
  Net<float> net, fresh;
  load(net, TAPER_SOURCE_DIR "/tests/golden/net.safetensors");
  const std::string path = (std::filesystem::temp_directory_path() / ("taper_module_" + std::to_string(getpid()) + ".safetensors")).string();
  save(net, path);
  const StateDict saved = io::map(path), original = io::map(TAPER_SOURCE_DIR "/tests/golden/net.safetensors");
  std::filesystem::remove(path);
  CHECK(saved.size() == original.size());
  for (const auto& [name, value] : original) {
    INFO(name);
    REQUIRE(saved.contains(name));
    CHECK(saved.at(name).dtype() == value.dtype());
    CHECK(golden::detail::compare(saved.at(name).record(), value.record(), 0, 0).empty());
  }
  nn::load_state_dict(fresh, saved);
  nn::eval(net);
  nn::eval(fresh);
  const Tensor<float, D> x = randn<float, D>({2, 1, 8, 8});
  check_equal(fresh(x), net(x));
}

TEST_CASE("the names of a model are PyTorch's, in PyTorch's order") {
  CHECK(names(Net<float>{}) ==
        std::vector<std::string>{"conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
                                 "bn1.num_batches_tracked", "conv2.weight", "conv2.bias", "fc.weight", "fc.bias"});
}

TEST_CASE("a copy of a module is deep, and assignment keeps the target's tensors") {
  const Linear a{3, 2};
  Linear b = a;
  check_equal(a.weight, b.weight);
  nn::init::zeros_(b.weight);
  CHECK(any(a.weight != 0.0).item());
  CHECK(b.weight.requires_grad());
  const Tensor<double, D> handle = b.weight;
  b = a;
  check_equal(handle, a.weight);
  Linear c = std::move(b);
  CHECK(c.weight.data_ptr() == handle.data_ptr());
}

TEST_CASE("train and eval reach every mode inside") {
  struct Part {
    nn::Sequential<nn::Dropout, nn::ReLU> layers{nn::Dropout{}, nn::ReLU{}};
    std::vector<nn::BatchNorm1d<float, D>> norms{nn::BatchNorm1d<float, D>{2}};
    nn::Mode mode;
  } part;
  nn::eval(part);
  CHECK(!part.layers.get<0>().mode.training);
  CHECK(!part.norms[0].mode.training);
  CHECK(!part.mode.training);
  nn::train(part);
  CHECK(part.norms[0].mode.training);
}

TEST_CASE("a list makes its modules anew, a dictionary finds them by name") {
  const auto list = nn::ModuleList<Linear>::make(2, 3, 3);
  CHECK(any(list[0].weight != list[1].weight).item());
  CHECK(names(list) == std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias"});
  nn::ModuleDict<Linear> dictionary;
  dictionary.insert("a", Linear{2, 1, {.bias = false}});
  CHECK(names(dictionary) == std::vector<std::string>{"a.weight"});
  CHECK(dictionary.at("a").in_features == 2);
  CHECK_THROWS_AS(dictionary.at("b"), StateError);
  CHECK_THROWS_WITH(dictionary["b"], "[ModuleDict] there is no module named 'b': insert() adds one");
  dictionary.insert("z", Linear{2, 1, {.bias = false}});
  dictionary.emplace("b", 3, 1);
  dictionary.insert("z", Linear{5, 1});
  CHECK(names(dictionary) == std::vector<std::string>{"a.weight", "z.weight", "z.bias", "b.weight", "b.bias"});
  CHECK(std::as_const(dictionary)["z"].in_features == 5);
}

TEST_CASE("a state that does not fit is refused whole, with every name") {
  Linear layer{2, 2};
  const Tensor<double, D> before = clone(layer.weight);
  StateDict state;
  state.set("weight", AnyTensor(zeros<double>({2, 2})));
  state.set("bais", AnyTensor(zeros<double>({2})));
  CHECK_THROWS_WITH(nn::load_state_dict(layer, state),
                    "[load_state_dict] the state does not fit the module; missing: bias; unexpected: bais");
  check_equal(layer.weight, before);
  const LoadResult result = nn::load_state_dict(layer, state, {.strict = false});
  CHECK(result.missing == std::vector<std::string>{"bias"});
  check_equal(layer.weight, zeros<double, D>({2, 2}));
  state.set("weight", AnyTensor(zeros<double>({3, 2})));
  CHECK_THROWS_AS(nn::load_state_dict(layer, state, {.strict = false}), StateError);
}

TEST_CASE("freezing a part leaves it without gradients") {
  nn::Sequential net{Linear{2, 3}, nn::Tanh{}, Linear{3, 1}};
  nn::requires_grad_(net.get<0>(), false);
  sum(net(ones<double, D>({4, 2}))).backward();
  CHECK(!net.get<0>().weight.grad().defined());
  CHECK(net.get<2>().weight.grad().defined());
  CHECK(nn::parameter_count(net) == 2 * 3 + 3 + 3 + 1);
}

TEST_CASE("what holds no state may be of any class") {
  Many net;
  CHECK(names(net) == std::vector<std::string>{"fc.weight", "fc.bias"});
  CHECK(parameters(net).size() == 2);
  nn::eval(net);
  const int power = 2;
  const double factor = 3;
  const nn::Sequential chain{Linear{2, 2}, [](const auto& x) { return relu(x); }, [=](const auto& x) { return pow(x, power) * factor; },
                             std::bind_front([](double a, const Tensor<double, D>& x) { return eval(x * a); }, 2.0),
                             std::function<Tensor<double, D>(Tensor<double, D>)>([](Tensor<double, D> x) { return x; })};
  CHECK(names(chain) == std::vector<std::string>{"0.weight", "0.bias"});
  CHECK(chain(ones<double, D>({1, 2})).shape() == Shape{1, 2});
}
