// SPDX-License-Identifier: MIT
// Scaled dot-product attention against PyTorch's goldens and sums in long double, at the edges of its blocks, in
// memory.
// Devices: slow
#include <taper/core/random.hpp>
#include <taper/core/stats.hpp>
#include <taper/ops/attention.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Options = ScaledDotProductAttentionFuncOptions;

namespace {

template <class T, class D = Cpu>
Tensor<T, D> attend(const std::vector<Tensor<T, D>>& x, const Options& options = {}) {
  return scaled_dot_product_attention(x[0], x[1], x[2], options);
}
/// The mask goes where the operands are.
template <class T, class D, class M, class From>
Tensor<T, D> attend(const std::vector<Tensor<T, D>>& x, const Tensor<M, From>& mask, const Options& options = {}) {
  return scaled_dot_product_attention(x[0], x[1], x[2], mask.defined() ? to<D>(mask) : Tensor<M, D>(), options);
}

template <class T>
void check_golden(const golden::File& file, const std::string& name) {
  const auto is = [&](const char* part) { return name.find(part) != std::string::npos; };
  const Options options{.is_causal = is("causal"),
                        .scale = name == "scale" ? std::optional<double>(-0.75) : std::nullopt,
                        .enable_gqa = is("gqa")};
  if (!file.has(name + "/mask"))
    return golden::check_case<T>(file, name, {"q", "k", "v"}, device::run_there<T>([&](const auto& x) { return attend(x, options); }));
  if (file.dtype(name + "/mask") == DType::boolean) {
    const Tensor<bool> mask = file.tensor<bool>(name + "/mask");
    return golden::check_case<T>(file, name, {"q", "k", "v"}, device::run_there<T>([&](const auto& x) { return attend(x, mask, options); }));
  }
  golden::check_case<T>(file, name, {"q", "k", "v", "mask"}, device::run_there<T>([&](const auto& x) { return attend(x, x[3], options); }));
}

/// Attention and its gradients by their definition, summed in long double, for matrices.
struct Exact {
  std::vector<double> y, dq, dk, dv;

  Exact(const Tensor<double>& q, const Tensor<double>& k, const Tensor<double>& v, const Tensor<double>& g,
        bool causal) {
    const std::int64_t l = q.shape()[0], s = k.shape()[0], e = q.shape()[1], f = v.shape()[1];
    const auto at = [](const Tensor<double>& t, std::int64_t i, std::int64_t j) {
      return static_cast<long double>(t.data_ptr()[i * t.shape()[1] + j]);
    };
    std::vector<long double> k_sum(static_cast<std::size_t>(s * e)), v_sum(static_cast<std::size_t>(s * f));
    const long double scale = 1 / std::sqrt(static_cast<long double>(e));
    for (std::int64_t i = 0; i < l; ++i) {
      const std::int64_t n = causal && i + 1 < s ? i + 1 : s;
      std::vector<long double> p(static_cast<std::size_t>(n)), dp(p);
      long double sum = 0, mean = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        long double score = 0;
        for (std::int64_t c = 0; c < e; ++c) score += at(q, i, c) * at(k, j, c);
        sum += p[static_cast<std::size_t>(j)] = std::exp(score * scale);
      }
      for (long double& x : p) x /= sum;
      for (std::int64_t c = 0; c < f; ++c) {
        long double o = 0;
        for (std::int64_t j = 0; j < n; ++j) {
          o += p[static_cast<std::size_t>(j)] * at(v, j, c);
          dp[static_cast<std::size_t>(j)] += at(g, i, c) * at(v, j, c);
          v_sum[static_cast<std::size_t>(j * f + c)] += p[static_cast<std::size_t>(j)] * at(g, i, c);
        }
        y.push_back(static_cast<double>(o));
      }
      for (std::size_t j = 0; j < p.size(); ++j) mean += p[j] * dp[j];
      for (std::int64_t c = 0; c < e; ++c) {
        long double d = 0;
        for (std::int64_t j = 0; j < n; ++j) {
          const long double ds = p[static_cast<std::size_t>(j)] * (dp[static_cast<std::size_t>(j)] - mean) * scale;
          d += ds * at(k, j, c);
          k_sum[static_cast<std::size_t>(j * e + c)] += ds * at(q, i, c);
        }
        dq.push_back(static_cast<double>(d));
      }
    }
    dk.assign(k_sum.begin(), k_sum.end());
    dv.assign(v_sum.begin(), v_sum.end());
  }
};

double worst(const Tensor<double>& actual, const std::vector<double>& expected) {
  REQUIRE(actual.numel() == static_cast<std::int64_t>(expected.size()));
  double out = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(std::as_const(actual).data_ptr()[i] - expected[i]);
    out = error <= out ? out : error;
  }
  return out;
}

Tensor<bool> every_third(const Shape& shape) {
  Tensor<bool> out(detail::make_dense<Cpu>(DType::boolean, shape));
  for (std::int64_t i = 0; i < out.numel(); ++i) out.data_ptr()[i] = i % 3 != 1;
  return out;
}

/// The result and the gradients of q, k and v for one upstream gradient.
template <class T, class F>
std::vector<Tensor<T>> all_of(std::vector<Tensor<T>> x, const F& f) {
  for (auto& t : x) t = detach(t).requires_grad_();
  const Tensor<T> y = f(x);
  y.backward(irregular<T>(y.shape(), 9));
  return {y, x[0].grad(), x[1].grad(), x[2].grad()};
}

template <class T>
void check_same(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("result or gradient " << i);
    check_equal(a[i], b[i]);
  }
}

}  // namespace

TEST_CASE("attention and its gradients equal PyTorch's") {
  const golden::File file("attention");
  for (const std::string& name : file.cases()) {
    check_golden<double>(file, name);
    check_golden<float>(file, name);
  }
  CHECK(file.cases().size() == 44);
}

TEST_CASE("attention meets central differences, also of second order") {
  const std::vector<Tensor<double>> x{irregular({2, 3, 2}), irregular({2, 4, 2}, 2), irregular({2, 4, 3}, 3)};
  check_gradients(x, [](const auto& t) { return attend(t); });
  check_gradients(x, [](const auto& t) { return attend(t, {.is_causal = true, .scale = 1.5}); });
  check_gradients(x, [](const auto& t) { return attend(t, every_third({3, 4})); });
  check_gradients(x, [](const auto& t) { return attend(t, irregular({2, 1, 4}, 7)); });
  Tensor<bool> row = every_third({3, 4});
  for (int j = 0; j < 4; ++j) row.data_ptr()[4 + j] = false;
  check_gradients(x, [&](const auto& t) { return attend(t, row); });
  check_gradients({x[0], x[1], x[2], irregular({3, 4}, 8)}, [](const auto& t) { return attend(t, t[3]); });
  check_gradients({irregular({4, 2, 2}), irregular({2, 3, 2}, 2), irregular({1, 3, 2}, 3)},
                  [](const auto& t) { return attend(t, {.enable_gqa = true}); });
  check_gradients({irregular({2, 1, 2, 2}), irregular({2, 3, 2}, 2), irregular({3, 2}, 3)},
                  [](const auto& t) { return attend(t); });
}

TEST_CASE("attention is exact at the edges of its blocks") {
  const std::int64_t sizes[] = {1, 8, 9, 63, 64, 65, 128, 129};
  for (const std::int64_t queries : sizes)
    for (const std::int64_t keys : sizes)
      for (const bool causal : {false, true}) {
        INFO(queries << " queries, " << keys << " keys, causal " << causal);
        const std::vector<Tensor<double>> x{irregular({queries, 3}), irregular({keys, 3}, 2), irregular({keys, 2}, 3)};
        const Exact exact(x[0], x[1], x[2], irregular({queries, 2}, 9), causal);
        const auto got = all_of(x, [&](const auto& t) { return attend(t, {.is_causal = causal}); });
        CHECK(worst(got[0], exact.y) < 1e-14);
        CHECK(worst(got[1], exact.dq) < 1e-14);
        CHECK(worst(got[2], exact.dk) < 1e-13);
        CHECK(worst(got[3], exact.dv) < 1e-13);
      }
}

TEST_CASE("many features, values and keys") {
  for (const std::int64_t features : {1, 17, 33, 64, 100, 200}) {
    INFO(features << " features");
    const std::vector<Tensor<double>> x{irregular({70, features}), irregular({300, features}, 2),
                                        irregular({300, features + 3}, 3)};
    const Exact exact(x[0], x[1], x[2], irregular({70, features + 3}, 9), false);
    const auto got = all_of(x, [](const auto& t) { return attend(t); });
    CHECK(worst(got[0], exact.y) < 1e-14);
    CHECK(worst(got[1], exact.dq) < 1e-13);
    CHECK(worst(got[2], exact.dk) < 1e-13);
    CHECK(worst(got[3], exact.dv) < 1e-13);
  }
}

TEST_CASE("attention reads strided operands as they are") {
  // (batch, length, heads, features), as a product with the weights of all heads leaves them.
  const std::vector<Tensor<float>> bases{irregular<float>({2, 70, 3, 16}), irregular<float>({2, 140, 3, 16}, 2),
                                         irregular<float>({2, 140, 3, 24}, 3)};
  std::vector<Tensor<float>> strided, dense;
  for (const auto& t : bases) {
    strided.push_back(transpose(t, 1, 2));
    dense.push_back(contiguous(strided.back()));
  }
  const auto run = [](const auto& t) { return attend(t, {.is_causal = true}); };
  check_same(all_of(strided, run), all_of(dense, run));
  reset_stats();
  run(strided);
  CHECK(stats().passes == 1);  // no copy
  const Tensor<float> wide = irregular<float>({2, 3, 140, 48}, 3);
  const Tensor<float> every_second = slice(wide, -1, Slice{{}, {}, 2});
  check_equal(attend<float>({dense[0], dense[1], every_second}),
              attend<float>({dense[0], dense[1], contiguous(every_second)}));
  const Tensor<float> one_row = irregular<float>({2, 3, 1, 24}, 3), repeated = expand(one_row, {2, 3, 140, 24});
  check_equal(attend<float>({dense[0], dense[1], repeated}), attend<float>({dense[0], dense[1], contiguous(repeated)}));
  const Tensor<bool> mask = transpose(every_third({140, 70}), 0, 1);
  check_equal(attend(dense, mask), attend(dense, contiguous(mask)));
  // An upstream gradient in the layout of the output's consumer.
  const auto merged = [](const auto& t) { return contiguous(transpose(attend(t), 1, 2)); };
  std::vector<Tensor<float>> x = dense;
  for (auto& t : x) t = detach(t).requires_grad_();
  const Tensor<float> y = merged(x), g = irregular<float>(y.shape(), 9);
  y.backward(g);
  std::vector<Tensor<float>> z = dense;
  for (auto& t : z) t = detach(t).requires_grad_();
  attend(z).backward(contiguous(transpose(g, 1, 2)));
  for (std::size_t i = 0; i < 3; ++i) check_equal(x[i].grad(), z[i].grad());
}

TEST_CASE("attention's result lies as its queries do, and so do their gradients") {
  const Tensor<float> all = irregular<float>({2, 70, 3, 4, 16}).requires_grad_();
  const auto parts = [&] {
    const Tensor<float> p = permute(all, {2, 0, 3, 1, 4});
    return std::vector<Tensor<float>>{select(p, 0, 0), select(p, 0, 1), select(p, 0, 2)};
  };
  const Tensor<float> y = attend(parts());
  CHECK(y.strides() == Strides{70 * 4 * 16, 16, 4 * 16, 1});
  const Tensor<float> merged = reshape(transpose(y, 1, 2), {2, 70, 64});
  CHECK(std::as_const(merged).data_ptr() == std::as_const(y).data_ptr());
  const Tensor<float> g = irregular<float>({2, 70, 64}, 5);
  reset_stats();
  merged.backward(g);
  CHECK(stats().passes == 4);  // the kernel, and one for each part of the gradient of `all`
  const Tensor<float> got = all.grad();
  CHECK(got.is_contiguous());
  Tensor<float>(all).set_grad({});
  std::vector<Tensor<float>> dense;
  for (const auto& t : parts()) dense.push_back(contiguous(t));
  const Tensor<float> of_dense = attend(dense);
  CHECK(of_dense.is_contiguous());
  check_equal(y, of_dense);
  reshape(transpose(of_dense, 1, 2), {2, 70, 64}).backward(g);
  check_equal(got, all.grad());
}

TEST_CASE("attention gives the same bits for 1, 2 and 4 threads") {
  const int before = get_num_threads();
  for (const std::int64_t heads : {1, 4, 20})
    for (const bool causal : {false, true}) {
      INFO(heads << " heads, causal " << causal);
      const std::vector<Tensor<float>> x{irregular<float>({heads, 300, 24}), irregular<float>({heads, 260, 24}, 2),
                                         irregular<float>({heads, 260, 20}, 3)};
      const auto run = [&](const auto& t) { return attend(t, {.is_causal = causal}); };
      set_num_threads(1);
      const auto one = all_of(x, run);
      for (const int threads : {2, 4}) {
        set_num_threads(threads);
        check_same(all_of(x, run), one);
      }
    }
  set_num_threads(before);
}

TEST_CASE("attention makes no matrix of scores") {
  const std::int64_t length = 4096;  // 64 MiB of float scores
  Tensor<float> x = irregular<float>({length, 8}).requires_grad_();
  const std::int64_t before = allocator_stats().allocated_bytes;
  reset_stats();
  const Tensor<float> y = scaled_dot_product_attention(x, x, x);
  CHECK(stats().passes == 1);
  y.backward(ones<float>(y.shape()));
  CHECK(allocator_stats().peak_bytes - before < (std::int64_t{8} << 20));
}

TEST_CASE("NaN and infinity pass through attention, and only where they are seen") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto is_nan = [](const Tensor<double>& y, std::int64_t row) { return std::isnan(y.data_ptr()[row * 2]); };
  std::vector<Tensor<double>> x{irregular({70, 3}), irregular({200, 3}, 2), irregular({200, 2}, 3)};
  for (const double bad : {nan, inf}) {
    INFO(bad);
    auto query = x, key = x, value = x;
    query[0] = clone(x[0]), query[0].data_ptr()[66 * 3] = bad;
    Tensor<double> y = attend(query);
    CHECK((is_nan(y, 66) && !is_nan(y, 65) && !is_nan(y, 67) && !is_nan(y, 0)));
    key[1] = clone(x[1]), key[1].data_ptr()[40 * 3] = nan;
    y = attend(key, {.is_causal = true});
    CHECK((!is_nan(y, 39) && is_nan(y, 40) && is_nan(y, 69)));
    value[2] = clone(x[2]), value[2].data_ptr()[150 * 2] = bad;
    y = attend(value);
    CHECK((!std::isfinite(y.data_ptr()[0]) && !std::isfinite(y.data_ptr()[69 * 2]) && std::isfinite(y.data_ptr()[1])));
  }
  // Scores of +-1e300: the largest one wins, without overflow.
  std::vector<Tensor<double>> huge{tensor<double>({{1e150}, {-1e150}}), tensor<double>({{1e150}, {-1e150}, {0.0}}),
                                   tensor<double>({{1.0}, {2.0}, {3.0}})};
  check_equal(attend(huge), tensor<double>({{1.0}, {2.0}}));
}

TEST_CASE("16-bit attention is computed in float and rounded once") {
  std::vector<Tensor<bfloat16>> x{irregular<bfloat16>({2, 9, 8}), irregular<bfloat16>({2, 70, 8}, 2),
                                  irregular<bfloat16>({2, 70, 5}, 3)};
  std::vector<Tensor<float>> same;
  for (const auto& t : x) same.push_back(cast<float>(t));
  const Tensor<bfloat16> mask = irregular<bfloat16>({9, 70}, 4);
  check_equal(attend(x, mask), Tensor<bfloat16>(cast<bfloat16>(attend(same, Tensor<float>(cast<float>(mask))))));
  const auto got = all_of(x, [](const auto& t) { return attend(t, every_third({9, 70})); });
  const auto expected = all_of(same, [](const auto& t) { return attend(t, every_third({9, 70})); });
  for (std::size_t i = 1; i < 4; ++i) check_close(got[i], expected[i], 1.0 / 64, 1.0 / 256);
}

TEST_CASE("attention drops probabilities at random") {
  const std::vector<Tensor<float>> x{irregular<float>({200, 4}), irregular<float>({300, 4}, 2), ones<float>({300, 1})};
  manual_seed(3);
  const Tensor<float> y = attend(x, {.dropout_p = 0.4}), other = attend(x, {.dropout_p = 0.4});
  manual_seed(3);
  check_equal(attend(x, {.dropout_p = 0.4}), y);
  CHECK(!equal(y, other));
  // 60000 draws of 0 or 1 / 0.6, of mean 1.
  CHECK(std::fabs(mean(y).item() - 1) < 0.02);
  CHECK(std::fabs(mean(square(y - 1.0)).item()) > 1e-4);
  check_equal(attend(x, {.dropout_p = 1}), zeros<float>({200, 1}));
  const auto got = all_of(x, [](const auto& t) { return attend(t, {.dropout_p = 0.4}); });
  CHECK(got[3].defined());
}

TEST_CASE("an undefined mask is none") {
  const std::vector<Tensor<float>> x{irregular<float>({2, 5, 4}), irregular<float>({2, 7, 4}),
                                     irregular<float>({2, 7, 3})};
  check_equal(attend(x, Tensor<bool>()), attend(x));
  check_equal(attend(x, Tensor<float>(), {.is_causal = true}), attend(x, {.is_causal = true}));
}

TEST_CASE("attention refuses what does not fit, naming both shapes") {
  const auto q = irregular<float>({2, 6, 5, 4}), k = irregular<float>({2, 6, 7, 4}), v = irregular<float>({2, 6, 7, 3});
  const auto refuses = [](const auto& f, const char* text) {
    try {
      f();
      FAIL_CHECK("nothing was thrown, expected: " << text);
    } catch (const Error& e) {
      INFO(e.what());
      CHECK(std::string(e.what()).find(text) != std::string::npos);
    }
  };
  const auto attend_to = [](const auto& a, const auto& b, const auto& c, const Options& o = {}) {
    return [&a, &b, &c, o] { return scaled_dot_product_attention(a, b, c, o); };
  };
  const auto row = irregular<float>({4}), wide = irregular<float>({2, 6, 7, 5}),
             longer = irregular<float>({2, 6, 8, 3}), few = irregular<float>({2, 4, 7, 4}),
             two = irregular<float>({2, 2, 7, 4}), batch = irregular<float>({3, 6, 7, 4});
  refuses(attend_to(row, k, v), "need at least 2 dimensions: (.., length, features)");
  refuses(attend_to(q, wide, v), "the last size of q (2, 6, 5, 4) must equal that of k (2, 6, 7, 5): 4 != 5");
  refuses(attend_to(q, k, longer), "the second-last size of k (2, 6, 7, 4) must equal that of v (2, 6, 8, 3): 7 != 8");
  refuses(attend_to(q, two, v),
          "q (2, 6, 5, 4) and k (2, 2, 7, 4) do not broadcast: 6 meets 2 in dimension -3; for fewer heads in k and v "
          "set enable_gqa");
  refuses(attend_to(q, batch, v), "2 meets 3 in dimension -4; sizes must be equal or 1");
  refuses(attend_to(q, few, v, {.enable_gqa = true}),
          "the heads of q (2, 6, 5, 4) must be a multiple of those of k (2, 4, 7, 4): 6 is none of 4");
  refuses(attend_to(q, k, v, {.dropout_p = 1.5}), "dropout_p must lie between 0 and 1, not 1.5");
  refuses(
      [&] {
        return scaled_dot_product_attention(q, k, v, every_third({5, 6}));
      },
      "the mask (5, 6) does not broadcast to the scores (2, 6, 5, 7) of q (2, 6, 5, 4) and k (2, 6, 7, 4)");
  refuses(
      [&] {
        return scaled_dot_product_attention(q, k, v, every_third({5, 7}), {.is_causal = true});
      },
      "is given with is_causal");
}

template <class Q, class K, class M>
concept Attends = requires(const Q& q, const K& k, const M& m) {
  scaled_dot_product_attention(q, k, k, m);
};
static_assert(Attends<Tensor<float>, Tensor<float>, Tensor<bool>> &&
              Attends<Tensor<float>, Tensor<float>, Tensor<float>>);
static_assert(!Attends<Tensor<float>, Tensor<float>, Tensor<std::int64_t>>);
static_assert(!Attends<Tensor<float>, Tensor<double>, Tensor<bool>>);
static_assert(!Attends<Tensor<std::int64_t>, Tensor<std::int64_t>, Tensor<bool>>);
