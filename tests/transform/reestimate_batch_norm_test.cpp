#include <catch.hpp>
#include <limits>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/transform/reestimate_batch_norm.hpp>
#include <vector>

using namespace trimtab;

TEST_CASE("reestimate_batch_norm: by hand", "[transform]") {
  xt::xtensor<double, 2> w{{1, 2}, {3, 4}, {5, 6}, {7, 8}};
  std::vector<double> bias{1, 1, 1, 1};
  // A channel twice too narrow, one dead, one a hundred times too wide (limited to half), one that fits.
  const ChannelMoments got{{0.5, 2, 4, 0}, {1, 0, 1e4, 9}}, wanted{{1, 0, 5, 0}, {4, 3, 1, 9}};
  reestimate_batch_norm(w, 0, bias, got, wanted);
  CHECK((w == xt::xtensor<double, 2>{{2, 4}, {3, 4}, {2.5, 3}, {7, 8}}));
  CHECK(bias == std::vector<double>{2 * 0.5 + 1, -1, 0.5 * -3 + 5, 1});
}

TEST_CASE("reestimate_batch_norm: refuses what does not fit, and changes nothing then", "[transform]") {
  xt::xtensor<double, 2> w{{1, 2}, {3, 4}};
  const xt::xtensor<double, 2> before = w;
  std::vector<double> bias{1, 1}, three{1, 1, 1};
  const ChannelMoments good{{0, 0}, {2, 1}}, wanted{{0, 0}, {1, 1}}, few{{0}, {1}},
      bad{{0, std::numeric_limits<double>::quiet_NaN()}, {1, 1}};
  CHECK_THROWS_WITH(reestimate_batch_norm(w, 0, bias, few, wanted), "reestimate_batch_norm: 1 moments for 2 channels");
  CHECK_THROWS_AS(reestimate_batch_norm(w, 0, bias, good, bad), value_error);
  CHECK_THROWS_WITH(reestimate_batch_norm(w, 0, three, {{0, 0, 0}, {1, 1, 1}}, {{0, 0, 0}, {1, 1, 1}}),
                    "reestimate_batch_norm: 3 biases for 2 channels");
  CHECK_THROWS_AS(reestimate_batch_norm(w, 2, bias, good, wanted), shape_error);
  CHECK((w == before));
  CHECK(bias == std::vector<double>{1, 1});
}
