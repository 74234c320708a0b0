#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <functional>
#include <node_named.hpp>
#include <string>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/operators/spellings/fuse_activations.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <vector>

#include "small_network.hpp"

using namespace trimtab;

namespace {

/// Writes a function of x as exporters do.
struct Speller {
  Network n;
  NodeId x = n.add(Input{{3, 4, 6}}, {});

  NodeId k(float value) {
    Constant c{xt::xarray<float>::from_shape({1})};
    c.value.data()[0] = value;
    return n.add(std::move(c), {});
  }
  NodeId channels(std::vector<float> values) {
    Constant c{xt::xarray<float>::from_shape({1, 1, values.size()})};
    std::copy(values.begin(), values.end(), c.value.data());
    return n.add(std::move(c), {});
  }
  NodeId add(NodeId a, NodeId b) { return n.add(Add{}, {a, b}); }
  NodeId sub(NodeId a, NodeId b) { return n.add(Sub{}, {a, b}); }
  NodeId mul(NodeId a, NodeId b) { return n.add(Mul{}, {a, b}); }
  NodeId div(NodeId a, NodeId b) { return n.add(Div{}, {a, b}); }
  NodeId max(NodeId a, NodeId b) { return n.add(Max{}, {a, b}); }
  NodeId min(NodeId a, NodeId b) { return n.add(Min{}, {a, b}); }
  NodeId of(Operator op, NodeId a, Clip clip = no_clip) { return n.add(std::move(op), {a}, {}, clip); }
  NodeId affine(float scale, float offset, NodeId a, Clip clip = no_clip) {
    return of(ChannelAffine{{scale}, {offset}}, a, clip);
  }
  NodeId relu6_of(NodeId a) { return of(Clip{0, 6}, a); }
};

/// The operators that are left, after a check that they compute the same. Rounding: a few units in the last place of numbers
/// below 10.
std::string fused_names(const std::function<NodeId(Speller&)>& spell) {
  Speller s;
  s.n.set_output(spell(s));
  const Network fused = fuse_activations(s.n);
  Array x = test::random_pictures(s.n, 2, 1);
  for (float& v : x) v *= 8;
  const Array expected = run(s.n, x), y = run(fused, x);
  REQUIRE(y.shape() == expected.shape());
  for (std::size_t i = 0; i < y.size(); ++i)
    if (!(std::abs(y.data()[i] - expected.data()[i]) <= 2e-5F)) {
      CAPTURE(test::operator_names(fused), i, y.data()[i], expected.data()[i]);
      FAIL_CHECK("fused computes something else");
      break;
    }
  CHECK(fused[fused.output()].name == s.n[s.n.output()].name);
  return test::operator_names(fused);
}

}  // namespace

TEST_CASE("fuse_activations: every spelling of an activation becomes one operator that computes the same", "[fuse_activations]") {
  using S = Speller&;
  const float root_half = std::sqrt(0.5F), root_2_pi = std::sqrt(2 / 3.14159265F);
  struct Spelling {
    const char* expected;
    std::function<NodeId(S)> spell;
  };
  const auto hard = [](S s) { return s.relu6_of(s.add(s.x, s.k(3))); };
  const auto erf = [=](S s) { return s.of(Erf{}, s.div(s.x, s.k(std::sqrt(2.0F)))); };
  const auto cube = [](S s) { return s.of(Pow{3}, s.x); };
  const auto tanh_of_cubic = [=](S s, NodeId x3) {
    return s.of(Tanh{}, s.mul(s.k(root_2_pi), s.add(s.x, s.mul(s.k(0.044715F), x3))));
  };
  const std::vector<Spelling> spellings{
      {"Silu", [](S s) { return s.mul(s.x, s.of(Sigmoid{}, s.x)); }},
      {"Silu", [](S s) { return s.mul(s.of(Sigmoid{}, s.x), s.x); }},
      {"Silu ChannelAffine", [](S s) { return s.mul(s.k(0.5F), s.mul(s.of(Sigmoid{}, s.x), s.x)); }},
      {"ChannelAffine Silu ChannelAffine", [](S s) { return s.mul(s.x, s.of(Sigmoid{}, s.mul(s.x, s.k(1.702F)))); }},
      {"ChannelAffine Silu ChannelAffine", [](S s) { return s.mul(s.of(Sigmoid{}, s.affine(-2, 0, s.x)), s.x); }},
      {"HardSigmoid", [=](S s) { return s.div(hard(s), s.k(6)); }},
      {"HardSigmoid", [=](S s) { return s.mul(hard(s), s.k(1.0F / 6)); }},
      {"HardSigmoid",
       [](S s) {
         return s.affine(1.0F / 6, 0, s.affine(1, 3, s.x, {0, 6}));
       }},
      {"HardSigmoid", [](S s) { return s.div(s.min(s.max(s.add(s.x, s.k(3)), s.k(0)), s.k(6)), s.k(6)); }},
      {"HardSwish",
       [](S s) {
         return s.mul(s.x, s.of(HardSigmoid{1.0F / 6, 0.5F}, s.x));
       }},
      {"HardSwish", [=](S s) { return s.div(s.mul(s.x, hard(s)), s.k(6)); }},
      {"HardSwish", [=](S s) { return s.mul(s.mul(hard(s), s.x), s.k(1.0F / 6)); }},
      {"HardSwish", [=](S s) { return s.mul(s.x, s.div(hard(s), s.k(6))); }},
      {"HardSwish", [=](S s) { return s.mul(s.mul(s.x, s.k(1.0F / 6)), hard(s)); }},
      {"HardSwish",
       [](S s) {
         return s.mul(s.x, s.of(Clip{0, 1}, s.affine(1.0F / 6, 0.5F, s.x)));
       }},
      {"HardSwish", [](S s) { return s.affine(1.0F / 6, 0, s.mul(s.affine(1, 3, s.x, relu6), s.x)); }},
      {"Gelu", [=](S s) { return s.mul(s.mul(s.x, s.add(erf(s), s.k(1))), s.k(0.5F)); }},
      {"Gelu", [=](S s) { return s.mul(s.mul(s.k(0.5F), s.x), s.add(s.k(1), erf(s))); }},
      {"Gelu", [=](S s) { return s.mul(s.x, s.mul(s.k(0.5F), s.add(s.k(1), erf(s)))); }},
      {"Gelu", [=](S s) { return s.mul(s.mul(s.add(s.of(Erf{}, s.mul(s.x, s.k(root_half))), s.k(1)), s.k(0.5F)), s.x); }},
      {"Gelu", [=](S s) { return s.mul(s.mul(s.x, s.k(0.5F)), s.add(s.k(1), tanh_of_cubic(s, cube(s)))); }},
      {"Gelu", [=](S s) { return s.mul(s.x, s.affine(0.5F, 0.5F, tanh_of_cubic(s, s.mul(s.mul(s.x, s.x), s.x)))); }},
      {"Gelu",
       [=](S s) {
         const NodeId inner = s.mul(s.mul(s.x, s.k(root_2_pi)), s.add(s.k(1), s.mul(s.mul(s.x, s.k(0.044715F)), s.x)));
         return s.mul(s.k(0.5F), s.mul(s.x, s.add(s.k(1), s.of(Tanh{}, inner))));
       }},
      {"Mish", [](S s) { return s.mul(s.x, s.of(Tanh{}, s.of(Softplus{}, s.x))); }},
      {"Mish", [](S s) { return s.mul(s.of(Tanh{}, s.of(Log{}, s.add(s.of(Exp{}, s.x), s.k(1)))), s.x); }},
      {"Softplus", [](S s) { return s.of(Log{}, s.add(s.k(1), s.of(Exp{}, s.x))); }},
      {"LeakyRelu", [](S s) { return s.max(s.x, s.mul(s.x, s.k(0.1F))); }},
      {"LeakyRelu", [](S s) { return s.max(s.mul(s.k(-0.25F), s.x), s.x); }},
      {"LeakyRelu", [](S s) { return s.min(s.x, s.mul(s.x, s.k(3))); }},
      {"Clip", [](S s) { return s.min(s.max(s.x, s.k(-1)), s.k(2)); }},
      {"Clip", [](S s) { return s.max(s.k(-1), s.min(s.k(2), s.x)); }},
      {"Exp Reciprocal", [](S s) { return s.div(s.k(1), s.of(Exp{}, s.x)); }},
      {"Pow", [](S s) { return s.mul(s.x, s.x); }},
      {"ChannelAffine", [](S s) { return s.sub(s.k(1), s.div(s.add(s.x, s.k(2)), s.k(4))); }},
      {"ChannelAffine",
       [](S s) {
         return s.mul(s.channels({1, 2, 3, 4, 5, 6}), s.sub(s.x, s.channels({6, 5, 4, 3, 2, 1})));
       }},
      {"ChannelAffine", [](S s) { return s.of(Neg{}, s.affine(2, 3, s.x)); }},
      {"ChannelAffine",
       [](S s) {
         return s.affine(2, 3, s.of(ChannelAffine{{1, 2, 3, 4, 5, 6}, {1, 1, 1, 1, 1, 1}}, s.x));
       }},
  };
  for (std::size_t i = 0; i < spellings.size(); ++i) {
    CAPTURE(i);
    CHECK(fused_names(spellings[i].spell) == spellings[i].expected);
  }
}

TEST_CASE("fuse_activations: what computes something else stays as it is", "[fuse_activations]") {
  using S = Speller&;
  CHECK(fused_names([](S s) { return s.mul(s.x, s.of(Sigmoid{}, s.x, {0.25F, 0.5F})); }) == "Sigmoid Mul");
  CHECK(fused_names([](S s) { return s.mul(s.x, s.of(Sigmoid{}, s.add(s.x, s.k(1)))); }) == "ChannelAffine Sigmoid Mul");
  CHECK(fused_names([](S s) { return s.mul(s.x, s.of(HardSigmoid{}, s.x)); }) == "HardSigmoid Mul");
  CHECK(fused_names([](S s) { return s.div(s.relu6_of(s.add(s.x, s.k(3))), s.k(5)); }) == "ChannelAffine Clip ChannelAffine");
  CHECK(fused_names([](S s) { return s.mul(s.x, s.affine(0.5F, 0.5F, s.of(Erf{}, s.x))); }) == "Erf ChannelAffine Mul");
  CHECK(fused_names([](S s) {
          const NodeId other = s.of(Abs{}, s.x);
          return s.mul(other, s.of(Tanh{}, s.of(Softplus{}, s.x)));
        }) == "Abs Softplus Tanh Mul");
  CHECK(fused_names([](S s) { return s.max(s.x, s.mul(s.x, s.k(2))); }) == "ChannelAffine Max");
  CHECK(fused_names([](S s) { return s.max(s.x, s.channels({1, 2, 3, 4, 5, 6})); }) == "Constant Max");
  CHECK(fused_names([](S s) { return s.of(Log{}, s.add(s.of(Exp{}, s.x), s.k(2))); }) == "Exp ChannelAffine Log");
  CHECK(fused_names([](S s) { return s.affine(2, 1, s.affine(2, 1, s.x, relu)); }) == "ChannelAffine ChannelAffine");
  CHECK(fused_names([](S s) { return s.of(Neg{}, s.x); }) == "Neg");
}

TEST_CASE("fuse_activations: parts that something else reads, or that are outputs, stay", "[fuse_activations]") {
  Speller s;
  const NodeId gate = s.of(Sigmoid{}, s.x), swish = s.mul(s.x, gate);
  s.n.set_outputs({swish, gate});
  CHECK(test::operator_names(fuse_activations(s.n)) == "Sigmoid Mul");
  s.n.set_outputs({s.add(swish, gate)});
  CHECK(test::operator_names(fuse_activations(s.n)) == "Sigmoid Mul Add");
  s.n.set_output(swish);  // what reads the gate too is not needed any more
  CHECK(test::operator_names(fuse_activations(s.n)) == "Silu");
  CHECK(fuse_activations(s.n).inputs().size() == 1);
}

TEST_CASE("fuse_activations: the last part's clip stays; a constant that makes the output larger is no channel's",
          "[fuse_activations]") {
  Speller s;
  s.n.add(Mul{}, {s.x, s.of(Sigmoid{}, s.x)}, "swish", {0, 1});
  const Network fused = fuse_activations(s.n);
  CHECK(test::operator_names(fused) == "Silu");
  CHECK(fused[fused.output()].clip == Clip{0, 1});

  Network n;
  const NodeId x = n.add(Input{{1}}, {});
  n.add(Add{}, {x, n.add(Constant{{1.0F, 2.0F, 3.0F}}, {})});
  CHECK(test::operator_names(fuse_activations(n)) == "Constant Add");
}

TEST_CASE("fuse_activations: constants after a layer fold into it", "[fuse_activations]") {
  std::mt19937 random(3);
  Speller s;
  const NodeId layer = s.of(Conv2d{test::random_tensor<4>({6, 1, 1, 6}, random), {}, {}}, s.x);
  s.n.set_output(s.of(Neg{}, s.mul(s.channels({1, 2, 3, 4, 5, 6}), s.sub(s.k(1), layer))));
  const Network folded = fold_batch_norm(fuse_activations(s.n));
  CHECK(test::operator_names(folded) == "Conv2d");
  const Array x = test::random_pictures(s.n, 2, 1), expected = run(s.n, x), y = run(folded, x);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(y.data()[i] == Approx(expected.data()[i]).margin(1e-4));
}
