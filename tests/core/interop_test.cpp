// SPDX-License-Identifier: MIT
// Tensors and Eigen, tensors and std::span: shared memory, both ways.
// Needs: eigen

#include <taper/interop/eigen.hpp>
#include <taper/interop/span.hpp>

#include <taper/core/elements.hpp>
#include <taper/core/factory.hpp>
#include <taper/ops/view.hpp>

#include <numeric>
#include <string>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

template <class E, class F>
void check_error(F&& f, const std::string& part) {
  std::string message = "no error";
  try {
    f();
  } catch (const E& error) {
    message = error.what();
  }
  INFO(message);
  CHECK(message.find(part) != message.npos);
}

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

TEST_CASE("a tensor as an Eigen map") {
  auto x = tensor<float>({{1, 2, 3}, {4, 5, 6}});
  auto map = eigen_map(x);
  REQUIRE((map.rows() == 2 && map.cols() == 3));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) CHECK(map(i, j) == static_cast<float>(3 * i + j + 1));
  map(1, 0) = 9;
  CHECK(x[1][0].item() == 9);
  map *= 2;
  CHECK(to_vector(x) == std::vector<float>{2, 4, 6, 18, 10, 12});
  const auto& constant = x;
  CHECK(eigen_map(constant).sum() == 52);
  static_assert(std::is_const_v<std::remove_reference_t<decltype(*eigen_map(constant).data())>>);
}

TEST_CASE("transposed and sliced tensors, vectors, numbers") {
  auto x = tensor<double>({{1, 2, 3}, {4, 5, 6}});
  auto t = transpose(x, 0, 1);
  CHECK(eigen_map(t)(2, 0) == 3);
  auto part = narrow(x, 1, 1, 2);
  CHECK(eigen_map(part)(1, 1) == 6);
  CHECK((eigen_map(x) * eigen_map(t))(0, 1) == 32);
  auto column = select(x, 1, 2);
  auto map = eigen_map(column);
  REQUIRE((map.rows() == 2 && map.cols() == 1));
  CHECK((map(0, 0) == 3 && map(1, 0) == 6));
  auto number = tensor<double>(7);
  CHECK(eigen_map(number).value() == 7);
  auto nothing = zeros<double>({0, 3});
  CHECK((eigen_map(nothing).rows() == 0 && eigen_map(nothing).cols() == 3));
  auto cube = zeros<double>({1, 2, 3});
  check_error<ShapeError>([&] { return eigen_map(cube).rows(); },
                          "[eigen_map] Eigen has matrices and vectors: the tensor of shape (1, 2, 3)");
}

TEST_CASE("a map of a chosen matrix type") {
  auto x = tensor<float>({{1, 2, 3}, {4, 5, 6}});
  auto rows = eigen_map<RowMatrix>(x);
  CHECK((rows(1, 0) == 4 && rows.outerStride() == 3));
  auto t = transpose(x, 0, 1);
  auto columns = eigen_map<Eigen::MatrixXf>(t);
  CHECK((columns.rows() == 3 && columns(2, 1) == 6 && columns.data() == x.data_ptr()));
  auto v = select(x, 0, 1);
  CHECK(eigen_map<Eigen::VectorXf>(v).dot(Eigen::Vector3f(1, 1, 1)) == 15);
  CHECK(eigen_map<Eigen::RowVectorXf>(v).cols() == 3);
  CHECK(eigen_map<Eigen::Matrix<float, 2, 3, Eigen::RowMajor>>(x)(1, 2) == 6);
  CHECK(eigen_map<Eigen::ArrayXf>(v).square().sum() == 77);
  const auto& constant = x;
  CHECK(eigen_map<RowMatrix>(constant)(0, 1) == 2);
  auto narrow_rows = narrow(x, 1, 0, 2);
  CHECK(eigen_map<RowMatrix>(narrow_rows)(1, 1) == 5);
  check_error<ShapeError>([&] { return eigen_map<Eigen::MatrixXf>(x).rows(); },
                          "are not dense: use eigen_map(x) without a type");
  check_error<ShapeError>([&] { return eigen_map<Eigen::Matrix3f>(t).rows(); }, "is no matrix of 3 x 3");
  check_error<ShapeError>([&] { return eigen_map<Eigen::VectorXf>(x).rows(); }, "is no matrix of -1 x 1");
}

TEST_CASE("a named matrix as a tensor") {
  Eigen::MatrixXd m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  auto x = from_eigen(m);
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.strides() == Strides{1, 2});
  CHECK(to_vector(x) == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(x.data_ptr() == m.data());
  m(1, 2) = 9;
  CHECK(x[1][2].item() == 9);
  RowMatrix r(2, 2);
  r << 1, 2, 3, 4;
  CHECK(from_eigen(r).is_contiguous());
  CHECK(to_vector(from_eigen(r)) == std::vector<float>{1, 2, 3, 4});
  auto block = m.block(0, 1, 2, 2);
  CHECK(to_vector(from_eigen(block)) == std::vector<double>{2, 3, 5, 9});
  auto row = m.row(1);
  CHECK(from_eigen(row).shape() == Shape{3});
  CHECK(to_vector(from_eigen(row)) == std::vector<double>{4, 5, 9});
  Eigen::Array3i a(7, 8, 9);
  CHECK(to_vector(from_eigen(a)) == std::vector<std::int32_t>{7, 8, 9});
  double raw[4] = {1, 2, 3, 4};
  Eigen::Map<Eigen::MatrixXd> map(raw, 2, 2);
  CHECK(from_eigen(map).data_ptr() == raw);
  Eigen::MatrixXf none(0, 4);
  CHECK(from_eigen(none).shape() == Shape{0, 4});
}

TEST_CASE("an unnamed matrix or expression is owned by its tensor") {
  Eigen::MatrixXf m(2, 2);
  m << 1, 2, 3, 4;
  const float* data = m.data();
  auto moved = from_eigen(std::move(m));
  CHECK(moved.data_ptr() == data);
  CHECK(to_vector(moved) == std::vector<float>{1, 2, 3, 4});
  Eigen::Vector2d v(1, 2);
  CHECK(to_vector(from_eigen(v * 3)) == std::vector<double>{3, 6});
  CHECK(to_vector(from_eigen(v * v.transpose())) == std::vector<double>{1, 2, 2, 4});
  auto copy = from_eigen(v.head(1));
  v(0) = 100;
  CHECK(copy.item() == 1);
  const Eigen::Vector2d constant(5, 6);
  CHECK(to_vector(from_eigen(Eigen::Vector2d(constant))) == std::vector<double>{5, 6});
}

template <class X>
concept Mapped = requires(X&& x) { eigen_map(std::forward<X>(x)); };
template <class X>
concept Spanned = requires(X&& x) { as_span(std::forward<X>(x)); };
template <class M>
concept FromEigen = requires(M&& m) { from_eigen(std::forward<M>(m)); };
TEST_CASE("what would dangle or write to const does not compile") {
  STATIC_REQUIRE(Mapped<Tensor<float>&> && Mapped<const Tensor<float>&> && !Mapped<Tensor<float>>);
  STATIC_REQUIRE(!Mapped<Tensor<bfloat16>&>);
  STATIC_REQUIRE(Spanned<Tensor<float>&> && Spanned<const Tensor<float>&> && !Spanned<Tensor<float>>);
  STATIC_REQUIRE(FromEigen<Eigen::MatrixXf&> && FromEigen<Eigen::MatrixXf> && !FromEigen<const Eigen::MatrixXf&>);
  STATIC_REQUIRE(!FromEigen<Eigen::Map<const Eigen::MatrixXf>&>);
  STATIC_REQUIRE(!FromEigen<Eigen::Matrix<unsigned, 2, 2>&>);
}

TEST_CASE("a tensor as a span") {
  auto x = tensor<float>({{1, 2}, {3, 4}});
  const std::span<float> s = as_span(x);
  CHECK(s.size() == 4);
  s[3] = 9;
  CHECK(x[1][1].item() == 9);
  CHECK(std::accumulate(s.begin(), s.end(), 0.0f) == 15);
  const auto& constant = x;
  static_assert(std::same_as<decltype(as_span(constant)), std::span<const float>>);
  CHECK(as_span(constant).data() == x.data_ptr());
  auto t = transpose(x, 0, 1);
  check_error<ShapeError>([&] { return as_span(t).size(); }, "is not dense: use contiguous()");
  auto nothing = zeros({0});
  CHECK(as_span(nothing).empty());
}

TEST_CASE("a span as a tensor") {
  std::vector<double> v{1, 2, 3, 4, 5, 6};
  auto x = from_span(std::span(v));
  CHECK(x.shape() == Shape{6});
  x.data_ptr()[0] = 9;
  CHECK(v[0] == 9);
  CHECK(from_span(std::span(v), {2, 3})[1][0].item() == 4);
  check_error<ShapeError>([&] { return from_span(std::span(v), {4}); }, "6 values do not fill the shape (4,) of 4");
}
