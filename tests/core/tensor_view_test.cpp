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

TEST_CASE("parallel_sum: the same bits on any number of threads", "[core]") {
  std::vector<float> x(100003);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1.0F / static_cast<float>(i + 1);
  const auto sum = [&] {
    return parallel_sum(x.size(), 1000, 0.0F, [&](std::size_t b, std::size_t e) {
      float s = 0;
      for (std::size_t i = b; i < e; ++i) s += x[i];
      return s;
    });
  };
  const ScopedThreads one(1);
  const float on_one = sum();
  for (int t : {2, 3, 7}) {
    const ScopedThreads several(t);
    CHECK(sum() == on_one);
  }
}

TEST_CASE("parallel_for_workers: each piece once, after its worker has started, on any number of threads", "[core]") {
  for (const int t : {1, 2, 3, 70}) {  // 70: more than there are shares
    const ScopedThreads scope(t);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
      CAPTURE(t, count);
      std::vector<int> started(static_cast<std::size_t>(t)), runs(count), late(count);
      parallel_for_workers(
          count, [&](std::size_t worker) { ++started[worker]; },
          [&](std::size_t worker, std::size_t i) {
            ++runs[i];
            late[i] = started[worker] != 1;
          });
      CHECK(runs == std::vector<int>(count, 1));
      CHECK(late == std::vector<int>(count, 0));
      CHECK(*std::max_element(started.begin(), started.end()) == (count > 0 ? 1 : 0));
    }
  }
}

TEST_CASE("even_pieces: as many for each thread, none longer than allowed", "[core]") {
  const ScopedThreads two(2);
  CHECK(even_pieces(14, 4) == 4);  // 3 4 3 4 rows, not 4 4 4 2
  CHECK(even_pieces(7, 4) == 2);
  CHECK(even_pieces(7, 1) == 7);
  CHECK(even_pieces(129, 128) == 2);
  CHECK(even_pieces(1, 128) == 1);
  CHECK(even_pieces(0, 128) == 1);
}

TEST_CASE("parallel_for: an exception in a body reaches the caller", "[core]") {
  const ScopedThreads two(2);
  CHECK_THROWS_AS(parallel_for(8, [](std::size_t i) { if (i == 5) throw value_error("five"); }), value_error);
  CHECK_THROWS_AS(set_threads(0), value_error);
}
