#include <catch.hpp>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/channel_runs.hpp>
#include <unsupported/Eigen/CXX11/Tensor>
#include <vector>

#if __has_include(<xtensor/containers/xadapt.hpp>)  // since xtensor 0.26
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/misc/xmanipulation.hpp>
#include <xtensor/views/xstrided_view.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xview.hpp>
#endif

using namespace trimtab;

static_assert(Tensor<std::vector<float>> && Tensor<const std::vector<float>> && Tensor<std::span<const float>>);
static_assert(Tensor<xt::xarray<double>> && Tensor<Eigen::MatrixXf> && Tensor<const Eigen::ArrayXXd>);
static_assert(Tensor<Eigen::Map<const Eigen::MatrixXf>> && Tensor<Eigen::Tensor<float, 3>>);
static_assert(!Tensor<int> && !Tensor<float*>);
static_assert(std::is_same_v<value_t<const Eigen::MatrixXd>, double> && std::is_same_v<value_t<std::span<const float>>, float>);

TEST_CASE("view: every container at every index gives the container's own element", "[core]") {
  const auto check = [](auto& container, const Extents& extent) {
    const auto v = view(container);
    REQUIRE(v.extent == extent);
    CHECK(detail::is_dense(v));
    for (std::size_t i = 0; i < extent[0]; ++i)
      for (std::size_t j = 0; j < extent[1]; ++j)
        for (std::size_t k = 0; k < extent[2]; ++k) {
          const float* const seen =
              v.data + (static_cast<std::ptrdiff_t>(i) * v.stride[0] + static_cast<std::ptrdiff_t>(j) * v.stride[1] +
                        static_cast<std::ptrdiff_t>(k) * v.stride[2]);
          if constexpr (EigenTensor<std::remove_cvref_t<decltype(container)>>)
            CHECK(seen == &container(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(k)));
          else
            CHECK(seen == &container(i, j, k));
        }
  };
  xt::xtensor<float, 3> row = xt::xtensor<float, 3>::from_shape({2, 3, 4});
  xt::xtensor<float, 3, xt::layout_type::column_major> column({2, 3, 4});
  xt::xarray<float> array = xt::xarray<float>::from_shape({2, 3, 4});
  Eigen::Tensor<float, 3> e_column(2, 3, 4);
  Eigen::Tensor<float, 3, Eigen::RowMajor> e_row(2, 3, 4);
  Eigen::TensorMap<Eigen::Tensor<float, 3>> map(e_column.data(), 2, 3, 4);
  check(row, {2, 3, 4});
  check(column, {2, 3, 4});
  check(array, {2, 3, 4});
  check(e_column, {2, 3, 4});
  check(e_row, {2, 3, 4});
  check(map, {2, 3, 4});
}

TEST_CASE("view: a strided view of xtensor starts at its own first element", "[core]") {
  xt::xtensor<float, 2> x = xt::xtensor<float, 2>::from_shape({4, 6});
  auto part = xt::view(x, xt::range(1, 3), xt::range(2, 6, 2));
  const auto v = view(part);
  CHECK(v.extent == Extents{2, 2});
  CHECK(v.stride == Strides{6, 2});
  CHECK(v.data == &x(1, 2));
  CHECK_FALSE(detail::is_dense(v));
}

TEST_CASE("view: Eigen's vectors have rank 1, maps keep their strides", "[core]") {
  Eigen::VectorXf c(3);
  Eigen::RowVectorXf r(3);
  CHECK(view(c).extent == Extents{3});
  CHECK(view(r).stride == Strides{1});
  std::vector<float> data(24);
  Eigen::Map<Eigen::MatrixXf, 0, Eigen::OuterStride<>> m(data.data(), 3, 4, Eigen::OuterStride<>(6));
  CHECK(view(m).stride == Strides{1, 6});
  CHECK_FALSE(detail::is_dense(view(m)));
}

TEST_CASE("view: transposed views and references lie as the container behind them", "[core]") {
  Eigen::MatrixXf m(3, 4);
  auto transposed = m.transpose();
  CHECK(view(transposed).extent == Extents{4, 3});
  CHECK(view(transposed).stride == Strides{3, 1});
  CHECK(view(transposed).data == m.data());
  Eigen::Ref<Eigen::MatrixXf> columns = m.middleCols(1, 2);
  CHECK(view(columns).extent == Extents{3, 2});
  CHECK(view(columns).data == &m(0, 1));
  CHECK(detail::is_dense(view(columns)));
  Eigen::Ref<Eigen::MatrixXf, 0, Eigen::OuterStride<>> rows = m.topRows(2);
  CHECK(view(rows).stride == Strides{1, 3});
  CHECK_FALSE(detail::is_dense(view(rows)));
  const Eigen::Map<const Eigen::Matrix<float, 4, 3, Eigen::RowMajor>> map(m.data());
  CHECK(view(map).stride == Strides{3, 1});

  xt::xtensor<float, 2> x = xt::xtensor<float, 2>::from_shape({4, 6});
  auto turned = xt::transpose(x);
  CHECK(view(turned).extent == Extents{6, 4});
  CHECK(view(turned).stride == Strides{1, 6});
  CHECK(detail::is_dense(view(turned)));
  std::vector<float> data(6);
  auto adapted = xt::adapt(data, std::array<std::size_t, 2>{2, 3});
  CHECK(view(adapted).data == data.data());
  CHECK(view(adapted).stride == Strides{3, 1});
  auto strided = xt::strided_view(x, {xt::range(0, 4, 2), xt::all()});
  CHECK(view(strided).stride == Strides{12, 1});
}

TEST_CASE("channel_runs: outer x channels x inner of any dense layout", "[core]") {
  xt::xtensor<float, 4> row = xt::xtensor<float, 4>::from_shape({2, 3, 4, 5});
  CHECK(channel_runs(view(row), no_axis, "t") == ChannelRuns{1, 1, 120});
  CHECK(channel_runs(view(row), 0, "t") == ChannelRuns{1, 2, 60});
  CHECK(channel_runs(view(row), 1, "t") == ChannelRuns{2, 3, 20});
  CHECK(channel_runs(view(row), 3, "t") == ChannelRuns{24, 5, 1});
  xt::xtensor<float, 4, xt::layout_type::column_major> column({2, 3, 4, 5});
  CHECK(channel_runs(view(column), 0, "t") == ChannelRuns{60, 2, 1});
  CHECK(channel_runs(view(column), 3, "t") == ChannelRuns{1, 5, 24});
  // Axes 1 2 0 from slowest to fastest.
  const TensorView<const float> permuted(row.data(), {2, 3, 4}, {1, 8, 2});
  CHECK(channel_runs(permuted, 2, "t") == ChannelRuns{3, 4, 2});
  // An axis of extent 1 is one channel wherever it lies.
  CHECK(channel_runs(TensorView<const float>(row.data(), {3, 1, 4}, {1, 7, 3}), 1, "t") == ChannelRuns{1, 1, 12});
}

TEST_CASE("channel_runs: what has gaps or no such axis is refused", "[core]") {
  std::vector<float> x(24);
  CHECK_THROWS_WITH(channel_runs(view(x), 1, "quantize: x"), "quantize: x: axis 1 is beyond the rank of extents [24]");
  CHECK_THROWS_AS(channel_runs(TensorView<float>(x.data(), {2, 3}, {4, 1}), no_axis, "t"), shape_error);
  CHECK_THROWS_AS(channel_runs(TensorView<float>(x.data(), {2, 3}, {3, 0}), no_axis, "t"), shape_error);
  CHECK(channel_runs(TensorView<float>(x.data(), {4, 0}), 0, "t").size() == 0);
  const TensorView<float> a(x.data(), {2, 3}), b(x.data(), {3, 2});
  CHECK_THROWS_AS(require_same_layout(a, b, "t"), shape_error);
}

TEST_CASE("Fragments and Rows: every element once, with its channel, in pieces of any shape", "[core]") {
  const ChannelRuns runs =
      GENERATE(ChannelRuns{1, 1, 1}, ChannelRuns{1, 1, 40000}, ChannelRuns{2, 3, 16}, ChannelRuns{2, 3, 16385},
               ChannelRuns{7, 3, 1}, ChannelRuns{9, 1000, 1}, ChannelRuns{1001, 5, 15}, ChannelRuns{1, 4, 0});
  CAPTURE(runs.outer, runs.channels, runs.inner);
  const auto channel_at = [&](std::size_t i) { return i / runs.inner % runs.channels; };
  std::vector<int> seen(runs.size());
  bool right = true;
  const ScopedThreads one(1);
  if (detail::has_short_runs(runs)) {
    const detail::Rows rows(runs);
    std::vector<std::size_t> channel;
    rows.for_each_place([&](std::size_t i, std::size_t c) {
      right = right && i == channel.size();
      channel.push_back(c);
    });
    CHECK(channel.size() == rows.width);
    rows.for_each([&](std::size_t block, std::size_t begin, std::size_t n) {
      right = right && block < rows.blocks() && n <= rows.width;
      for (std::size_t i = 0; i < n; ++i) {
        right = right && channel[i] == channel_at(begin + i);
        ++seen[begin + i];
      }
    });
  } else {
    const detail::Fragments fragments(runs);
    fragments.for_each([&](std::size_t f, std::size_t c, std::size_t begin, std::size_t end) {
      right = right && f < fragments.count() && fragments.channel(f) == c && begin < end;
      for (std::size_t i = begin; i < end; ++i) {
        right = right && c == channel_at(i);
        ++seen[i];
      }
    });
  }
  CHECK(right);
  CHECK(seen == std::vector<int>(runs.size(), 1));
}
