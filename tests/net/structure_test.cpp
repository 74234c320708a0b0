#include <catch.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/report/structure.hpp>

using namespace trimtab;

TEST_CASE("structure_findings: a Concat of boxes and scores, a split SiLU, a gate of one sign", "[net]") {
  Network n;
  const NodeId x = n.add(Input{{2, 2, 4}}, {});
  const NodeId gate = n.add(GlobalAveragePool{}, {x}, "gate");
  const NodeId scaled = n.add(Mul{}, {x, gate}, "scaled");
  const NodeId half = n.add(Sigmoid{}, {scaled}, "half");
  const NodeId silu = n.add(Mul{}, {scaled, half}, "silu");
  n.add(Concat{}, {x, silu}, "heads");
  std::vector<Range<float>> ranges(n.size(), Range<float>{-1, 1});
  ranges[gate] = {0, 1};
  ranges[x] = {-640, 640};
  const auto found = structure_findings(n, ranges, {});
  REQUIRE(found.size() == 3);
  CHECK(found[0].node == gate);
  CHECK(found[0].text.find("gate (GlobalAveragePool) is spread over scaled and was never negative") != std::string::npos);
  CHECK(found[1].node == 5);
  CHECK(found[1].text.find("heads (Concat) joins grids whose steps differ 640 times") != std::string::npos);
  CHECK(found[2].text.find("half (Sigmoid) is part of an activation") != std::string::npos);

  ranges[x] = {-15, 15};  // steps differ 15 times
  CHECK(structure_findings(n, ranges, {.scheme = Scheme::asymmetric}).size() == 1);
  CHECK_THROWS_AS(structure_findings(n, std::span(ranges).first(2), {}), value_error);
}
