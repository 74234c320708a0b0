#pragma once
/// \file
/// Which kernel rows (columns) join which input and output rows (columns) of a window operation, padding left out.

#include <cstddef>
#include <span>
#include <trimtab/core/conv_geometry.hpp>
#include <vector>

namespace trimtab::detail {

/// Row `from` seen through kernel row `kernel`.
struct Tap {
  std::size_t kernel, from;
};

/// For every row of one side of a window operation the rows of the other side, by rising kernel row: `in` and `out` are joined by
/// kernel row k where in = out * stride + k * dilation - before.
class AxisTaps {
 public:
  struct Axis {
    std::size_t in, out, kernel, stride, dilation, before;
  };
  static Axis rows(const WindowGeometry& g) {
    return {g.h, g.out_h, g.kernel_h, g.options.stride_h, g.options.dilation_h, g.options.padding.top};
  }
  static Axis cols(const WindowGeometry& g) {
    return {g.w, g.out_w, g.kernel_w, g.options.stride_w, g.options.dilation_w, g.options.padding.left};
  }

  /// The input rows that each output row sees.
  static AxisTaps of_outputs(const Axis& a) {
    AxisTaps t;
    for (std::size_t out = 0; out < a.out; ++out) {
      for (std::size_t k = 0; k < a.kernel; ++k) {
        const std::size_t padded = out * a.stride + k * a.dilation;
        if (padded >= a.before && padded - a.before < a.in) t.taps_.push_back({k, padded - a.before});
      }
      t.begin_.push_back(t.taps_.size());
    }
    return t;
  }
  /// The output rows that see each input row.
  static AxisTaps of_inputs(const Axis& a) {
    AxisTaps t;
    for (std::size_t in = 0; in < a.in; ++in) {
      for (std::size_t k = 0; k < a.kernel && k * a.dilation <= in + a.before; ++k) {
        const std::size_t steps = in + a.before - k * a.dilation;
        if (steps % a.stride == 0 && steps / a.stride < a.out) t.taps_.push_back({k, steps / a.stride});
      }
      t.begin_.push_back(t.taps_.size());
    }
    return t;
  }

  std::size_t size() const { return begin_.size() - 1; }
  std::span<const Tap> operator[](std::size_t row) const {
    return std::span<const Tap>(taps_).subspan(begin_[row], begin_[row + 1] - begin_[row]);
  }

 private:
  std::vector<Tap> taps_;
  std::vector<std::size_t> begin_{0};
};

/// Both axes.
struct WindowTaps {
  AxisTaps rows, cols;
  static WindowTaps of_outputs(const WindowGeometry& g) {
    return {AxisTaps::of_outputs(AxisTaps::rows(g)), AxisTaps::of_outputs(AxisTaps::cols(g))};
  }
  static WindowTaps of_inputs(const WindowGeometry& g) {
    return {AxisTaps::of_inputs(AxisTaps::rows(g)), AxisTaps::of_inputs(AxisTaps::cols(g))};
  }
};

}  // namespace trimtab::detail
