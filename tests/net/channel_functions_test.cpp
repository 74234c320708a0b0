// Functions of one number with parameters for each channel.
#include <array>
#include <catch.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators.hpp>
#include <vector>

#include "one_gradient.hpp"

using namespace trimtab;
using test::OneGradient;

TEST_CASE("PRelu and ChannelAffine: parameters of each channel, and their gradients", "[elementwise]") {
  const std::vector<float> x{-1, -2, 3, 1, -4, -5};  // two places of three channels
  const std::vector<float> grad_y{1, 10, 100, 2, 20, 200};
  const Extents extent{2, 3};
  const TensorView<const float> in(x.data(), extent), g(grad_y.data(), extent);
  std::vector<float> y(6), first(3, 1.0F), second(3, 1.0F);
  OneGradient grad_x(extent);

  const Operator prelu = PRelu{{0.5F, 0.25F, 2.0F}};
  prelu->forward(FloatInputs(&in, 1), TensorView<float>(y.data(), extent));
  CHECK(y == std::vector<float>{-0.5F, -0.5F, 3, 1, -1, -10});
  std::array<TensorView<float>, 2> to{TensorView<float>(first.data(), {3}), TensorView<float>(second.data(), {3})};
  prelu->backward({FloatInputs(&in, 1), in, g, {}, grad_x, std::span<const TensorView<float>>(to.data(), 1)});
  CHECK(grad_x.grad == std::vector<float>{0.5F, 2.5F, 100, 2, 5, 400});
  CHECK(first == std::vector<float>{0, 1 - 20 - 80, 1 - 1000});  // added to the 1 that was there

  first.assign(3, 0.0F), second.assign(3, 0.0F);
  const Operator affine = ChannelAffine{{2, 3, 4}, {1, 1, 1}};
  affine->backward({FloatInputs(&in, 1), in, g, {}, grad_x, to});
  CHECK(grad_x.grad == std::vector<float>{2, 30, 400, 4, 60, 800});
  CHECK(first == std::vector<float>{-1 + 2, -20 - 80, 300 - 1000});
  CHECK(second == std::vector<float>{3, 30, 300});

  Network n;
  const NodeId input = n.add(Input{{4, 4, 3}}, {});
  CHECK_THROWS_AS(n.add(PRelu{{0.5F, 0.5F}}, {input}), shape_error);
  CHECK_THROWS_AS(n.add(Celu{0.0F}, {input}), value_error);
  CHECK_NOTHROW(n.add(PRelu{{0.5F}}, {input}));
}
