// SPDX-License-Identifier: MIT
// math::: errors on samples of doubles and pairs, special values, and one answer whatever the lane.
#include "tests/expr/math_cases.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <complex>
#include <cstring>

using namespace math_cases;

namespace {

constexpr int N = pack_lanes;
constexpr double infinity = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

std::uint64_t state = 1;
std::uint64_t random_bits() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state ^ (state >> 29) ^ (state << 7);
}

/// By turns any bits, a value of ordinary size, a small integer, a value near 1, a special value.
template <class T>
T sample(int turn) {
  const std::uint64_t u = random_bits();
  const double unit = static_cast<double>(u >> 11) * 0x1p-53;
  using I = typename detail::simd::IntOf<sizeof(T)>::type;
  const double special[] = {0.0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, infinity, -infinity, not_a_number, 1e30, -1e30, 1e300, -1e-300,
                            static_cast<double>(std::numeric_limits<T>::min()), static_cast<double>(std::numeric_limits<T>::denorm_min()),
                            static_cast<double>(std::numeric_limits<T>::max())};
  switch (turn % 5) {
    case 0: return std::bit_cast<T>(static_cast<I>(u));
    case 1: return static_cast<T>(unit * 20 - 10);
    case 2: return static_cast<T>(static_cast<int>((u >> 40) % 41) - 20);
    case 3: return static_cast<T>(1 + (unit - 0.5) * 0.01);
    default: return static_cast<T>(special[(u >> 20) % 19]);
  }
}

template <class T>
bool agree(T a, T b) {
  return same_bits(a, b) || (is_nan(a) && is_nan(b));
}

template <class Case, class T>
void check_unary() {
  INFO(Case::text << (sizeof(T) == 4 ? " float" : " double"));
  using W = std::conditional_t<sizeof(T) == 4, double, long double>;
  double worst = 0;
  T at = 0;
  int lanes_differ = 0;
  for (int round = 0; round < 20000 / N; ++round) {
    T x[N], y[N];
    for (int i = 0; i < N; ++i) x[i] = sample<T>(round + i);
    store(y, Case()(load<Pack<T, N>>(x)));
    for (int i = 0; i < N; ++i) {
      const double error = ulps(y[i], Case::template expected<W>(static_cast<W>(x[i])));
      if (!(error <= worst)) worst = error, at = x[i];
      lanes_differ += !agree(y[i], Case()(x[i]));
    }
  }
  INFO("worst at " << at);
  CHECK(worst <= (sizeof(T) == 4 ? Case::bound_float : Case::bound_double));
  CHECK(lanes_differ == 0);
}

template <class T, class F, class R>
void check_binary(F f, R reference, double bound) {
  using W = std::conditional_t<sizeof(T) == 4, double, long double>;
  double worst = 0;
  T at_x = 0, at_y = 0;
  int lanes_differ = 0;
  for (int round = 0; round < 100000 / N; ++round) {
    T x[N], y[N], r[N];
    for (int i = 0; i < N; ++i) x[i] = sample<T>(round + i), y[i] = sample<T>(round / 5 + 3 * i);
    store(r, f(load<Pack<T, N>>(x), load<Pack<T, N>>(y)));
    for (int i = 0; i < N; ++i) {
      const W want = reference(static_cast<W>(x[i]), static_cast<W>(y[i]));
      // At the edge of overflow the wide reference may be a hair above the largest number.
      if (std::fabs(want) > static_cast<W>(std::numeric_limits<T>::max()) * W(0.9999999)) continue;
      const double error = ulps(r[i], want);
      if (!(error <= worst)) worst = error, at_x = x[i], at_y = y[i];
      lanes_differ += !agree(r[i], f(x[i], y[i]));
    }
  }
  INFO("worst at " << at_x << ", " << at_y);
  CHECK(worst <= bound);
  CHECK(lanes_differ == 0);
}

}  // namespace

#define TAPER_CASE(name, reference, f, d)           \
  TEST_CASE("math::" #name " in float and double") { \
    check_unary<name##_case, float>();              \
    check_unary<name##_case, double>();             \
  }
TAPER_MATH_CASES(TAPER_CASE)
#undef TAPER_CASE

#define TAPER_PAIR(name, reference, f, d)                                                                                      \
  TEST_CASE("math::" #name " of two arguments") {                                                                              \
    check_binary<float>([](auto x, auto y) { return math::name(x, y); }, [](auto x, auto y) -> decltype(x) { return reference; }, f);  \
    check_binary<double>([](auto x, auto y) { return math::name(x, y); }, [](auto x, auto y) -> decltype(x) { return reference; }, d); \
  }
TAPER_PAIR(pow, std::pow(x, y), 0.51, 1.5)
TAPER_PAIR(hypot, std::hypot(x, y), 0.51, 1.5)
TAPER_PAIR(atan2, std::atan2(x, y), 2.5, 2.5)
TAPER_PAIR(fmod, std::fmod(x, y), 0, 0)
TAPER_PAIR(copysign, std::copysign(x, y), 0, 0)
TAPER_PAIR(fmax, std::fmax(x, y), 0, 0)
TAPER_PAIR(fmin, std::fmin(x, y), 0, 0)
TAPER_PAIR(max, std::isnan(x) || std::isnan(y) ? x + y : std::fmax(x, y), 0, 0)
TAPER_PAIR(min, std::isnan(x) || std::isnan(y) ? x + y : std::fmin(x, y), 0, 0)
#undef TAPER_PAIR

TEST_CASE("math::nextafter steps as the library's") {
  for (int i = 0; i < 20000; ++i) {
    const float x = sample<float>(i), y = sample<float>(i / 5);
    const double u = sample<double>(i), v = sample<double>(i / 5);
    REQUIRE(agree(math::nextafter(x, y), std::nextafter(x, y)));
    REQUIRE(agree(math::nextafter(u, v), std::nextafter(u, v)));
    REQUIRE(agree(math::nextafter(Pack<float, N>(x), Pack<float, N>(y)).v[N - 1], std::nextafter(x, y)));
  }
}

TEMPLATE_TEST_CASE("special values are exact", "[math]", float, double) {
  using T = TestType;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN(), tiny = std::numeric_limits<T>::denorm_min();
  const auto minus_zero = [](T x) { return x == 0 && std::signbit(x); };
  CHECK(math::exp(T(0)) == 1);
  CHECK(math::exp(-inf) == 0);
  CHECK(math::exp(inf) == inf);
  CHECK(math::exp2(T(-1074 + (sizeof(T) == 4 ? 925 : 0))) == tiny);
  CHECK(minus_zero(math::expm1(-T(0))));
  CHECK(math::expm1(-inf) == -1);
  CHECK(math::log(T(0)) == -inf);
  CHECK(math::log(-T(0)) == -inf);
  CHECK(std::isnan(math::log(T(-1))));
  CHECK(math::log(inf) == inf);
  CHECK(math::log2(T(8)) == 3);
  CHECK(math::log2(tiny) == T(sizeof(T) == 4 ? -149 : -1074));
  CHECK(math::log10(T(1000)) == 3);
  CHECK(minus_zero(math::log1p(-T(0))));
  CHECK(math::log1p(T(-1)) == -inf);
  CHECK(math::sigmoid(T(0)) == T(0.5));
  CHECK((math::sigmoid(inf) == 1 && math::sigmoid(-inf) == 0));
  CHECK((math::tanh(inf) == 1 && math::tanh(-inf) == -1 && minus_zero(math::tanh(-T(0)))));
  CHECK((math::sinh(tiny) == tiny && math::tanh(tiny) == tiny && math::sin(tiny) == tiny && math::atan(tiny) == tiny && math::asin(tiny) == tiny));
  CHECK((minus_zero(math::sin(-T(0))) && minus_zero(math::tan(-T(0))) && math::cos(-T(0)) == 1));
  CHECK((std::isnan(math::sin(inf)) && std::isnan(math::cos(-inf)) && std::isnan(math::tan(nan))));
  CHECK((math::erf(inf) == 1 && math::erf(-inf) == -1 && math::erfc(inf) == 0 && math::erfc(-inf) == 2));
  CHECK((math::round(T(2.5)) == 2 && math::round(T(-0.5)) == 0 && std::signbit(math::round(T(-0.5)))));
  CHECK((math::sign(T(-3)) == -1 && math::sign(T(0)) == 0 && math::sign(T(9)) == 1));
  CHECK((math::sqrt(T(-1)) != math::sqrt(T(-1)) && math::rsqrt(T(0)) == inf && math::reciprocal(-T(0)) == -inf));
  CHECK((std::isnan(math::max(nan, T(1))) && std::isnan(math::max(T(1), nan)) && std::isnan(math::min(nan, T(1))) && std::isnan(math::min(T(1), nan))));
  CHECK((math::isnan(nan) && !math::isnan(inf) && math::isinf(-inf) && !math::isinf(nan) && math::isfinite(tiny) && !math::isfinite(inf)));
  CHECK((math::signbit(-T(0)) && !math::signbit(T(1))));
  using P = Pack<T, N>;
  CHECK((all(math::isnan(P(nan))) && !any(math::isnan(P(inf))) && all(math::isinf(P(-inf))) && all(math::signbit(P(-0.0)))));
  CHECK(all(math::isfinite(P(tiny))));
  CHECK(math::fma(T(2), T(3), T(4)) == 10);
  CHECK(math::fma(P(2), P(3), P(4)).v[N - 1] == 10);
}

TEMPLATE_TEST_CASE("remainder and floor_divide follow Python", "[math]", float, double) {
  using T = TestType;
  const T inf = std::numeric_limits<T>::infinity();
  // Values of numpy.remainder and torch.floor_divide.
  const T rows[][4] = {{7, 3, 1, 2},   {-7, 3, 2, -3},  {7, -3, -2, -3}, {-7, -3, -1, 2}, {6, 3, 0, 2},         {-6, 3, 0, -2},
                       {1, inf, 1, 0}, {-1, inf, inf, -1}, {0, 5, 0, 0},   {5.5, 2, 1.5, 2}, {-5.5, 2, 0.5, -3}, {T(0.75), T(0.25), 0, 3}};
  for (const auto& r : rows) {
    CHECK(math::remainder(r[0], r[1]) == r[2]);
    CHECK(math::floor_divide(r[0], r[1]) == r[3]);
    CHECK(math::remainder(Pack<T, N>(r[0]), Pack<T, N>(r[1])).v[N - 1] == r[2]);
    CHECK(math::floor_divide(Pack<T, N>(r[0]), Pack<T, N>(r[1])).v[N - 1] == r[3]);
  }
  CHECK(math::floor_divide(T(1), T(0)) == inf);
  CHECK(std::isnan(math::remainder(T(1), T(0))));
}

TEMPLATE_TEST_CASE("integers have abs, sign, extrema and floor division", "[math]", std::int8_t, std::int32_t, std::int64_t) {
  using T = TestType;
  for (const int a : {-7, -6, -1, 0, 1, 6, 7})
    for (const int b : {-3, -1, 1, 3, 6}) {
      const int m = a % b, quotient = a / b - (m != 0 && (m < 0) != (b < 0)), rest = a - quotient * b;
      const T x = static_cast<T>(a), y = static_cast<T>(b);
      const Pack<T, N> p(x), q(y);
      CHECK((math::floor_divide(x, y) == quotient && math::floor_divide(p, q).v[N - 1] == quotient));
      CHECK((math::remainder(x, y) == rest && math::remainder(p, q).v[0] == rest));
      CHECK((math::fmod(x, y) == m && math::fmod(p, q).v[0] == m));
      CHECK((math::max(p, q).v[1] == std::max(a, b) && math::min(x, y) == std::min(a, b)));
      CHECK((math::abs(p).v[1] == std::abs(a) && math::abs(x) == std::abs(a) && math::sign(p).v[0] == (a > 0) - (a < 0)));
    }
  CHECK(math::floor_divide(std::numeric_limits<T>::min(), static_cast<T>(-1)) == std::numeric_limits<T>::min());
}

TEST_CASE("erfinv, digamma and lgamma") {
  for (double x = -0.999; x < 1; x += 0.0101) CHECK(std::erf(math::erfinv(x)) == Approx(x).epsilon(1e-14).margin(1e-16));
  for (const double q : {1e-3, 1e-6, 1e-9, 1e-12}) CHECK(std::erfc(math::erfinv(1 - q)) == Approx(1 - (1 - q)).epsilon(1e-13));
  CHECK((math::erfinv(1.0) == infinity && math::erfinv(-1.0) == -infinity && std::isnan(math::erfinv(1.5))));
  // psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2, psi(x + 1) = psi(x) + 1 / x, psi(1 - x) - psi(x) = pi cot(pi x).
  const double gamma = 0.57721566490153286061;
  CHECK(math::digamma(1.0) == Approx(-gamma).epsilon(1e-15));
  CHECK(math::digamma(0.5) == Approx(-gamma - 2 * std::log(2.0)).epsilon(1e-15));
  for (const double x : {0.01, 0.3, 1.7, 5.5, 9.99, 40.0, 1e6}) {
    CHECK(math::digamma(x + 1) == Approx(math::digamma(x) + 1 / x).epsilon(1e-13));
    if (x < 1) CHECK(math::digamma(1 - x) - math::digamma(x) == Approx(3.14159265358979323846 / std::tan(3.14159265358979323846 * x)).epsilon(1e-13));
  }
  CHECK((math::digamma(0.0) == -infinity && std::isnan(math::digamma(-2.0))));
  CHECK(math::lgamma(0.5) == Approx(0.57236494292470008707).epsilon(1e-15));
  CHECK(math::lgamma(Pack<float, N>(5)).v[N - 1] == Approx(std::log(24.0)).epsilon(1e-7));
  CHECK((math::lgamma(-1.0) == infinity && math::digamma(Pack<double, N>(1)).v[0] == math::digamma(1.0)));
}

namespace {

template <class R, class F, class G>
void check_complex(F f, G reference, double bound) {
  using Z = std::complex<R>;
  using W = std::complex<long double>;
  double worst = 0;
  Z at;
  int lanes_differ = 0;
  for (int round = 0; round < 2000; ++round) {
    Z z[N], r[N];
    for (int i = 0; i < N; ++i) z[i] = Z(sample<R>(1 + i % 3), sample<R>(1 + round % 3)) * (round % 4 == 0 ? R(0.01) : R(1));
    store(r, f(load<Pack<Z, N>>(z)));
    for (int i = 0; i < N; ++i) {
      const W want = reference(W(z[i].real(), z[i].imag()));
      const Z scalar = f(z[i]);
      lanes_differ += !agree(scalar.real(), r[i].real()) || !agree(scalar.imag(), r[i].imag());
      const double size = static_cast<double>(std::abs(want));
      if (!(size > 1e-30 && size < 1e30)) continue;
      const double error = static_cast<double>(std::abs(W(r[i].real(), r[i].imag()) - want)) / size / std::numeric_limits<R>::epsilon();
      if (!(error <= worst)) worst = error, at = z[i];
    }
  }
  INFO("worst at " << at);
  CHECK(worst <= bound);
  CHECK(lanes_differ == 0);
}

}  // namespace

#define TAPER_COMPLEX(name, bound)                                                                                         \
  TEST_CASE("complex math::" #name) {                                                                                      \
    check_complex<float>([](auto z) { return math::name(z); }, [](auto z) { return std::name(z); }, bound);                \
    check_complex<double>([](auto z) { return math::name(z); }, [](auto z) { return std::name(z); }, bound);               \
  }
TAPER_COMPLEX(exp, 2)
TAPER_COMPLEX(log, 2)
TAPER_COMPLEX(sqrt, 2)
TAPER_COMPLEX(sin, 2)
TAPER_COMPLEX(cos, 2)
TAPER_COMPLEX(tan, 4)
TAPER_COMPLEX(sinh, 2)
TAPER_COMPLEX(cosh, 2)
TAPER_COMPLEX(tanh, 4)
#undef TAPER_COMPLEX

TEST_CASE("complex quotients, powers and parts") {
  using Z = std::complex<double>;
  check_complex<double>([](auto z) { return math::divide(decltype(z)(Z(3, -2)), z); }, [](auto z) { return decltype(z)(3, -2) / z; }, 4);
  check_complex<double>([](auto z) { return math::reciprocal(z); }, [](auto z) { return decltype(z)(1) / z; }, 4);
  check_complex<double>([](auto z) { return math::sgn(z); }, [](auto z) { return z / std::abs(z); }, 4);
  CHECK(math::divide(Z(1e300, 1e300), Z(1e300, 1e300)) == Z(1, 0));
  CHECK(math::sgn(Z(0, 0)) == Z(0, 0));
  CHECK(math::abs(Z(3, 4)) == 5);
  CHECK(math::arg(Z(-1, 0)) == Approx(3.14159265358979323846));
  CHECK(std::abs(math::pow(Z(1, 2), Z(3, -1)) - std::pow(Z(1, 2), Z(3, -1))) < 1e-12);
  CHECK(math::pow(Z(0, 0), Z(0, 0)) == Z(1, 0));
  CHECK(math::pow(Z(0, 0), Z(2, 1)) == Z(0, 0));
  CHECK(math::conj(Z(1, 2)) == Z(1, -2));
  CHECK(math::sqrt(Z(-4, -0.0)) == Z(0, -2));
  CHECK(math::sqrt(Z(1e308, 1e308)).real() == Approx(1.0986841134678098e154));
  CHECK(math::abs(Pack<Z, N>(Z(3, 4))).v[N - 1] == 5);
}

template <class T>
void check_exp_decay(T end) {
  double worst = 0;
  for (int i = 0; i <= 100000; i += N) {
    Pack<T, N> x(T(0));
    for (int l = 0; l < N; ++l) x.v[l] = end * (static_cast<T>(i + l) / static_cast<T>(100000 + N));
    const Pack<T, N> y = math::exp_decay(x);
    for (int l = 0; l < N; ++l) worst = std::max(worst, ulps(y.v[l], std::exp(static_cast<long double>(x.v[l]))));
  }
  CHECK(worst <= 1.1);
  CHECK(math::exp_decay(T(0)) == 1);
  for (const double x : {1.001 * static_cast<double>(end), -1e4, -1e30, -infinity}) CHECK(math::exp_decay(static_cast<T>(x)) == 0);
  CHECK(is_nan(math::exp_decay(static_cast<T>(not_a_number))));
}

TEST_CASE("exp_decay is exp down to where it is not normal, then zero") {
  check_exp_decay<float>(-87);
  check_exp_decay<double>(-708);
}
