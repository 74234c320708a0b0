#include <array>
#include <catch.hpp>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>

using namespace trimtab;

TEST_CASE("view: row-major containers give row-major strides, axes of extent 1 included", "[core]") {
  xt::xtensor<float, 3> x = xt::xtensor<float, 3>::from_shape({2, 1, 3});
  const auto v = view(x);
  CHECK(v.extent == Extents{2, 1, 3});
  CHECK(v.stride == Strides{3, 3, 1});
  CHECK(v.data == x.data());
  CHECK(detail::is_row_major(v));
}

TEST_CASE("view: Eigen's column-major matrix is dense but not row-major", "[core]") {
  Eigen::MatrixXd m(3, 4);
  const auto v = view(m);
  CHECK(v.extent == Extents{3, 4});
  CHECK(v.stride == Strides{1, 3});
  CHECK(detail::is_dense(v));
  CHECK_FALSE(detail::is_row_major(v));
  const Eigen::Matrix<double, 3, 4, Eigen::RowMajor> r = m;
  CHECK(detail::is_row_major(view(r)));
  const Eigen::Block<Eigen::MatrixXd> block = m.block(0, 0, 2, 4);
  CHECK_FALSE(detail::is_dense(view(block)));
}

TEST_CASE("view: a const container gives const elements", "[core]") {
  const std::vector<float> x{1, 2, 3};
  static_assert(std::is_same_v<decltype(view(x).data), const float*>);
  static_assert(std::is_same_v<value_t<const std::vector<float>>, float>);
  CHECK(view(x).extent == Extents{3});
}

TEST_CASE("dense_view: says what it wanted and what it got", "[core]") {
  std::vector<float> x(6);
  CHECK_THROWS_WITH(detail::dense_view(x, 4, "conv2d: x"), "conv2d: x: expected rank 4, got extents [6]");
  Eigen::MatrixXf m(2, 3);
  CHECK_THROWS_AS(detail::dense_view(m, 2, "linear: x"), shape_error);
}

TEST_CASE("window_geometry: output extents, lopsided padding, and what does not fit", "[core]") {
  WindowOptions o;
  o.stride_h = o.stride_w = 2;
  o.padding = {0, 0, 1, 1};
  const WindowGeometry g = window_geometry({1, 224, 224, 3}, 3, 3, 32, o, 1, "conv2d");
  CHECK(g.out_h == 112);
  CHECK(g.out_w == 112);
  CHECK(g.macs() == 112.0 * 112 * 32 * 27);
  CHECK_THROWS_AS(window_geometry({1, 2, 2, 3}, 5, 5, 8, {}, 1, "conv2d"), shape_error);
  CHECK_THROWS_AS(window_geometry({1, 8, 8, 3}, 3, 3, 8, {}, 2, "conv2d"), shape_error);
  CHECK_THROWS_AS(window_geometry({1, 8, 8, 4}, 0, 3, 8, {}, 2, "conv2d"), shape_error);
  CHECK_THROWS_AS(window_geometry({8, 8, 4}, 1, 3, 8, {}, 2, "conv2d"), shape_error);
}
