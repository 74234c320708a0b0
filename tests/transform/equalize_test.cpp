#include <catch.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/transform/equalize.hpp>
#include <vector>

using namespace trimtab;
using Catch::Matchers::WithinRel;

namespace {

/// Largest weights 8, 0.5, 3 before and 2, 2, 0 after.
struct Pair {
  xt::xtensor<double, 2> first{{8, 1}, {0.25, -0.5}, {3, 3}};
  std::vector<double> bias{1, 2, 3};
  xt::xtensor<double, 2> second{{-2, 2, 0}};
};

}  // namespace

TEST_CASE("equalize: both layers meet at sqrt(r1 r2) in every channel", "[transform]") {
  Pair p;
  const Rescaling r = equalize(p.first, p.bias, p.second, std::vector<double>{}, no_upper_bound);
  CHECK(r.factors == std::vector<double>{0.5, 2, 1});  // sqrt(2 / 8), sqrt(2 / 0.5), and a channel that nothing reads
  CHECK((p.first == xt::xtensor<double, 2>{{4, 0.5}, {0.5, -1}, {3, 3}}));
  CHECK(p.bias == std::vector<double>{0.5, 4, 3});
  CHECK((p.second == xt::xtensor<double, 2>{{-4, 1, 0}}));
  CHECK(channel_thresholds(p.first, 0) == std::vector<double>{4, 1, 3});
  CHECK(channel_thresholds(p.second, 1) == std::vector<double>{4, 1, 0});
  CHECK(r.largest_change == 0);
  const Rescaling again = equalize(p.first, p.bias, p.second, std::vector<double>{}, no_upper_bound);
  CHECK(again.factors == std::vector<double>{1, 1, 1});
}

TEST_CASE("equalize: under ReLU6 locked channels stay and set the level, others stay below 6", "[transform]") {
  Pair p;
  const Rescaling r = equalize(p.first, p.bias, p.second, std::vector<double>{6, 2, 1}, 6);
  CHECK(r.locked == std::vector<std::size_t>{0});
  CHECK(r.control_value == 2);                       // sqrt(8 / 2)
  CHECK(r.factors == std::vector<double>{1, 3, 1});  // 2 / 0.5 = 4, but 2 * 4 would pass 6
  CHECK_THAT(r.largest_change + 1, WithinRel(1.0, 1e-14));
}
