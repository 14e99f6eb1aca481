// SPDX-License-Identifier: MIT
// Tensors in files of every dtype: safetensors loaded, mapped and saved, .npy, IDX; the files are other libraries'.
#include <taper/core/factory.hpp>
#include <taper/core/literal.hpp>
#include <taper/io/tensors.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/view.hpp>

#include <complex>

#include "tests/io/support.hpp"

using namespace taper;

namespace {

template <class T>
void check_equal(const Tensor<T>& actual, const Tensor<T>& expected) {
  CHECK(actual.shape() == expected.shape());
  CHECK(equal(actual, expected));
}

/// Element i of the golden files' ramps, in the dtype T.
template <class T>
Tensor<T> ramp() {
  Tensor<T> out = zeros<T>({2, 3});
  for (int i = 0; i < 6; ++i) {
    const float real = static_cast<float>(i) - 0.5f;
    if constexpr (std::same_as<T, bool>)
      out.data_ptr()[i] = i % 3 == 0;
    else if constexpr (std::integral<T>)
      out.data_ptr()[i] = static_cast<T>(i);
    else if constexpr (Complex<T>)
      out.data_ptr()[i] = T(static_cast<real_t<T>>(real), static_cast<real_t<T>>(-2 * real));
    else
      out.data_ptr()[i] = static_cast<T>(real);
  }
  return out;
}

template <class T>
void check(const StateDict& state, const char* name) {
  INFO(name);
  check_equal(state.at(name).as<T>(), ramp<T>());
}

}  // namespace

TEST_CASE("every dtype of safetensors, loaded and mapped") {
  const std::string path = golden_path("all.safetensors");
  io::Metadata metadata;
  for (const StateDict& state : {io::load(path, &metadata), io::map(path)}) {
    check<bool>(state, "bool");
    check<std::uint8_t>(state, "uint8");
    check<std::int8_t>(state, "int8");
    check<std::int16_t>(state, "int16");
    check<std::int32_t>(state, "int32");
    check<std::int64_t>(state, "int64");
    check<float16>(state, "float16");
    check<bfloat16>(state, "bfloat16");
    check<float>(state, "float32");
    check<double>(state, "float64");
    check<std::complex<float>>(state, "complex64");
    check_equal(state.at("scalar").as<float>(), tensor(3.5f));
    CHECK(state.at("none").shape() == Shape{0, 4});
    CHECK_THROWS_AS(state.at("float32").as<double>(), DTypeError);
    CHECK_THROWS_AS(state.at("absent"), StateError);
    io::save(state, "again.safetensors", metadata);
    CHECK(io::text_of(io::read_file("again.safetensors")) == golden("all.safetensors"));
  }
}

TEST_CASE("a mapped tensor may be changed, the file stays, and outlives its name") {
  io::save({{"x", arange<float>(4)}}, "mapped.safetensors");
  Tensor<float> x = io::map("mapped.safetensors").at("x").as<float>();
  x.fill_(7.f);
  check_equal(x, full<float>({4}, 7));
  check_equal(io::load("mapped.safetensors").at("x").as<float>(), arange<float>(4));
  io::save({{"x", x}}, "mapped.safetensors");  // over its own mapping
  check_equal(x, full<float>({4}, 7));
  check_equal(io::load("mapped.safetensors").at("x").as<float>(), x);
}

TEST_CASE("tensors of any layout are saved in row-major order") {
  const Tensor<double> x = view(arange<double>(6), {2, 3});
  io::save({{"turned", transpose(x, 0, 1)}, {"column", select(x, 1, 1)}, {"wide", expand(select(x, 0, 0), {2, 3})}},
           "layouts.safetensors");
  const StateDict state = io::load("layouts.safetensors");
  check_equal(state.at("turned").as<double>(), tensor<double>({{0, 3}, {1, 4}, {2, 5}}));
  check_equal(state.at("column").as<double>(), tensor<double>({1, 4}));
  check_equal(state.at("wide").as<double>(), tensor<double>({{0, 1, 2}, {0, 1, 2}}));
  io::save_npy(transpose(x, 0, 1), "layout.npy");
  check_equal(io::load_npy<double>("layout.npy"), tensor<double>({{0, 3}, {1, 4}, {2, 5}}));
}

TEST_CASE("NumPy's files as tensors, and tensors as NumPy's files") {
  check_equal(io::load_npy<float>(golden_path("fortran.npy")),
              tensor<float>({{-0.5f, 0.5f, 1.5f}, {2.5f, 3.5f, 4.5f}}));
  check_equal(io::load_npy<float>(golden_path("scalar.npy")), tensor(3.5f));
  CHECK(io::load_npy(golden_path("none.npy")).shape() == Shape{0, 5});
  check_equal(io::load_npy<std::int64_t>(golden_path("be_i8.npy")),
              io::load_npy<std::int64_t>(golden_path("le_i8.npy")));
  for (const std::string name :
       {"b1", "u1", "i1", "le_i2", "le_i4", "le_i8", "le_f2", "le_f4", "le_f8", "le_c8", "le_c16", "scalar", "none"}) {
    INFO(name);
    io::save_npy(io::load_npy(golden_path(name + ".npy")), "out.npy");
    CHECK(io::text_of(io::read_file("out.npy")) == golden(name + ".npy"));
  }
  CHECK_THROWS_WITH(io::load_npy<double>(golden_path("scalar.npy")),
                    Catch::Matchers::Contains("holds float32, not float64"));
  CHECK_THROWS_AS(io::save_npy(zeros<bfloat16>({2}), "no.npy"), DTypeError);
  CHECK_THROWS_AS(io::load_npy("no.npy"), IoError);
}

TEST_CASE("an IDX file as a tensor") {
  const std::string file{'\0', '\0', '\x0b', '\x02', '\0',   '\0',   '\0',   '\x01',
                         '\0', '\0', '\0',   '\x02', '\x01', '\x02', '\xff', '\xfe'};
  io::write_file("labels.idx", io::bytes_of(file));
  check_equal(io::load_idx("labels.idx").as<std::int16_t>(), tensor<std::int16_t>({{258, -2}}));
}
