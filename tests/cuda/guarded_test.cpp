// SPDX-License-Identifier: MIT
// Memory of a device that the host cannot touch: pointwise programs, reductions and gradients get by without.
// Needs: thrust
#include <taper/core/print.hpp>
#include <taper/core/random.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/hyperbolic.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/to.hpp>
#include <taper/ops/view.hpp>

#include <sys/wait.h>
#include <thrust/reduce.h>

#include <csignal>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/guarded_system.hpp"

using namespace taper;

namespace {

/// True where a child process that runs f dies of it.
template <class F>
bool dies(const F& f) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    (void)std::signal(SIGSEGV, SIG_DFL);
    f();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/// Values, then the leaves' gradients.
template <class D>
std::vector<Tensor<float>> program(const Tensor<float>& x, const Tensor<float>& y, const Tensor<float>& z) {
  auto a = to<D>(x).detach().requires_grad_(), b = to<D>(y).detach().requires_grad_(),
       c = to<D>(z).detach().requires_grad_();
  const Tensor<float, D> out = tanh(a * b + c) * a + relu(b);
  const Tensor<float, D> rows = mean(out * 2.f, {0}), all = sum(square(out));
  (all + sum(rows)).backward();
  std::vector<Tensor<float>> results;
  for (const auto& t : {out.detach(), rows.detach(), all.detach(), a.grad(), b.grad(), c.grad()})
    results.push_back(to<Cpu>(t));
  results.push_back(full<float>({1}, all.item()));
  return results;
}

void check_programs() {
  manual_seed(1);
  for (const Shape& shape : {Shape{37, 50}, Shape{1, 1}, Shape{64, 64}, Shape{3, 1031}}) {
    const auto x = randn<float>(shape), y = randn<float>({shape[1]}), z = randn<float>({shape[0], 1});
    const auto here = program<Cpu>(x, y, z), there = program<Guarded>(x, y, z);
    REQUIRE(here.size() == there.size());
    for (std::size_t i = 0; i < here.size(); ++i) {
      CAPTURE(i, shape[0], shape[1]);
      REQUIRE(here[i].shape() == there[i].shape());
      for (std::int64_t k = 0; k < here[i].numel(); ++k)
        REQUIRE(there[i].data_ptr()[k] == Approx(here[i].data_ptr()[k]).epsilon(1e-5).margin(1e-5));
    }
  }
}

}  // namespace

TEST_CASE("the host can touch the memory only while it has access") {
  const auto x = to<Guarded>(full<float>({100}, 3.f));
  const volatile float* p = x.data_ptr();
  CHECK(dies([p] { (void)*p; }));
  CHECK(dies([p] { *const_cast<volatile float*>(p) = 1; }));
  {
    const guarded::Access access;
    CHECK_FALSE(dies([p] { (void)*p; }));
    {
      const guarded::Access again;
      CHECK(p[99] == 3.f);
    }
    CHECK(p[0] == 3.f);
    // Memory that is asked for meanwhile is open, too.
    const auto y = to<Guarded>(full<float>({100000}, 2.f));
    CHECK(*static_cast<const volatile float*>(y.data_ptr()) == 2.f);
  }
  CHECK(dies([p] { (void)*p; }));
}

TEST_CASE("Thrust's algorithms have access by their policy") {
  const auto x = to<Guarded>(full<float>({100}, 3.f));
  CHECK(thrust::reduce(Guarded::System::policy(), x.data_ptr(), x.data_ptr() + 100) == 300.f);
  CHECK(dies([&x] {
    volatile float total = thrust::reduce(ThrustCppSystem::policy(), x.data_ptr(), x.data_ptr() + 100);
    (void)total;
  }));
}

TEST_CASE("programs, reductions and gradients never touch it from the host") { check_programs(); }

TEST_CASE("a tensor there prints from a copy, with its device's name") {
  auto x = to<Guarded>(tensor<float>({{1.f, 2.f, 3.f}, {4.f, 5.5f, 6.f}})).detach().requires_grad_();
  CHECK(to_string(x) == "tensor([[1.0000, 2.0000, 3.0000],\n        [4.0000, 5.5000, 6.0000]], device='guarded:0', requires_grad=True)");
  CHECK(to_string(x.detach().transpose(0, 1)[2]) == "tensor([3., 6.], device='guarded:0')");
  CHECK(to_string(-x.detach()[0]) == "tensor([-1., -2., -3.], device='guarded:0')");
  CHECK(to_string(to<Guarded>(zeros<double>({0, 2}))) == "tensor([], device='guarded:0', size=(0, 2), dtype=float64)");
}

TEST_CASE("several threads at once") {
  // Catch's assertions belong to one thread.
  std::vector<std::vector<Tensor<float>>> results(4);
  const auto x = full<float>({17, 9}, 0.5f), y = full<float>({9}, -0.25f), z = full<float>({17, 1}, 0.125f);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) result = program<Guarded>(x, y, z);
    });
  for (std::thread& t : threads) t.join();
  for (const auto& result : results)
    for (std::size_t i = 0; i < result.size(); ++i) CHECK(equal(result[i], results[0][i]));
  const auto there = to<Guarded>(x);
  CHECK(dies([p = there.data_ptr()] { (void)*static_cast<const volatile float*>(p); }));
}

TEST_CASE("gradients of broadcast leaves take no memory of the expression's size") {
  const Tensor<float> host = randn<float>({300, 257});
  const auto x = to<Guarded>(host);
  auto w = to<Guarded>(full<float>({257}, 2)).requires_grad_(), b = to<Guarded>(full<float>({300, 1}, 1)).requires_grad_();
  auto s = to<Guarded>(full<float>({}, 1)).requires_grad_();
  const auto loss = sum(tanh(x * w + b) * s);
  guarded::Arena::get().largest();
  loss.backward();
  CHECK(guarded::Arena::get().largest() < static_cast<std::size_t>(host.numel()));  // a quarter of it
  const Tensor<float> slope = 1.f - square(tanh(host * 2.f + 1.f)), through = slope * host;
  CHECK(allclose(to<Cpu>(b.grad()), Tensor<float>(sum(slope, {1}, true)), {.rtol = 1e-4, .atol = 1e-3}));
  CHECK(allclose(to<Cpu>(w.grad()), Tensor<float>(sum(through, {0})), {.rtol = 1e-4, .atol = 1e-3}));
  CHECK(allclose(to<Cpu>(s.grad()), Tensor<float>(sum(tanh(host * 2.f + 1.f))), {.rtol = 1e-4, .atol = 1e-3}));
}
