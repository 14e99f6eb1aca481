// SPDX-License-Identifier: MIT
// Packs: layout, operators, masks, conversions and memory access, against plain C++ on each lane.
#include <taper/expr/pack.hpp>

#include "tests/support/catch.hpp"

#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

using namespace taper;

namespace {

constexpr int N = pack_lanes;
template <class T>
using P = Pack<T, N>;

static_assert(std::is_trivially_copyable_v<P<float>> && std::is_trivially_copyable_v<P<bool>>);
static_assert(sizeof(P<float>) == N * 4 && sizeof(P<double>) == N * 8 && sizeof(P<std::int8_t>) == N && sizeof(P<bool>) == N * 4);
static_assert(sizeof(P<std::complex<float>>) == N * 8);
static_assert(alignof(P<float>) == TAPER_VECTOR_BYTES);
static_assert(pack_lanes == TAPER_VECTOR_BYTES / 2 && native_lanes4 * 2 == pack_lanes);
static_assert(lanes_of<float> == 1 && lanes_of<P<double>> == N);
static_assert(std::is_same_v<scalar_of<P<double>>, double> && std::is_same_v<scalar_of<int>, int>);
static_assert(std::is_same_v<mask_of<P<double>>, P<bool>> && std::is_same_v<mask_of<double>, bool>);
static_assert(std::is_same_v<rebind<P<float>, std::int64_t>, P<std::int64_t>> && std::is_same_v<rebind<float, int>, int>);
static_assert(std::is_same_v<real_of<P<std::complex<double>>>, P<double>>);

std::uint64_t state = 1;
std::uint64_t random_bits() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state ^ (state >> 29);
}

/// A value of any size: most small, some at the ends.
template <class T>
T random_value() {
  const std::uint64_t u = random_bits();
  if constexpr (std::is_same_v<T, bool>) return (u & 1) != 0;
  else if constexpr (std::is_integral_v<T>) {
    constexpr T ends[] = {0, 1, static_cast<T>(-1), std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(), 2};
    if (u % 5 == 0) return ends[(u >> 20) % 6];
    return static_cast<T>(static_cast<std::int64_t>(u) >> (u % 63));
  } else {
    const double ends[] = {0.0, -0.0, 0.5, -1.5, 127.5, 128, -129, 255, 256, 32768, 65535.9, 2147483520, 2147483647, 2147483648, -2147483648,
                           -2147483904, 4294967296, 9.2e18, 9223372036854775807., -9223372036854775808., 1e19, -1e19, 3e38, -1e-40,
                           HUGE_VAL, -HUGE_VAL, std::nan("")};
    if (u % 3 == 0) return T(static_cast<float>(ends[(u >> 20) % 27]));
    return T(static_cast<double>(static_cast<std::int64_t>(u) >> (u % 63)) * (u & 64 ? 1 : 1e-9));
  }
}

template <class T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return (a != a && b != b) || std::memcmp(&a, &b, sizeof a) == 0;
  else return a == b;
}

/// f of packs equals g of their lanes.
template <class T, class R, class F, class G>
int differences(F f, G g) {
  int bad = 0;
  for (int round = 0; round < 500; ++round) {
    T a[N], b[N];
    R r[N];
    for (int i = 0; i < N; ++i) a[i] = random_value<T>(), b[i] = random_value<T>();
    store(r, f(load<P<T>>(a), load<P<T>>(b)));
    for (int i = 0; i < N; ++i) bad += !same<R>(r[i], g(a[i], b[i]));
  }
  return bad;
}

}  // namespace

TEMPLATE_TEST_CASE("arithmetic wraps or rounds as the scalar type does", "[pack]", std::uint8_t, std::int8_t, std::int16_t, std::int32_t,
                   std::int64_t, float, double) {
  using T = TestType;
  using W = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
  CHECK(differences<T, T>([](auto a, auto b) { return a + b; }, [](T a, T b) { return static_cast<T>(static_cast<W>(a) + static_cast<W>(b)); }) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a - b; }, [](T a, T b) { return static_cast<T>(static_cast<W>(a) - static_cast<W>(b)); }) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a * b; }, [](T a, T b) { return static_cast<T>(static_cast<W>(a) * static_cast<W>(b)); }) == 0);
  if constexpr (std::is_integral_v<T>) {
    CHECK(differences<T, T>([](auto a, auto) { return -a; }, [](T a, T) { return static_cast<T>(0 - static_cast<W>(a)); }) == 0);
  } else {
    CHECK(differences<T, T>([](auto a, auto) { return -a; }, [](T a, T) { return -a; }) == 0);
    CHECK(differences<T, T>([](auto a, auto b) { return a / b; }, [](T a, T b) { return a / b; }) == 0);
  }
}

TEMPLATE_TEST_CASE("integer operators are defined for all operands", "[pack]", std::uint8_t, std::int8_t, std::int16_t, std::int32_t,
                   std::int64_t) {
  using T = TestType;
  constexpr int width = 8 * sizeof(T);
  const auto divide = [](T a, T b) -> T {
    if (b == 0) return 0;
    if (std::is_signed_v<T> && b == T(-1)) return static_cast<T>(0 - static_cast<std::uint64_t>(a));
    return static_cast<T>(a / b);
  };
  CHECK(differences<T, T>([](auto a, auto b) { return a / b; }, divide) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a % b; },
                          [&](T a, T b) { return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(divide(a, b)) * static_cast<std::uint64_t>(b)); }) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a & b; }, [](T a, T b) { return static_cast<T>(a & b); }) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a | b; }, [](T a, T b) { return static_cast<T>(a | b); }) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a ^ b; }, [](T a, T b) { return static_cast<T>(a ^ b); }) == 0);
  CHECK(differences<T, T>([](auto a, auto) { return ~a; }, [](T a, T) { return static_cast<T>(~a); }) == 0);
  const auto left = [](T a, T s) -> T {
    if (s < 0 || s >= width) return 0;
    return static_cast<T>(static_cast<std::uint64_t>(a) << s);
  };
  const auto right = [](T a, T s) -> T {
    if (s < 0 || s >= width) return a < 0 ? static_cast<T>(-1) : T(0);
    return static_cast<T>(a >> s);
  };
  CHECK(differences<T, T>([](auto a, auto b) { return a << (b & decltype(b)(15)); }, [&](T a, T b) { return left(a, static_cast<T>(b & 15)); }) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a << b; }, left) == 0);
  CHECK(differences<T, T>([](auto a, auto b) { return a >> b; }, right) == 0);
}

TEMPLATE_TEST_CASE("comparisons give masks and select follows them", "[pack]", std::uint8_t, std::int8_t, std::int16_t, std::int32_t,
                   std::int64_t, float, double, bool) {
  using T = TestType;
  CHECK(differences<T, bool>([](auto a, auto b) { return a == b; }, [](T a, T b) { return a == b; }) == 0);
  CHECK(differences<T, bool>([](auto a, auto b) { return a != b; }, [](T a, T b) { return a != b; }) == 0);
  if constexpr (!std::is_same_v<T, bool>) {
    CHECK(differences<T, bool>([](auto a, auto b) { return a < b; }, [](T a, T b) { return a < b; }) == 0);
    CHECK(differences<T, bool>([](auto a, auto b) { return a <= b; }, [](T a, T b) { return a <= b; }) == 0);
    CHECK(differences<T, bool>([](auto a, auto b) { return a > b; }, [](T a, T b) { return a > b; }) == 0);
    CHECK(differences<T, bool>([](auto a, auto b) { return a >= b; }, [](T a, T b) { return a >= b; }) == 0);
    CHECK(differences<T, T>([](auto a, auto b) { return select((a < b) || (a == decltype(a)(0)), a, b); }, [](T a, T b) { return a < b || a == 0 ? a : b; }) == 0);
    CHECK(differences<T, T>([](auto a, auto b) { return select(!(a < b) && (a != b), a, b); }, [](T a, T b) { return !(a < b) && a != b ? a : b; }) == 0);
  }
}

TEST_CASE("any and all look at every lane", "[pack]") {
  for (int i = 0; i < N; ++i) {
    bool one[N] = {}, but[N];
    for (bool& b : but) b = true;
    one[i] = true, but[i] = false;
    CHECK(any(load<P<bool>>(one)));
    CHECK_FALSE(all(load<P<bool>>(one)));
    CHECK(any(load<P<bool>>(but)));
    CHECK_FALSE(all(load<P<bool>>(but)));
  }
  CHECK_FALSE(any(P<bool>(false)));
  CHECK(all(P<bool>(true)));
  CHECK((any(true) && all(true) && !any(false) && !all(false)));
}

TEST_CASE("a scalar fills every lane", "[pack]") {
  const P<float> z(-0.0f);
  for (int i = 0; i < N; ++i) CHECK(std::signbit(z.v[i]));
  const P<std::uint8_t> u(200);
  const P<double> d = 3;
  for (int i = 0; i < N; ++i) CHECK((u.v[i] == 200 && d.v[i] == 3));
}

namespace {

/// The documented cast, in other words: wrap, or saturate with NaN to zero, or x != 0.
template <class U, class T>
U cast_by_hand(T x) {
  if constexpr (std::is_same_v<U, bool>) return !(x == T(0));
  else if constexpr (std::is_floating_point_v<T> && std::is_integral_v<U>) {
    const long double w = x;
    if (w != w) return 0;
    if (w <= static_cast<long double>(std::numeric_limits<U>::lowest())) return std::numeric_limits<U>::lowest();
    if (w >= static_cast<long double>(std::numeric_limits<U>::max())) return std::numeric_limits<U>::max();
    return static_cast<U>(std::trunc(w));
  } else return static_cast<U>(x);
}

template <class T, class U>
int wrong_casts() {
  int bad = 0;
  for (int round = 0; round < 500; ++round) {
    T x[N];
    compute_t<U> r[N];
    for (T& v : x) v = random_value<T>();
    store(r, convert<compute_t<U>>(load<P<compute_t<T>>>(x)));
    for (int i = 0; i < N; ++i) {
      const auto want = cast_by_hand<compute_t<U>>(static_cast<compute_t<T>>(x[i]));
      bad += !same(r[i], want) + !same(convert<compute_t<U>>(static_cast<compute_t<T>>(x[i])), want);
    }
  }
  return bad;
}

}  // namespace

TEMPLATE_TEST_CASE("convert casts between all types", "[pack]", bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, float,
                   double, float16, bfloat16) {
  using T = TestType;
  CHECK(wrong_casts<T, bool>() == 0);
  CHECK(wrong_casts<T, std::uint8_t>() == 0);
  CHECK(wrong_casts<T, std::int8_t>() == 0);
  CHECK(wrong_casts<T, std::int16_t>() == 0);
  CHECK(wrong_casts<T, std::int32_t>() == 0);
  CHECK(wrong_casts<T, std::int64_t>() == 0);
  CHECK(wrong_casts<T, float>() == 0);
  CHECK(wrong_casts<T, double>() == 0);
}

TEST_CASE("int64 to float rounds once", "[pack]") {
  // 2^60 + 2^36 + 1 is just above the middle of two floats; going through double would fall onto it.
  const P<std::int64_t> x((std::int64_t(1) << 60) + (std::int64_t(1) << 36) + 1);
  CHECK(convert<float>(x).v[0] == 0x1.000002p60f);
  CHECK(convert<float>(-x).v[N - 1] == -0x1.000002p60f);
}

TEST_CASE("16-bit floats are read exactly and rounded to nearest even", "[pack]") {
  int bad = 0;
  for (int base = 0; base < 65536; base += N) {
    float16 h[N], h2[N];
    bfloat16 b[N], b2[N];
    for (int i = 0; i < N; ++i) h[i].bits = b[i].bits = static_cast<std::uint16_t>(base + i);
    const auto x = load<P<float>>(h), y = load<P<float>>(b);
    store(h2, x), store(b2, y);
    for (int i = 0; i < N; ++i) {
      const int e = (h[i].bits >> 10) & 31, m = h[i].bits & 1023;
      const float size = e == 0 ? std::ldexp(static_cast<float>(m), -24) : std::ldexp(static_cast<float>(m + 1024), e - 25);
      const float want = e == 31 ? (m ? std::nanf("") : HUGE_VALF) : size;
      bad += !same(std::fabs(x.v[i]), want) || std::signbit(x.v[i]) != (h[i].bits >> 15 != 0);
      const bool nan_b = (b[i].bits & 0x7fff) > 0x7f80;
      bad += nan_b ? y.v[i] == y.v[i] : std::bit_cast<std::uint32_t>(y.v[i]) != static_cast<std::uint32_t>(b[i].bits) << 16;
      bad += (e == 31 && m) ? !((h2[i].bits & 0x7fff) > 0x7c00) : h2[i].bits != h[i].bits;
      bad += nan_b ? !((b2[i].bits & 0x7fff) > 0x7f80) : b2[i].bits != b[i].bits;
    }
  }
  CHECK(bad == 0);

  // Halfway values go to the even neighbour, the rest to the nearest; overflow to infinity.
  const float from[] = {1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 1 + 0x1.01p-11f, 65519, 65520, 0x1p-25f, 0x1.8p-24f, -0x1.002p-25f};
  const std::uint16_t half[] = {0x3c00, 0x3c02, 0x3c01, 0x7bff, 0x7c00, 0x0000, 0x0002, 0x8001};
  for (int i = 0; i < 8; ++i) {
    float16 out[N];
    store(out, P<float>(from[i]));
    CHECK(out[0].bits == half[i]);
    CHECK(out[N - 1].bits == half[i]);
  }
  const float from_b[] = {1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1.01p-8f, 0x1.ffp127f};
  const std::uint16_t brain[] = {0x3f80, 0x3f82, 0x3f81, 0x7f80};
  for (int i = 0; i < 4; ++i) {
    bfloat16 out[N];
    store(out, P<float>(from_b[i]));
    CHECK(out[0].bits == brain[i]);
  }
}

TEST_CASE("bool memory is read as byte != 0 and written as 0 or 1", "[pack]") {
  unsigned char bytes[N], out[N];
  for (int i = 0; i < N; ++i) bytes[i] = static_cast<unsigned char>(i % 3 == 0 ? 0 : i * 85);
  store(reinterpret_cast<bool*>(out), load<P<bool>>(reinterpret_cast<const bool*>(bytes)));
  for (int i = 0; i < N; ++i) CHECK(out[i] == (bytes[i] != 0));
}

TEST_CASE("memory need not be aligned", "[pack]") {
  alignas(64) unsigned char raw[16 * N + 8];
  for (int offset = 0; offset < 8; ++offset) {
    double values[N];
    for (int i = 0; i < N; ++i) values[i] = i * 1.5;
    std::memcpy(raw + offset, values, sizeof values);
    const auto x = load<P<double>>(reinterpret_cast<const double*>(raw + offset));
    for (int i = 0; i < N; ++i) CHECK(x.v[i] == values[i]);
    store(reinterpret_cast<double*>(raw + offset), x + x);
    std::memcpy(values, raw + offset, sizeof values);
    for (int i = 0; i < N; ++i) CHECK(values[i] == i * 3.0);
  }
}

TEMPLATE_TEST_CASE("complex packs", "[pack]", float, double) {
  using Z = std::complex<TestType>;
  Z a[N], b[N], r[N];
  for (int i = 0; i < N; ++i) a[i] = Z(TestType(i + 1), TestType(2 - i)), b[i] = Z(TestType(i % 4), TestType(3 + i % 5));
  const auto x = load<P<Z>>(a), y = load<P<Z>>(b);
  for (int i = 0; i < N; ++i) CHECK((x.re.v[i] == a[i].real() && x.im.v[i] == a[i].imag()));
  store(r, x);
  for (int i = 0; i < N; ++i) CHECK(r[i] == a[i]);
  store(r, x * y);
  for (int i = 0; i < N; ++i) CHECK(r[i] == a[i] * b[i]);
  store(r, x + y - P<Z>(Z(1, 2)));
  for (int i = 0; i < N; ++i) CHECK(r[i] == a[i] + b[i] - Z(1, 2));
  store(r, select(x == x, -x, y));
  for (int i = 0; i < N; ++i) CHECK(r[i] == -a[i]);
  CHECK(convert<TestType>(x).v[1] == a[1].real());
  CHECK(convert<Z>(convert<TestType>(x)).im.v[1] == 0);
  CHECK(convert<bool>(Z(0, 1)));
  CHECK(any(convert<bool>(P<Z>(Z(0, 1)))));
}

namespace {
struct Generic {  // op code: the same text for a scalar and a pack
  template <class V>
  V operator()(V x) const {
    return select((x > V(0)) && !(x == V(2)), V(1) + x, V(2) * x);
  }
};
}  // namespace

TEST_CASE("op code runs on scalars and packs", "[pack]") {
  float x[N], y[N];
  for (int i = 0; i < N; ++i) x[i] = static_cast<float>(i - 3);
  store(y, Generic()(load<P<float>>(x)));
  for (int i = 0; i < N; ++i) CHECK(y[i] == Generic()(x[i]));
}
