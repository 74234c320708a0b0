#include <catch.hpp>
#include <cmath>
#include <functional>
#include <node_named.hpp>
#include <string>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/operators/spellings/fuse_activations.hpp>
#include <trimtab/net/operators/spellings/fuse_norms.hpp>
#include <vector>

#include "small_network.hpp"

using namespace trimtab;

namespace {

/// Writes norms of x as exporters do.
struct NormSpeller {
  Network n;
  NodeId x = n.add(Input{{3, 4, 6}}, {});

  NodeId constant(const std::vector<std::size_t>& shape, float first) {
    Constant c{xt::xarray<float>::from_shape(shape)};
    for (std::size_t i = 0; i < c.value.size(); ++i) c.value.data()[i] = first + 0.25F * static_cast<float>(i % 5);
    return n.add(std::move(c), {});
  }
  NodeId k(float value) { return constant({}, value); }
  NodeId of(Operator op, NodeId a) { return n.add(std::move(op), {a}); }
  NodeId add(NodeId a, NodeId b) { return n.add(Add{}, {a, b}); }
  NodeId sub(NodeId a, NodeId b) { return n.add(Sub{}, {a, b}); }
  NodeId mul(NodeId a, NodeId b) { return n.add(Mul{}, {a, b}); }
  NodeId div(NodeId a, NodeId b) { return n.add(Div{}, {a, b}); }

  using Axes = std::vector<std::size_t>;
  NodeId mean(const Axes& axes, NodeId a) { return of(ReduceMean{axes, true}, a); }
  NodeId centered(const Axes& axes) { return sub(x, mean(axes, x)); }
  /// mean((x - mean)^2) + epsilon of an own x - mean.
  NodeId variance(const Axes& axes) { return add(mean(axes, of(Pow{2}, centered(axes))), k(1e-3F)); }
  NodeId sum_of_squares() { return of(ReduceSum{{2}, true}, mul(x, x)); }
};

Network fused(const std::function<NodeId(NormSpeller&)>& spell) {
  NormSpeller s;
  s.n.set_output(spell(s));
  Network result = fuse_norms(fuse_activations(s.n));
  const Array x = test::random_pictures(s.n, 2, 1), expected = run(s.n, x), y = run(result, x);
  REQUIRE(y.shape() == expected.shape());
  for (std::size_t i = 0; i < y.size(); ++i)
    if (!(std::abs(y.data()[i] - expected.data()[i]) <= 1e-4F * std::max(1.0F, std::abs(expected.data()[i])))) {
      CAPTURE(test::operator_names(result), i, y.data()[i], expected.data()[i]);
      FAIL_CHECK("fused computes something else");
      break;
    }
  CHECK(result[result.output()].name == s.n[s.n.output()].name);
  return result;
}

}  // namespace

TEST_CASE("fuse_norms: every spelling of a norm becomes one operator that computes the same", "[fuse_norms]") {
  using S = NormSpeller&;
  struct Spelling {
    const char* expected;
    std::function<NodeId(S)> spell;
  };
  const auto plain = [](S s, const NormSpeller::Axes& axes) {
    const NodeId d = s.centered(axes);
    return s.div(d, s.of(Sqrt{}, s.add(s.mean(axes, s.of(Pow{2}, d)), s.k(1e-3F))));
  };
  const auto scaled = [](S s, NodeId of, const std::vector<std::size_t>& shape) {
    return s.add(s.mul(of, s.constant(shape, 0.5F)), s.constant(shape, -1));
  };
  /// TensorFlow's batch_normalization.
  const auto shifted = [](S s, const NormSpeller::Axes& axes, NodeId r) {
    const NodeId by = s.mul(r, s.constant({6}, 0.5F));
    return s.add(s.mul(s.x, by), s.sub(s.constant({6}, -1), s.mul(s.mean(axes, s.x), by)));
  };
  const std::vector<Spelling> spellings{
      {"LayerNorm", [=](S s) { return scaled(s, plain(s, {2}), {6}); }},
      {"LayerNorm", [=](S s) { return plain(s, {2}); }},
      {"LayerNorm",
       [=](S s) {
         return scaled(s, plain(s, {1, 2}), {4, 6});
       }},
      {"LayerNorm",
       [=](S s) {
         return scaled(s, plain(s, {2, 1, 0}), {3, 4, 6});
       }},
      {"LayerNorm",
       [=](S s) {
         return scaled(s, plain(s, {0, 1, 2}), {6});
       }},
      {"LayerNorm", [](S s) { return s.div(s.centered({2}), s.of(Sqrt{}, s.variance({2}))); }},
      {"LayerNorm", [](S s) { return s.div(s.centered({2}), s.of(Pow{0.5F}, s.variance({2}))); }},
      {"LayerNorm", [](S s) { return s.mul(s.centered({2}), s.of(Pow{-0.5F}, s.variance({2}))); }},
      {"LayerNorm", [](S s) { return s.mul(s.of(Reciprocal{}, s.of(Sqrt{}, s.variance({2}))), s.centered({2})); }},
      {"LayerNorm", [](S s) { return s.mul(s.centered({2}), s.div(s.k(1), s.of(Sqrt{}, s.variance({2})))); }},
      {"LayerNorm", [=](S s) { return shifted(s, {2}, s.of(Pow{-0.5F}, s.variance({2}))); }},
      {"InstanceNorm",
       [=](S s) {
         return scaled(s, plain(s, {0, 1}), {1, 1, 6});
       }},
      {"InstanceNorm",
       [=](S s) {
         return scaled(s, plain(s, {1, 0}), {6});
       }},
      {"InstanceNorm",
       [=](S s) {
         return shifted(s, {0, 1}, s.of(Reciprocal{}, s.of(Sqrt{}, s.variance({0, 1}))));
       }},
      {"InstanceNorm",
       [](S s) {
         const NodeId d = s.sub(s.x, s.of(GlobalAveragePool{}, s.x));
         return s.div(d, s.of(Sqrt{}, s.add(s.of(GlobalAveragePool{}, s.mul(d, d)), s.k(1e-3F))));
       }},
      {"L2Norm",
       [](S s) {
         return s.div(s.x, s.of(ReduceL2{{2}, true}, s.x));
       }},
      {"L2Norm",
       [](S s) {
         return s.div(s.x, s.of(Expand{{3, 4, 6}}, s.of(Clip{0.5F, no_clip.hi}, s.of(ReduceL2{{2}, true}, s.x))));
       }},
      {"L2Norm",
       [](S s) {
         return s.div(s.x, s.n.add(Max{}, {s.of(ReduceL2{{0}, true}, s.x), s.k(0.5F)}));
       }},
      {"L2Norm", [](S s) { return s.div(s.x, s.of(Sqrt{}, s.sum_of_squares())); }},
      {"L2Norm", [](S s) { return s.div(s.x, s.of(Sqrt{}, s.add(s.sum_of_squares(), s.k(0.5F)))); }},
      {"L2Norm",
       [](S s) {
         return s.mul(s.x, s.of(Pow{-0.5F}, s.n.add(Max{}, {s.sum_of_squares(), s.k(2.5F)})));
       }},
      {"L2Norm",
       [](S s) {
         return s.mul(s.of(Reciprocal{}, s.of(Sqrt{}, s.n.add(Max{}, {s.sum_of_squares(), s.k(2.5F)}))), s.x);
       }},
      {"L2Norm ChannelAffine",
       [](S s) {
         return s.mul(s.div(s.x, s.of(ReduceL2{{2}, true}, s.x)), s.constant({6}, 20));
       }},
  };
  for (std::size_t i = 0; i < spellings.size(); ++i) {
    CAPTURE(i);
    CHECK(test::operator_names(fused(spellings[i].spell)) == spellings[i].expected);
  }
}

TEST_CASE("fuse_norms: gammas, betas and epsilons are those of the parts", "[fuse_norms]") {
  const Network n = fused([](NormSpeller& s) {
    const NodeId y = s.div(s.centered({2}), s.of(Sqrt{}, s.variance({2})));
    return s.add(s.mul(y, s.constant({6}, 0.5F)), s.constant({6}, -1));
  });
  const LayerNorm& l = n[n.output()].op.get<LayerNorm>();
  CHECK(l.gamma(1) == 0.75F);
  CHECK(l.beta(1) == -0.75F);
  CHECK(l.epsilon == 1e-3F);
  const Network m = fused([](NormSpeller& s) { return s.div(s.x, s.of(Sqrt{}, s.add(s.sum_of_squares(), s.k(0.5F)))); });
  CHECK(m[m.output()].op.get<L2Norm>().rule == L2Epsilon::added);
  CHECK(m[m.output()].op.get<L2Norm>().epsilon == 0.5F);
  const Network t = fused([](NormSpeller& s) {
    return s.mul(s.x, s.of(Pow{-0.5F}, s.n.add(Max{}, {s.sum_of_squares(), s.k(2.25F)})));
  });
  CHECK(t[t.output()].op.get<L2Norm>().rule == L2Epsilon::at_least);
  CHECK(t[t.output()].op.get<L2Norm>().epsilon == 1.5F);
}

TEST_CASE("fuse_norms: what computes something else stays as it is", "[fuse_norms]") {
  using S = NormSpeller&;
  const auto kept = [](const std::function<NodeId(S)>& spell) {
    const std::string all = test::operator_names(fused(spell));
    return all.find("Norm") == std::string::npos;
  };
  // Means over different axes, no epsilon, of something else, axes that are neither the last nor all but the last.
  CHECK(kept([](S s) { return s.div(s.centered({2}), s.of(Sqrt{}, s.variance({1, 2}))); }));
  CHECK(kept([](S s) { return s.div(s.centered({2}), s.of(Sqrt{}, s.mean({2}, s.of(Pow{2}, s.centered({2}))))); }));
  CHECK(kept([](S s) { return s.div(s.sub(s.of(Abs{}, s.x), s.mean({2}, s.x)), s.of(Sqrt{}, s.variance({2}))); }));
  CHECK(kept([](S s) { return s.div(s.centered({1}), s.of(Sqrt{}, s.variance({1}))); }));
  CHECK(kept([](S s) { return s.div(s.centered({2}), s.variance({2})); }));
  CHECK(kept([](S s) { return s.div(s.x, s.of(ReduceL2{{0, 1}, true}, s.x)); }));
  CHECK(kept([](S s) { return s.div(s.x, s.add(s.of(ReduceL2{{2}, true}, s.x), s.k(1))); }));
  CHECK(kept([](S s) { return s.div(s.of(Abs{}, s.x), s.of(ReduceL2{{2}, true}, s.x)); }));
  CHECK(kept([](S s) { return s.div(s.x, s.of(Clip{0.5F, 2}, s.of(ReduceL2{{2}, true}, s.x))); }));
  // An offset on gamma's side.
  CHECK(kept([](S s) {
    const NodeId by = s.add(s.of(Pow{-0.5F}, s.variance({2})), s.constant({6}, 0.5F));
    return s.add(s.mul(s.x, by), s.sub(s.constant({6}, -1), s.mul(s.mean({2}, s.x), by)));
  }));
}

TEST_CASE("fuse_norms: parts that something else reads stay for it; the last part's clip stays", "[fuse_norms]") {
  NormSpeller s;
  const NodeId d = s.centered({2});
  const NodeId y = s.n.add(Div{}, {d, s.of(Sqrt{}, s.add(s.mean({2}, s.of(Pow{2}, d)), s.k(1e-3F)))}, "normal", {0, 1});
  s.n.set_outputs({y, d});
  const Network n = fuse_norms(fuse_activations(s.n));
  CHECK(test::operator_names(n) == "ReduceMean Sub LayerNorm");
  CHECK(n[n.outputs()[0]].clip == Clip{0, 1});
  CHECK(n[n.outputs()[0]].name == "normal");

  NormSpeller t;  // a clip between norm and gamma keeps them apart
  const NodeId normal = t.n.add(Div{}, {t.centered({2}), t.of(Sqrt{}, t.variance({2}))}, "normal", {0, 1});
  t.n.set_output(t.mul(normal, t.constant({6}, 0.5F)));
  CHECK(test::operator_names(fuse_norms(fuse_activations(t.n))) == "LayerNorm ChannelAffine");
}
