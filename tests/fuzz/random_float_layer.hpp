#pragma once
// What float kernels promise: the bits of a result depend on the instruction set and the shape, never on the threads; and 16-bit
// products have the same bits on all instruction sets.

#include <cmath>
#include <trimtab/ops/conv2d.hpp>
#include <trimtab/ops/conv2d_int16.hpp>
#include <trimtab/ops/depthwise_conv2d.hpp>

#include "random_int8_layer.hpp"

namespace fuzz {

inline std::vector<float> random_floats(Choices& choose, std::size_t count) {
  std::vector<float> v(count);
  for (float& f : v) f = static_cast<float>(static_cast<std::int64_t>(choose.bits() % 2001) - 1000) / 1000.0F;
  return v;
}

/// Forward and both gradients of a layer, one after the other.
inline std::vector<float> run_float_layer(const naive::Case& c, const std::vector<float>& x, const std::vector<float>& weight,
                                          const std::vector<float>& bias, const std::vector<float>& grad_y) {
  const WindowGeometry g = c.geometry();
  std::vector<float> y(grad_y.size(), 5.0F), grad_x(x.size(), 0.25F), grad_weight(weight.size(), 0.25F);
  const TensorView<const float> xv(x.data(), g.input()), gv(grad_y.data(), g.output());
  const TensorView<float> yv(y.data(), g.output()), gxv(grad_x.data(), g.input());
  if (c.groups == c.channels && c.channels == c.outputs) {
    const Extents extent{c.kernel_h, c.kernel_w, c.channels};
    const TensorView<const float> wv(weight.data(), extent);
    depthwise_conv2d_forward(xv, wv, bias, c.window, yv);
    depthwise_conv2d_backward_input(gv, wv, c.window, gxv);
    depthwise_conv2d_backward_weight(gv, xv, c.window, TensorView<float>(grad_weight.data(), extent));
  } else {
    const Extents extent{c.outputs, c.kernel_h, c.kernel_w, g.group_in()};
    const TensorView<const float> wv(weight.data(), extent);
    conv2d_forward(xv, wv, bias, c.window, c.groups, yv);
    conv2d_backward_input(gv, wv, c.window, c.groups, gxv);
    conv2d_backward_weight(gv, xv, c.window, c.groups, TensorView<float>(grad_weight.data(), extent));
  }
  y.insert(y.end(), grad_x.begin(), grad_x.end());
  y.insert(y.end(), grad_weight.begin(), grad_weight.end());
  return y;
}

inline void require_same_bits(const std::vector<float>& got, const std::vector<float>& expected, const std::string& what) {
  GuardedOutput<float> y(got.size());
  std::copy(got.begin(), got.end(), y.data());
  y.require(expected, what);
}

inline void check_float_layer(Choices& choose, Kind kind) {
  const naive::Case c = random_case(choose, kind);
  const WindowGeometry g = c.geometry();
  const std::vector<float> x = random_floats(choose, element_count(g.input())),
                           weight = random_floats(choose, c.outputs * c.kernel_h * c.kernel_w * g.group_in()),
                           bias = random_floats(choose, choose.once_in(3) ? 0 : c.outputs),
                           grad_y = random_floats(choose, element_count(g.output()));
  std::vector<float> portable;
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    const ScopedThreads one(1);
    const std::vector<float> expected = run_float_layer(c, x, weight, bias, grad_y);
    const std::string what = describe(c, kind) + ", float, " + name(isa);
    {
      const ScopedThreads several(choose.in(2, 3));
      require_same_bits(run_float_layer(c, x, weight, bias, grad_y), expected, what + ", threads");
    }
    // Against the portable loops the sums have another order; each term is at most 1.
    if (portable.empty()) portable = expected;
    for (std::size_t i = 0; i < portable.size(); ++i) {
      const double terms = 2 + static_cast<double>(std::max(weight.size(), grad_y.size()));
      if (!(std::abs(double(expected[i]) - double(portable[i])) <= 1.2e-7 * terms * (1 + std::abs(double(portable[i])))))
        throw Difference(what + ": element " + std::to_string(i) + " is " + std::to_string(expected[i]) + ", portable " +
                         std::to_string(portable[i]));
    }
  }
}

/// Gradients through 16-bit products: the same bits on every instruction set and number of threads.
inline void check_int16_layer(Choices& choose) {
  const naive::Case c = random_case(choose, choose.of({Kind::conv2d, Kind::linear}));
  const WindowGeometry g = c.geometry();
  const std::size_t size = c.kernel_h * c.kernel_w * c.channels;
  std::vector<std::int16_t> numbers(c.outputs * size);
  for (std::int16_t& v : numbers) v = static_cast<std::int16_t>(static_cast<int>(choose.bits() % 511) - 255);
  Int16Columns columns;
  columns.assign_rows(numbers.data(), c.outputs, size);
  const std::vector<float> grad_y = random_floats(choose, element_count(g.output()));
  std::vector<float> scale = random_floats(choose, c.outputs), expected;
  for (float& s : scale) s = std::abs(s) + 0.001F;
  for (const Isa isa : available_isas())
    for (const int thread_count : {1, choose.in(2, 3)}) {
      const ScopedIsa scope(isa);
      const ScopedThreads scoped_threads(thread_count);
      std::vector<float> grad_x(element_count(g.input()), 0.25F);
      conv2d_backward_input_int16(g, grad_y.data(), columns, scale, grad_x.data(), GradientMode::add);
      if (expected.empty()) expected = grad_x;
      require_same_bits(grad_x, expected, describe(c, Kind::conv2d) + ", 16-bit products, " + name(isa));
    }
}

}  // namespace fuzz
