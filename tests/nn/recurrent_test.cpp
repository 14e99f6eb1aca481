// SPDX-License-Identifier: MIT
// A recurrent layer over a sequence as one op: against its steps and central differences, also of second order.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/core/stats.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;

namespace {

template <class Step>
constexpr bool has_c = std::same_as<Step, detail::LSTMStep>;

/// in, hh, bias, h0 and, for an LSTM, c0.
template <class Step>
std::vector<Tensor<double>> inputs(std::int64_t steps, std::int64_t n, std::int64_t size) {
  const std::int64_t wide = Step::gates * size;
  std::vector<Tensor<double>> x{irregular({steps, n, wide}), irregular({wide, size}, 2), irregular({wide}, 3),
                                irregular({n, size}, 4)};
  if (has_c<Step>) x.push_back(irregular({n, size}, 5));
  return x;
}
template <Device D>
detail::RecurrentInputs<double, D> of(const std::vector<Tensor<double, D>>& x) {
  return {x[0], x[1], x[2], x[3], x.size() > 4 ? x[4] : Tensor<double, D>()};
}

template <class F>
void for_steps(const F& f) {
  f(detail::RNNStep{nn::RNNNonlinearity::tanh});
  f(detail::RNNStep{nn::RNNNonlinearity::relu});
  f(detail::LSTMStep{});
  f(detail::GRUStep{});
}

template <class F>
std::vector<Tensor<double>> all_of(std::vector<Tensor<double>> x, const F& f) {
  for (auto& t : x) t = detach(t).requires_grad_();
  std::vector<Tensor<double>> out{device::run_there<double>(f)(x)};
  out[0].backward(irregular(out[0].shape(), 9));
  for (const auto& t : x) out.push_back(t.grad());
  return out;
}

}  // namespace

TEST_CASE("a sequence as one op equals its steps") {
  for_steps([]<class Step>(const Step& step) {
    for (const bool reverse : {false, true})
      for (const auto& [steps, n, size] :
           {std::array<std::int64_t, 3>{1, 1, 1}, {1, 3, 5}, {2, 1, 33}, {7, 5, 37}, {4, 40, 64}, {3, 0, 2}}) {
        INFO(Step::gates << " gates, reverse " << reverse << ", " << steps << " steps of " << n << " x " << size);
        const auto x = inputs<Step>(steps, n, size);
        const auto one =
            all_of(x, [&](const auto& t) { return detail::whole_sequence("sequence", step, of(t), reverse); });
        const auto many = all_of(x, [&](const auto& t) { return detail::RecurrentReplay<Step>{step}(of(t), reverse); });
        for (std::size_t i = 0; i < one.size(); ++i) {
          INFO("result or gradient " << i);
          check_close(one[i], many[i], 1e-11, 1e-12);
        }
      }
  });
}

TEST_CASE("a sequence as one op meets central differences, also of second order") {
  for_steps([]<class Step>(const Step& step) {
    INFO(Step::gates << " gates");
    for (const bool reverse : {false, true})
      check_gradients(inputs<Step>(3, 2, 2),
                      [&](const auto& x) { return detail::whole_sequence("sequence", step, of(x), reverse); });
    // The state of one sequence begins the next: both depend on the same weights.
    check_gradients(inputs<Step>(2, 1, 2), [&](const auto& x) {
      const auto first = detail::whole_sequence("sequence", step, of(x), false);
      auto next = of(x);
      next.h0 = select(first, 0, 1);
      if (has_c<Step>) next.c0 = select(first, 0, 2);
      return detail::whole_sequence("sequence", step, next, false);
    });
  });
}

TEST_CASE("a sequence gives the same bits for 1, 2 and 4 threads, and without a tape") {
  const int before = get_num_threads();
  for_steps([]<class Step>(const Step& step) {
    const auto x = inputs<Step>(5, 70, 96);
    const auto run = [&](const auto& t) { return detail::whole_sequence("sequence", step, of(t), false); };
    set_num_threads(1);
    const auto one = all_of(x, run);
    check_equal(run(x), one[0]);
    for (const int threads : {2, 4}) {
      set_num_threads(threads);
      const auto got = all_of(x, run);
      for (std::size_t i = 0; i < one.size(); ++i) check_equal(got[i], one[i]);
    }
  });
  set_num_threads(before);
}

TEST_CASE("a sequence is one op, and its length adds none") {
  const nn::LSTM<float> lstm{8, 16};
  std::int64_t passes = 0;
  for (const std::int64_t steps : {5, 50}) {
    const Tensor<float> x = irregular<float>({steps, 2, 8});
    reset_stats();
    const auto y = lstm(x);
    if (steps == 5)
      passes = stats().passes;
    else
      CHECK(stats().passes == passes);
  }
}

TEST_CASE("batch_first is the same with two axes exchanged") {
  nn::LSTM<double> lstm{3, 4, {.num_layers = 2, .bidirectional = true}};
  nn::LSTM<double> other = lstm;
  other.batch_first = true;
  const Tensor<double> x = irregular({6, 2, 3});
  const auto y = lstm(x), z = other(transpose(x, 0, 1));
  check_equal(transpose(z.output, 0, 1), y.output);
  check_equal(z.state.c, y.state.c);
}
