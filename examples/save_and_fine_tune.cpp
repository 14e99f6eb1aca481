// SPDX-License-Identifier: MIT
// Saving a model, loading its body into another one, and training only the new head.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

struct Body {
  nn::Linear<float> first{8, 32}, second{32, 32};
  auto operator()(const Tensor<float>& x) const { return relu(second(relu(first(x)))); }
};
struct Regressor {
  Body body;
  nn::Linear<float> head{32, 1};
  Tensor<float> operator()(const Tensor<float>& x) const { return head(Tensor<float>(body(x))); }
};
struct Classifier {
  Body body;
  nn::Linear<float> classes{32, 3};
  Tensor<float> operator()(const Tensor<float>& x) const { return classes(Tensor<float>(body(x))); }
};

int main() {
  manual_seed(0);
  const Tensor<float> x = randn<float>({256, 8});
  const Tensor<float> y = sum(x, 1, true);

  Regressor teacher;
  optim::AdamW optimizer{parameters(teacher), {.lr = 1e-2}};
  for (int step = 0; step < 100; ++step) {
    optimizer.zero_grad();
    mse_loss(teacher(x), y).backward();
    optimizer.step();
  }
  save(teacher, "teacher.safetensors", {{"task", "sum of eight numbers"}});

  // The body's tensors have the same names in both models; strict loading would name the heads as missing and unexpected.
  Classifier student;
  const LoadResult result = load(student, "teacher.safetensors", {.strict = false});
  std::printf("not in the file: %zu, not in the model: %zu\n", result.missing.size(), result.unexpected.size());
  try {
    load(student, "teacher.safetensors");
  } catch (const StateError& error) {
    std::printf("%s\n", error.what());
  }

  // The body keeps its weights: it wants no gradients, and the optimizer is given the head alone.
  nn::requires_grad_(student.body, false);
  const Tensor<std::int64_t> target = cast<std::int64_t>(squeeze(y, 1) > 1.0f) + cast<std::int64_t>(squeeze(y, 1) > -1.0f);
  const Tensor<float> before = clone(student.body.first.weight);
  optim::AdamW tuner{parameters(student.classes), {.lr = 1e-2}};
  float first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    tuner.zero_grad();
    const Tensor<float> loss = cross_entropy(student(x), target);
    loss.backward();
    tuner.step();
    (step == 0 ? first : last) = loss.item();
  }
  std::printf("loss of the new head: %.3f, then %.3f\n", static_cast<double>(first), static_cast<double>(last));
  return last < first && equal(before, student.body.first.weight) ? 0 : 1;
}
