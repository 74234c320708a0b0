#include <array>
#include <catch.hpp>
#include <cstdint>
#include <functional>
#include <gradient_check.hpp>
#include <numeric>
#include <optional>
#include <trimtab/ops/movement.hpp>
#include <trimtab/ops/movement_makers.hpp>

using namespace trimtab;

namespace {

using Index = std::vector<std::size_t>;

/// Where an element of y comes from, by the definition of the operator; nothing where it is the fill value.
using Source = std::function<std::optional<Index>(const Index&)>;

std::size_t place(const Index& index, const Extents& extents) {
  std::size_t at = 0;
  for (std::size_t axis = 0; axis < extents.size(); ++axis) at = at * extents[axis] + index[axis];
  return at;
}

Index index_of(std::size_t at, const Extents& extents) {
  Index index(extents.size());
  for (std::size_t axis = extents.size(); axis-- > 0; at /= extents[axis]) index[axis] = at % extents[axis];
  return index;
}

/// Forward in two types and backward, on one thread and on several, against one element at a time.
void check_batch(std::size_t batch, const Movement& m, const Extents& x, const Extents& y, const Source& source) {
  CAPTURE(batch, x, y);
  REQUIRE(m.output == y);
  const std::size_t x_size = element_count(x), y_size = element_count(y);
  const auto values = gradient::random_values(batch * x_size, 1), grad_y = gradient::random_values(batch * y_size, 2);
  std::vector<double> expected, expected_grad(batch * x_size, 0.5);
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t i = 0; i < y_size; ++i) {
      const auto from = source(index_of(i, y));
      expected.push_back(from ? values[n * x_size + place(*from, x)] : 7.0);
      if (from) expected_grad[n * x_size + place(*from, x)] += grad_y[n * y_size + i];
    }
  std::vector<double> of_one_thread;
  for (const int count : {1, 2, 3}) {
    const ScopedThreads threads(count);
    std::vector<double> got(batch * y_size, -1.0);
    move_forward(m, values.data(), batch, x_size, 7.0, got.data());
    CHECK(got == expected);

    std::vector<double> grad(batch * x_size, 0.5);
    move_backward(m, grad_y.data(), batch, x_size, grad.data());
    double worst = 0;
    for (std::size_t i = 0; i < grad.size(); ++i) worst = std::max(worst, std::abs(grad[i] - expected_grad[i]));
    CHECK(worst <= 1e-12);  // the order of the sums is the movement's
    if (count == 1) of_one_thread = grad;
    CHECK(grad == of_one_thread);
  }
  std::vector<std::uint8_t> bytes(batch * x_size), moved(batch * y_size, 1), expected_bytes;
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{3});
  for (std::size_t i = 0; i < batch * y_size; ++i) {
    const auto from = source(index_of(i % y_size, y));
    expected_bytes.push_back(from ? bytes[i / y_size * x_size + place(*from, x)] : std::uint8_t{9});
  }
  move_forward(m, bytes.data(), batch, x_size, 9, moved.data());
  CHECK(moved == expected_bytes);
}

void check(const Movement& m, const Extents& x, const Extents& y, const Source& source) {
  for (const std::size_t batch : {0U, 1U, 3U}) check_batch(batch, m, x, y, source);
}

}  // namespace

TEST_CASE("transpose: every order of axes of odd sizes, and one that is large", "[ops]") {
  const Extents x = GENERATE(values<Extents>({{3, 5, 7}, {1, 1, 1}, {1, 9, 1}, {70, 90, 3}, {40, 3, 130}}));
  std::vector<std::size_t> perm{0, 1, 2};
  do {
    const Extents y{x[perm[0]], x[perm[1]], x[perm[2]]};
    check(transpose_movement(x, perm), x, y, [&](const Index& i) {
      Index from(3);
      for (std::size_t a = 0; a < 3; ++a) from[perm[a]] = i[a];
      return from;
    });
  } while (std::next_permutation(perm.begin(), perm.end()));
  CHECK(transpose_movement({}, {}).output == Extents{});
  check(transpose_movement({}, {}), {}, {}, [](const Index&) { return Index{}; });
}

TEST_CASE("slice: steps of either sign, nothing, everything", "[ops]") {
  const Extents x{9, 70, 11};
  using Slices = std::array<AxisSlice, 3>;
  const Slices slices = GENERATE(values<Slices>({
      {{{0, 9, 1}, {0, 70, 1}, {0, 11, 1}}},
      {{{2, 3, 1}, {5, 60, 1}, {0, 11, 1}}},
      {{{2, 3, 1}, {5, 60, 1}, {3, 7, 1}}},
      {{{8, 9, -1}, {69, 70, -1}, {10, 11, -1}}},
      {{{1, 3, 3}, {68, 23, -3}, {10, 6, -2}}},
      {{{4, 1, -100}, {0, 70, 1}, {0, 2, 10}}},
      {{{0, 9, 1}, {70, 0, 1}, {0, 11, 1}}},
  }));
  const Extents y{slices[0].count, slices[1].count, slices[2].count};
  check(slice_movement(x, slices), x, y, [&](const Index& i) {
    Index from;
    for (std::size_t a = 0; a < 3; ++a)
      from.push_back(static_cast<std::size_t>(static_cast<std::ptrdiff_t>(slices[a].start) +
                                              static_cast<std::ptrdiff_t>(i[a]) * slices[a].step));
    return from;
  });
}

TEST_CASE("pad: every mode, lopsided, longer than the axis, negative", "[ops]") {
  const PadMode mode = GENERATE(PadMode::constant, PadMode::reflect, PadMode::edge, PadMode::wrap);
  using Pads = std::array<std::ptrdiff_t, 6>;
  const auto [x, pads] = GENERATE(table<Extents, Pads>({
      {{5, 7, 3}, {1, 2, 0, 3, 1, 0}},
      {{5, 7, 3}, {0, 0, 2, 0, 0, 1}},
      {{5, 7, 3}, {11, 0, 0, 9, 16, 0}},
      {{5, 7, 3}, {-2, 3, 0, 4, -5, -1}},
      {{1, 1, 1}, {2, 0, 3, 1, 1, 0}},
      {{40, 50, 8}, {0, 1, 0, 0, 2, 0}},
  }));
  const auto ends = std::span(pads);
  const Movement m = pad_movement(x, ends.first(3), ends.last(3), mode);
  Extents y;
  for (std::size_t a = 0; a < 3; ++a)
    y.push_back(static_cast<std::size_t>(static_cast<std::ptrdiff_t>(x[a]) + pads[a] + pads[a + 3]));
  check(m, x, y, [x = x, pads = pads, mode](const Index& i) -> std::optional<Index> {
    Index from;
    for (std::size_t a = 0; a < 3; ++a) {
      const std::ptrdiff_t first = std::max<std::ptrdiff_t>(-pads[a], 0),
                           end = static_cast<std::ptrdiff_t>(x[a]) + std::min<std::ptrdiff_t>(pads[a + 3], 0);
      std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i[a]) - pads[a];
      while (at < first || at >= end) {
        if (mode == PadMode::constant) return std::nullopt;
        if (mode == PadMode::edge || end - first == 1)
          at = at < first ? first : end - 1;
        else if (mode == PadMode::wrap)
          at += at < first ? end - first : first - end;
        else
          at = at < first ? 2 * first - at : 2 * (end - 1) - at;
      }
      from.push_back(static_cast<std::size_t>(at));
    }
    return from;
  });
}

TEST_CASE("pad: the drawing of the modes", "[ops]") {
  const std::vector<int> x{1, 2, 3};
  const std::array<std::ptrdiff_t, 1> two{2};
  const auto padded = [&](PadMode mode) {
    std::vector<int> y(7);
    move_forward(pad_movement({3}, two, two, mode), x.data(), 1, 3, 0, y.data());
    return y;
  };
  CHECK(padded(PadMode::constant) == std::vector{0, 0, 1, 2, 3, 0, 0});
  CHECK(padded(PadMode::reflect) == std::vector{3, 2, 1, 2, 3, 2, 1});
  CHECK(padded(PadMode::edge) == std::vector{1, 1, 1, 2, 3, 3, 3});
  CHECK(padded(PadMode::wrap) == std::vector{2, 3, 1, 2, 3, 1, 2});
}

TEST_CASE("tile and expand: many outputs of one input", "[ops]") {
  const Extents x{3, 40, 5};
  const std::array<std::size_t, 3> repeats =
      GENERATE(values<std::array<std::size_t, 3>>({{1, 1, 1}, {2, 1, 3}, {1, 70, 1}, {4, 0, 1}}));
  check(tile_movement(x, repeats), x, {3 * repeats[0], 40 * repeats[1], 5 * repeats[2]}, [&](const Index& i) {
    return Index{i[0] % 3, i[1] % 40, i[2] % 5};
  });
}

TEST_CASE("expand: extents of 1 give way on either side, and axes are added in front", "[ops]") {
  check(expand_movement({1, 1, 6}, {30, 50, 6}), {1, 1, 6}, {30, 50, 6}, [](const Index& i) { return Index{0, 0, i[2]}; });
  check(expand_movement({4, 1, 6}, {5, 1}), {4, 1, 6}, {4, 5, 6}, [](const Index& i) { return Index{i[0], 0, i[2]}; });
  check(expand_movement({4, 1}, {3, 4, 200}), {4, 1}, {3, 4, 200}, [](const Index& i) { return Index{i[1], 0}; });
  check(expand_movement({}, {2, 3}), {}, {2, 3}, [](const Index&) { return Index{}; });
  check(expand_movement({1, 3}, {0, 3}), {1, 3}, {0, 3}, [](const Index&) { return Index{0, 0}; });
}

TEST_CASE("gather: indices of any rank, repeated, from the end", "[ops]") {
  const Extents x{6, 20, 3};
  const std::vector<std::int64_t> indices{5, -1, 0, 0, -6, 2};
  const std::array<std::size_t, 6> from{5, 5, 0, 0, 0, 2};
  check(gather_movement(x, 0, indices, {6}), x, {6, 20, 3}, [&](const Index& i) { return Index{from[i[0]], i[1], i[2]}; });
  check(gather_movement(x, 0, indices, {2, 3}), x, {2, 3, 20, 3}, [&](const Index& i) {
    return Index{from[i[0] * 3 + i[1]], i[2], i[3]};
  });
  const std::vector<std::int64_t> one{2};
  check(gather_movement(x, 2, one, {}), x, {6, 20}, [&](const Index& i) { return Index{i[0], i[1], 2}; });
  check(gather_movement(x, 1, {}, {0}), x, {6, 0, 3}, [&](const Index&) { return Index{0, 0, 0}; });
}

TEST_CASE("depth to space and back: ONNX's formula on C H W, moved to H W C", "[ops]") {
  const std::size_t block = GENERATE(1U, 2U, 3U), h = GENERATE(1U, 4U), w = 5, c = GENERATE(1U, 7U);
  const DepthOrder order = GENERATE(DepthOrder::dcr, DepthOrder::crd);
  const Extents deep{h, w, c * block * block}, wide{h * block, w * block, c};
  // Reshape to [b, b, C, H, W] or [C, b, b, H, W] and transpose to [C, H, b, W, b].
  const auto channel = [&](std::size_t i, std::size_t j, std::size_t ch) {
    return order == DepthOrder::dcr ? (i * block + j) * c + ch : (ch * block + i) * block + j;
  };
  check(depth_to_space_movement(deep, block, order), deep, wide, [&](const Index& i) {
    return Index{i[0] / block, i[1] / block, channel(i[0] % block, i[1] % block, i[2])};
  });
  check(space_to_depth_movement(wide, block, order), wide, deep, [&](const Index& at) -> Index {
    for (std::size_t i = 0; i < block; ++i)
      for (std::size_t j = 0; j < block; ++j)
        for (std::size_t ch = 0; ch < c; ++ch)
          if (channel(i, j, ch) == at[2]) return {at[0] * block + i, at[1] * block + j, ch};
    FAIL("no such channel");
    return {};
  });
}

TEST_CASE("movement: overlapping sums of axes, as of a window, add up on any number of threads", "[ops]") {
  Movement m;  // y[i, k] = x[i + k]
  m.output = {500, 3};
  m.offset.resize(2);
  for (std::size_t i = 0; i < 500; ++i) m.offset[0].push_back(i);
  m.offset[1] = {0, 1, 2};
  check(m, {502}, {500, 3}, [](const Index& i) { return Index{i[0] + i[1]}; });
  m.offset[1][1] = Movement::outside;
  check(m, {502}, {500, 3}, [](const Index& i) { return i[1] == 1 ? std::optional<Index>() : Index{i[0] + i[1]}; });
}

TEST_CASE("movement: gradients equal central differences", "[ops]") {
  const std::array<std::ptrdiff_t, 3> before{2, 1, 0}, after{1, 3, 0};
  const Movement m = pad_movement({3, 4, 2}, before, after, PadMode::reflect);
  std::vector<double> x = gradient::random_values(2 * 24, 1);
  const auto weight = gradient::random_values(2 * element_count(m.output), 2);
  std::vector<double> grad(x.size());
  move_backward(m, weight.data(), 2, 24, grad.data());
  gradient::check(x, grad, [&] {
    std::vector<double> y(weight.size());
    move_forward(m, x.data(), 2, 24, 0.0, y.data());
    return gradient::dot(y, weight);
  });
}

TEST_CASE("movement: what does not fit is named", "[ops]") {
  const std::array<std::size_t, 2> twice{0, 0};
  CHECK_THROWS_WITH(transpose_movement({2, 3}, twice),
                    "transpose_movement: axis 0 is named twice or is not one of extents [2, 3]");
  CHECK_THROWS_WITH(transpose_movement({2, 3, 4}, twice), "transpose_movement: 2 axes for extents [2, 3, 4]");
  const auto slice = [](AxisSlice s) { return slice_movement({5}, std::span(&s, 1)); };
  CHECK_THROWS_WITH(slice({1, 3, 2}), "slice_movement: 3 elements from 1 by step 2 do not lie on axis 0 of extents [5]");
  CHECK_NOTHROW(slice({1, 2, 2}));
  CHECK_THROWS_AS(slice({2, 4, -1}), value_error);
  CHECK_THROWS_AS(slice({0, 1, 0}), value_error);
  CHECK_THROWS_AS(slice({5, 1, 1}), value_error);
  CHECK_THROWS_AS(slice({0, std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::ptrdiff_t>::max()}), value_error);
  CHECK_THROWS_AS(slice({4, 2, std::numeric_limits<std::ptrdiff_t>::min()}), value_error);
  const auto pad = [](std::size_t x, std::ptrdiff_t before, std::ptrdiff_t after, PadMode mode) {
    return pad_movement({x}, std::span(&before, 1), std::span(&after, 1), mode);
  };
  CHECK_THROWS_WITH(pad(3, -2, -2, PadMode::constant),
                    "pad_movement: pads -2 and -2 crop more than there is of axis 0 of extents [3]");
  CHECK_THROWS_AS(pad(0, 1, 0, PadMode::edge), value_error);
  CHECK_THROWS_AS(pad(2, -2, 1, PadMode::wrap), value_error);
  CHECK(pad(0, 1, 0, PadMode::constant).output == Extents{1});
  CHECK_THROWS_AS(pad(3, std::ptrdiff_t{1} << 40, 0, PadMode::constant), shape_error);
  const std::array<std::size_t, 1> huge{std::numeric_limits<std::size_t>::max()};
  CHECK_THROWS_AS(tile_movement({3}, huge), shape_error);
  CHECK_THROWS_AS(expand_movement({1, 1, 1}, {std::size_t{1} << 24, std::size_t{1} << 24, 4}), shape_error);
  CHECK_THROWS_WITH(expand_movement({2, 3}, {2}), "expand_movement: extents [2, 3] do not broadcast to [2]");
  const std::vector<std::int64_t> four{4};
  CHECK_THROWS_WITH(gather_movement({4}, 0, four, {1}), "gather_movement: index 4 is not on axis 0 of extents [4]");
  CHECK_THROWS_AS(gather_movement({4}, 1, four, {1}), shape_error);
  CHECK_THROWS_AS(gather_movement({4}, 0, four, {2}), shape_error);
  CHECK_THROWS_WITH(depth_to_space_movement({2, 2, 6}, 2, DepthOrder::dcr),
                    "depth_to_space_movement: blocks of 2 do not fit extents [2, 2, 6]");
  CHECK_THROWS_AS(depth_to_space_movement({2, 2, 4}, 0, DepthOrder::dcr), shape_error);
  CHECK_THROWS_AS(space_to_depth_movement({4, 3, 4}, 2, DepthOrder::crd), shape_error);
  std::vector<float> x(12), y(12);
  CHECK_THROWS_WITH(move_forward(Movement{{2, 2}, {{0, 1}, {0, 10}}}, x.data(), 1, 11, 0, y.data()),
                    "move_forward: offset 11 is beyond the 11 elements of a picture");
  CHECK_THROWS_WITH(move_backward(Movement{{2, 3}, {{0, 1}, {0, 10}}}, x.data(), 1, 12, y.data()),
                    "move_backward: axes of 4 elements for output extents [2, 3]");
}
