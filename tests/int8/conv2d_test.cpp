#include <catch.hpp>
#include <thread>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>
#include <trimtab/int8/kernels/avx2_weights.hpp>

#include "naive_int8.hpp"

namespace {

using namespace trimtab;
using naive::Case;

/// The library's result for a case on one ISA and number of threads, as accumulators, floats or codes.
template <class Y, class T, class... Stage>
std::vector<Y> run(const Case& c, const naive::Data<T>& d, int8::Isa isa, int thread_count, const Stage&... stage) {
  const int8::ScopedIsa scope(isa);
  const ScopedThreads scoped_threads(thread_count);
  REQUIRE(int8::kernels().isa == isa);
  const WindowGeometry g = c.geometry();
  const TensorView<const T> x(d.x.data(), g.input());
  std::vector<Y> y(element_count(g.output()), Y(77));
  const TensorView<Y> out(y.data(), g.output());
  int8::Workspace workspace;
  if (c.groups == c.channels && c.channels == c.outputs && c.groups > 1) {
    std::vector<std::int8_t> weight(d.weight.size());  // O KH KW 1 to KH KW C
    const std::size_t taps = c.kernel_h * c.kernel_w;
    for (std::size_t o = 0; o < c.outputs; ++o)
      for (std::size_t t = 0; t < taps; ++t) weight[t * c.outputs + o] = d.weight[o * taps + t];
    const auto packed = int8::pack_depthwise_conv2d(
        TensorView<const std::int8_t>(weight.data(), {c.kernel_h, c.kernel_w, c.channels}), d.weight_zero_point);
    int8::depthwise_conv2d(x, d.x_zero_point, packed, d.bias, c.window, stage..., out, workspace);
  } else {
    const auto packed =
        int8::pack_conv2d(TensorView<const std::int8_t>(d.weight.data(), {c.outputs, c.kernel_h, c.kernel_w, g.group_in()}),
                          c.groups, d.weight_zero_point);
    int8::conv2d(x, d.x_zero_point, packed, d.bias, c.window, stage..., out, workspace);
  }
  return y;
}

template <class T>
void check_all_outputs(const Case& c, bool extreme, bool weight_zero_points, int8::Isa isa, int thread_count) {
  const naive::Data<T> d = naive::make_data<T>(c, extreme, weight_zero_points);
  const std::vector<std::int32_t> acc = naive::conv2d(c, d);
  CHECK((run<std::int32_t>(c, d, isa, thread_count) == acc));

  const std::vector<float> m = naive::make_multipliers(acc, c.outputs);
  std::vector<float> floats;
  std::vector<std::uint8_t> unsigned_codes;
  std::vector<std::int8_t> signed_codes;
  const Requantize to_unsigned{m, 13, 5, 250}, to_signed{std::span(m).first(1), -20, -128, 127};
  for (std::size_t i = 0; i < acc.size(); ++i) {
    floats.push_back(static_cast<float>(acc[i]) * m[i % c.outputs]);
    unsigned_codes.push_back(static_cast<std::uint8_t>(to_unsigned(acc[i], i % c.outputs)));
    signed_codes.push_back(static_cast<std::int8_t>(to_signed(acc[i], i % c.outputs)));
  }
  CHECK((run<float>(c, d, isa, thread_count, std::span<const float>(m)) == floats));
  CHECK((run<std::uint8_t>(c, d, isa, thread_count, to_unsigned) == unsigned_codes));
  CHECK((run<std::int8_t>(c, d, isa, thread_count, to_signed) == signed_codes));

  // Codes that fill their type with 0 the lowest take a shorter way.
  std::vector<float> below_1 = m;
  for (float& f : below_1) f = std::min(f, 0.999F);
  const Requantize plain_unsigned{below_1, 0, 0, 255}, plain_signed{below_1, -128, -128, 127};
  for (std::size_t i = 0; i < acc.size(); ++i) {
    unsigned_codes[i] = static_cast<std::uint8_t>(plain_unsigned(acc[i], i % c.outputs));
    signed_codes[i] = static_cast<std::int8_t>(plain_signed(acc[i], i % c.outputs));
  }
  CHECK((run<std::uint8_t>(c, d, isa, thread_count, plain_unsigned) == unsigned_codes));
  CHECK((run<std::int8_t>(c, d, isa, thread_count, plain_signed) == signed_codes));
}

void check_case(const Case& c) {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  const int thread_count = GENERATE(1, 3);
  const bool extreme = GENERATE(false, true), weight_zero_points = GENERATE(false, true);
  CAPTURE(c.name, int8::name(isa), thread_count, extreme, weight_zero_points);
  check_all_outputs<std::uint8_t>(c, extreme, weight_zero_points, isa, thread_count);
  check_all_outputs<std::int8_t>(c, extreme, weight_zero_points, isa, thread_count);
}

}  // namespace

TEST_CASE("Pointwise convolutions equal loops in 64-bit integers on every ISA, for all outputs", "[int8]") {
  check_case(GENERATE(values<Case>({
      {"one of everything", 1, 1, 1, 1, 1, 1, 1},
      {"K of one step, one block", 1, 1, 1, 4, 16, 1, 1},
      {"one channel past a block, odd K", 1, 3, 5, 7, 17, 1, 1},
      {"tiles of every height, one block", 1, 1, 31, 12, 16, 1, 1},
      {"tiles of every height, three blocks and a bit", 1, 1, 29, 8, 51, 1, 1},
      {"tiles of every height, seven blocks", 1, 1, 23, 20, 112, 1, 1},
      {"MobileNet's 7 x 7", 1, 7, 7, 96, 80, 1, 1},
      {"several row blocks and pictures", 3, 9, 11, 16, 24, 1, 1},
      {"long K, few pixels, many channels", 2, 1, 1, 1280, 300, 1, 1},
      {"stride 2", 1, 7, 9, 8, 16, 1, 1, {2, 2}},
      {"padded", 1, 4, 4, 8, 16, 1, 1, {1, 1, {1, 0, 2, 1}}},
      {"groups", 1, 5, 5, 24, 36, 1, 1, {}, 3},
      {"one full block of channels", 1, 5, 5, 8, 16, 1, 1},
      {"two full blocks of channels", 1, 5, 5, 8, 32, 1, 1},
      {"one pixel", 1, 1, 1, 164, 51, 1, 1},
      {"one pixel, odd K", 1, 1, 1, 327, 16, 1, 1},
      {"two pixels", 1, 1, 2, 12, 40, 1, 1},
      {"three pixels", 1, 1, 3, 12, 40, 1, 1},
      {"six pixels", 1, 1, 6, 12, 40, 1, 1},
      {"seven pixels", 1, 1, 7, 64, 24, 1, 1},
  })));
}

TEST_CASE("Convolutions with windows equal loops in 64-bit integers on every ISA, for all outputs", "[int8]") {
  check_case(GENERATE(values<Case>({
      {"first layer", 1, 17, 19, 3, 32, 3, 3, {2, 2, {0, 0, 1, 1}}},
      {"3 x 3, padded", 2, 6, 7, 16, 33, 3, 3, {1, 1, {1, 1, 1, 1}}},
      {"3 x 3, no padding, odd channels", 1, 8, 8, 5, 9, 3, 3},
      {"lopsided padding", 1, 5, 6, 6, 18, 3, 2, {2, 1, {2, 0, 1, 3}}},
      {"7 x 7 stride 2", 1, 15, 15, 3, 20, 7, 7, {2, 2, {3, 3, 3, 3}}},
      {"dilated", 1, 11, 12, 6, 16, 3, 3, {1, 1, {2, 3, 2, 3}, 2, 3}},
      {"dilated rows only, odd channels", 1, 11, 12, 3, 16, 3, 3, {1, 1, {2, 1, 2, 1}, 2, 1}},
      {"window as large as the picture", 1, 4, 4, 8, 20, 4, 4},
      {"groups of odd size", 1, 6, 6, 15, 9, 3, 3, {1, 1, {1, 1, 1, 1}}, 3},
      {"groups of one step, several blocks each", 2, 9, 11, 12, 60, 3, 3, {1, 1, {1, 1, 1, 1}}, 3},
      {"groups, dilated, strides, lopsided padding", 1, 13, 12, 16, 24, 3, 2, {2, 1, {2, 3, 1, 0}, 2, 3}, 4},
      {"groups of one channel with several outputs", 1, 7, 7, 9, 27, 3, 3, {1, 1, {1, 1, 1, 1}}, 9},
      {"1 x 1 groups of odd size, stride 2", 1, 7, 6, 15, 25, 1, 1, {2, 2}, 5},
      {"1 x 5 window", 1, 3, 9, 4, 16, 1, 5, {1, 2, {0, 2, 0, 2}}},
      {"all padding at the border", 1, 2, 2, 4, 4, 2, 2, {1, 1, {2, 2, 2, 2}}},
  })));
}

TEST_CASE("Depthwise convolutions equal loops in 64-bit integers on every ISA, for all outputs", "[int8]") {
  check_case(GENERATE(values<Case>({
      {"3 x 3", 1, 7, 9, 64, 64, 3, 3, {1, 1, {1, 1, 1, 1}}, 64},
      {"3 x 3, blocks of every width", 2, 5, 6, 123, 123, 3, 3, {1, 1, {1, 1, 1, 1}}, 123},
      {"3 x 3 stride 2, lopsided padding", 1, 12, 11, 96, 96, 3, 3, {2, 2, {0, 0, 1, 1}}, 96},
      {"3 x 3 stride 2, one output row", 1, 3, 5, 24, 24, 3, 3, {2, 2, {0, 1, 0, 1}}, 24},
      {"3 x 3, one pixel", 1, 1, 1, 40, 40, 3, 3, {1, 1, {1, 1, 1, 1}}, 40},
      {"3 x 3 without padding", 1, 5, 5, 16, 16, 3, 3, {}, 16},
      {"5 x 5", 1, 9, 8, 72, 72, 5, 5, {1, 1, {2, 2, 2, 2}}, 72},
      {"5 x 5 stride 2", 1, 11, 9, 48, 48, 5, 5, {2, 2, {1, 2, 2, 2}}, 48},
      {"7 x 7", 1, 10, 9, 40, 40, 7, 7, {1, 1, {3, 3, 3, 3}}, 40},
      {"7 x 7 stride 2 across", 1, 10, 9, 40, 40, 7, 7, {1, 2, {3, 3, 3, 3}}, 40},
      {"7 x 3", 1, 9, 9, 20, 20, 7, 3, {1, 1, {3, 1, 3, 1}}, 20},
      {"2 x 2 stride 3, two channels", 1, 9, 9, 2, 2, 2, 2, {3, 3}, 2},
      {"dilated", 1, 9, 10, 33, 33, 3, 3, {1, 1, {2, 3, 2, 3}, 2, 3}, 33},
      {"strides that differ", 1, 9, 10, 32, 32, 3, 3, {1, 2, {1, 1, 1, 1}}, 32},
      {"wide picture", 1, 4, 70, 32, 32, 3, 3, {1, 1, {1, 1, 1, 1}}, 32},
      {"wide picture, stride 2", 1, 4, 141, 40, 40, 3, 3, {2, 2, {1, 1, 1, 1}}, 40},
      {"as narrow as can be", 1, 4, 2, 32, 32, 3, 3, {1, 1, {1, 1, 1, 0}}, 32},
      {"padding wider than the window", 1, 3, 6, 33, 33, 3, 3, {1, 1, {1, 4, 1, 5}}, 33},
      {"padding wider than the stride", 1, 3, 6, 32, 32, 3, 3, {2, 2, {2, 2, 2, 3}}, 32},
  })));
}

TEST_CASE("Nine equal weights of any size, less any zero point, give exact sums of 255s on every ISA", "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  const std::int32_t zero_point = GENERATE(0, -128, 127), x_zero_point = GENERATE(0, 255);
  CAPTURE(int8::name(isa), zero_point, x_zero_point);
  Case c{"nine", 1, 3, 5, 256, 256, 3, 3, {}, 256};
  naive::Data<std::uint8_t> d{};
  d.x.assign(3 * 5 * 256, 255);
  for (int w = -128; w < 128; ++w) d.weight.insert(d.weight.end(), 9, static_cast<std::int8_t>(w));
  d.weight_zero_point = {zero_point};
  d.x_zero_point = x_zero_point;
  CHECK((run<std::int32_t>(c, d, isa, 1) == naive::conv2d(c, d)));
}

TEST_CASE("Pairs of weights on both sides of where vpmaddubsw saturates give exact sums on every ISA", "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  CAPTURE(int8::name(isa));
  // 64 + 64 is the last sum that fits, 127 + 127 the largest, -128 twice has no complement: that block of 16 filters is widened.
  const std::vector<std::int8_t> ends{-128, -127, -65, -64, -1, 0, 1, 63, 64, 65, 127};
  const std::vector<std::uint8_t> codes{0, 1, 127, 128, 254, 255};
  Case c{"pairs", 1, codes.size(), codes.size(), 8, ends.size() * ends.size(), 1, 1};
  naive::Data<std::uint8_t> d{};
  for (const std::uint8_t x0 : codes)
    for (const std::uint8_t x1 : codes) d.x.insert(d.x.end(), {x0, x1, x1, x0, 255, 255, 0, 255});
  for (const std::int8_t w0 : ends)
    for (const std::int8_t w1 : ends) d.weight.insert(d.weight.end(), {w0, w1, w0, w1, w1, w0, 127, w1});
  CHECK((run<std::int32_t>(c, d, isa, 1) == naive::conv2d(c, d)));
}

TEST_CASE("Steps that share one sum of 16 bits are exact for the activations that drive each filter furthest, on every ISA",
          "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  // Weights up to 32 all make pairs, up to 64 with and up to 127 mostly without a complement; -128 has none.
  const int largest = GENERATE(1, 32, 64, 90, 127);
  const std::size_t window = GENERATE(std::size_t{1}, std::size_t{3});
  CAPTURE(int8::name(isa), largest, window);
  std::mt19937 random(static_cast<unsigned>(largest));
  std::uniform_int_distribution<int> weight(-largest, largest);
  constexpr std::size_t filters = 40, channels = 68;
  const std::size_t depth = window * window * channels;
  naive::Data<std::uint8_t> d{};
  for (std::size_t i = 0; i < filters * depth; ++i) d.weight.push_back(static_cast<std::int8_t>(weight(random)));
  for (std::size_t i = 0; i < filters * depth && largest == 127; i += 97) d.weight[i] = -128;
  // One picture for each end of each filter: 255 wherever its weights have one sign, and so on to the right, where 4 windows are.
  Case c{"ends", 2 * filters, window, window + 3, channels, filters, window, window};
  for (std::size_t o = 0; o < filters; ++o)
    for (const int sign : {1, -1})
      for (std::size_t h = 0; h < window; ++h)
        for (std::size_t w = 0; w < window + 3; ++w)
          for (std::size_t i = 0; i < channels; ++i)
            d.x.push_back(d.weight[((o * window + h) * window + w % window) * channels + i] * sign > 0 ? 255 : 0);
  CHECK((run<std::int32_t>(c, d, isa, 1) == naive::conv2d(c, d)));
}

#if TRIMTAB_X86_KERNELS
TEST_CASE("AVX2's form of weights finds a partner for nearly every step of small weights, and for none of large ones", "[int8]") {
  const auto pairs = [](int largest) {
    std::mt19937 random(7);
    std::uniform_int_distribution<int> weight(-largest, largest);
    std::vector<std::int8_t> w(16 * 256);
    for (auto& v : w) v = static_cast<std::int8_t>(weight(random));
    const auto packed = int8::pack_linear(TensorView<const std::int8_t>(w.data(), {16, 256}));
    return int8::avx2::MaddubsBlock{packed.prepared(int8::avx2::maddubs_form)}.pairs();
  };
  CHECK(pairs(32) == 32);  // of 64 steps: four weights of 32 always fit in
  CHECK(pairs(50) == 32);
  CHECK(pairs(127) == 0);
}
#endif

TEST_CASE("linear equals loops in 64-bit integers", "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  const int8::ScopedIsa scope(isa);
  const Case c{"linear", 1, 1, 5, 70, 37, 1, 1};
  const auto d = naive::make_data<std::uint8_t>(c, false, true);
  std::vector<std::int32_t> y(5 * 37);
  int8::Workspace workspace;
  int8::linear(TensorView<const std::uint8_t>(d.x.data(), {5, 70}), d.x_zero_point,
               int8::pack_linear(TensorView<const std::int8_t>(d.weight.data(), {37, 70}), d.weight_zero_point), d.bias,
               TensorView<std::int32_t>(y.data(), {5, 37}), workspace);
  CHECK((y == naive::conv2d(c, d)));
}

TEST_CASE("A bias past bias_limit counts as the limit, so that no sum leaves int32", "[int8]") {
  const std::vector<std::int8_t> weight(8, 127);
  const std::vector<std::uint8_t> x(8, 255);
  const std::vector<std::int32_t> bias{std::numeric_limits<std::int32_t>::max()};
  const auto packed = int8::pack_linear(TensorView<const std::int8_t>(weight.data(), {1, 8}));
  CHECK(packed.bias_limit(0) == std::numeric_limits<std::int32_t>::max() - 255 * 8 * 127);
  std::vector<std::int32_t> y(1);
  int8::Workspace workspace;
  int8::linear(TensorView<const std::uint8_t>(x.data(), {1, 8}), 0, packed, bias, TensorView<std::int32_t>(y.data(), {1, 1}),
               workspace);
  CHECK(y[0] == std::numeric_limits<std::int32_t>::max());
}

TEST_CASE("Multipliers that leave int32 or vanish requantize alike on every ISA; zero, negative ones and NaN are refused",
          "[int8]") {
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  CAPTURE(int8::name(isa));
  const auto groups = GENERATE(std::size_t{1}, std::size_t{40});  // a pointwise layer and a depthwise one
  const Case c{"", 1, 3, 3, 40, 40, 1, 1, {}, groups};
  const auto d = naive::make_data<std::uint8_t>(c, false, false);
  const std::vector<std::int32_t> acc = naive::conv2d(c, d);
  std::vector<float> m;
  for (std::size_t o = 0; o < 40; ++o) {
    const float odd[] = {1e30F, std::numeric_limits<float>::max(), 0x1p-149F, 3e5F, 0.001F, 1e-30F};
    m.push_back(odd[o % 6]);
  }
  const Requantize requantize{m, 100, 3, 250};
  std::vector<std::uint8_t> expected;
  for (std::size_t i = 0; i < acc.size(); ++i) expected.push_back(static_cast<std::uint8_t>(requantize(acc[i], i % 40)));
  CHECK((run<std::uint8_t>(c, d, isa, 1, requantize) == expected));
  for (const float wrong : {0.0F, -0.001F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    m[39] = wrong;
    CHECK_THROWS_AS(run<std::uint8_t>(c, d, isa, 1, requantize), quantization_range_error);
  }
}

TEST_CASE("Weights hold what the instruction sets in use have prepared of them, and nothing before", "[int8]") {
  const Case c{"", 1, 5, 5, 32, 32, 3, 3, {}, 32}, dense{"", 1, 5, 5, 32, 32, 3, 3};
  const auto d = naive::make_data<std::uint8_t>(c, false, false), dense_d = naive::make_data<std::uint8_t>(dense, false, false);
  auto depthwise = int8::pack_depthwise_conv2d(TensorView<const std::int8_t>(d.weight.data(), {3, 3, 32}));
  auto packed = int8::pack_conv2d(TensorView<const std::int8_t>(dense_d.weight.data(), {32, 3, 3, 32}));
  const std::size_t common = packed.bytes(), natural = depthwise.bytes();
  CHECK(common == 32 * 9 * 32);
  CHECK(natural == 9 * 32 * 2);
  std::vector<std::int32_t> y(9 * 32);
  int8::Workspace workspace;
  const TensorView<const std::uint8_t> x(d.x.data(), {1, 5, 5, 32});
  for (const int8::Isa isa : int8::available_isas()) {
    const int8::ScopedIsa scope(isa);
    CAPTURE(int8::name(isa));
    const std::size_t packed_before = packed.bytes(), depthwise_before = depthwise.bytes();
    for (int round = 0; round < 2; ++round) {
      int8::conv2d(x, 3, packed, {}, {}, TensorView<std::int32_t>(y.data(), {1, 3, 3, 32}), workspace);
      int8::depthwise_conv2d(x, 3, depthwise, {}, {}, TensorView<std::int32_t>(y.data(), {1, 3, 3, 32}), workspace);
    }
    CHECK((packed.bytes() > packed_before) == (isa == int8::Isa::avx2));
    // AVX-VNNI shares AVX2's for this window, AMX that of AVX512-VNNI.
    CHECK((depthwise.bytes() > depthwise_before) == (isa == int8::Isa::avx2 || isa == int8::Isa::avx512vnni));
    CHECK(int8::PackedConv2d(packed).bytes() == common);  // a copy prepares its own
  }
  // Packed anew, nothing old is left in use, and no more memory taken.
  const std::size_t bytes = packed.bytes(), depthwise_bytes = depthwise.bytes();
  const auto other = naive::make_data<std::uint8_t>(dense, true, false),
             other_dw = naive::make_data<std::uint8_t>(c, true, false);
  std::vector<std::int8_t> by_taps(9 * 32);
  for (std::size_t o = 0; o < 32; ++o)
    for (std::size_t t = 0; t < 9; ++t) by_taps[t * 32 + o] = other_dw.weight[o * 9 + t];
  int8::repack_conv2d(TensorView<const std::int8_t>(other.weight.data(), {32, 3, 3, 32}), packed);
  int8::repack_depthwise_conv2d(TensorView<const std::int8_t>(by_taps.data(), {3, 3, 32}), depthwise);
  for (const int8::Isa isa : int8::available_isas()) {
    const int8::ScopedIsa scope(isa);
    CAPTURE(int8::name(isa));
    int8::conv2d(TensorView<const std::uint8_t>(other.x.data(), {1, 5, 5, 32}), other.x_zero_point, packed, other.bias, {},
                 TensorView<std::int32_t>(y.data(), {1, 3, 3, 32}), workspace);
    CHECK((y == naive::conv2d(dense, other)));
    int8::depthwise_conv2d(TensorView<const std::uint8_t>(other_dw.x.data(), {1, 5, 5, 32}), other_dw.x_zero_point, depthwise,
                           other_dw.bias, {}, TensorView<std::int32_t>(y.data(), {1, 3, 3, 32}), workspace);
    CHECK((y == naive::conv2d(c, other_dw)));
  }
  CHECK(packed.bytes() == bytes);
  CHECK(depthwise.bytes() == depthwise_bytes);
}

TEST_CASE("Threads that ask for one layer's weights at the same time find them prepared once and right", "[int8]") {
  const Case c{"", 1, 1, 9, 256, 64, 1, 1};
  const auto d = naive::make_data<std::uint8_t>(c, false, false);
  const std::vector<std::int32_t> expected = naive::conv2d(c, d);
  const int8::Isa isa = GENERATE(from_range(int8::available_isas()));
  const int8::ScopedIsa scope(isa);
  for (int round = 0; round < 20; ++round) {
    const auto packed = int8::pack_conv2d(TensorView<const std::int8_t>(d.weight.data(), {64, 1, 1, 256}));
    std::vector<std::vector<std::int32_t>> y(4, std::vector<std::int32_t>(expected.size()));
    std::vector<std::thread> threads;
    for (auto& mine : y)
      threads.emplace_back([&] {
        int8::Workspace workspace;
        int8::conv2d(TensorView<const std::uint8_t>(d.x.data(), {1, 1, 9, 256}), d.x_zero_point, packed, d.bias, {},
                     TensorView<std::int32_t>(mine.data(), {1, 1, 9, 64}), workspace);
      });
    for (std::thread& t : threads) t.join();
    for (const auto& mine : y) REQUIRE(mine == expected);
    const std::size_t common = 64 * 256;
    CHECK(packed.bytes() <= 4 * common);
  }
}

TEST_CASE("A workspace stops growing after the first call", "[int8]") {
  const Case c{"", 1, 9, 9, 12, 40, 3, 3, {1, 1, {1, 1, 1, 1}}};
  const auto d = naive::make_data<std::uint8_t>(c, false, false);
  const auto packed = int8::pack_conv2d(TensorView<const std::int8_t>(d.weight.data(), {40, 3, 3, 12}));
  std::vector<std::int32_t> y(9 * 9 * 40);
  int8::Workspace workspace;
  const auto call = [&] {
    int8::conv2d(TensorView<const std::uint8_t>(d.x.data(), {1, 9, 9, 12}), 3, packed, d.bias, c.window,
                 TensorView<std::int32_t>(y.data(), {1, 9, 9, 40}), workspace);
  };
  call();
  const std::size_t bytes = workspace.bytes();
  CHECK(bytes > 0);
  call();
  CHECK(workspace.bytes() == bytes);
}

TEST_CASE("Integer layers refuse what does not fit, and say what", "[int8]") {
  const std::vector<std::int8_t> weight(2 * 3 * 3 * 4);
  const TensorView<const std::int8_t> w(weight.data(), {2, 3, 3, 4});
  const auto packed = int8::pack_conv2d(w);
  std::vector<std::uint8_t> x(5 * 5 * 4);
  std::vector<std::int32_t> y(3 * 3 * 2);
  int8::Workspace workspace;
  const TensorView<std::int32_t> out(y.data(), {1, 3, 3, 2});
  CHECK_THROWS_AS(int8::conv2d(TensorView<std::uint8_t>(x.data(), {1, 5, 5, 2}), 0, packed, {}, {}, out, workspace), shape_error);
  CHECK_THROWS_AS(int8::conv2d(TensorView<std::uint8_t>(x.data(), {1, 5, 5, 4}), 0, packed, {}, {2, 2}, out, workspace),
                  shape_error);
  CHECK_THROWS_AS(int8::conv2d(TensorView<std::uint8_t>(x.data(), {1, 5, 5, 4}), 256, packed, {}, {}, out, workspace),
                  value_error);
  const std::vector<std::int32_t> bias(3);
  CHECK_THROWS_AS(int8::conv2d(TensorView<std::uint8_t>(x.data(), {1, 5, 5, 4}), 0, packed, bias, {}, out, workspace),
                  shape_error);
  const std::vector<float> m(3);
  std::vector<std::uint8_t> codes(y.size());
  CHECK_THROWS_AS(int8::conv2d(TensorView<std::uint8_t>(x.data(), {1, 5, 5, 4}), 0, packed, {}, {}, Requantize{m},
                               TensorView<std::uint8_t>(codes.data(), {1, 3, 3, 2}), workspace),
                  shape_error);
  const std::vector<std::int32_t> far{128};
  CHECK_THROWS_AS(int8::pack_conv2d(w, 1, far), value_error);
  CHECK_THROWS_AS(int8::pack_conv2d(w, 3), shape_error);
  const std::vector<std::int8_t> deep(65794);
  CHECK_NOTHROW(int8::pack_linear(TensorView<const std::int8_t>(deep.data(), {1, 65793})));
  CHECK_THROWS_WITH(int8::pack_linear(TensorView<const std::int8_t>(deep.data(), {1, 65794})), ContainsSubstring("65794"));
}

TEST_CASE("The ISA in use is what was asked for, or an error", "[int8]") {
  CHECK(int8::available_isas().front() == int8::Isa::portable);
  CHECK_THROWS_AS(int8::isa_from_name("avx1024"), value_error);
  for (const int8::Isa isa : trimtab::detail::all_isas) {
    CHECK(int8::isa_from_name(int8::name(isa)) == isa);
    const auto& there = int8::available_isas();
    if (std::find(there.begin(), there.end(), isa) == there.end())
      CHECK_THROWS_AS(int8::ScopedIsa(isa), unsupported_error);
    else {
      const int8::Isa before = int8::active_isa();
      {
        const int8::ScopedIsa scope(isa);
        CHECK(int8::active_isa() == isa);
        CHECK(int8::kernels().isa == isa);
      }
      CHECK(int8::active_isa() == before);
    }
  }
}
