// SPDX-License-Identifier: MIT
// Small steps make no system call while the pool's threads sleep: a lock that nobody waits for wakes nobody.
// Build: -O1 -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <thread>

using namespace taper;

#if defined(__x86_64__) && defined(__linux__)
namespace {
constinit thread_local std::int64_t calls = 0;
}

// Stands before the C library's function, through which atomics wait and notify.
extern "C" long syscall(long number, ...) noexcept {
  ++calls;
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  register long r10 asm("r10") = a[3];
  register long r8 asm("r8") = a[4];
  register long r9 asm("r9") = a[5];
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  if (result < 0 && result > -4096) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

namespace {
struct Tiny {
  nn::Linear<float> fc1{4, 8}, fc2{8, 2};
  auto operator()(const Tensor<float>& x) const { return fc2(relu(fc1(x))); }
};
}  // namespace

int main() {
  set_num_threads(2);
  Tiny net;
  optim::SGD optimizer{parameters(net), {.lr = 1e-3}};
  const Tensor<float> x = randn({1, 4}), target = randn({1, 2});
  const auto step = [&] {
    optimizer.zero_grad();
    const auto y = net(x);  // named: computed once, for both that follow
    const Tensor<float> loss = mse_loss(y, target) + sum(y * y);
    loss.backward();
    optimizer.step();
  };
  step();
  calls = 0;
  const Tensor<float> large = exp(ones({1000000}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::int64_t of_pool = calls;
  calls = 0;
  for (int i = 0; i < 100; ++i) step();
  std::printf("%lld system calls to start the pool and wake it, %lld in a hundred steps\n", static_cast<long long>(of_pool),
              static_cast<long long>(calls));
  return calls == 0 && large.numel() > 0 ? 0 : 1;
}
#else
int main() { std::puts("skipped: counts the system calls of x86-64 Linux alone"); }
#endif
