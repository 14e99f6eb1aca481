// SPDX-License-Identifier: MIT
// What may be used from several threads: the code of threading.md.
#include <taper/taper.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

using namespace taper;

int failed = 0;
void check(bool good, const char* what) {
  if (good) return;
  std::printf("wrong: %s\n", what);
  failed = 1;
}

void serve_one_model_from_many_threads() {
  nn::Linear<float> net{4, 3};
  const auto x = rand<float>({8, 4});
  const Tensor<float> expected = net(x);
  std::array<Tensor<float>, 4> results;
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      const NoGrad guard;  // each thread has a grad mode of its own
      result = net(x);
    });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) check(equal(result, expected), "one model in many threads");
}

void train_two_models_at_once() {
  const auto train = [](std::uint64_t seed) {
    Generator generator(seed);  // the default generator is one for all threads: who draws first is chance
    nn::Linear<float> net{2, 1};
    net.reset_parameters(generator);
    optim::SGD optimizer{parameters(net), {.lr = 0.1}};
    for (int step = 0; step < 20; ++step) {
      const auto x = rand<float>({16, 2}, generator);
      optimizer.zero_grad();
      mse_loss(net(x), sum(x, 1, true)).backward();
      optimizer.step();
    }
    return Tensor(net.weight.clone());
  };
  Tensor<float> first, second;
  std::thread thread([&] { first = train(1); });
  second = train(2);
  thread.join();
  check(equal(first, train(1)) && equal(second, train(2)), "two models at once");
}

void same_bits_for_any_number_of_threads() {
  const auto x = rand<float>({1000, 300});
  set_num_threads(1);
  const Tensor<float> serial = sum(sin(x) * x, 0);
  set_num_threads(4);
  const Tensor<float> parallel = sum(sin(x) * x, 0);
  check(equal(serial, parallel), "the same bits");
}

void a_forked_child_starts_anew() {
  const auto x = ones<float>({100000});
  const pid_t child = fork();
  if (child == 0) _exit(sum(x).item() == 100000 ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  check(status == 0, "a forked child");
}

int main() {
  manual_seed(0);
  serve_one_model_from_many_threads();
  train_two_models_at_once();
  same_bits_for_any_number_of_threads();
  a_forked_child_starts_anew();
  return failed;
}
