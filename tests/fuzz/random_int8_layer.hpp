#pragma once
// Random integer layers through every instruction set and 1 to 3 threads: all bytes are those of the naive loops.

#include <array>
#include <cstring>
#include <int8/naive_int8.hpp>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <trimtab/int8/conv2d.hpp>
#include <trimtab/int8/depthwise_conv2d.hpp>

#include "choices.hpp"

namespace fuzz {

using namespace trimtab;

/// Thrown for the first byte that differs, or was written outside the output.
struct Difference : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Kind { conv2d, grouped, depthwise, linear };

/// What packed weights and workspaces the layers of a round share: a later layer finds in them what an earlier one has left.
struct Reused {
  int8::PackedConv2d conv2d;
  int8::PackedDepthwise depthwise;
  int8::Workspace workspace;
};

/// Extents that kernels treat differently: small ones, those about a block of 16 and its multiples, and any.
inline std::size_t extent(Choices& choose, std::size_t most) {
  const std::size_t about = 16 * choose.in<std::size_t>(1, 5) + choose.in<std::size_t>(0, 2) - 1;
  const std::size_t drawn = choose.of<std::size_t>({choose.in<std::size_t>(1, 4), about, choose.in<std::size_t>(1, 80)});
  return drawn % most + 1;
}

inline naive::Case random_case(Choices& choose, Kind kind) {
  constexpr double most_macs = 4e5;
  for (;;) {
    naive::Case c{"", choose.of<std::size_t>({1, 1, 2, 3}), 1, 1, 1, 1, 1, 1};
    if (kind == Kind::linear) {
      c.channels = choose.once_in(4) ? choose.in<std::size_t>(1, 700) : extent(choose, 120);
      c.outputs = extent(choose, 120);
      c.w = choose.in<std::size_t>(1, 40);
    } else {
      c.h = choose.of<std::size_t>({choose.in<std::size_t>(1, 12), choose.in<std::size_t>(1, 5)});
      c.w =
          choose.of<std::size_t>({choose.in<std::size_t>(1, 12), choose.in<std::size_t>(1, 40), choose.in<std::size_t>(1, 130)});
      const std::size_t square = choose.of<std::size_t>({1, 3, 5});
      c.kernel_h = choose.of<std::size_t>({square, choose.in<std::size_t>(1, 9)});
      c.kernel_w = choose.of<std::size_t>({c.kernel_h, choose.in<std::size_t>(1, 9)});
      WindowOptions& o = c.window;
      o.stride_h = choose.of<std::size_t>({1, 2, choose.in<std::size_t>(1, 4)});
      o.stride_w = choose.of<std::size_t>({o.stride_h, choose.in<std::size_t>(1, 4)});
      if (choose.once_in(4)) o.dilation_h = choose.in<std::size_t>(1, 3), o.dilation_w = choose.in<std::size_t>(1, 3);
      const std::size_t wide = choose.of<std::size_t>({0, 1, 2, 5, 9});
      const auto side = [&](std::size_t kernel) { return choose.of<std::size_t>({kernel / 2, choose.in<std::size_t>(0, wide)}); };
      o.padding = {side(c.kernel_h), side(c.kernel_w), side(c.kernel_h), side(c.kernel_w)};
      c.channels = extent(choose, 90);
      c.outputs = extent(choose, 90);
      if (kind == Kind::depthwise) {
        if (choose.once_in(5)) c.channels = choose.in<std::size_t>(1, 200);
        c.outputs = c.groups = c.channels;
      } else if (kind == Kind::grouped) {
        c.groups = choose.in<std::size_t>(1, 6);
        c.channels = (c.channels / c.groups + 1) * c.groups;
        c.outputs = (c.outputs / c.groups + 1) * c.groups;
      }
      const auto span = [](std::size_t kernel, std::size_t dilation) { return dilation * (kernel - 1) + 1; };
      if (c.h + o.padding.top + o.padding.bottom < span(c.kernel_h, o.dilation_h)) continue;
      if (c.w + o.padding.left + o.padding.right < span(c.kernel_w, o.dilation_w)) continue;
    }
    if (c.geometry().macs() <= most_macs) return c;
  }
}

template <class T>
naive::Data<T> random_data(Choices& choose, const naive::Case& c) {
  const int lowest = std::numeric_limits<T>::lowest(), highest = std::numeric_limits<T>::max();
  naive::Data<T> d;
  d.x_zero_point = choose.of({lowest, highest, choose.in(lowest, highest)});
  const int x_kind = choose.in(0, 4);
  d.x.resize(c.n * c.h * c.w * c.channels);
  for (T& x : d.x) {
    const std::uint64_t bits = choose.bits();
    const int any = lowest + static_cast<int>(bits % 256), end = (bits & 256) != 0 ? highest : lowest;
    x = static_cast<T>(x_kind == 0 ? highest : x_kind == 1 ? end : x_kind == 2 && (bits & 0xe00) != 0 ? d.x_zero_point : any);
  }
  const std::size_t depth = c.kernel_h * c.kernel_w * c.channels / c.groups;
  const int w_kind = choose.in(0, 5), largest = choose.of({1, 32, 64, 100, 127});
  d.weight.resize(c.outputs * depth);
  for (std::size_t i = 0; i < d.weight.size(); ++i) {
    const std::uint64_t bits = choose.bits();
    const int any = static_cast<int>(bits % 256) - 128, end = (bits & 256) != 0 ? 127 : -128;
    const int small = static_cast<int>(bits % static_cast<std::uint64_t>(2 * largest + 1)) - largest;
    const std::size_t filter = i / depth;
    int w = any;
    if (w_kind == 0) w = end;
    if (w_kind == 1) w = filter % 3 == 0 ? -128 : filter % 3 == 1 ? 127 : end;
    if (w_kind == 2) w = small;
    if (w_kind == 3) w = (bits & 0x3f000) == 0 ? end : small;  // now and then one that has no complement
    if (w_kind == 4) w = filter / 16 % 2 == 0 ? small : any;
    d.weight[i] = static_cast<std::int8_t>(w);
  }
  if (choose.once_in(3)) {
    d.weight_zero_point.resize(choose.once_in(3) ? 1 : c.outputs);
    const int kind = choose.in(0, 2);
    for (std::int32_t& z : d.weight_zero_point) z = kind == 0 ? choose.of({-128, 127}) : kind == 1 ? 0 : choose.in(-128, 127);
  }
  if (!choose.once_in(5)) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    const int kind = choose.in(0, 2);
    for (std::size_t o = 0; o < c.outputs; ++o) {
      const std::int64_t past = choose.in<std::int64_t>(-most - 1, most), end = choose.of({most, -most - 1, -most});
      d.bias.push_back(static_cast<std::int32_t>(kind == 0 ? end : kind == 1 ? past : choose.in<std::int64_t>(-99999, 99999)));
    }
  }
  return d;
}

/// Multipliers that spread the sums over the codes; now and then those with which a stage may go wrong.
inline std::vector<float> random_multipliers(Choices& choose, const std::vector<std::int32_t>& acc, std::size_t channels) {
  std::int64_t largest = 1;
  for (const std::int32_t a : acc) largest = std::max(largest, std::abs(std::int64_t{a}));
  std::vector<float> m(choose.once_in(4) ? 1 : channels);
  const bool odd = choose.once_in(4);
  for (float& f : m) {
    f = static_cast<float>(choose.in(1, 2000)) / static_cast<float>(largest);
    if (odd) f = choose.of({f, 1.0F, 0.5F, 1e30F, 1e-40F, 0x1p-126F, std::numeric_limits<float>::max()});
  }
  return m;
}

/// `Y` numbers with some of no meaning before and behind, which have to stay as they are.
template <class Y>
class GuardedOutput {
 public:
  explicit GuardedOutput(std::size_t count) : numbers_(count + 2 * guard, Y(77)) {}
  Y* data() { return numbers_.data() + guard; }
  /// Throws Difference unless the numbers have the bytes of `expected`.
  void require(const std::vector<Y>& expected, const std::string& what) {
    for (std::size_t i = 0; i < guard; ++i)
      if (numbers_[i] != Y(77) || numbers_[numbers_.size() - 1 - i] != Y(77)) throw Difference(what + ": written outside y");
    if (expected.empty() || std::memcmp(data(), expected.data(), expected.size() * sizeof(Y)) == 0) return;
    std::size_t i = 0;
    while (std::memcmp(data() + i, &expected[i], sizeof(Y)) == 0) ++i;
    std::ostringstream message;
    message << what << ": element " << i << " is " << +data()[i] << ", should be " << +expected[i];
    throw Difference(message.str());
  }

 private:
  static constexpr std::size_t guard = 64;
  std::vector<Y> numbers_;
};

inline std::string describe(const naive::Case& c, Kind kind) {
  const WindowOptions& o = c.window;
  const Padding& p = o.padding;
  std::ostringstream text;
  text << std::array{"conv2d", "grouped", "depthwise", "linear"}[static_cast<std::size_t>(kind)] << " N H W C " << c.n << ' '
       << c.h << ' ' << c.w << ' ' << c.channels << ", " << c.outputs << " outputs, window " << c.kernel_h << " x " << c.kernel_w
       << ", stride " << o.stride_h << ' ' << o.stride_w << ", padding " << p.top << ' ' << p.left << ' ' << p.bottom << ' '
       << p.right << ", dilation " << o.dilation_h << ' ' << o.dilation_w << ", groups " << c.groups;
  return text.str();
}

template <class T>
void check_layer(Choices& choose, Kind kind, Reused& reused) {
  const naive::Case c = random_case(choose, kind);
  const WindowGeometry g = c.geometry();
  const naive::Data<T> d = random_data<T>(choose, c);
  const std::vector<std::int32_t> acc = naive::conv2d(c, d);
  const std::vector<float> m = random_multipliers(choose, acc, c.outputs);
  std::vector<float> plain_m = m;  // with codes of the whole type a shorter way through the kernels, where all are below 1
  for (float& f : plain_m) f = f < 1 ? f : 0.75F;
  const int lo = choose.in(-128, 127), hi = choose.in(lo, 127), zero_point = choose.in(-128, 127);
  const Requantize stages[] = {
      {m, zero_point + 128, lo + 128, hi + 128}, {plain_m, 0, 0, 255}, {m, zero_point, lo, hi}, {plain_m, -128, -128, 127}};
  std::vector<float> floats;
  std::vector<std::uint8_t> codes[4];
  for (std::size_t i = 0; i < acc.size(); ++i) {
    floats.push_back(static_cast<float>(acc[i]) * m[m.size() == 1 ? 0 : i % c.outputs]);
    for (std::size_t s = 0; s < 4; ++s) codes[s].push_back(static_cast<std::uint8_t>(stages[s](acc[i], i % c.outputs)));
  }

  // Packed under one instruction set, run under all.
  const auto& isas = int8::available_isas();
  std::vector<std::int8_t> by_taps(d.weight.size());  // depthwise: O KH KW 1 to KH KW C
  {
    const int8::ScopedIsa scope(isas[choose.in(std::size_t{0}, isas.size() - 1)]);
    if (kind == Kind::depthwise) {
      const std::size_t taps = c.kernel_h * c.kernel_w;
      for (std::size_t o = 0; o < c.outputs; ++o)
        for (std::size_t t = 0; t < taps; ++t) by_taps[t * c.outputs + o] = d.weight[o * taps + t];
      int8::repack_depthwise_conv2d(TensorView<const std::int8_t>(by_taps.data(), {c.kernel_h, c.kernel_w, c.channels}),
                                    reused.depthwise, d.weight_zero_point);
    } else if (kind == Kind::linear) {
      int8::repack_linear(TensorView<const std::int8_t>(d.weight.data(), {c.outputs, c.channels}), reused.conv2d,
                          d.weight_zero_point);
    } else {
      int8::repack_conv2d(TensorView<const std::int8_t>(d.weight.data(), {c.outputs, c.kernel_h, c.kernel_w, g.group_in()}),
                          reused.conv2d, c.groups, d.weight_zero_point);
    }
  }
  const auto run = [&](auto... stage_and_y) {
    const TensorView<const T> x(d.x.data(), g.input());
    if (kind == Kind::depthwise)
      int8::depthwise_conv2d(x, d.x_zero_point, reused.depthwise, d.bias, c.window, stage_and_y..., reused.workspace);
    else if (kind != Kind::linear)
      int8::conv2d(x, d.x_zero_point, reused.conv2d, d.bias, c.window, stage_and_y..., reused.workspace);
  };
  const TensorView<const T> rows(d.x.data(), {c.n * c.w, c.channels});
  const Extents out = kind == Kind::linear ? Extents{c.n * c.w, c.outputs} : g.output();
  for (const int8::Isa isa : isas) {
    const int8::ScopedIsa scope(isa);
    const int thread_count = choose.in(1, 3);
    const ScopedThreads scoped_threads(thread_count);
    const std::string what = describe(c, kind) + ", " + (sizeof(T) == 1 && std::is_signed_v<T> ? "s8" : "u8") + ", " +
                             int8::name(isa) + ", threads " + std::to_string(thread_count);
    GuardedOutput<std::int32_t> sums(acc.size());
    const TensorView<std::int32_t> sums_view(sums.data(), out);
    GuardedOutput<float> scaled(acc.size());
    const TensorView<float> scaled_view(scaled.data(), out);
    run(sums_view);
    run(std::span<const float>(m), scaled_view);
    if (kind == Kind::linear) {
      int8::linear(rows, d.x_zero_point, reused.conv2d, d.bias, sums_view, reused.workspace);
      int8::linear(rows, d.x_zero_point, reused.conv2d, d.bias, std::span<const float>(m), scaled_view, reused.workspace);
    }
    sums.require(acc, what + ", accumulators");
    scaled.require(floats, what + ", floats");
    for (std::size_t s = 0; s < 4; ++s) {
      GuardedOutput<std::uint8_t> y(acc.size());
      const auto write = [&](auto* data) {
        const TensorView y_view(data, out);
        if (kind == Kind::linear)
          int8::linear(rows, d.x_zero_point, reused.conv2d, d.bias, stages[s], y_view, reused.workspace);
        else
          run(stages[s], y_view);
      };
      s < 2 ? write(y.data()) : write(reinterpret_cast<std::int8_t*>(y.data()));
      y.require(codes[s], what + (s < 2 ? ", uint8" : ", int8") + (s % 2 == 0 ? "" : ", whole type"));
    }
  }
}

}  // namespace fuzz
