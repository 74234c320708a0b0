#include <catch.hpp>
#include <limits>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/transform/correct_bias.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("mean_shift: weight errors times input means, by hand, for every layout", "[transform]") {
  const std::vector<double> mean{10, 100};
  const xt::xtensor<double, 2> w{{1, 2}, {3, 4}, {5, 6}}, q{{1.5, 2}, {3, 3.5}, {6, 7}};  // O I
  CHECK(mean_shift(w, q, 0, 1, mean) == std::vector<double>{5, -50, 110});

  // KH 1, KW 2, C 2: both taps of a channel see the same mean.
  const xt::xtensor<double, 3> dw{{{1, 2}, {3, 4}}}, dq{{{1.5, 2}, {3.5, 3}}};
  CHECK(mean_shift(dw, dq, 2, 2, mean) == std::vector<double>{10, -100});

  // O 2, KH 1, KW 2, I 2.
  const xt::xtensor<double, 4> cw{{{{1, 1}, {1, 1}}}, {{{1, 1}, {1, 1}}}}, cq{{{{2, 1}, {1, 2}}}, {{{1, 1}, {0, 1}}}};
  CHECK(mean_shift(cw, cq, 0, 3, mean) == std::vector<double>{110, -10});

  // Two groups of one input each: O 2, KH 1, KW 1, I/groups 1.
  const xt::xtensor<double, 4> gw{{{{1}}}, {{{1}}}}, gq{{{{2}}}, {{{3}}}};
  CHECK(mean_shift(gw, gq, 0, 3, mean, 2) == std::vector<double>{10, 200});
}

TEST_CASE("correct_bias: afterwards the mean output of the quantized layer is the float layer's", "[transform]") {
  const xt::xtensor<double, 2> w{{0.3, -0.7, 0.2}, {0.9, 0.4, -0.1}}, q{{0.25, -0.75, 0.25}, {1, 0.5, 0}};
  const std::vector<std::vector<double>> x{{1, 2, 3}, {4, 0, 1}, {-2, 5, 2}};
  std::vector<double> mean(3, 0.0), bias{0.5, -0.5};
  for (const auto& row : x)
    for (std::size_t i = 0; i < 3; ++i) mean[i] += row[i] / 3;
  const auto mean_output = [&](const xt::xtensor<double, 2>& weight, const std::vector<double>& b, std::size_t o) {
    double sum = 0;
    for (const auto& row : x) {
      sum += b[o];
      for (std::size_t i = 0; i < 3; ++i) sum += weight(o, i) * row[i];
    }
    return sum / 3;
  };
  const std::vector<double> old = bias;
  correct_bias(bias, mean_shift(w, q, 0, 1, mean));
  for (std::size_t o = 0; o < 2; ++o) {
    CHECK(std::abs(mean_output(q, bias, o) - mean_output(w, old, o)) < 1e-15);
    CHECK(std::abs(mean_output(q, old, o) - mean_output(w, old, o)) > 0.05);
  }
}

TEST_CASE("bias correction: what does not fit is refused, and nothing changes", "[transform]") {
  const xt::xtensor<double, 2> w{{1, 2}, {3, 4}}, three{{1, 2, 3}, {4, 5, 6}};
  const std::vector<double> mean{1, 1};
  CHECK_THROWS_AS(mean_shift(w, three, 0, 1, mean), shape_error);
  CHECK_THROWS_AS(mean_shift(three, three, 0, 1, mean), shape_error);
  CHECK_THROWS_AS(mean_shift(w, w, 0, 2, mean), shape_error);
  CHECK_THROWS_AS(mean_shift(w, w, 0, 1, mean, 2), shape_error);
  CHECK_THROWS_AS(mean_shift(w, w, 0, 1, mean, 0), shape_error);
  std::vector<double> bias{1, 2};
  CHECK_THROWS_AS(correct_bias(bias, std::vector<double>{1}), shape_error);
  CHECK_THROWS_AS(correct_bias(bias, std::vector<double>{1, std::numeric_limits<double>::infinity()}), value_error);
  CHECK(bias == std::vector<double>{1, 2});
}
