#include <array>
#include <catch.hpp>
#include <cstdint>
#include <gradient_check.hpp>
#include <random>
#include <trimtab/ops/resize.hpp>

using namespace trimtab;

namespace {

std::vector<std::size_t> nearest(const ResizeAxis& axis, ResizeCoordinates coordinates, NearestRounding rounding,
                                 ResizeArithmetic arithmetic = ResizeArithmetic::onnx) {
  return nearest_resize_movement(std::span(&axis, 1), {coordinates, arithmetic, rounding}).offset[0];
}

struct Picture {
  const char* why;
  std::array<ResizeAxis, 3> axes;
  ResizeOptions options;

  Extents in() const { return {axes[0].in, axes[1].in, axes[2].in}; }
  Extents out() const { return {axes[0].out, axes[1].out, axes[2].out}; }
};
std::ostream& operator<<(std::ostream& out, const Picture& p) { return out << p.why; }

ResizeOptions options(Interpolation interpolation, ResizeCoordinates coordinates = ResizeCoordinates::half_pixel,
                      bool exclude_outside = false) {
  ResizeOptions o;
  o.interpolation = interpolation;
  o.coordinates = coordinates;
  o.exclude_outside = exclude_outside;
  return o;
}

std::vector<Picture> pictures() {
  const auto to = [](std::size_t in, std::size_t out) { return ResizeAxis::to_extent(in, out); };
  const auto by = [](std::size_t in, float scale) { return ResizeAxis::by_scale(in, scale); };
  using enum ResizeCoordinates;
  return {
      {"twice, linear", {to(3, 6), to(4, 8), to(3, 3)}, options(Interpolation::linear)},
      {"to odd sizes, linear", {to(5, 7), to(7, 3), to(2, 2)}, options(Interpolation::linear, align_corners)},
      {"by a scale that cuts, linear",
       {by(5, 1.3F), by(6, 0.7F), to(1, 1)},
       options(Interpolation::linear, half_pixel_symmetric)},
      {"one row, linear", {to(1, 5), to(4, 1), to(3, 3)}, options(Interpolation::linear, pytorch_half_pixel)},
      {"one axis, linear", {to(4, 4), to(5, 9), to(5, 5)}, options(Interpolation::linear, asymmetric)},
      {"channels too, linear", {to(3, 4), to(2, 3), to(4, 5)}, options(Interpolation::linear)},
      {"twice, cubic", {to(3, 6), to(4, 8), to(3, 3)}, options(Interpolation::cubic)},
      {"down, cubic", {to(9, 4), to(8, 3), to(1, 1)}, options(Interpolation::cubic, align_corners)},
      {"nothing from outside, cubic", {to(3, 7), to(4, 5), to(2, 2)}, options(Interpolation::cubic, half_pixel, true)},
      {"a cubic of one element", {to(1, 3), to(1, 1), to(2, 2)}, options(Interpolation::cubic, half_pixel, true)},
      {"unchanged", {to(3, 3), to(4, 4), to(2, 2)}, options(Interpolation::cubic)},
      {"nothing", {to(0, 0), to(4, 8), to(2, 2)}, options(Interpolation::linear)},
      {"many rows", {to(30, 61), to(40, 70), to(9, 9)}, options(Interpolation::linear)},
  };
}

/// One output at a time, all axes at once, with weights from the formulas in double.
std::vector<double> naive_resize(const Picture& p, const std::vector<double>& x, std::size_t batch) {
  const auto weights = [&](const ResizeAxis& a, std::size_t index) {
    std::vector<double> w(a.in);
    const double i = double(index), in = double(a.in), out = double(a.out), s = double(a.scale), last = in - 1;
    double at = i;
    if (a.scale != 1) switch (p.options.coordinates) {
        case ResizeCoordinates::half_pixel:
          at = (i + 0.5) / s - 0.5;
          break;
        case ResizeCoordinates::half_pixel_symmetric:
          at = in / 2 * (1 - out / (s * in)) + (i + 0.5) / s - 0.5;
          break;
        case ResizeCoordinates::pytorch_half_pixel:
          at = out > 1 ? (i + 0.5) / s - 0.5 : 0;
          break;
        case ResizeCoordinates::align_corners:
          at = out > 1 ? i * last / (out - 1) : 0;
          break;
        default:
          at = i / s;
      }
    if (p.options.interpolation == Interpolation::linear) {
      at = std::clamp(at, 0.0, last);
      for (std::size_t k = 0; k < a.in; ++k) w[k] = std::max(0.0, 1 - std::abs(at - double(k)));
      return w;
    }
    double sum = 0;
    for (double k = std::floor(at) - 1; k <= std::floor(at) + 2; ++k) {
      const double d = std::abs(at - k), c = -0.75;
      const double v = d <= 1  ? (c + 2) * d * d * d - (c + 3) * d * d + 1
                       : d < 2 ? c * d * d * d - 5 * c * d * d + 8 * c * d - 4 * c
                               : 0;
      if (p.options.exclude_outside && (k < 0 || k > last)) continue;
      w[static_cast<std::size_t>(std::clamp(k, 0.0, last))] += v;
      sum += v;
    }
    for (double& v : w) v /= sum;
    return w;
  };
  const auto& a = p.axes;
  std::vector<double> y;
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t h = 0; h < a[0].out; ++h)
      for (std::size_t w = 0; w < a[1].out; ++w)
        for (std::size_t c = 0; c < a[2].out; ++c) {
          const auto wh = weights(a[0], h), ww = weights(a[1], w), wc = weights(a[2], c);
          double sum = 0;
          for (std::size_t i = 0; i < a[0].in; ++i)
            for (std::size_t j = 0; j < a[1].in; ++j)
              for (std::size_t k = 0; k < a[2].in; ++k)
                sum += wh[i] * ww[j] * wc[k] * x[((n * a[0].in + i) * a[1].in + j) * a[2].in + k];
          y.push_back(sum);
        }
  return y;
}

/// The taps one output at a time: products and sums in double, rounded to float once per axis, the last axis first.
std::vector<float> scalar_resize(const std::vector<ResizeTaps>& taps, std::vector<float> x, std::size_t batch) {
  for (std::size_t axis = taps.size(); axis-- > 0;) {
    const ResizeTaps& t = taps[axis];
    if (t.taps == 0) continue;
    std::size_t outer = batch, inner = 1;
    for (std::size_t b = 0; b < axis; ++b) outer *= taps[b].in;
    for (std::size_t b = axis + 1; b < taps.size(); ++b) inner *= taps[b].out;
    std::vector<float> y(outer * t.out * inner);
    for (std::size_t at = 0; at < y.size(); ++at) {
      const std::size_t i = at % inner, o = at / inner % t.out, row = at / inner / t.out;
      double sum = 0;
      for (std::size_t k = o * t.taps; k < (o + 1) * t.taps; ++k)
        sum += double(t.weight[k]) * double(x[(row * t.in + t.from[k]) * inner + i]);
      y[at] = static_cast<float>(sum);
    }
    x = std::move(y);
  }
  return x;
}

}  // namespace

TEST_CASE("nearest: ONNX Runtime's choice at and near ties", "[ops]") {
  using enum ResizeCoordinates;
  using enum NearestRounding;
  const auto to = [](std::size_t in, std::size_t out) { return ResizeAxis::to_extent(in, out); };
  using Indices = std::vector<std::size_t>;
  // 4.5 / (6 / 20) - 0.5 is 14.5 less one bit in float32.
  CHECK(nearest(to(20, 6), half_pixel, round_prefer_ceil) == Indices{1, 5, 8, 11, 15, 18});
  CHECK(nearest(to(20, 6), half_pixel, round_prefer_floor) == Indices{1, 4, 8, 11, 14, 18});
  CHECK(nearest(ResizeAxis::by_scale(16, 1.3F), half_pixel, round_prefer_floor) ==
        Indices{0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11, 11, 12, 13, 14, 14});
  CHECK(nearest(ResizeAxis::by_scale(7, 0.6F), half_pixel_symmetric, round_prefer_floor) == Indices{0, 2, 4, 5});
  CHECK(nearest(ResizeAxis::by_scale(2, 7.7F), half_pixel_symmetric, round_prefer_ceil) ==
        Indices{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(nearest(to(7, 2), asymmetric, round_prefer_ceil) == Indices{0, 4});
  CHECK(nearest(to(2, 4), half_pixel, floor) == Indices{0, 0, 0, 1});
  CHECK(nearest(to(2, 4), half_pixel, ceil) == Indices{0, 1, 1, 1});
  CHECK(nearest(to(5, 1), align_corners, floor) == Indices{0});
  CHECK(nearest(to(5, 3), align_corners, floor) == Indices{0, 2, 4});
  CHECK(nearest(to(5, 1), pytorch_half_pixel, ceil) == Indices{0});
  CHECK(nearest(to(3, 6), tf_half_pixel_for_nn, floor) == Indices{0, 0, 1, 1, 2, 2});
  CHECK(nearest(to(3, 6), tf_half_pixel_for_nn, ceil) == Indices{1, 1, 2, 2, 2, 2});
  CHECK(nearest(to(3, 6), asymmetric, floor_or_ceil) == Indices{0, 0, 1, 1, 2, 2});
  CHECK(nearest(ResizeAxis::by_scale(5, 0.7F), asymmetric, floor_or_ceil) == Indices{0, 2, 3});
  // No extent changes, so the axis is copied; without that 4 would come from 3.
  CHECK(nearest(ResizeAxis::by_scale(5, 1.1F), asymmetric, floor) == Indices{0, 1, 2, 3, 4});
  CHECK(nearest(ResizeAxis{0, 0, 2.0F}, asymmetric, floor).empty());
}

TEST_CASE("nearest: TFLite multiplies by in / out", "[ops]") {
  // 41 * float(1 / 41) is below 1, 41 / 41 is not.
  const ResizeAxis axis = ResizeAxis::to_extent(2, 82);
  const auto tflite = nearest(axis, ResizeCoordinates::asymmetric, NearestRounding::floor, ResizeArithmetic::tflite);
  const auto onnx = nearest(axis, ResizeCoordinates::asymmetric, NearestRounding::floor);
  const float ratio = 2.0F / 82.0F;
  for (std::size_t i = 0; i < 82; ++i) {
    const volatile float product = static_cast<float>(i) * ratio;
    CHECK(tflite[i] == (product < 1 ? 0U : 1U));
    CHECK(onnx[i] == i / 41);
  }
  CHECK(nearest(ResizeAxis::to_extent(3, 5), ResizeCoordinates::align_corners, NearestRounding::round_prefer_ceil,
                ResizeArithmetic::tflite) == std::vector<std::size_t>{0, 1, 1, 2, 2});
}

TEST_CASE("nearest: several axes of a picture are moved at once", "[ops]") {
  const std::array<ResizeAxis, 3> axes{ResizeAxis::to_extent(2, 4), ResizeAxis::to_extent(3, 2), ResizeAxis::to_extent(2, 2)};
  const Movement m =
      nearest_resize_movement(axes, {ResizeCoordinates::asymmetric, ResizeArithmetic::onnx, NearestRounding::floor});
  CHECK(m.output == Extents{4, 2, 2});
  CHECK(m.offset == std::vector<std::vector<std::size_t>>{{0, 0, 6, 6}, {0, 2}, {0, 1}});
}

TEST_CASE("resize: linear and cubic equal their formulas, and gradients central differences", "[ops]") {
  const Picture p = GENERATE(from_range(pictures()));
  const std::size_t batch = GENERATE(0U, 2U);
  CAPTURE(p, batch);
  const auto taps = resize_taps(p.axes, p.options);
  std::vector<double> x = gradient::random_values(batch * element_count(p.in()), 1);
  const auto forward = [&] {
    std::vector<double> y(batch * element_count(p.out()), 7.0);
    resize_forward<double>(taps, x.data(), batch, y.data());
    return y;
  };
  const auto expected = naive_resize(p, x, batch);
  const auto y = forward();
  double worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i) worst = std::max(worst, std::abs(y[i] - expected[i]));
  CHECK(worst < 1e-5);  // coordinates and weights are float32

  const auto grad_y = gradient::random_values(y.size(), 2);
  std::vector<double> grad(x.size());
  resize_backward<double>(taps, grad_y.data(), batch, grad.data());
  if (x.size() < 1000) gradient::check(x, grad, [&] { return gradient::dot(forward(), grad_y); });
  auto twice = grad;
  resize_backward<double>(taps, grad_y.data(), batch, twice.data());  // adds
  for (std::size_t i = 0; i < grad.size(); ++i) worst = std::max(worst, std::abs(twice[i] - 2 * grad[i]));
  CHECK(worst < 1e-5);
}

TEST_CASE("resize: floats and codes equal the scalar definition on any number of threads and both kinds of loops", "[ops]") {
  const Picture p = GENERATE(from_range(pictures()));
  const int count = GENERATE(1, 3);
  const bool portable = GENERATE(false, true);
  CAPTURE(p, count, portable);
  const ScopedThreads threads(count);
  const ScopedIsa isa(portable ? Isa::portable : active_isa());
  constexpr std::size_t batch = 2;
  const auto taps = resize_taps(p.axes, p.options);
  const auto x = gradient::random_values<float>(batch * element_count(p.in()), 1);
  std::vector<float> y(batch * element_count(p.out()));
  resize_forward<float>(taps, x.data(), batch, y.data());
  CHECK(y == scalar_resize(taps, x, batch));

  std::mt19937 random(3);
  std::vector<std::uint8_t> codes(x.size());
  for (auto& q : codes) q = static_cast<std::uint8_t>(random());
  const Affine<float> grid{0.037F, 113, {0, 255}};
  const float scale_y = 0.021F, m = grid.scale / scale_y;
  const Extents extents{batch, p.axes[0].in, p.axes[1].in, p.axes[2].in};
  std::vector<float> shifted;
  for (const std::uint8_t q : codes) shifted.push_back(static_cast<float>(int{q} - 113));
  auto expected = scalar_resize(taps, shifted, batch);
  for (float& v : expected) v *= m;
  resize_steps(TensorView<const std::uint8_t>(codes.data(), extents), grid, taps, scale_y, y.data());
  CHECK(y == expected);

  std::vector<std::int8_t> signed_codes;
  for (const std::uint8_t q : codes) signed_codes.push_back(static_cast<std::int8_t>(int{q} - 128));
  resize_steps(TensorView<const std::int8_t>(signed_codes.data(), extents), {grid.scale, 113 - 128, {-128, 127}}, taps, scale_y,
               y.data());
  CHECK(y == expected);

  std::vector<float> grad(x.size()), of_one(x.size());
  resize_backward<float>(taps, expected.data(), batch, grad.data());
  const ScopedThreads one(1);
  resize_backward<float>(taps, expected.data(), batch, of_one.data());
  CHECK(grad == of_one);
}

TEST_CASE("resize: weights have the same bits everywhere", "[ops]") {
  const ResizeAxis axis = ResizeAxis::to_extent(3, 6);
  const auto linear = resize_taps(std::span(&axis, 1), options(Interpolation::linear)).front();
  CHECK(linear.from == std::vector<std::size_t>{0, 1, 0, 1, 0, 1, 1, 2, 1, 2, 2, 2});
  CHECK(linear.weight == std::vector<float>{1, 0, 0.75F, 0.25F, 0.25F, 0.75F, 0.75F, 0.25F, 0.25F, 0.75F, 0.5F, 0.5F});
  const auto cubic = resize_taps(std::span(&axis, 1), options(Interpolation::cubic)).front();
  CHECK(std::vector(cubic.from.begin(), cubic.from.begin() + 4) == std::vector<std::size_t>{0, 0, 0, 1});  // -2 .. 1, held inside
  CHECK(std::vector(cubic.weight.begin(), cubic.weight.begin() + 4) ==
        std::vector<float>{-0.03515625F, 0.26171875F, 0.87890625F, -0.10546875F});
}

TEST_CASE("resize: a crop stretches a part of an axis", "[ops]") {
  ResizeOptions o;
  o.coordinates = ResizeCoordinates::tf_crop_and_resize;
  const auto taps = [&](std::size_t out, ResizeCrop crop) {
    const ResizeAxis axis = ResizeAxis::to_extent(5, out);
    o.crop = {crop};
    return resize_taps(std::span(&axis, 1), o).front();
  };
  const auto inside = [&](std::size_t out, ResizeCrop crop) {
    const auto found = detail::outputs_inside(ResizeAxis::to_extent(5, out), o, crop);
    return std::pair(found.begin, found.end);
  };
  // 1 .. 3 of 0 .. 4 by halves, and back.
  const auto half = taps(3, {0.125F, 0.375F});
  CHECK(half.from == std::vector<std::size_t>{0, 1, 1, 2, 1, 2});
  CHECK(half.weight == std::vector<float>{0.5F, 0.5F, 1, 0, 0.5F, 0.5F});
  const auto back = taps(3, {0.75F, 0.25F});
  CHECK(back.from == std::vector<std::size_t>{3, 4, 2, 3, 1, 2});
  CHECK(back.weight == std::vector<float>{1, 0, 1, 0, 1, 0});
  CHECK(taps(1, {0.5F, 0.75F}).weight == std::vector<float>{0.5F, 0.5F});  // 2.5
  const ResizeAxis axis = ResizeAxis::to_extent(5, 4);
  o.crop = {{-0.5F, 1}};  // -2, 0, 2, 4
  CHECK(nearest_resize_movement(std::span(&axis, 1), o).offset[0] == std::vector<std::size_t>{Movement::outside, 0, 2, 4});
  const auto beside = resize_taps(std::span(&axis, 1), o).front();
  CHECK(beside.weight == std::vector<float>{0, 0, 1, 0, 1, 0, 0.5F, 0.5F});
  CHECK(inside(4, {-0.5F, 1}) == std::pair<std::size_t, std::size_t>{1, 4});
  CHECK(inside(3, {2, 0}) == std::pair<std::size_t, std::size_t>{1, 3});
  CHECK(inside(3, {1.5F, 2}) == std::pair<std::size_t, std::size_t>{3, 3});

  CHECK_THROWS_AS(taps(5, {0, 0.5F}), value_error);  // an axis that is copied
  CHECK_THROWS_AS(taps(3, {0, std::numeric_limits<float>::quiet_NaN()}), value_error);
  o.crop.clear();
  CHECK_THROWS_WITH(resize_taps(std::span(&axis, 1), o),
                    "resize_taps: 0 crops for 1 axes; tf_crop_and_resize has one for each, other coordinates have none");
  o.coordinates = ResizeCoordinates::half_pixel;
  o.crop = {{0, 1}};
  CHECK_THROWS_AS(resize_taps(std::span(&axis, 1), o), value_error);
}

TEST_CASE("resize: what does not fit is named", "[ops]") {
  const auto taps = [](ResizeAxis axis, ResizeOptions o = {}) { return resize_taps(std::span(&axis, 1), o); };
  CHECK_THROWS_WITH(ResizeAxis::to_extent(0, 3), "ResizeAxis: no element to make 3 of");
  CHECK_THROWS_AS(ResizeAxis::by_scale(3, 0.0F), value_error);
  CHECK_THROWS_AS(ResizeAxis::by_scale(3, std::numeric_limits<float>::quiet_NaN()), value_error);
  CHECK(ResizeAxis::by_scale(3, 0x1p28F).out == std::size_t{3} << 28);
  CHECK_THROWS_AS(taps(ResizeAxis::by_scale(3, 0x1p28F)), shape_error);
  CHECK_THROWS_WITH(taps({3, 0, 0.1F}), "resize_taps: axis 0 of 3 elements cannot have 0");
  CHECK_THROWS_WITH(taps({3, 4, 1.0F}), "resize_taps: axis 0 with scale 1 has 3 elements and would have 4");
  CHECK_THROWS_AS(taps({3, 4, -1.0F}), value_error);
  ResizeOptions tflite;
  tflite.arithmetic = ResizeArithmetic::tflite;
  CHECK_THROWS_WITH(taps({3, 4, 1.5F}, tflite), "resize_taps: scale 1.5 of axis 0 is not 4 / 3, as TFLite's is");
  CHECK_THROWS_AS(taps({3, 40, 0.1F}, options(Interpolation::cubic, ResizeCoordinates::half_pixel, true)), value_error);
  std::vector<float> x(12), y(12);
  std::vector<ResizeTaps> wrong{{2, 2, 2, {0, 1, 1, 2}, {1, 0, 1, 0}}};
  CHECK_THROWS_WITH(resize_forward<float>(wrong, x.data(), 1, y.data()), "resize_forward: element 2 is beyond an axis of 2");
  wrong[0].weight.pop_back();
  CHECK_THROWS_AS(resize_backward<float>(wrong, x.data(), 1, y.data()), value_error);
  const std::vector<std::uint8_t> codes(6);
  CHECK_THROWS_WITH(resize_steps(TensorView<const std::uint8_t>(codes.data(), {1, 6}), {}, taps({3, 6, 2.0F}), 1.0F, y.data()),
                    "resize_steps: codes: expected extents [1, 3], got [1, 6]");
}
