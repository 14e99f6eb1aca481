// SPDX-License-Identifier: MIT
// oneDNN's side of compare.py: matrix products and convolutions between plain tensors (row-major, NCHW), into memory
// that it keeps. What a primitive wants in a layout of its own is reordered before and after it, in the time that is
// measured, and of all layouts the fastest is taken. The number of threads is OMP_NUM_THREADS.
#include "case.hpp"

#include <algorithm>
#include <chrono>
#include <dnnl.hpp>
#include <limits>
#include <unordered_map>

namespace compare {

namespace {

using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

struct Library {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};
Library& library() {
  static Library it;
  return it;
}

template <class T>
memory::desc layout(const Dims& dims, Tag tag) {
  return {dims, std::is_same_v<T, bfloat16> ? memory::data_type::bf16 : memory::data_type::f32, tag};
}

/// A tensor, as oneDNN sees it.
template <class T>
memory plain(const Tensor<T>& t, Dims dims) {
  constexpr Tag tags[] = {Tag::ab, Tag::abcd, Tag::abcde};
  const Tag tag = tags[dims.size() == 2 ? 0 : dims.size() - 3];
  return {layout<T>(dims, tag), library().engine, const_cast<T*>(t.data_ptr())};
}

/// An argument of a primitive: where its tensor is, and the layout that the primitive wants.
struct Argument {
  int name;
  memory given;
  memory::desc wanted;
};

/// One way to do the work: reorders, the primitive, a reorder of its result.
class Way {
 public:
  Way(std::string name, const dnnl::primitive& primitive, const std::vector<Argument>& inputs, const Argument& result)
      : name_(std::move(name)) {
    std::unordered_map<int, memory> arguments;
    for (const Argument& input : inputs) arguments[input.name] = reordered(input);
    arguments[result.name] = buffer(result);
    steps_.push_back({primitive, arguments});
    if (arguments[result.name] != result.given) add_reorder(arguments[result.name], result.given);
  }

  const std::string& name() const { return name_; }

  void run() const {
    for (const Step& step : steps_) step.primitive.execute(library().stream, step.arguments);
    library().stream.wait();
  }

  /// Seconds that it takes, the least of some runs.
  double seconds() const {
    using clock = std::chrono::steady_clock;
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 5; ++i) {
      const auto start = clock::now();
      run();
      least = std::min(least, std::chrono::duration<double>(clock::now() - start).count());
    }
    return least;
  }

 private:
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };

  static memory buffer(const Argument& a) {
    return a.wanted == a.given.get_desc() ? a.given : memory(a.wanted, library().engine);
  }
  memory reordered(const Argument& a) {
    const memory to = buffer(a);
    if (to != a.given) add_reorder(a.given, to);
    return to;
  }
  void add_reorder(const memory& from, const memory& to) {
    steps_.push_back({dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}});
  }

  std::string name_;
  std::vector<Step> steps_;
};

/// Ways to do one piece of work. What oneDNN cannot do is left out.
class Ways {
 public:
  template <class Make>
  void add(const Make& make) {
    try {
      Way way = make();
      const double seconds = way.seconds();
      if (seconds >= least_) return;
      least_ = seconds;
      best_ = std::make_shared<Way>(std::move(way));
    } catch (const dnnl::error& e) {
      if (e.status != dnnl_unimplemented) throw;
    }
  }

  template <class T>
  Case best(const std::string& result, const Tensor<T>& y) const {
    if (!best_) throw ValueError("compare: oneDNN has no way to do this");
    return {[way = best_] { way->run(); },
            [way = best_, result, y] {
              way->run();
              StateDict out;
              out.add(result, y);
              return out;
            },
            best_->name()};
  }

 private:
  std::shared_ptr<Way> best_;
  double least_ = std::numeric_limits<double>::infinity();
};

template <class T>
Case matrix_product(const Inputs& in) {
  const Tensor<T> a = in.operator[]<T>("a"), b = in.operator[]<T>("b"), y = empty<T>({a.size(0), b.size(1)});
  const Dims da{a.size(0), a.size(1)}, db{b.size(0), b.size(1)}, dy{y.size(0), y.size(1)};
  Ways ways;
  for (const bool as_is : {true, false})
    ways.add([&] {
      const dnnl::matmul::primitive_desc of(
          {layout<T>(da, Tag::ab), layout<T>(db, as_is ? Tag::ab : Tag::any), layout<T>(dy, Tag::ab)},
          library().engine);
      return Way(as_is ? "" : "b reordered", dnnl::matmul(of),
                 {{DNNL_ARG_SRC, plain(a, da), of.src_desc()}, {DNNL_ARG_WEIGHTS, plain(b, db), of.weights_desc()}},
                 {DNNL_ARG_DST, plain(y, dy), of.dst_desc()});
    });
  return ways.best("y", y);
}

/// A convolution's sizes, and its primitives' descriptions for an algorithm and layouts of image and weights.
struct Convolution {
  Dims x, w, y, strides, padding;

  Convolution(const Inputs& in, const Dims& image, const Dims& weights)
      : x(image), w(weights), strides(2, in.number("stride")), padding(2, in.number("padding")) {
    y = {x[0], w[0], 0, 0};
    for (std::size_t i : {2U, 3U}) y[i] = (x[i] + 2 * padding[0] - w[i]) / strides[0] + 1;
    const std::int64_t groups = in.number("groups");
    if (groups > 1) w = {groups, w[0] / groups, w[1], w[2], w[3]};
  }

  dnnl::convolution_forward::primitive_desc forward(dnnl::algorithm how, Tag image, Tag weights) const {
    return {{dnnl::prop_kind::forward_training, how, layout<float>(x, image), layout<float>(w, weights),
             layout<float>(y, image), strides, padding, padding},
            library().engine};
  }
  dnnl::convolution_backward_data::primitive_desc backward_data(dnnl::algorithm how, Tag image, Tag weights) const {
    return {
        {how, layout<float>(x, image), layout<float>(w, weights), layout<float>(y, image), strides, padding, padding},
        library().engine,
        forward(how, image, weights)};
  }
  dnnl::convolution_backward_weights::primitive_desc backward_weights(dnnl::algorithm how, Tag image,
                                                                      Tag weights) const {
    return {
        {how, layout<float>(x, image), layout<float>(w, weights), layout<float>(y, image), strides, padding, padding},
        library().engine,
        forward(how, image, weights)};
  }
};

/// The fastest of the layouts: plain, as oneDNN likes it best, channels last.
template <class Make>
Case fastest(const std::string& result, const Tensor<float>& y, const Convolution& c, const Make& make) {
  Ways ways;
  ways.add([&] { return make(Tag::nchw, c.w.size() == 5 ? Tag::goihw : Tag::oihw, "plain"); });
  ways.add([&] { return make(Tag::any, Tag::any, "reordered"); });
  ways.add([&] { return make(Tag::nhwc, Tag::any, "nhwc inside"); });
  return ways.best(result, y);
}

Dims dims_of(const Tensor<float>& t) { return {t.shape().begin(), t.shape().end()}; }

Case conv_forward(const Inputs& in, dnnl::algorithm how) {
  const Tensor<float> x = in["x"], w = in["w"];
  const Convolution c(in, dims_of(x), dims_of(w));
  const Tensor<float> y = empty<float>({c.y[0], c.y[1], c.y[2], c.y[3]});
  return fastest("y", y, c, [&](Tag image, Tag weights, const std::string& name) {
    const auto of = c.forward(how, image, weights);
    return Way(name, dnnl::convolution_forward(of),
               {{DNNL_ARG_SRC, plain(x, c.x), of.src_desc()}, {DNNL_ARG_WEIGHTS, plain(w, c.w), of.weights_desc()}},
               {DNNL_ARG_DST, plain(y, c.y), of.dst_desc()});
  });
}

Case gradient_of_image(const Inputs& in, dnnl::algorithm how) {
  const Tensor<float> x = in["x"], w = in["w"], g = in["g"], dx = empty<float>(x.shape());
  const Convolution c(in, dims_of(x), dims_of(w));
  return fastest("d.x", dx, c, [&](Tag image, Tag weights, const std::string& name) {
    const auto of = c.backward_data(how, image, weights);
    return Way(
        name, dnnl::convolution_backward_data(of),
        {{DNNL_ARG_DIFF_DST, plain(g, c.y), of.diff_dst_desc()}, {DNNL_ARG_WEIGHTS, plain(w, c.w), of.weights_desc()}},
        {DNNL_ARG_DIFF_SRC, plain(dx, c.x), of.diff_src_desc()});
  });
}

Case gradient_of_weights(const Inputs& in, dnnl::algorithm how) {
  const Tensor<float> x = in["x"], w = in["w"], g = in["g"], dw = empty<float>(w.shape());
  const Convolution c(in, dims_of(x), dims_of(w));
  return fastest("d.w", dw, c, [&](Tag image, Tag weights, const std::string& name) {
    const auto of = c.backward_weights(how, image, weights);
    return Way(name, dnnl::convolution_backward_weights(of),
               {{DNNL_ARG_SRC, plain(x, c.x), of.src_desc()}, {DNNL_ARG_DIFF_DST, plain(g, c.y), of.diff_dst_desc()}},
               {DNNL_ARG_DIFF_WEIGHTS, plain(dw, c.w), of.diff_weights_desc()});
  });
}

Case conv_gradient(const Inputs& in, dnnl::algorithm how) {
  return in.text("of") == "x" ? gradient_of_image(in, how) : gradient_of_weights(in, how);
}

template <Case (*Make)(const Inputs&, dnnl::algorithm), dnnl::algorithm How>
Case with(const Inputs& in) {
  return Make(in, How);
}

}  // namespace

std::vector<Kind> all_kinds() {
  using enum dnnl::algorithm;
  return {{"gemm", matrix_product<float>},
          {"gemm_bfloat16", matrix_product<bfloat16>},
          {"conv_forward", with<conv_forward, convolution_direct>},
          {"conv_gradient", with<conv_gradient, convolution_direct>},
          {"conv_forward_winograd", with<conv_forward, convolution_winograd>},
          {"conv_gradient_winograd", with<conv_gradient, convolution_winograd>}};
}

void use_threads(int) {}

std::string about() {
  const dnnl::version_t& v = *dnnl::version();
  return "oneDNN " + std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch);
}

}  // namespace compare
