#include <catch.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/operators/input.hpp>
#include <trimtab/net/operators/linear.hpp>

using namespace trimtab;

namespace {

Linear linear(std::size_t outputs, std::size_t inputs) {
  return {xt::ones<float>({outputs, inputs}), xt::zeros<float>({outputs})};
}

}  // namespace

TEST_CASE("Network: weights may be changed in place, extents may not", "[net]") {
  Network n;
  NodeId at = n.add(Input{{3}}, {}, "x");
  const NodeId first = n.add(linear(4, 3), {at}, "first");
  n.add(linear(2, 4), {first}, "second");
  const Array x = xt::ones<float>({1, 3});
  CHECK(run(n, x)(0, 0) == 12);
  n[first].op->weighted()->weight().data[0] = 2;
  CHECK(run(n, x)(0, 0) == 13);
  n[first].op = linear(5, 3);
  CHECK_THROWS_WITH(run(n, x),
                    "Network: node first was changed in place and gives extents [5], not [4] as when it was added; build the "
                    "network anew");
}

TEST_CASE("Network: outputs are nodes that there are", "[net]") {
  Network n;
  n.add(Input{{3}}, {}, "x");
  CHECK_THROWS_AS(n.set_output(1), value_error);
  CHECK_THROWS_AS(n.set_outputs({}), value_error);
  CHECK(n.output() == 0);
}
