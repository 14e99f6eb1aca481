// SPDX-License-Identifier: MIT
// Trains a small convolutional network on handwritten digits, tests it, saves it, loads it into a fresh one.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Needs: zlib
#include <taper/io/gzip.hpp>
#include <taper/taper.hpp>
#if TAPER_NVCC  // the same program as a .cu file: --device cuda
#include <taper/cuda.hpp>
#endif

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace taper;

namespace {

struct Settings {
  std::string data = "digits", root = TAPER_SOURCE_DIR "/examples/data/digits", save = "digits.safetensors", device = "cpu";
  int epochs = 0, workers = 0, threads = 0;
  std::int64_t batch_size = 64;
  double lr = 6e-3;
  std::uint64_t seed = 0;
  bool brief = false;
};

[[noreturn]] void usage(int status) {
  std::printf(
      "usage: digits [--data digits|mnist] [--root DIR] [--epochs N] [--batch-size N] [--lr RATE] [--seed N]\n"
      "              [--workers N] [--threads N] [--save FILE] [--device cpu|cuda] [--short] [--help]\n\n"
      "Trains a small CNN on the digits that come with Taper (8 x 8 pixels), or on MNIST from the IDX files in DIR,\n"
      "plain or .gz (cmake -P examples/data/download_mnist.cmake fetches them). Prints the loss and the accuracy of each\n"
      "epoch, a confusion table and, last, the test accuracy. --short runs one epoch.\n");
  std::exit(status);
}

Settings parse(int argc, char** argv) {
  Settings s;
  bool root_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") usage(0);
    if (name == "--short") {
      s.brief = true;
      continue;
    }
    if (i + 1 == argc) usage(2);
    const std::string value = argv[++i];
    if (name == "--data") s.data = value;
    else if (name == "--root") s.root = value, root_given = true;
    else if (name == "--epochs") s.epochs = std::atoi(value.c_str());
    else if (name == "--batch-size") s.batch_size = std::atoi(value.c_str());
    else if (name == "--lr") s.lr = std::atof(value.c_str());
    else if (name == "--seed") s.seed = static_cast<std::uint64_t>(std::atoll(value.c_str()));
    else if (name == "--workers") s.workers = std::atoi(value.c_str());
    else if (name == "--threads") s.threads = std::atoi(value.c_str());
    else if (name == "--save") s.save = value;
    else if (name == "--device") s.device = value;
    else usage(2);
  }
  if (s.data != "digits" && s.data != "mnist") usage(2);
  if (s.data == "mnist" && !root_given) s.root = "data/mnist";
  if (s.epochs == 0) s.epochs = s.brief ? 1 : s.data == "mnist" ? 3 : 20;
  return s;
}

/// A model is a plain aggregate. `side` is the width and height of the images.
template <Device D = Cpu>
struct Net {
  std::int64_t side = 8;
  nn::Conv2d<float, D> conv1{1, 16, {.kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d<float, D> norm1{16};
  nn::Conv2d<float, D> conv2{16, 32, {.kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d<float, D> norm2{32};
  nn::Conv2d<float, D> conv3{32, 32, {.kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d<float, D> norm3{32};
  nn::Dropout dropout{0.3};
  nn::Linear<float, D> fc{32 * (side / 4) * (side / 4), 10};

  // image: (n, 1, side, side) -> logits: (n, 10)
  Tensor<float, D> operator()(const Tensor<float, D>& image) const {
    auto h = relu(norm1(conv1(image)));
    Tensor<float, D> x = max_pool2d(relu(norm2(conv2(h))), 2);
    x = max_pool2d(relu(norm3(conv3(x))), 2);
    return fc(dropout(flatten(x, 1)));
  }
};
static_assert(nn::Module<Net<>>);

/// Moves an image by up to a pixel each way: a transform that draws at random.
struct RandomShift {
  std::tuple<Tensor<float>, Tensor<std::int64_t>> operator()(const std::tuple<Tensor<float>, Tensor<std::int64_t>>& sample, Generator& generator) const {
    const auto& [image, label] = sample;
    const std::int64_t dy = generator.integer(-1, 2), dx = generator.integer(-1, 2), n = image.size(1);
    Tensor<float> moved = zeros_like(image);
    const auto part = [n](std::int64_t d) { return Slice{d > 0 ? d : 0, d < 0 ? n + d : n}; };
    moved(0, part(dy), part(dx)) = image(0, part(-dy), part(-dx));
    return {moved, label};
  }
};

/// The digits that come with Taper: every fifth image is held back for testing.
data::ImageDataset load_digits(const std::string& root, data::Split split) {
  const io::CsvTable table = io::read_csv(root + "/digits.csv", {.header = false});
  std::vector<float> pixels;
  std::vector<std::int64_t> labels;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if ((row % 5 == 4) != (split == data::Split::test)) continue;
    for (std::size_t i = 0; i < 64; ++i) pixels.push_back(table.number<float>(row, i) / 16);
    labels.push_back(table.number<std::int64_t>(row, 64));
  }
  const auto n = static_cast<std::int64_t>(labels.size());
  return data::ImageDataset(reshape(tensor(pixels), {n, 1, 8, 8}), tensor(labels));
}

struct Score {
  double loss = 0, accuracy = 0;
  Tensor<std::int64_t> confusion = zeros<std::int64_t>({10, 10});  // (label, prediction)
};

template <Device D, class Loader>
Score test(Net<D>& net, Loader& loader) {
  const NoGrad guard;
  nn::eval(net);
  Score score;
  std::int64_t count = 0;
  for (const auto& [image, label] : loader) {
    const Tensor<float, D> logits = net(to<D>(image));
    const Tensor<std::int64_t> guess = to<Cpu>(argmax(logits, 1));
    score.loss += cross_entropy(logits, to<D>(label)).item() * static_cast<double>(label.numel());
    for (std::int64_t i = 0; i < label.numel(); ++i) score.confusion.data_ptr()[label.data_ptr()[i] * 10 + guess.data_ptr()[i]] += 1;
    count += label.numel();
  }
  score.loss /= static_cast<double>(count);
  score.accuracy = 100.0 * static_cast<double>(sum(diagonal(score.confusion)).item()) / static_cast<double>(count);
  return score;
}

void print_confusion(const Tensor<std::int64_t>& confusion) {
  std::printf("\nrows: the digit, columns: what the network says\n    ");
  for (int j = 0; j < 10; ++j) std::printf("%6d", j);
  for (int i = 0; i < 10; ++i) {
    std::printf("\n%3d:", i);
    for (int j = 0; j < 10; ++j) std::printf("%6lld", static_cast<long long>(std::as_const(confusion)[i][j].item()));
  }
  std::printf("\n\n");
}

template <Device D>
int run(const Settings& s) {
  if (s.threads > 0) set_num_threads(s.threads);
  manual_seed(s.seed);
  const bool mnist = s.data == "mnist";
  const auto load_split = [&](data::Split split) { return mnist ? data::mnist(s.root, split) : load_digits(s.root, split); };
  data::DataLoader train_loader{data::map(load_split(data::Split::train), RandomShift{}),
                                {.batch_size = s.batch_size, .shuffle = true, .num_workers = s.workers}};
  data::DataLoader test_loader{load_split(data::Split::test), {.batch_size = 256}};

  Net<D> net{.side = mnist ? 28 : 8};
  std::printf("%s\n%lld parameters, %lld training images, %lld test images\n", "Net",
              static_cast<long long>(nn::parameter_count(net)), static_cast<long long>(train_loader.dataset().size()),
              static_cast<long long>(test_loader.dataset().size()));

  optim::AdamW optimizer{parameters(net), {.lr = s.lr, .weight_decay = 0.05}};
  optim::OneCycleLR schedule{optimizer, s.lr, {.total_steps = s.epochs * train_loader.size()}};
  const auto start = std::chrono::steady_clock::now();
  for (int epoch = 1; epoch <= s.epochs; ++epoch) {
    nn::train(net);
    double total = 0;
    const auto batches = data::on_device<D>(train_loader);
    for (const auto& [image, label] : progress(batches, "epoch " + std::to_string(epoch))) {
      optimizer.zero_grad();
      auto loss = cross_entropy(net(image), label, {.label_smoothing = 0.05});
      loss.backward();
      optimizer.step();
      schedule.step();
      total += loss.item();
    }
    const Score score = test(net, test_loader);
    std::printf("epoch %2d: training loss %.4f, test loss %.4f, test accuracy %.2f %%\n", epoch, total / static_cast<double>(train_loader.size()),
                score.loss, score.accuracy);
  }
  std::printf("trained in %.1f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());

  save(net, s.save);
  Net<D> fresh{.side = net.side};
  load(fresh, s.save);
  const Score score = test(fresh, test_loader);
  print_confusion(score.confusion);
  std::printf("saved to %s and loaded into a fresh network\ntest accuracy: %.2f %%\n", s.save.c_str(), score.accuracy);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings s = parse(argc, argv);
    return dispatch(s.device, [&]<Device D>() { return run<D>(s); });
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
