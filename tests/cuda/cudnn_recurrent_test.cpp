// SPDX-License-Identifier: MIT
// The host's half of recurrent layers through cuDNN, without a GPU: the functions that need one are defined here, by
// its header's formulas, over host memory. Descriptors are cuDNN's own.
// Needs: thrust cudnn
#include <taper/backend/cuda/cudnn_recurrent.hpp>
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/nn/convert.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/ops.hpp>
#include <taper/ops/to.hpp>

#include <cmath>

#include "tests/cuda/against_host.hpp"
#include "tests/cuda/no_gpu_cudnn.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using against_host::irregular;

namespace {

struct RnnSystem : ThrustCppSystem {
  static inline bool exact = true;
  static inline std::int64_t held = 0;
  static void* allocate(std::size_t bytes) {
    return held += static_cast<std::int64_t>(bytes), ThrustCppSystem::allocate(bytes);
  }
  static void deallocate(void* p, std::size_t bytes) noexcept {
    held -= static_cast<std::int64_t>(bytes), ThrustCppSystem::deallocate(p, bytes);
  }
  static auto recurrent_layers() { return base::CudnnRecurrent<RnnSystem>{nullptr, exact}; }
};
using D = BasicThrust<RnnSystem>;

/// What cuDNN was asked, and what it is to answer.
struct Asked {
  int forwards = 0, trainings = 0, backwards = 0, weight_gradients = 0;
  cudnnStatus_t size = CUDNN_STATUS_SUCCESS, forward = CUDNN_STATUS_SUCCESS;
  std::size_t version = 91900;
  bool scattered = false;  // gates do not follow each other
};
Asked asked;

using W = Tensor<double>;

/// A layer by its descriptor.
struct Described {
  cudnnRNNMode_t cell{};
  cudnnRNNBiasMode_t bias{};
  cudnnDirectionMode_t direction{};
  cudnnDataType_t type{}, sum{};
  cudnnMathType_t math{};
  int in = 0, size = 0;

  explicit Described(cudnnRNNDescriptor_t rnn) {
    cudnnRNNAlgo_t algorithm{};
    cudnnRNNInputMode_t input{};
    cudnnDropoutDescriptor_t dropout{};
    int projected = 0, layers = 0;
    std::uint32_t flags = 1;
    REQUIRE(cudnnGetRNNDescriptor_v8(rnn, &algorithm, &cell, &bias, &direction, &input, &type, &sum, &math, &in, &size,
                                     &projected, &layers, &dropout, &flags) == CUDNN_STATUS_SUCCESS);
    CHECK(algorithm == CUDNN_RNN_ALGO_STANDARD);
    CHECK(input == CUDNN_LINEAR_INPUT);
    CHECK(projected == size);
    CHECK(layers == 1);
    CHECK(flags == CUDNN_RNN_PADDED_IO_DISABLED);
    CHECK(sum == (type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT));
  }
  int gates() const { return cell == CUDNN_LSTM ? 4 : cell == CUDNN_GRU ? 3 : 1; }
  int directions() const { return direction == CUDNN_BIDIRECTIONAL ? 2 : 1; }
  bool biased() const { return bias == CUDNN_RNN_DOUBLE_BIAS; }
  std::size_t element() const { return type == CUDNN_DATA_DOUBLE ? 8 : type == CUDNN_DATA_FLOAT ? 4 : 2; }

  // An order of the weights that is not PyTorch's: directions last to first, biases, then R, then W, gaps between them.
  static constexpr std::int64_t gap = 5;
  std::int64_t per_direction() const {
    return gates() * (2 * size + static_cast<std::int64_t>(size) * size + static_cast<std::int64_t>(size) * in) +
           3 * gap;
  }
  std::int64_t total() const { return directions() * per_direction() + gap; }
  std::int64_t bias_at(int pseudo, int id) const {
    return gap + (directions() - 1 - pseudo) * per_direction() + id * size;
  }
  std::int64_t matrix_at(int pseudo, int id) const {
    const std::int64_t r = bias_at(pseudo, 2 * gates()) + gap,
                       w = r + static_cast<std::int64_t>(gates()) * size * size + gap;
    if (asked.scattered && id == 0 && gates() > 1) return w + in * size;  // the second one's place
    return id >= gates() ? r + static_cast<std::int64_t>(id - gates()) * size * size
                         : w + static_cast<std::int64_t>(id) * size * in;
  }
};

/// Numbers of any dtype in memory.
double number(cudnnDataType_t type, const void* p, std::int64_t i) {
  switch (type) {
    case CUDNN_DATA_DOUBLE:
      return static_cast<const double*>(p)[i];
    case CUDNN_DATA_FLOAT:
      return static_cast<const float*>(p)[i];
    case CUDNN_DATA_HALF:
      return static_cast<double>(static_cast<float>(static_cast<const float16*>(p)[i]));
    default:
      return static_cast<double>(static_cast<float>(static_cast<const bfloat16*>(p)[i]));
  }
}
W read(cudnnDataType_t type, const void* p, const Shape& shape, std::int64_t first = 0) {
  W out = zeros<double>(shape);
  for (std::int64_t i = 0; i < out.numel(); ++i) out.data_ptr()[i] = number(type, p, first + i);
  return out;
}
void write(cudnnDataType_t type, const W& x, void* p, std::int64_t first = 0, bool add = false) {
  const W all = contiguous(x);
  for (std::int64_t i = 0; i < all.numel(); ++i) {
    const double v = std::as_const(all).data_ptr()[i] + (add ? number(type, p, first + i) : 0);
    switch (type) {
      case CUDNN_DATA_DOUBLE:
        static_cast<double*>(p)[first + i] = v;
        break;
      case CUDNN_DATA_FLOAT:
        static_cast<float*>(p)[first + i] = static_cast<float>(v);
        break;
      case CUDNN_DATA_HALF:
        static_cast<float16*>(p)[first + i] = static_cast<float16>(static_cast<float>(v));
        break;
      default:
        static_cast<bfloat16*>(p)[first + i] = static_cast<bfloat16>(static_cast<float>(v));
    }
  }
}

/// A forward pass by cuDNN's formulas, gate by gate, and what it was computed from.
struct Pass {
  W x, h, c, y, last_h, last_c;
  std::vector<W> matrices, biases;  // by direction and linLayerID
  std::vector<std::int64_t> matrix_places, bias_places;

  Pass(const Described& d, std::int64_t steps, std::int64_t n, const void* x_data, const void* h_data,
       const void* c_data, const void* weights) {
    x = read(d.type, x_data, {steps, n, d.in}).requires_grad_();
    h = read(d.type, h_data, {d.directions(), n, d.size}).requires_grad_();
    if (d.cell == CUDNN_LSTM) c = read(d.type, c_data, {d.directions(), n, d.size}).requires_grad_();
    std::vector<W> sides, hs, cs;
    for (int k = 0; k < d.directions(); ++k) {
      const int gates = d.gates();
      for (int id = 0; id < 2 * gates; ++id) {
        matrix_places.push_back(d.matrix_at(k, id)), bias_places.push_back(d.bias_at(k, id));
        matrices.push_back(
            read(d.type, weights, {d.size, id < gates ? d.in : d.size}, matrix_places.back()).requires_grad_());
        biases.push_back((d.biased() ? read(d.type, weights, {d.size}, bias_places.back()) : zeros<double>({d.size}))
                             .requires_grad_());
      }
      const W *m = &matrices[static_cast<std::size_t>(2 * gates * k)],
              *b = &biases[static_cast<std::size_t>(2 * gates * k)];
      W now = select(h, 0, k), cell = c.defined() ? select(c, 0, k) : W();
      std::vector<W> states(static_cast<std::size_t>(steps));
      for (std::int64_t i = 0; i < steps; ++i) {
        const std::int64_t t = k == 0 ? i : steps - 1 - i;
        const auto input = [&](int g) { return linear(select(x, 0, t), m[g], b[g]).eval(); };
        const auto hidden = [&](int g) { return linear(now, m[gates + g], b[gates + g]).eval(); };
        const auto both = [&](int g) { return (input(g) + hidden(g)).eval(); };
        if (d.cell == CUDNN_RNN_RELU)
          now = relu(both(0));
        else if (d.cell == CUDNN_RNN_TANH)
          now = tanh(both(0));
        else if (d.cell == CUDNN_LSTM) {
          cell = sigmoid(both(1)) * cell + sigmoid(both(0)) * tanh(both(2));
          now = sigmoid(both(3)) * tanh(cell);
        } else {
          const W r = sigmoid(both(0)), z = sigmoid(both(1)), fresh = tanh(input(2) + r * hidden(2));
          now = (1.0 - z) * fresh + z * now;
        }
        states[static_cast<std::size_t>(t)] = now;
      }
      sides.push_back(stack(states)), hs.push_back(now);
      if (c.defined()) cs.push_back(cell);
    }
    y = cat(sides, -1), last_h = stack(hs);
    if (c.defined()) last_c = stack(cs);
  }
};
std::vector<Pass> passes;  // a reserve holds a number here, and whether the data's gradient was computed from it
struct Reserve {
  std::size_t pass;
  std::int64_t changed;
};

std::pair<std::int64_t, std::int64_t> sizes(cudnnRNNDataDescriptor_t data, const Described& d, int elements) {
  cudnnDataType_t type{};
  cudnnRNNDataLayout_t layout{};
  int steps = 0, n = 0, size = 0;
  std::vector<int> lengths(64);
  double filling = 0;
  REQUIRE(cudnnGetRNNDataDescriptor(data, &type, &layout, &steps, &n, &size, 64, lengths.data(), &filling) ==
          CUDNN_STATUS_SUCCESS);
  CHECK(type == d.type);
  CHECK(layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED);
  CHECK(size == elements);
  for (int i = 0; i < n; ++i) CHECK(lengths[static_cast<std::size_t>(i)] == steps);
  return {steps, n};
}
void check_state(cudnnTensorDescriptor_t state, const Described& d, std::int64_t n) {
  cudnnDataType_t type{};
  int axes = 0, size[4] = {}, stride[4] = {};
  REQUIRE(cudnnGetTensorNdDescriptor(state, 4, &type, &axes, size, stride) == CUDNN_STATUS_SUCCESS);
  CHECK(axes == 3);
  CHECK((size[0] == d.directions() && size[1] == n && size[2] == d.size));
  CHECK((stride[0] == n * d.size && stride[1] == d.size && stride[2] == 1));
}
constexpr std::size_t work_bytes = 96;

}  // namespace

extern "C" {

size_t cudnnGetVersion() { return asked.version; }
cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t, cudnnHandle_t, float p, void* states, size_t bytes,
                                        unsigned long long) {
  return p == 0 && !states && bytes == 0 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t, cudnnRNNDescriptor_t rnn, size_t* bytes) {
  if (asked.size != CUDNN_STATUS_SUCCESS) return asked.size;
  const Described d(rnn);
  *bytes = static_cast<std::size_t>(d.total()) * d.element();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t mode,
                                        cudnnRNNDataDescriptor_t x, size_t* work, size_t* reserve) {
  const Described d(rnn);
  (void)sizes(x, d, d.in);
  *work = work_bytes, *reserve = mode == CUDNN_FWD_MODE_TRAINING ? sizeof(Reserve) : 0;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t, cudnnRNNDescriptor_t rnn, std::int32_t pseudo, size_t bytes,
                                      const void* weights, std::int32_t id, cudnnTensorDescriptor_t, void** matrix,
                                      cudnnTensorDescriptor_t, void** bias) {
  const Described d(rnn);
  if (pseudo >= d.directions() || id >= 2 * d.gates() || bytes != static_cast<std::size_t>(d.total()) * d.element())
    return CUDNN_STATUS_BAD_PARAM;
  auto* from = static_cast<std::byte*>(const_cast<void*>(weights));
  *matrix = from + static_cast<std::size_t>(d.matrix_at(pseudo, id)) * d.element();
  *bias = d.biased() ? from + static_cast<std::size_t>(d.bias_at(pseudo, id)) * d.element() : nullptr;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnRNNForward(cudnnHandle_t, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t mode,
                              const std::int32_t* lengths, cudnnRNNDataDescriptor_t x_at, const void* x,
                              cudnnRNNDataDescriptor_t y_at, void* y, cudnnTensorDescriptor_t h_at, const void* h,
                              void* last_h, cudnnTensorDescriptor_t, const void* c, void* last_c, size_t,
                              const void* weights, size_t work, void* space, size_t reserve_bytes, void* reserve) {
  ++asked.forwards;
  if (asked.forward != CUDNN_STATUS_SUCCESS) return asked.forward;
  const Described d(rnn);
  const auto [steps, n] = sizes(x_at, d, d.in);
  (void)sizes(y_at, d, d.directions() * d.size);
  check_state(h_at, d, n);
  CHECK(!lengths);
  CHECK((work == work_bytes && space));
  Pass pass(d, steps, n, x, h, c, weights);
  write(d.type, pass.y, y), write(d.type, pass.last_h, last_h);
  if (pass.last_c.defined()) write(d.type, pass.last_c, last_c);
  if (mode == CUDNN_FWD_MODE_TRAINING) {
    ++asked.trainings;
    CHECK((reserve && reserve_bytes == sizeof(Reserve)));
    *static_cast<Reserve*>(reserve) = {passes.size(), 0};
    passes.push_back(std::move(pass));
  }
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t, cudnnRNNDescriptor_t rnn, const std::int32_t*,
                                      cudnnRNNDataDescriptor_t, const void* y, const void* dy,
                                      cudnnRNNDataDescriptor_t x_at, void* dx, cudnnTensorDescriptor_t, const void*,
                                      const void* dlast_h, void* dh, cudnnTensorDescriptor_t, const void*,
                                      const void* dlast_c, void* dc, size_t, const void*, size_t work, void* space,
                                      size_t, void* reserve) {
  ++asked.backwards;
  const Described d(rnn);
  auto& r = *static_cast<Reserve*>(reserve);
  if (r.changed != 0 || work != work_bytes || !space) return CUDNN_STATUS_BAD_PARAM;
  r.changed = 1;
  Pass& p = passes[r.pass];
  CHECK(std::abs(number(d.type, y, 0) - std::as_const(p.y).data_ptr()[0]) < 1e-2);
  (void)sizes(x_at, d, d.in);
  const GradMode mode(true);
  W loss = sum(p.y * read(d.type, dy, p.y.shape())) + sum(p.last_h * read(d.type, dlast_h, p.last_h.shape()));
  if (p.last_c.defined()) loss = loss + sum(p.last_c * read(d.type, dlast_c, p.last_c.shape()));
  p.x.set_grad({}), p.h.set_grad({});
  if (p.c.defined()) p.c.set_grad({});
  for (auto* all : {&p.matrices, &p.biases})
    for (W& w : *all) w.set_grad({});
  loss.backward({.retain_graph = true});
  write(d.type, p.x.grad(), dx), write(d.type, p.h.grad(), dh);
  if (p.c.defined()) write(d.type, p.c.grad(), dc);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t, cudnnRNNDescriptor_t rnn, cudnnWgradMode_t mode,
                                         const std::int32_t*, cudnnRNNDataDescriptor_t, const void*,
                                         cudnnTensorDescriptor_t, const void*, cudnnRNNDataDescriptor_t, const void*,
                                         size_t, void* dweights, size_t, void*, size_t, void* reserve) {
  ++asked.weight_gradients;
  const Described d(rnn);
  const auto& r = *static_cast<const Reserve*>(reserve);
  if (mode != CUDNN_WGRAD_MODE_ADD || r.changed != 1) return CUDNN_STATUS_BAD_PARAM;
  const Pass& p = passes[r.pass];
  for (std::size_t i = 0; i < p.matrices.size(); ++i) {
    write(d.type, p.matrices[i].grad(), dweights, p.matrix_places[i], true);
    if (d.biased()) write(d.type, p.biases[i].grad(), dweights, p.bias_places[i], true);
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"

namespace {

template <class T>
constexpr double tolerance = sizeof(T) == 8 ? 1e-12 : 4e-2;

/// A layer and its copy through cuDNN: results, last states, the gradients of x, the initial states and all parameters.
template <class T, class M>
void check_layer(const M& module, const Shape& shape, int layers, bool given_states = true) {
  const auto copy = to<D>(module);
  const auto run = [&](const auto& m, auto x, auto h, auto c) {
    x.requires_grad_(), h.requires_grad_(), c.requires_grad_();
    if (!given_states) h = {}, c = {};
    Tensor<T> y, last, last_c;
    if constexpr (requires { m(x, {h, c}).state.c; }) {
      const auto out = m(x, {h, c});
      (sum(out.output * cos(out.output)) + sum(square(out.state.h)) + sum(exp(out.state.c))).eval().backward();
      y = to<Cpu>(out.output), last = to<Cpu>(out.state.h), last_c = to<Cpu>(out.state.c);
    } else {
      const auto out = m(x, h);
      (sum(out.output * cos(out.output)) + sum(square(out.h_n))).eval().backward();
      y = to<Cpu>(out.output), last = to<Cpu>(out.h_n), last_c = last;
    }
    std::vector<Tensor<T>> all{y, last, last_c, to<Cpu>(x.grad())};
    if (given_states) all.push_back(to<Cpu>(h.grad()));
    if (given_states && c.grad().defined()) all.push_back(to<Cpu>(c.grad()));
    nn::for_each_parameter(m, [&](const std::string&, const auto& p) { all.push_back(to<Cpu>(p.grad())); });
    return all;
  };
  const bool batched = shape.size() == 3;
  const std::int64_t rows = module.num_layers * (module.bidirectional ? 2 : 1),
                     n = batched ? shape[module.batch_first ? 0 : 1] : 1;
  const Shape states = batched ? Shape{rows, n, module.hidden_size} : Shape{rows, module.hidden_size};
  const auto x = irregular<T>(shape), h = irregular<T>(states, 2), c = irregular<T>(states, 3);
  const Asked before = asked;
  const auto got = run(copy, to<D>(x), to<D>(h), to<D>(c));
  CHECK(asked.trainings - before.trainings == layers);
  CHECK(asked.backwards - before.backwards == layers);
  CHECK(asked.weight_gradients - before.weight_gradients == layers);
  const auto expected = run(module, x, h, c);
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("result " << i);
    check_close(got[i], expected[i], tolerance<T>, tolerance<T>);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a recurrent layer is one call of cuDNN each way, and the host's in values and gradients", "",
                   double, bfloat16) {
  using T = TestType;
  manual_seed(3);
  for (const bool bias : {true, false})
    for (const bool both : {false, true}) {
      INFO("bias " << bias << ", both directions " << both);
      check_layer<T>(nn::LSTM<T>(6, 5, {.bias = bias, .bidirectional = both}), {4, 3, 6}, 1);
      check_layer<T>(nn::GRU<T>(6, 5, {.bias = bias, .bidirectional = both}), {4, 3, 6}, 1);
      check_layer<T>(nn::RNN<T>(6, 5, {.bias = bias, .bidirectional = both}), {4, 3, 6}, 1);
    }
  check_layer<T>(nn::RNN<T>(6, 5, {.nonlinearity = nn::RNNNonlinearity::relu}), {4, 3, 6}, 1);
}

TEST_CASE("layers of bfloat16 are Taper's where cuDNN is older than theirs") {
  const auto run = [](auto element) {
    using T = decltype(element);
    const int before = asked.forwards;
    const auto layer = nn::GRU<T>(6, 5);
    const auto x = irregular<T>({4, 3, 6});
    check_close(to<Cpu>(to<D>(layer)(to<D>(x)).output), layer(x).output, tolerance<T>, tolerance<T>);
    return asked.forwards - before;
  };
  asked.version = 91200;
  CHECK(run(bfloat16()) == 0);
  CHECK(run(double()) == 1);
  asked.version = 91300;
  CHECK(run(bfloat16()) == 1);
}

TEST_CASE("layers above each other, batches first, one step, no batch, no states") {
  manual_seed(4);
  check_layer<double>(nn::LSTM<double>(6, 5, {.num_layers = 2, .batch_first = true, .bidirectional = true}), {3, 4, 6},
                      2);
  check_layer<double>(nn::GRU<double>(6, 5, {.num_layers = 3}), {4, 3, 6}, 3);
  check_layer<double>(nn::LSTM<double>(6, 5), {1, 1, 6}, 1);
  check_layer<double>(nn::LSTM<double>(6, 5), {4, 6}, 1);
  check_layer<double>(nn::GRU<double>(2, 7), {4, 3, 2}, 1, false);
}

TEST_CASE("without a gradient nothing is kept, and all memory goes back") {
  const auto layer = to<D>(nn::LSTM<double>(6, 5));
  const auto x = to<D>(irregular<double>({4, 3, 6}));
  const Asked before = asked;
  const std::int64_t held = RnnSystem::held;
  {
    const NoGrad guard;
    (void)layer(x).output;
  }
  CHECK(asked.forwards == before.forwards + 1);
  CHECK(asked.trainings == before.trainings);
  sum(layer(x).output).backward();
  nn::for_each_parameter(layer, [](const std::string&, const auto& p) { p.set_grad({}); });
  CHECK(RnnSystem::held == held);
}

TEST_CASE("a graph that is kept can be walked again") {
  const auto layer = to<D>(nn::GRU<double>(6, 5));
  const auto x = to<D>(irregular<double>({4, 3, 6})).requires_grad_();
  const auto loss = sum(square(layer(x).output));
  loss.backward({.retain_graph = true});
  const Tensor<double> first = clone(to<Cpu>(x.grad()));
  loss.backward();
  check_close(to<Cpu>(x.grad()), (first * 2.0).eval(), 1e-12, 1e-12);
}

TEST_CASE("gradients through cuDNN have gradients") {
  const auto run = [](const auto& layer, auto x) {
    x.requires_grad_();
    const auto out = layer(x);
    const auto first = grad(sum(square(out.output)), x, {.create_graph = true});
    sum(square(first)).backward();
    std::vector<Tensor<double>> all{to<Cpu>(x.grad())};
    nn::for_each_parameter(layer, [&](const std::string&, const auto& p) { all.push_back(to<Cpu>(p.grad())); });
    return all;
  };
  const auto check_second = [&](const auto& layer) {
    const auto x = irregular<double>({3, 2, 6});
    const auto got = run(to<D>(layer), to<D>(x)), expected = run(layer, x);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) check_close(got[i], expected[i], 1e-10, 1e-10);
  };
  check_second(nn::LSTM<double>(6, 5, {.bidirectional = true}));
  check_second(nn::GRU<double>(6, 5));
}

TEST_CASE("which products may be rounded") {
  const base::RecurrentLayer l{base::RecurrentKind::gru, 4, 3, 6, 5, 2, true, true};
  const auto math = [&](cudnnDataType_t type, bool exact) {
    return Described(base::CudnnRnn(l, type, exact, nullptr).rnn).math;
  };
  CHECK(math(CUDNN_DATA_FLOAT, true) == CUDNN_FMA_MATH);
  CHECK(math(CUDNN_DATA_FLOAT, false) == CUDNN_DEFAULT_MATH);
  CHECK(math(CUDNN_DATA_HALF, true) == CUDNN_TENSOR_OP_MATH);
  CHECK(math(CUDNN_DATA_BFLOAT16, true) == CUDNN_TENSOR_OP_MATH);
}

TEST_CASE("what cuDNN does not do is done step by step") {
  const auto by_steps = [](const auto& layer, const Shape& shape) {
    const Asked before = asked;
    check_layer<double>(layer, shape, 0);
    CHECK(asked.trainings == before.trainings);
  };
  asked.size = CUDNN_STATUS_NOT_SUPPORTED;
  by_steps(nn::LSTM<double>(6, 5), {4, 3, 6});
  asked.size = CUDNN_STATUS_SUCCESS;
  asked.forward = CUDNN_STATUS_NOT_SUPPORTED;
  by_steps(nn::GRU<double>(6, 5), {4, 3, 6});
  asked.forward = CUDNN_STATUS_SUCCESS;
  asked.scattered = true;
  by_steps(nn::LSTM<double>(6, 5), {4, 3, 6});
  asked.scattered = false;
  by_steps(nn::RNN<double>(6, 5), {4, 0, 6});
  const auto projected = nn::LSTM<double>(6, 5, {.proj_size = 2});
  const auto x = irregular<double>({4, 3, 6});
  const int forwards = asked.forwards;
  check_close(to<Cpu>(to<D>(projected)(to<D>(x)).output), projected(x).output, 1e-5, 1e-5);
  CHECK(asked.forwards == forwards);
}
