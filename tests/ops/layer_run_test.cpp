#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <ostream>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>
#include <trimtab/ops/linear.hpp>

using namespace trimtab;
using gradient::random_values;

namespace {

struct Shape {
  const char* why;
  Extents x;
  std::size_t out_c, kernel;
  std::size_t groups = 1;

  WindowOptions options() const { return {1, 1, {kernel / 2, kernel / 2, kernel / 2, kernel / 2}}; }
  Extents weight() const { return {out_c, kernel, kernel, x[3] / groups}; }
  Extents y() const { return {x[0], x[1], x[2], out_c}; }
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.why; }

// Rows around the strips of 6 and 12, columns around the panels of 16 and 32 and the block of them, depths around 384 and 1024.
const Shape shapes[] = {
    {"one row", {1, 1, 1, 40}, 33, 1},
    {"13 rows", {1, 1, 13, 17}, 16, 1},
    {"49 rows, two blocks of depth", {1, 7, 7, 500}, 70, 1},
    {"depth that pieces share", {1, 3, 3, 1100}, 20, 1},
    {"two blocks of columns", {1, 2, 3, 384}, 300, 1},
    {"windows", {2, 5, 6, 50}, 24, 3},
    {"groups", {2, 5, 6, 12}, 36, 3, 3},
    {"no pictures", {0, 4, 4, 3}, 2, 3},
};

constexpr Clip narrow{-0.25F, 0.5F};

template <class Real>
std::vector<Real> conv2d(const Shape& s, const LayerRun& run, unsigned weight_seed = 2) {
  const auto x = random_values<Real>(element_count(s.x), 1), weight = random_values<Real>(element_count(s.weight()), weight_seed),
             bias = random_values<Real>(s.out_c, 3);
  std::vector<Real> y(element_count(s.y()), Real(7));
  conv2d_forward(TensorView<const Real>(x.data(), s.x), TensorView<const Real>(weight.data(), s.weight()), bias, s.options(),
                 s.groups, TensorView<Real>(y.data(), s.y()), run);
  return y;
}

template <class Real>
std::vector<Real> clipped(std::vector<Real> y, const Clip& clip) {
  clip_forward(y, Real(clip.lo), Real(clip.hi), y);
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("layer run: a clip in the layer is a clip behind it", "[ops]", float, double) {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  const Clip clip = GENERATE(narrow, relu);
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    CAPTURE(s, name(isa));
    CHECK(conv2d<TestType>(s, {clip}) == clipped(conv2d<TestType>(s, {}), clip));
    const auto x = random_values<TestType>(element_count(s.x), 1), weight = random_values<TestType>(9 * s.x[3], 2);
    const auto depthwise = [&](const Clip& c) {
      std::vector<TestType> y(x.size(), TestType(7));
      depthwise_conv2d_forward(TensorView<const TestType>(x.data(), s.x),
                               TensorView<const TestType>(weight.data(), {3, 3, s.x[3]}), std::vector<TestType>(),
                               {1, 1, {1, 1, 1, 1}}, TensorView<TestType>(y.data(), s.x), c);
      return y;
    };
    CHECK(depthwise(clip) == clipped(depthwise(no_clip), clip));
  }
}

TEST_CASE("layer run: packed weights give the sums, are kept, and packed anew for another instruction set", "[ops]") {
  const Shape& s = GENERATE(from_range(std::begin(shapes), std::end(shapes)));
  const std::vector<double> expected = clipped(conv2d<double>(s, {}), narrow);
  PackedWeight packed;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    CAPTURE(s, name(isa));
    for (const int threads : {1, 3}) {
      const ScopedThreads some(threads);
      const std::vector<float> y = conv2d<float>(s, {narrow, &packed});
      for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(std::abs(double(y[i]) - expected[i]) < 1e-4);
    }
    if (kernels::table(isa) == nullptr) continue;
    const std::vector<float> kept = conv2d<float>(s, {narrow, &packed}, 9);
    CHECK(kept == conv2d<float>(s, {narrow, &packed}));  // other weights were not looked at
    packed.clear();
    const std::vector<float> other = conv2d<float>(s, {narrow, &packed}, 9);
    CHECK((other != kept || other.empty()));
    packed.clear();
  }
}

TEST_CASE("layer run: a linear layer, packed and clipped", "[ops]") {
  const std::size_t rows = GENERATE(std::size_t{1}, std::size_t{30});
  const auto x = random_values<float>(rows * 1200, 1), weight = random_values<float>(37 * 1200, 2);
  std::vector<float> plain(rows * 37), packed_y(rows * 37);
  const TensorView<const float> xv(x.data(), {rows, 1200}), wv(weight.data(), {37, 1200});
  linear_forward(xv, wv, std::vector<float>(), TensorView<float>(plain.data(), {rows, 37}));
  PackedWeight packed;
  for (int run = 0; run < 2; ++run) {
    linear_forward(xv, wv, std::vector<float>(), TensorView<float>(packed_y.data(), {rows, 37}), {narrow, &packed});
    const std::vector<float> wanted = clipped(plain, narrow);
    for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(std::abs(packed_y[i] - wanted[i]) < 1e-3F);
  }
}
