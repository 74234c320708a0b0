#pragma once
/// \file
/// The last stage of a quantized layer, kept in floating point for training: steps, the real result divided by its scale, to
/// codes, and straight through back. The codes are those of `Requantize`.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/config.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/quant/byte_grid.hpp>
#include <trimtab/quant/params.hpp>
#include <trimtab/quant/requantize.hpp>
#include <trimtab/quant/threshold.hpp>
#include <type_traits>

namespace trimtab {

namespace detail {

/// Elements in a piece of work: long enough for a thread to pay, short enough to stay in the cache.
inline constexpr std::size_t step_grain = std::size_t{1} << 14;

struct StepsToCodes {
  template <class Code>
  TRIMTAB_LOOP void run(const float* steps, std::size_t count, StepsToCode to_code, Code* codes) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) codes[i] = static_cast<Code>(to_code(steps[i]));
  }
};

template <class Code>
void steps_to_codes(const float* steps, std::size_t count, const Affine<float>& grid, Code* codes) {
  parallel_ranges(count, step_grain, [&](std::size_t begin, std::size_t end) {
    const StepsToCode to_code{grid.zero_point, grid.codes.qmin, grid.codes.qmax};
    run_loop<StepsToCodes>(steps + begin, end - begin, to_code, codes + begin);
  });
}

struct RealsToBytes {
  TRIMTAB_LOOP void run(const float* reals, std::size_t count, Affine<float> grid, std::uint8_t* bytes) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(grid.quantize(reals[i]));
  }
};

struct BytesToReals {
  TRIMTAB_LOOP void run(const std::uint8_t* bytes, std::size_t count, float scale, std::int32_t zero_point, float* reals) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < count; ++i) reals[i] = scale * static_cast<float>(std::int32_t{bytes[i]} - zero_point);
  }
};

}  // namespace detail

/// byte = zero_point + round_half_even(clamp(steps, lo - zero_point, hi - zero_point)) for `count` values; lo and hi are
/// grid.codes, within 0 .. 255.
inline void steps_to_bytes(const float* steps, std::size_t count, const Affine<float>& grid, std::uint8_t* bytes) {
  detail::steps_to_codes(steps, count, grid, bytes);
}

/// The same for tensors: the codes of a layer whose steps `int8::linear`, `conv2d` and their kin give with the multipliers as
/// their scale. codes: uint8 or int8, of the layout of steps; grid: of the layer's output, clipped. They equal what those
/// functions give with the Requantize of the same multipliers and grid. Throws shape_error when layouts differ, value_error when
/// the grid's codes do not fit their type.
template <Tensor S, Tensor C>
void steps_to_codes(const S& steps, const Affine<float>& grid, C&& codes) {
  using Code = value_t<C>;
  static_assert(std::is_same_v<value_t<const S>, float>, "trimtab: steps are float");
  static_assert(std::is_same_v<Code, std::uint8_t> || std::is_same_v<Code, std::int8_t>, "trimtab: codes are uint8_t or int8_t");
  const auto sv = view(steps);
  const auto cv = view(codes);
  require_same_layout(sv, cv, "steps_to_codes");
  detail::require_apart("steps_to_codes", cv, sv);
  channel_runs(sv, no_axis, "steps_to_codes");
  if (grid.codes.qmin < std::int32_t{std::numeric_limits<Code>::min()} ||
      grid.codes.qmax > std::int32_t{std::numeric_limits<Code>::max()})
    throw value_error(detail::message("steps_to_codes: codes ", grid.codes.qmin, " .. ", grid.codes.qmax, " do not fit into ",
                                      std::is_signed_v<Code> ? "int8" : "uint8"));
  detail::steps_to_codes(sv.data, sv.size(), grid, cv.data);
}

/// grid.quantize(real) for `count` values; the grid's codes are within 0 .. 255.
inline void reals_to_bytes(const float* reals, std::size_t count, const Affine<float>& grid, std::uint8_t* bytes) {
  parallel_ranges(count, detail::step_grain, [&](std::size_t begin, std::size_t end) {
    detail::run_loop<detail::RealsToBytes>(reals + begin, end - begin, grid, bytes + begin);
  });
}

/// scale * (byte - zero_point) for `count` values.
inline void bytes_to_reals(const std::uint8_t* bytes, std::size_t count, const Affine<float>& grid, float* reals) {
  parallel_ranges(count, detail::step_grain, [&](std::size_t begin, std::size_t end) {
    detail::run_loop<detail::BytesToReals>(bytes + begin, end - begin, grid.scale, grid.zero_point, reals + begin);
  });
}

/// The interval of steps that a clip leaves unchanged.
struct StepInterval {
  float lo, hi;  ///< in steps
};

namespace detail {

/// The sums of steps_backward.
struct StepSums {
  static constexpr std::size_t lanes = 16;  // independent, so that they vectorise
  std::array<float, lanes> residue{}, below{}, above{};
};

/// What clip and grid together leave of v is h = clamp(v, held): outside the grid a whole number of steps, and the residue 0. v
/// counts as below or above the grid where it is outside `inside`; without Below, as after ReLU, whose clip holds it up, nowhere
/// below.
template <bool Below>
struct StepsBackward {
  TRIMTAB_LOOP GridGradient run(const float* steps, std::size_t count, StepInterval held, StepInterval inside, float* grad) {
    constexpr std::size_t block = 2048;  // float sums stay short
    GridGradient total;
    for (std::size_t b = 0; b < count; b += block) {
      StepSums sums;
      const auto add = [&](std::size_t i, std::size_t lane) TRIMTAB_LOOP_LAMBDA {
        const float v = steps[i], g = grad[i], h = clamp_to(v, held.lo, held.hi);
        sums.residue[lane] += g * (round_half_even(h) - h);
        if constexpr (Below) sums.below[lane] += keep_if(!(v >= inside.lo), g);
        sums.above[lane] += keep_if(v > inside.hi, g);
        grad[i] = keep_if(h == v, g);
      };
      const std::size_t end = std::min(count, b + block), whole = b + (end - b) / StepSums::lanes * StepSums::lanes;
      for (std::size_t i = b; i < whole; i += StepSums::lanes) TRIMTAB_NO_ALIAS
      for (std::size_t lane = 0; lane < StepSums::lanes; ++lane) add(i + lane, lane);
      for (std::size_t i = whole; i < end; ++i) add(i, i - whole);
      for (std::size_t lane = 0; lane < StepSums::lanes; ++lane)
        total += {double(sums.residue[lane]), double(sums.below[lane]), double(sums.above[lane])};
    }
    return total;
  }
};

}  // namespace detail

/// Straight through `code = round(clamp(min(max(steps, clip.lo), clip.hi), grid.lo, grid.hi))`, with q the clipped steps:
///   grad = grad where steps lay inside the clip and q inside the grid, else 0      (eq. 17, 19)
/// and returns the sums a quantizer needs: of grad * (round(q) - q) inside the grid, of grad below it, of grad above it.
/// grad, in: dloss / dreal output; out: dloss / dreal input. `grid`: lowest and highest steps of the quantizer itself, both
/// inside. The same bits on any number of threads.
inline GridGradient steps_backward(const float* steps, std::size_t count, StepInterval clip, StepInterval grid, float* grad) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const StepInterval held{clamp_to(clip.lo, grid.lo, grid.hi), clamp_to(clip.hi, grid.lo, grid.hi)};
  // q is above the grid where v is, unless the clip ends inside it, or lies above it as a whole; and the same below.
  const StepInterval inside{clip.hi < grid.lo ? infinity : grid.lo, clip.hi <= grid.hi  ? infinity
                                                                    : clip.lo > grid.hi ? -infinity
                                                                                        : grid.hi};
  return parallel_sum(count, detail::step_grain, GridGradient{}, [&](std::size_t begin, std::size_t end) {
    const auto run = [&](auto below) {
      return detail::run_loop<detail::StepsBackward<below.value>>(steps + begin, end - begin, held, inside, grad + begin);
    };
    return clip.lo < grid.lo ? run(std::true_type()) : run(std::false_type());
  });
}

namespace detail {
/// steps_backward with the clip in real values, on `grid`.
inline GridGradient steps_backward(const float* steps, std::size_t count, const Clip& clip, const Affine<float>& grid,
                                   float* grad) {
  return ::trimtab::steps_backward(steps, count, {clip.lo / grid.scale, clip.hi / grid.scale}, {grid.lowest(), grid.highest()},
                                   grad);
}
}  // namespace detail

/// The same for tensors, of a layer whose activation `clip` is fused into its output, on the quantizer's grid without that clip:
///   grad         = grad where the real value lay inside clip and grid, else 0      (in place)
///   grad_factors += the quantizer's add_gradient of the sums
/// quantizer: per_tensor; grad: dloss / dy of the layer's real output, of the layout of steps. Throws shape_error when layouts or
/// numbers differ.
template <Tensor S, Quantizer Q, Tensor G>
void steps_backward(const S& steps, const Clip& clip, const Q& quantizer, G&& grad, std::span<float> grad_factors) {
  static_assert(std::is_same_v<value_t<const S>, float> && std::is_same_v<value_t<G>, float>,
                "trimtab: steps and gradients are float");
  const auto sv = view(steps);
  const auto gv = view(grad);
  require_same_layout(sv, gv, "steps_backward");
  detail::require_apart("steps_backward", gv, sv);
  channel_runs(sv, no_axis, "steps_backward");
  if (quantizer.channels() != 1)
    throw shape_error(
        detail::message("steps_backward: a quantizer of ", quantizer.channels(), " channels; an output has one grid"));
  if (grad_factors.size() != quantizer.factors().size())
    throw shape_error(
        detail::message("steps_backward: ", grad_factors.size(), " gradients for ", quantizer.factors().size(), " factors"));
  quantizer.add_gradient(0, detail::steps_backward(sv.data, sv.size(), clip, quantizer.grid(0), gv.data), grad_factors);
}

}  // namespace trimtab
