#include <catch.hpp>
#include <largest_difference.hpp>
#include <small_network.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/passes/fold.hpp>

using namespace trimtab;
using test::random_tensor;

namespace {

BatchNorm random_batch_norm(std::size_t channels, std::mt19937& random) {
  BatchNorm bn{random_tensor<1>({channels}, random), random_tensor<1>({channels}, random), random_tensor<1>({channels}, random),
               random_tensor<1>({channels}, random), 1e-3F};
  for (float& v : bn.variance) v = v * v;
  return bn;
}

}  // namespace

TEST_CASE("fold_batch_norm and fuse_clips: the same function of fewer nodes", "[net]") {
  std::mt19937 random(7);
  Network n;
  NodeId x = n.add(Input{{6, 6, 4}}, {});
  x = n.add(BatchNorm(random_batch_norm(4, random)), {x});  // nothing to fold into
  x = n.add(Conv2d{random_tensor<4>({8, 3, 3, 4}, random), {}, {}}, {x}, "conv");
  x = n.add(BatchNorm(random_batch_norm(8, random)), {x});
  x = n.add(relu6, {x});
  x = n.add(DepthwiseConv2d{random_tensor<3>({3, 3, 8}, random), random_tensor<1>({8}, random), {}}, {x}, "dw");
  x = n.add(BatchNorm(random_batch_norm(8, random)), {x});
  x = n.add(Clip{-1.0F, 5.0F}, {x});
  x = n.add(relu, {x});
  x = n.add(Flatten{}, {x});
  n.add(Linear{random_tensor<2>({3, 32}, random), random_tensor<1>({3}, random)}, {x});

  const Network folded = fold_batch_norm(n), fused = fuse_clips(folded);
  CHECK(folded.size() == n.size() - 2);
  CHECK(fused.size() == 6);
  CHECK(fused[2].clip == relu6);
  CHECK(fused[3].clip == Clip{0.0F, 5.0F});
  CHECK(fused[1].op.is<ChannelAffine>());
  const Array in = test::random_pictures(n, 3, 5);
  const Array y = run(n, in);
  CHECK(test::largest_difference(y, run(folded, in)) < 1e-3);
  CHECK(test::largest_difference(run(folded, in), run(fused, in)) == 0.0);
}

TEST_CASE("fuse_clips: a node that something else reads keeps its clip apart", "[net]") {
  Network n;
  const NodeId x = n.add(Input{{2, 2, 3}}, {});
  const NodeId sum = n.add(Add{}, {x, x});
  const NodeId clipped = n.add(relu, {sum});
  n.add(Add{}, {sum, clipped});
  const Network fused = fuse_clips(n);
  CHECK(fused.size() == 4);
  const Array in = test::random_pictures(n, 1, 5);
  CHECK(test::largest_difference(run(n, in), run(fused, in)) == 0.0);
}

TEST_CASE("Network::add: what does not fit is named", "[net]") {
  Network n;
  const NodeId x = n.add(Input{{4, 4, 3}}, {});
  CHECK_THROWS_AS(n.add(relu, {5}), value_error);
  CHECK_THROWS_AS(n.add(Add{}, {x}), value_error);
  CHECK_THROWS_WITH(n.add(Conv2d{xt::xtensor<float, 4>::from_shape({2, 1, 1, 4}), {}, {}}, {x}, "expand"),
                    ContainsSubstring("expand") && ContainsSubstring("4 numbers, expected 3"));
  CHECK_THROWS_AS(n.add(Linear{xt::xtensor<float, 2>::from_shape({2, 48}), {}}, {x}), shape_error);
  CHECK_THROWS_AS(run(n, Array::from_shape({1, 4, 4, 4})), shape_error);
  CHECK_THROWS_AS(Network().input(), unsupported_error);
}
