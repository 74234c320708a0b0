#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <limits>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <vector>

using namespace trimtab;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity(), not_a_number = std::numeric_limits<float>::quiet_NaN();

/// The documented formula, element by element, in double.
GridGradient naive_backward(const std::vector<float>& steps, StepInterval clip, StepInterval grid, std::vector<float>& grad) {
  GridGradient total;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const float q = clamp_to(steps[i], clip.lo, clip.hi), held = clamp_to(q, grid.lo, grid.hi);
    const double g = double(grad[i]);
    total += {g * double(round_half_even(held) - held), q < grid.lo ? g : 0.0, q > grid.hi ? g : 0.0};
    if (held != steps[i]) grad[i] = 0;
  }
  return total;
}

}  // namespace

TEST_CASE("steps_backward: gradients and sums are those of clip and rounding one by one, for every place of the clip", "[ops]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const StepInterval grid{-3, 4};
  const StepInterval clip = GENERATE(values<StepInterval>({{-infinity, infinity},  // none
                                                           {-3, 4},                // the grid's own ends
                                                           {0, infinity},          // ReLU
                                                           {0, 2.5F},              // ReLU6, inside the grid
                                                           {-1.25F, 6.5F},         // beyond one end
                                                           {-7, 1},                // beyond the other
                                                           {5, 6},                 // above the grid
                                                           {-6.5F, -5}}));         // below it
  CAPTURE(name(isa), clip.lo, clip.hi);
  std::vector<float> steps, grad;
  for (int i = 0; i < 5003; ++i) {  // two blocks of sums, and a rest that fills no vector
    steps.push_back(static_cast<float>(i * 37 % 161 - 80) / 8);
    grad.push_back(static_cast<float>(i % 16) / 4 - 1);  // so that all sums are exact
  }
  if (clip.lo <= grid.hi) steps[11] = not_a_number;  // counts as the lowest
  std::vector<float> wanted = grad;
  const GridGradient sums = naive_backward(steps, clip, grid, wanted),
                     got = steps_backward(steps.data(), steps.size(), clip, grid, grad.data());
  CHECK(grad == wanted);
  CHECK(got.residue == sums.residue);
  CHECK(got.below == sums.below);
  CHECK(got.above == sums.above);
}

TEST_CASE("steps_to_bytes: ties go to the even code, all else to the nearest, and NaN to the lowest", "[ops]") {
  const Isa isa = GENERATE(from_range(available_isas()));
  const ScopedIsa scope(isa);
  const Affine<float> grid{0.5F, 101, {3, 250}};
  std::vector<float> steps{not_a_number, -infinity, infinity, -1e30F, 1e30F,  0.5F, 1.5F,  -0.5F,
                           -1.5F,        148.5F,    149,      149.5F, -97.5F, -98,  -98.5F};
  for (int i = 0; i < 4000; ++i) steps.push_back(static_cast<float>(i) / 8 - 250);
  std::vector<std::uint8_t> bytes(steps.size());
  steps_to_bytes(steps.data(), steps.size(), grid, bytes.data());
  CHECK(std::vector<int>(bytes.begin(), bytes.begin() + 15) ==
        std::vector<int>{3, 3, 250, 3, 250, 101, 103, 101, 99, 249, 250, 250, 3, 3, 3});
  for (std::size_t i = 5; i < steps.size(); ++i)
    CHECK(bytes[i] == std::clamp(static_cast<int>(std::nearbyint(double(steps[i]))) + 101, 3, 250));
}

TEST_CASE("steps_to_codes and steps_backward on tensors: those of plain arrays, on a clipped grid", "[ops]") {
  const AdjustableRange<float> quantizer(unsigned_codes(), {{-1, 7}}, per_tensor, {-0.2F, 0.4F}, {0.5F, 1});
  const Affine<float> grid = quantizer.grid(0);
  std::vector<float> steps, grad;
  for (int i = 0; i < 60; ++i) {
    steps.push_back(static_cast<float>(i * 7 % 60) * 9.75F - 250);
    grad.push_back(static_cast<float>(i % 16) / 4 - 1);
  }
  std::vector<std::uint8_t> bytes(60), wanted(60);
  const TensorView<const float> of_steps(steps.data(), {2, 5, 6});
  steps_to_codes(of_steps, clipped(grid, relu6), TensorView<std::uint8_t>(bytes.data(), {2, 5, 6}));
  steps_to_bytes(steps.data(), 60, clipped(grid, relu6), wanted.data());
  CHECK(bytes == wanted);

  std::vector<float> wanted_grad = grad, factors(2), wanted_factors(2);
  const GridGradient sums =
      steps_backward(steps.data(), 60, {0 / grid.scale, 6 / grid.scale}, {grid.lowest(), grid.highest()}, wanted_grad.data());
  quantizer.add_gradient(0, sums, wanted_factors);
  steps_backward(of_steps, relu6, quantizer, TensorView<float>(grad.data(), {2, 5, 6}), factors);
  CHECK(grad == wanted_grad);
  CHECK(factors == wanted_factors);
  CHECK(factors[1] != 0);

  std::vector<std::int8_t> signed_codes_of(60);
  CHECK_THROWS_AS(steps_to_codes(of_steps, grid, TensorView<std::int8_t>(signed_codes_of.data(), {2, 5, 6})), value_error);
  CHECK_THROWS_AS(steps_to_codes(steps, grid, TensorView<std::uint8_t>(bytes.data(), {59})), shape_error);
  CHECK_THROWS_AS(steps_backward(steps, relu6, quantizer, grad, std::span(factors).first(1)), shape_error);
  const AdjustableThreshold<float> two(signed_codes(), {1, 2}, per_channel(0));
  CHECK_THROWS_AS(steps_backward(steps, relu6, two, grad, factors), shape_error);
}
