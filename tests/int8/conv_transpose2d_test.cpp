#include <algorithm>
#include <catch.hpp>
#include <random>
#include <trimtab/int8/conv_transpose2d.hpp>

#include "naive_int8.hpp"

namespace {

using namespace trimtab;

struct Layer {
  std::string name;
  naive::Case c;  // its window is the transposed one's; data is made from it
  OutputPadding more = {};

  Extents x() const { return {c.n, c.h, c.w, c.channels}; }
  Extents weight() const { return {c.outputs, c.kernel_h, c.kernel_w, c.channels / c.groups}; }
  Extents y() const {
    const WindowOptions& o = c.window;
    return {c.n, (c.h - 1) * o.stride_h + o.dilation_h * (c.kernel_h - 1) + 1 + more.h - o.padding.top - o.padding.bottom,
            (c.w - 1) * o.stride_w + o.dilation_w * (c.kernel_w - 1) + 1 + more.w - o.padding.left - o.padding.right, c.outputs};
  }
};

/// bias + sum (x - zx)(w - zw) in 64 bits, input by input.
template <class T>
std::vector<std::int32_t> naive_accumulators(const Layer& l, const naive::Data<T>& d) {
  const naive::Case& c = l.c;
  const Extents y = l.y();
  const std::size_t in = c.channels / c.groups, out = c.outputs / c.groups;
  std::vector<std::int64_t> acc(element_count(y));
  for (std::size_t i = 0; i < acc.size(); ++i) acc[i] = d.bias[i % c.outputs];
  for (std::size_t n = 0; n < c.n; ++n)
    for (std::size_t ih = 0; ih < c.h; ++ih)
      for (std::size_t iw = 0; iw < c.w; ++iw)
        for (std::size_t kh = 0; kh < c.kernel_h; ++kh)
          for (std::size_t kw = 0; kw < c.kernel_w; ++kw) {
            const std::size_t oh = ih * c.window.stride_h + kh * c.window.dilation_h - c.window.padding.top;  // wraps outside
            const std::size_t ow = iw * c.window.stride_w + kw * c.window.dilation_w - c.window.padding.left;
            if (oh >= y[1] || ow >= y[2]) continue;
            for (std::size_t o = 0; o < c.outputs; ++o)
              for (std::size_t i = 0; i < in; ++i) {
                const std::int64_t x = d.x[((n * c.h + ih) * c.w + iw) * c.channels + o / out * in + i] - d.x_zero_point;
                const std::int64_t w = d.weight[((o * c.kernel_h + kh) * c.kernel_w + kw) * in + i] -
                                       (d.weight_zero_point.empty() ? 0 : d.weight_zero_point[o]);
                acc[((n * y[1] + oh) * y[2] + ow) * c.outputs + o] += x * w;
              }
          }
  return {acc.begin(), acc.end()};
}

template <class Y, class T, class... Stage>
std::vector<Y> run(const Layer& l, const naive::Data<T>& d, const Stage&... stage) {
  std::vector<Y> y(element_count(l.y()), Y(77));
  int8::Workspace workspace, phases;
  const auto packed = int8::pack_conv_transpose2d(TensorView<const std::int8_t>(d.weight.data(), l.weight()), l.c.window,
                                                  l.c.groups, d.weight_zero_point);
  const auto call = [&] {
    int8::conv_transpose2d(TensorView<const T>(d.x.data(), l.x()), d.x_zero_point, packed, d.bias, l.c.window, l.more, stage...,
                           TensorView<Y>(y.data(), l.y()), workspace, phases);
  };
  call();
  const std::size_t bytes = workspace.bytes(), phase_bytes = phases.bytes();
  call();  // with what the first call left in the workspaces
  CHECK(workspace.bytes() == bytes);
  CHECK(phases.bytes() == phase_bytes);
  return y;
}

template <class T>
void check_all_outputs(const Layer& l, bool extreme, bool weight_zero_points) {
  const auto d = naive::make_data<T>(l.c, extreme, weight_zero_points);
  const std::vector<std::int32_t> acc = naive_accumulators(l, d);
  CHECK((run<std::int32_t>(l, d) == acc));
  const std::vector<float> m = naive::make_multipliers(acc, l.c.outputs);
  const Requantize to_unsigned{m, 13, 5, 250}, to_signed{std::span(m).first(1), -20, -128, 127};
  std::vector<float> floats;
  std::vector<std::uint8_t> unsigned_codes;
  std::vector<std::int8_t> signed_codes;
  for (std::size_t i = 0; i < acc.size(); ++i) {
    floats.push_back(static_cast<float>(acc[i]) * m[i % l.c.outputs]);
    unsigned_codes.push_back(static_cast<std::uint8_t>(to_unsigned(acc[i], i % l.c.outputs)));
    signed_codes.push_back(static_cast<std::int8_t>(to_signed(acc[i], i % l.c.outputs)));
  }
  CHECK((run<float>(l, d, std::span<const float>(m)) == floats));
  CHECK((run<std::uint8_t>(l, d, to_unsigned) == unsigned_codes));
  CHECK((run<std::int8_t>(l, d, to_signed) == signed_codes));
}

}  // namespace

TEST_CASE("Transposed convolutions equal loops in 64-bit integers on every ISA, for all outputs", "[int8]") {
  const Layer l = GENERATE(values<Layer>({
      {"one of everything", {"", 1, 1, 1, 1, 1, 1, 1}},
      {"pointwise", {"", 2, 3, 5, 7, 17, 1, 1}},
      {"pointwise, more rows and columns", {"", 1, 3, 2, 4, 16, 1, 1}, {2, 1}},
      {"pointwise, stride 2: phases without a kernel row", {"", 2, 3, 4, 8, 20, 1, 1, {2, 2}}},
      {"pointwise, cropped", {"", 1, 4, 5, 8, 16, 1, 1, {1, 1, {1, 0, 0, 2}}}},
      {"2 x 2, stride 2", {"", 2, 5, 6, 12, 24, 2, 2, {2, 2}}},
      {"3 x 3, stride 1, padded", {"", 1, 6, 7, 16, 33, 3, 3, {1, 1, {1, 1, 1, 1}}}},
      {"3 x 3, stride 2, twice as large", {"", 2, 5, 6, 5, 18, 3, 3, {2, 2, {1, 1, 1, 1}}}, {1, 1}},
      {"4 x 4, stride 2, wide", {"", 1, 3, 21, 8, 16, 4, 4, {2, 2, {1, 1, 1, 1}}}},
      {"5 x 3, strides 3 and 2, lopsided", {"", 1, 4, 5, 6, 9, 5, 3, {3, 2, {2, 0, 1, 1}}}},
      {"2 x 2, stride 3: empty phases", {"", 1, 3, 4, 4, 5, 2, 2, {3, 3, {1, 0, 0, 0}}}, {1, 2}},
      {"dilation 2, stride 2: half of the phases are empty", {"", 1, 5, 4, 4, 8, 3, 3, {2, 2, {1, 2, 0, 1}, 2, 2}}},
      {"dilation 3 and 2, strides 2 and 3", {"", 1, 4, 5, 4, 8, 3, 4, {2, 3, {2, 1, 3, 0}, 3, 2}}},
      {"groups", {"", 1, 4, 4, 12, 18, 3, 3, {2, 2, {1, 1, 1, 1}}, 3}},
      {"one group a channel", {"", 1, 4, 5, 20, 20, 4, 4, {2, 2, {1, 1, 1, 1}}, 20}},
      {"stride 2, as many rows as before", {"", 2, 2, 3, 4, 3, 2, 2, {2, 1, {1, 0, 1, 0}}}},
      {"padding beyond the kernel", {"", 1, 6, 6, 4, 8, 2, 2, {2, 1, {5, 3, 4, 2}}}},
      {"cropped to one pixel", {"", 1, 3, 3, 4, 4, 3, 3, {2, 2, {3, 6, 3, 0}}}},
  }));
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  const int thread_count = GENERATE(1, 3);
  const bool extreme = GENERATE(false, true), weight_zero_points = GENERATE(false, true);
  CAPTURE(l.name, int8::name(isa), thread_count, extreme, weight_zero_points);
  const int8::ScopedIsa scope(isa);
  const ScopedThreads threads(thread_count);
  check_all_outputs<std::uint8_t>(l, extreme, weight_zero_points);
  check_all_outputs<std::int8_t>(l, extreme, weight_zero_points);
}

TEST_CASE("Transposed convolutions of any small geometry equal loops", "[int8]") {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return std::size_t{random()} % n; };
  std::size_t tried = 0;
  while (tried < 400) {
    const std::size_t groups = 1 + below(2);
    naive::Case c{"",           1 + below(2), 1 + below(4), 1 + below(4), groups * (1 + below(3)), groups * (1 + below(3)),
                  1 + below(4), 1 + below(4)};
    c.groups = groups;
    c.window = {1 + below(3), 1 + below(3), {below(3), below(3), below(3), below(3)}, 1 + below(2), 1 + below(2)};
    const Layer l{"", c, {below(2), below(2)}};
    const auto fits = [](std::size_t in, std::size_t stride, std::size_t kernel, std::size_t dilation, std::size_t more,
                         std::size_t cut) {
      return (in - 1) * stride + dilation * (kernel - 1) + 1 + more > cut && more < std::max(stride, dilation);
    };
    const WindowOptions& o = c.window;
    if (!fits(c.h, o.stride_h, c.kernel_h, o.dilation_h, l.more.h, o.padding.top + o.padding.bottom) ||
        !fits(c.w, o.stride_w, c.kernel_w, o.dilation_w, l.more.w, o.padding.left + o.padding.right))
      continue;
    ++tried;
    CAPTURE(c.n, c.h, c.w, c.channels, c.outputs, groups, c.kernel_h, c.kernel_w, o.stride_h, o.stride_w, o.padding.top,
            o.padding.left, o.padding.bottom, o.padding.right, o.dilation_h, o.dilation_w, l.more.h, l.more.w);
    const auto d = naive::make_data<std::uint8_t>(c, tried % 2 == 0, tried % 3 == 0);
    REQUIRE((run<std::int32_t>(l, d) == naive_accumulators(l, d)));
  }
}

TEST_CASE("Transposed convolutions of no pictures and of weights packed anew", "[int8]") {
  const Layer none{"none", {"", 0, 3, 3, 4, 8, 3, 3, {2, 2}}};
  check_all_outputs<std::uint8_t>(none, false, false);
  int8::PackedConvTranspose2d packed;
  for (const Layer& l : {Layer{"", {"", 1, 3, 3, 4, 8, 3, 3, {2, 2}}}, Layer{"", {"", 1, 3, 3, 4, 8, 3, 3, {2, 2}}},
                         Layer{"", {"", 1, 3, 3, 4, 8, 3, 3, {1, 1}}}, Layer{"", {"", 1, 3, 3, 4, 8, 2, 3, {1, 1}}}}) {
    const auto d = naive::make_data<std::uint8_t>(l.c, false, true, static_cast<unsigned>(packed.kernel_h()));
    int8::repack_conv_transpose2d(TensorView<const std::int8_t>(d.weight.data(), l.weight()), l.c.window, packed, 1,
                                  d.weight_zero_point);
    std::vector<std::int32_t> y(element_count(l.y()));
    int8::Workspace workspace, phases;
    int8::conv_transpose2d(TensorView<const std::uint8_t>(d.x.data(), l.x()), d.x_zero_point, packed, d.bias, l.c.window, {},
                           TensorView<std::int32_t>(y.data(), l.y()), workspace, phases);
    CHECK((y == naive_accumulators(l, d)));
  }
}

TEST_CASE("A transposed convolution's bias past bias_limit counts as the limit in every phase", "[int8]") {
  const std::vector<std::int8_t> weight{127, 127, 127};  // phases of two kernel columns and of one
  const std::vector<std::uint8_t> x{255, 255};
  const std::vector<std::int32_t> bias{std::numeric_limits<std::int32_t>::max()};
  const WindowOptions window{1, 2};
  const auto packed = int8::pack_conv_transpose2d(TensorView<const std::int8_t>(weight.data(), {1, 1, 3, 1}), window);
  const std::int32_t most = std::numeric_limits<std::int32_t>::max(), product = 255 * 127;
  CHECK(packed.bias_limit(0) == most - 2 * product);
  std::vector<std::int32_t> y(5);
  int8::Workspace workspace, phases;
  int8::conv_transpose2d(TensorView<const std::uint8_t>(x.data(), {1, 1, 2, 1}), 0, packed, bias, window, {},
                         TensorView<std::int32_t>(y.data(), {1, 1, 5, 1}), workspace, phases);
  CHECK(y == std::vector<std::int32_t>{most - product, most - product, most, most - product, most - product});
}

TEST_CASE("Transposed convolutions refuse what does not fit, and say what", "[int8]") {
  const std::vector<std::int8_t> weight(2 * 3 * 3 * 4);
  const TensorView<const std::int8_t> w(weight.data(), {2, 3, 3, 4});
  const WindowOptions window{2, 2};
  const auto packed = int8::pack_conv_transpose2d(w, window);
  std::vector<std::uint8_t> x(2 * 2 * 4);
  std::vector<std::int32_t> y(5 * 5 * 2);
  int8::Workspace workspace, phases;
  const auto call = [&](const Extents& in, const Extents& out, const WindowOptions& o, std::span<const std::int32_t> bias = {}) {
    int8::conv_transpose2d(TensorView<const std::uint8_t>(x.data(), in), 0, packed, bias, o, {},
                           TensorView<std::int32_t>(y.data(), out), workspace, phases);
  };
  CHECK_NOTHROW(call({1, 2, 2, 4}, {1, 5, 5, 2}, window));
  CHECK_THROWS_WITH(call({1, 2, 2, 4}, {1, 4, 4, 2}, {1, 1}),
                    "conv_transpose2d: the weights are packed for strides 2 x 2 and dilations 1 x 1, got 1 x 1 and 1 x 1");
  CHECK_THROWS_WITH(call({1, 2, 2, 4}, {1, 4, 4, 2}, window),
                    "conv_transpose2d: expected extents [1, 5, 5, 2], got [1, 4, 4, 2]");
  CHECK_THROWS_AS(call({1, 2, 2, 2}, {1, 5, 5, 2}, window), shape_error);
  const std::vector<std::int32_t> three(3);
  CHECK_THROWS_AS(call({1, 2, 2, 4}, {1, 5, 5, 2}, window, three), shape_error);
  const TensorView<const std::uint8_t> picture(x.data(), {1, 2, 2, 4});
  const TensorView<std::int32_t> out(y.data(), {1, 5, 5, 2});
  CHECK_THROWS_AS(int8::conv_transpose2d(picture, 256, packed, {}, window, {}, out, workspace, phases), value_error);
  CHECK_THROWS_AS(int8::conv_transpose2d(picture, 0, packed, {}, window, {}, out, workspace, workspace), value_error);
  const std::vector<float> m(3);
  std::vector<std::uint8_t> codes(y.size());
  CHECK_THROWS_AS(int8::conv_transpose2d(picture, 0, packed, {}, window, {}, Requantize{m},
                                         TensorView<std::uint8_t>(codes.data(), out.extent), workspace, phases),
                  shape_error);
  CHECK_THROWS_AS(int8::pack_conv_transpose2d(w, {0, 1}), shape_error);
  CHECK_THROWS_AS(int8::pack_conv_transpose2d(w, {65, 64}), shape_error);
  CHECK_THROWS_AS(int8::pack_conv_transpose2d(w, window, 3), shape_error);
  const std::vector<std::int32_t> far{128};
  CHECK_THROWS_AS(int8::pack_conv_transpose2d(w, window, 1, far), value_error);
  auto failed = packed;
  CHECK_THROWS_AS(int8::repack_conv_transpose2d(w, window, failed, 1, far), value_error);
  CHECK_THROWS_AS(int8::conv_transpose2d(picture, 0, failed, {}, window, {}, out, workspace, phases), shape_error);
}
