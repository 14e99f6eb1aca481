// SPDX-License-Identifier: MIT
// A recurrent network learns names, letter by letter, and makes up new ones.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

using namespace taper;

constexpr std::int64_t end_mark = 26, symbols = 27, longest = 12;

struct Net {
  nn::Embedding<float> letters{symbols, 24};
  nn::GRU<float> gru{24, 96, {.batch_first = true}};
  nn::Linear<float> out{96, symbols};

  // text: (n, l) -> logits (n, l, symbols)
  Tensor<float> operator()(const Tensor<std::int64_t>& text) const {
    auto [hidden, last] = gru(letters(text));
    return out(hidden);
  }
};

std::vector<std::string> read_names(const std::string& path) {
  std::vector<std::string> names;
  std::string line;
  const std::vector<std::byte> file = io::read_file(path);
  for (const char c : io::text_of(file)) {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (!line.empty() && line.size() <= longest) names.push_back(line);
    line.clear();
  }
  return names;
}

/// Letters drawn one by one from what the network expects next.
std::string invent(const Net& net) {
  const NoGrad guard;
  std::string name;
  std::vector<std::int64_t> text{end_mark};
  while (static_cast<std::int64_t>(name.size()) < longest) {
    const auto n = static_cast<std::int64_t>(text.size());
    const Tensor<float> next = net(reshape(tensor(text), {1, n}))[0][n - 1];
    const std::int64_t letter = multinomial(softmax(next, 0), 1).item();
    if (letter == end_mark) break;
    name += static_cast<char>('a' + letter);
    text.push_back(letter);
  }
  return name;
}

int main(int argc, char** argv) {
  const bool brief = argc > 1 && std::strcmp(argv[1], "--short") == 0;
  manual_seed(0);
  std::vector<std::string> names = read_names(TAPER_SOURCE_DIR "/examples/data/names/names.txt");
  if (brief) names.resize(256);

  // Input: the mark, then the letters; target: the letters, then the mark. What is behind it counts for nothing.
  const auto count = static_cast<std::int64_t>(names.size());
  Tensor<std::int64_t> input = full<std::int64_t>({count, longest + 1}, end_mark), target = full<std::int64_t>({count, longest + 1}, -100);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string& name = names[static_cast<std::size_t>(i)];
    std::int64_t k = 0;
    for (const char c : name) {
      input.data_ptr()[i * (longest + 1) + k + 1] = c - 'a';
      target.data_ptr()[i * (longest + 1) + k++] = c - 'a';
    }
    target.data_ptr()[i * (longest + 1) + k] = end_mark;
  }

  Net net;
  optim::Adam optimizer{parameters(net), {.lr = 5e-3}};
  data::DataLoader loader{data::TensorDataset(input, target), {.batch_size = 64, .shuffle = true}};
  double first = 0, last = 0;
  for (int epoch = 1; epoch <= (brief ? 3 : 20); ++epoch) {
    double total = 0;
    for (const auto& [text, next] : progress(loader, "epoch " + std::to_string(epoch))) {
      optimizer.zero_grad();
      const Tensor<float> loss = cross_entropy(reshape(net(text), {-1, symbols}), reshape(next, {-1}));
      loss.backward();
      nn::clip_grad_norm_(parameters(net), 1.0);
      optimizer.step();
      total += loss.item();
    }
    last = total / static_cast<double>(loader.size());
    if (epoch == 1) first = last;
    std::printf("epoch %2d: loss %.3f\n", epoch, last);
  }
  std::printf("new names:");
  for (int i = 0; i < 10; ++i) std::printf(" %s", invent(net).c_str());
  std::printf("\n");
  return last < first ? 0 : 1;
}
