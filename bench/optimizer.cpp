// SPDX-License-Identifier: MIT
// Adam against copying as many bytes as it moves. A step reads parameter, gradient and two moments and writes all but the
// gradient: seven numbers for each parameter, which is a copy of three and a half.
#include "support/contest.hpp"
#include "support/hand.hpp"

#include <taper/optim.hpp>

#include <cstring>

using namespace taper;

namespace {

void adam(benchmark::State& state) {
  set_num_threads(static_cast<int>(state.range(0)));
  constexpr std::int64_t parameters = 4'200'000, copied = parameters / 2 * 7, grain = 1 << 16;
  Tensor<float> p = bench::values<float>(parameters, 1);
  p.requires_grad_().set_grad(bench::values<float>(parameters, 2));
  optim::Adam<Tensor<float>> optimizer({p}, {.lr = 1e-6});
  const Tensor<float> from = bench::values<float>(copied, 3);
  Tensor<float> to = zeros<float>({copied});
  const auto copy = [&] {
    parallel_for(copied, grain, [&](std::int64_t first, std::int64_t last) {
      std::memcpy(to.data_ptr() + first, std::as_const(from).data_ptr() + first, static_cast<std::size_t>(last - first) * sizeof(float));
    });
    bench::keep(to.data_ptr());
  };
  bench::contest(state, 1, bench::Contender{"Adam, ns", [&] { optimizer.step(); }}, bench::Contender{"copy, ns", copy});
}

BENCHMARK(adam)->ArgName("threads")->Arg(1)->Arg(2);

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv); }
