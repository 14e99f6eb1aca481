// SPDX-License-Identifier: MIT
// A table of a model's modules with their result shapes and parameter counts.
#pragma once

#include <taper/nn/observe.hpp>
#include <taper/nn/print.hpp>
#include <taper/nn/state_dict.hpp>

#include <optional>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace nn {

/// One module of a model. `output` is the shape of what it returned last; the model itself and layers report it.
struct SummaryRow {
  std::string name, type;
  std::optional<Shape> output;
  std::int64_t parameters = 0;  // modules inside included
};

/// What summary() returns; to_string and << make the table of it.
struct Summary {
  std::vector<SummaryRow> rows;
  std::int64_t parameters = 0, trainable = 0, buffers = 0, bytes = 0;
};

}  // namespace nn

namespace detail {

/// Collects what layers report while it lives.
class ShapeRecorder final : public LayerObserver {
 public:
  ShapeRecorder() : before_(std::exchange(layer_observer, this)) {}
  ShapeRecorder(const ShapeRecorder&) = delete;
  ShapeRecorder& operator=(const ShapeRecorder&) = delete;
  ~ShapeRecorder() { layer_observer = before_; }

  void saw(const void* layer, const void* tag, const Shape& result) override {
    for (Seen& s : seen_)
      if (s.layer == layer && s.tag == tag) {
        s.result = result;
        return;
      }
    seen_.push_back({layer, tag, result});
  }
  std::optional<Shape> find(const void* layer, const void* tag) const {
    for (const Seen& s : seen_)
      if (s.layer == layer && s.tag == tag) return s.result;
    return {};
  }

 private:
  struct Seen {
    const void* layer;
    const void* tag;
    Shape result;
  };
  std::vector<Seen> seen_;
  LayerObserver* before_;
};

/// Evaluation mode for the length of a scope; every module's own mode comes back.
template <class M>
class EvalScope {
 public:
  explicit EvalScope(M& module) : module_(module) {
    Save save;
    save.modes = &modes_;
    nn::visit(module_, save);
    nn::eval(module_);
  }
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;
  ~EvalScope() {
    Restore restore;
    restore.next = modes_.data();
    nn::visit(module_, restore);
  }

 private:
  struct Save : nn::Visitor {
    std::vector<nn::Mode>* modes = nullptr;
    using nn::Visitor::mode;
    void mode(nn::Mode& m) { modes->push_back(m); }
  };
  struct Restore : nn::Visitor {
    const nn::Mode* next = nullptr;
    using nn::Visitor::mode;
    void mode(nn::Mode& m) { m = *next++; }
  };
  M& module_;
  std::vector<nn::Mode> modes_;
};

/// 1234567 as "1,234,567".
inline std::string with_commas(std::int64_t n) {
  std::string out = concat(n);
  for (auto i = static_cast<std::int64_t>(out.size()) - 3; i > (n < 0 ? 1 : 0); i -= 3) out.insert(static_cast<std::size_t>(i), 1, ',');
  return out;
}

template <class M>
nn::Summary summary_of(const M& module, const ShapeRecorder& shapes) {
  nn::Summary out;
  nn::for_each_module(module, [&]<class Part>(const std::string& name, const Part& part) {
    using Plain = std::remove_const_t<Part>;
    out.rows.push_back({name, std::string(class_name<Plain>()), shapes.find(&part, &module_tag<Plain>), nn::parameter_count(part)});
  });
  nn::for_each_state(module, [&](const std::string&, const auto& tensor) {
    using P = std::remove_cvref_t<decltype(tensor)>;
    out.bytes += tensor.numel() * static_cast<std::int64_t>(sizeof(value_t<P>));
    if constexpr (is_parameter<P>) {
      out.parameters += tensor.numel();
      if (tensor.requires_grad()) out.trainable += tensor.numel();
    } else {
      out.buffers += tensor.numel();
    }
  });
  return out;
}

}  // namespace detail

namespace nn {

/// The modules of a model with their parameters.
template <Module M>
Summary summary(const M& module) {
  return detail::summary_of(module, detail::ShapeRecorder());
}
/// The modules of a model with their parameters and the shapes of their results: calls module(inputs...) once, in
/// evaluation mode and without recording.
template <Module M, class X, class... Rest>
  requires(!std::is_const_v<M> && ModuleFor<M, const X&, const Rest&...>)
Summary summary(M& module, const X& input, const Rest&... inputs) {
  const NoGrad guard;
  const detail::EvalScope<M> eval_mode(module);
  const detail::ShapeRecorder shapes;
  const auto result = std::as_const(module)(input, inputs...);
  Summary out = detail::summary_of(std::as_const(module), shapes);
  if constexpr (TensorLike<decltype(result)>) out.rows.front().output = result.shape();
  return out;
}

/// The table: a line for each module, then the totals.
inline std::string to_string(const Summary& s) {
  std::vector<std::vector<std::string>> cells{{"Layer", "Type", "Output shape", "Parameters"}};
  for (const SummaryRow& row : s.rows)
    cells.push_back({row.name.empty() ? "(model)" : row.name, row.type, row.output ? taper::to_string(*row.output) : "-",
                     detail::with_commas(row.parameters)});
  std::size_t width[4] = {};
  for (const auto& line : cells)
    for (std::size_t i = 0; i < 4; ++i) width[i] = std::max(width[i], line[i].size());
  const std::string rule(width[0] + width[1] + width[2] + width[3] + 6, '-');
  std::string out;
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < 3; ++i) out += line[i] + std::string(width[i] - line[i].size() + 2, ' ');
    out += std::string(width[3] - line[3].size(), ' ') + line[3] + '\n';
    if (&line == cells.data()) out += rule + '\n';
  }
  return out + detail::concat(rule, "\nparameters: ", detail::with_commas(s.parameters), " (trainable: ", detail::with_commas(s.trainable),
                              "), buffers: ", detail::with_commas(s.buffers), ", bytes: ", detail::with_commas(s.bytes), '\n');
}
template <detail::OutputStream S>
S& operator<<(S& stream, const Summary& s) {
  return detail::write_text(stream, to_string(s));
}

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
