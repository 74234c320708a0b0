#include <array>
#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <ostream>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t kernel_h, kernel_w;
  WindowOptions options = {};
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }

// Channels around a vector of 8 and 16 and around blocks of several; runs of pixels around 4; borders of every kind.
const Shape shapes[] = {
    {"one pixel", {1, 1, 1, 1}, 1, 1},
    {"1x1, 7 channels", {2, 3, 6, 7}, 1, 1},
    {"3x3, same, 33 channels", {2, 6, 9, 33}, 3, 3, {1, 1, {1, 1, 1, 1}}},
    {"3x3, same, 16 channels, width 5", {2, 4, 5, 16}, 3, 3, {1, 1, {1, 1, 1, 1}}},
    {"3x3, stride 2, 25 channels", {3, 9, 14, 25}, 3, 3, {2, 2, {0, 0, 1, 1}}},
    {"3x3, stride 2, 96 channels", {1, 8, 8, 96}, 3, 3, {2, 2, {1, 1, 1, 1}}},
    {"5x5, same, 120 channels", {1, 7, 7, 120}, 5, 5, {1, 1, {2, 2, 2, 2}}},
    {"5x5, stride 2, 72 channels", {1, 9, 12, 72}, 5, 5, {2, 2, {2, 1, 2, 2}}},
    {"7x7, same, 9 channels", {1, 9, 8, 9}, 7, 7, {1, 1, {3, 3, 3, 3}}},
    {"3x2, strides 1 and 3, lopsided, 17 channels", {2, 5, 13, 17}, 3, 2, {1, 3, {2, 1, 0, 1}}},
    {"4x4, stride 3, 31 channels", {1, 11, 13, 31}, 4, 4, {3, 3, {2, 3, 0, 1}}},
    {"3x3, dilation 2 and 3, 24 channels", {1, 8, 11, 24}, 3, 3, {1, 1, {2, 3, 2, 3}, 2, 3}},
    {"3x3, dilation beyond the picture", {1, 2, 2, 8}, 3, 3, {1, 1, {4, 4, 4, 4}, 4, 4}},
    {"windows wholly in the padding", {1, 1, 2, 18}, 2, 2, {2, 2, {3, 3, 3, 3}}},
    {"no pictures", {0, 4, 4, 3}, 3, 3},
    {"no channels", {2, 4, 4, 0}, 3, 3},
};

/// y, grad_x and grad_weight, the gradients on top of 0.5; data starts `offset` elements into its memory.
template <class Real>
std::array<std::vector<Real>, 3> all(const Shape& s, bool with_bias, std::size_t offset = 0) {
  const WindowGeometry g = window_geometry(s.x, s.kernel_h, s.kernel_w, s.x[3], s.options, 1, "test");
  const Extents weight_extent{s.kernel_h, s.kernel_w, s.x[3]};
  const auto values = [&](const Extents& e, unsigned seed) {
    const std::vector<float> data = random_values<float>(element_count(e), seed);
    std::vector<Real> moved(offset);
    moved.insert(moved.end(), data.begin(), data.end());
    return moved;
  };
  const std::vector<Real> x = values(s.x, 1), weight = values(weight_extent, 2), grad_y = values(g.output(), 4);
  const std::vector<Real> bias = with_bias ? std::vector<Real>(s.x[3], Real(0.25)) : std::vector<Real>();
  std::array<std::vector<Real>, 3> out{std::vector<Real>(element_count(g.output()) + offset, Real(7)),
                                       std::vector<Real>(x.size(), Real(0.5)), std::vector<Real>(weight.size(), Real(0.5))};
  const TensorView<const Real> xv(x.data() + offset, s.x), wv(weight.data() + offset, weight_extent),
      gv(grad_y.data() + offset, g.output());
  depthwise_conv2d_forward(xv, wv, bias, s.options, TensorView<Real>(out[0].data() + offset, g.output()));
  depthwise_conv2d_backward_input(gv, wv, s.options, TensorView<Real>(out[1].data() + offset, s.x));
  depthwise_conv2d_backward_weight(gv, xv, s.options, TensorView<Real>(out[2].data() + offset, weight_extent));
  for (auto& o : out) o.erase(o.begin(), o.begin() + static_cast<std::ptrdiff_t>(offset));
  return out;
}

}  // namespace

TEST_CASE("depthwise kernels: every ISA agrees with double", "[ops][depthwise]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  const bool with_bias = GENERATE(false, true);
  const auto expected = all<double>(s, with_bias);
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}}) {
      CAPTURE(s, name(isa), with_bias, offset);
      const auto actual = all<float>(s, with_bias, offset);
      for (std::size_t i = 0; i < 3; ++i) {
        REQUIRE(actual[i].size() == expected[i].size());
        double worst = 0;
        for (std::size_t j = 0; j < expected[i].size(); ++j)
          worst = std::max(worst, std::abs(double(actual[i][j]) - expected[i][j]) / (1 + std::abs(expected[i][j])));
        CHECK(worst < 2e-5);
      }
    }
  }
}

TEST_CASE("depthwise kernels: any number of threads gives the same bits", "[ops][depthwise]") {
  const Shape s{"several rows a thread", {3, 20, 19, 40}, 3, 3, {1, 1, {1, 1, 1, 1}}};
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    CAPTURE(name(isa));
    std::vector<std::array<std::vector<float>, 3>> results;
    for (const int count : {1, 2, 3}) {
      const ScopedThreads threads(count);
      results.push_back(all<float>(s, true));
    }
    CHECK((results[0] == results[1]));
    CHECK((results[0] == results[2]));
  }
}
