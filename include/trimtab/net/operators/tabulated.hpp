#pragma once
/// \file
/// Functions of one number as tables of 256 codes: whatever the function is, its integers are a lookup, exact on every
/// instruction set.

#include <algorithm>
#include <array>
#include <cmath>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <vector>

namespace trimtab {

/// Base of OperatorRules<L> for an elementwise function with parameters for each channel of the last axis
/// (net/operators/elementwise.hpp: with the same for all). L's rules add
///   static std::size_t channels(const L&);                              // 1, or the length of the last axis
///   static void check(const L&, const Extents& x, const std::string& node);  // throws what extent() is to throw
///   static double value(const L&, std::size_t c, double x);             // y of channel c
///   static double derivative(const L&, std::size_t c, double x);        // dy / dx; one-sided where there are two
///   static std::array<double, n> parameter_derivatives(const L&, std::size_t c, double x);  // where visit() shows tensors:
///                                                                       // dy / d(number c of each)
///   name, grid, sign, scaling, bounds, visit, fold_into
/// In float the function is taken in double and rounded to float; outside its domain it gives what IEEE arithmetic does.
/// On codes
///   steps[b] = float(value(x_b) / s_y) for each byte b, in double, of the float x_b = s_x * (b - z_x) that DequantizeLinear gives,
/// and the code is the rounded step. A code has to stand for something: there a value that is no number counts as 0, an infinite
/// one is clamped to the last code, and the derivative counts as 0 where it or the value is not finite.
template <class L>
struct Tabulated {
  using R = OperatorRules<L>;
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static constexpr bool has_fixed_point = true;  // a table is integers alone
  static double macs(const L&, std::span<const Extents>, const Extents&) { return 0; }
  static Extents extent(const L& l, std::span<const Extents> in, const std::string& node) {
    R::check(l, in[0], node);
    return in[0];
  }
  static void train_forward(L& l, FloatInputs x, const TensorView<float>& y, std::any&, float) { R::forward(l, x, y); }
  static void forward(const L& l, FloatInputs x, const TensorView<float>& y) {
    for_each(l, x[0].size(),
             [&](std::size_t i, std::size_t c) { y.data[i] = static_cast<float>(value_at(l, c, double(x[0].data[i]))); });
  }
  static void backward(const L& l, const FloatBackward& b) {
    if constexpr (requires(double x) { R::parameter_derivatives(l, 0, x); })
      if (!b.grad_parameters.empty()) parameters_backward(l, b);
    if (!b.grad_x.wanted(0)) return;
    const InputGradients::Claim to = b.grad_x.claim(0);
    for_each(l, b.x[0].size(), [&](std::size_t i, std::size_t c) {
      const float g = static_cast<float>(double(b.grad_y.data[i]) * derivative_at(l, c, double(b.x[0].data[i])));
      to.grad.data[i] = to.mode == GradientMode::assign ? g : to.grad.data[i] + g;
    });
  }
  static void steps(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) {
    const std::vector<float> table = step_table(l, x[0].grid, grid_y.scale);
    for_each(l, steps.size(), [&](std::size_t i, std::size_t c) { steps.data[i] = table[256 * c + x[0].codes.data[i]]; });
  }
  static void codes(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    int8::look_up(code_table(l, x[0].grid, grid_y), x[0].codes, y);
  }
  static void fixed_point_codes(const L& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t,
                                const TensorView<std::uint8_t>& y) {
    codes(l, x, grid_y, y);
  }
  static void codes_backward(const L& l, CodeInputs x, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    std::vector<float> slope(256 * R::channels(l));
    for (std::size_t i = 0; i < slope.size(); ++i) {
      const double at = real(x[0].grid, i % 256);
      const float s = static_cast<float>(derivative_at(l, i / 256, at));
      slope[i] = std::isfinite(s) && std::isfinite(value_at(l, i / 256, at)) ? s : 0.0F;
    }
    const InputGradients::Claim to = grad_x.claim(0);
    for_each(l, grad_y.size(), [&](std::size_t i, std::size_t c) {
      const float g = grad_y.data[i] * slope[256 * c + x[0].codes.data[i]];
      to.grad.data[i] = to.mode == GradientMode::assign ? g : to.grad.data[i] + g;
    });
  }
  /// The table itself: it travels with the network, so that another C library's exp cannot change a code.
  static Operator lowered(const L& l, std::span<const Affine<float>> grids_x, const Affine<float>& grid_y) {
    return LookupTable{code_table(l, grids_x[0], grid_y)};
  }

 private:
  static double number(double v) { return std::isnan(v) ? 0.0 : v; }
  static double real(const Affine<float>& grid, std::size_t byte) {
    return double(grid.dequantize(static_cast<std::int32_t>(byte)));
  }
  static std::vector<float> step_table(const L& l, const Affine<float>& grid_x, float scale_y) {
    std::vector<float> table(256 * R::channels(l));
    for (std::size_t i = 0; i < table.size(); ++i)
      table[i] = static_cast<float>(number(value_at(l, i / 256, real(grid_x, i % 256))) / double(scale_y));
    return table;
  }
  static std::vector<std::uint8_t> code_table(const L& l, const Affine<float>& grid_x, const Affine<float>& grid_y) {
    const std::vector<float> steps = step_table(l, grid_x, grid_y.scale);
    std::vector<std::uint8_t> codes(steps.size());
    steps_to_bytes(steps.data(), steps.size(), grid_y, codes.data());
    return codes;
  }
  /// Of a function with parameters for each channel, or of one for all.
  static double value_at(const L& l, [[maybe_unused]] std::size_t c, double x) {
    if constexpr (requires { R::value(l, c, x); })
      return R::value(l, c, x);
    else
      return R::value(l, x);
  }
  static double derivative_at(const L& l, [[maybe_unused]] std::size_t c, double x) {
    if constexpr (requires { R::derivative(l, c, x); })
      return R::derivative(l, c, x);
    else
      return R::derivative(l, x);
  }
  /// In the order of the elements, so that the sums have the same bits on any number of threads.
  static void parameters_backward(const L& l, const FloatBackward& b) {
    const std::size_t channels = R::channels(l), tensors = b.grad_parameters.size();
    std::vector<double> sums(tensors * channels);
    for (std::size_t i = 0; i < b.x[0].size(); ++i) {
      const auto derivatives = R::parameter_derivatives(l, i % channels, double(b.x[0].data[i]));
      for (std::size_t t = 0; t < tensors; ++t) sums[t * channels + i % channels] += double(b.grad_y.data[i]) * derivatives[t];
    }
    for (std::size_t t = 0; t < tensors; ++t)
      for (std::size_t c = 0; c < channels; ++c) b.grad_parameters[t].data[c] += static_cast<float>(sums[t * channels + c]);
  }
  /// body(element, channel) for all elements.
  template <class Body>
  static void for_each(const L& l, std::size_t size, const Body& body) {
    const std::size_t channels = R::channels(l);
    parallel_ranges(size, detail::run_grain, [&](std::size_t begin, std::size_t end) {
      if (channels == 1) {
        for (std::size_t i = begin; i < end; ++i) body(i, std::size_t{0});
        return;
      }
      for (std::size_t i = begin, c = begin % channels; i < end; c = 0)
        for (; c < channels && i < end; ++c, ++i) body(i, c);
    });
  }
};

}  // namespace trimtab
