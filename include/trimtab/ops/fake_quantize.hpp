#pragma once
/// \file
/// Quantize and dequantize in floating point, and the straight-through gradients of it for x and for every trained factor.

#include <algorithm>
#include <cstdint>
#include <span>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/quant/grid_runs.hpp>
#include <trimtab/quant/identity.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

namespace detail {

struct FakeQuantizeForward {
  template <class Real, class Grid>
  TRIMTAB_LOOP void run(const Real* x, std::size_t n, Grid grid, Real* y) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < n; ++i) y[i] = grid.scale(i) * steps_at(x[i], grid, i);
  }
};

template <class Real>
void fake_quantize_forward(const Real* x, const GridRuns<Real>& grids, Real* y) {
  grids.for_each(
      [=](auto grid, std::size_t begin, std::size_t n) { run_loop<FakeQuantizeForward>(x + begin, n, grid, y + begin); });
}

/// The sums of GridGradient in Real, side by side for `width` elements at a time.
template <class Real>
struct GradientLanes {
  Real *residue, *below, *above;
};

/// What one element adds to the sums and to grad_x. With v = x / s and c = clamp(v, lowest, highest):
///   residue += g * (round(c) - c)     which is (y - x) / s inside, 0 where c is an end of the grid
///   below   += g where v < lowest or NaN,   above += g where v > highest
///   grad_x  += g where v == c, so that the ends count as inside
template <class Real>
struct BackwardTerms {
  Real residue, below, above, grad_x;

  template <class Grid>
  BackwardTerms(Real g, Real x, Grid grid, std::size_t i) {
    const Real v = x / grid.scale(i), lowest = grid.lowest(i), highest = grid.highest(i);
    const Real c = clamp_to(v, lowest, highest);
    residue = g * (round_half_even(c) - c);
    below = keep_if(!(v >= lowest), g);
    above = keep_if(v > highest, g);
    grad_x = keep_if(v == c, g);
  }
};

/// One fragment of one channel. Lanes are summed in Real over 1024 elements, then in double.
template <bool WithX>
struct BackwardFragment {
  template <class Real>
  TRIMTAB_LOOP GridGradient run(const Real* grad_y, const Real* x, SameGrid<Real> grid, Real* grad_x, std::size_t n) {
    constexpr std::size_t lanes = 64 / sizeof(Real), block = 1024;
    GridGradient total;
    for (std::size_t begin = 0; begin < n; begin += block) {
      const std::size_t end = std::min(n, begin + block), whole = begin + (end - begin) / lanes * lanes;
      Real residue[lanes] = {}, below[lanes] = {}, above[lanes] = {};
      const auto add = [&](std::size_t i, std::size_t lane) TRIMTAB_LOOP_LAMBDA {
        const BackwardTerms<Real> t(grad_y[i], x[i], grid, i);
        residue[lane] += t.residue;
        below[lane] += t.below;
        above[lane] += t.above;
        if constexpr (WithX) grad_x[i] += t.grad_x;
      };
      for (std::size_t i = begin; i < whole; i += lanes) {
        TRIMTAB_NO_ALIAS
        for (std::size_t l = 0; l < lanes; ++l) add(i + l, l);
      }
      for (std::size_t i = whole; i < end; ++i) add(i, i - whole);
      for (std::size_t l = 0; l < lanes; ++l) total += {double(residue[l]), double(below[l]), double(above[l])};
    }
    return total;
  }
};

/// One row of n elements with a grid each, added to the three sums of each place.
template <bool WithX>
struct BackwardRow {
  template <class Real>
  TRIMTAB_LOOP void run(const Real* grad_y, const Real* x, GridRow<Real> grid, Real* grad_x, GradientLanes<Real> sum,
                        std::size_t n) {
    TRIMTAB_NO_ALIAS
    for (std::size_t i = 0; i < n; ++i) {
      const BackwardTerms<Real> t(grad_y[i], x[i], grid, i);
      sum.residue[i] += t.residue;
      sum.below[i] += t.below;
      sum.above[i] += t.above;
      if constexpr (WithX) grad_x[i] += t.grad_x;
    }
  }
};

/// Sums of every channel, the same bits on any number of threads. grad_x may be null unless WithX.
template <bool WithX, class Real>
std::vector<GridGradient> fake_quantize_backward(const Real* grad_y, const Real* x, const GridRuns<Real>& grids, Real* grad_x) {
  std::vector<GridGradient> channel(grids.runs.channels);
  const auto part_of_x = [=](std::size_t begin) { return WithX ? grad_x + begin : static_cast<Real*>(nullptr); };
  if (has_short_runs(grids.runs)) {
    const Rows rows(grids.runs);
    const GridTable<Real> table(rows, grids.grids);
    const std::size_t step = rows.width + 24;  // not a power of two, lest the rows of sums compete for a few sets of the cache
    std::vector<Real> sums(rows.blocks() * 3 * step);
    rows.for_each([&](std::size_t block, std::size_t begin, std::size_t n) {
      Real* const at = sums.data() + block * 3 * step;
      run_loop<BackwardRow<WithX>>(grad_y + begin, x + begin, table.row(), part_of_x(begin),
                                   GradientLanes<Real>{at, at + step, at + 2 * step}, n);
    });
    rows.for_each_place([&](std::size_t i, std::size_t c) {
      for (std::size_t block = 0; block < rows.blocks(); ++block) {
        const Real* const at = sums.data() + block * 3 * step + i;
        channel[c] += {double(at[0]), double(at[step]), double(at[2 * step])};
      }
    });
  } else {
    const Fragments fragments(grids.runs);
    std::vector<GridGradient> part(fragments.count());
    fragments.for_each([&](std::size_t f, std::size_t c, std::size_t begin, std::size_t end) {
      part[f] = run_loop<BackwardFragment<WithX>>(grad_y + begin, x + begin, SameGrid<Real>(grids.grids[c]), part_of_x(begin),
                                                  end - begin);
    });
    for (std::size_t f = 0; f < part.size(); ++f) channel[fragments.channel(f)] += part[f];
  }
  return channel;
}

template <Quantizer Q>
void require_factors(const Q& quantizer, std::size_t got, const char* what) {
  const std::size_t wanted = quantizer.factors().size();
  if (got != wanted) throw shape_error(message(what, ": ", got, " gradients for ", wanted, " factors"));
}

}  // namespace detail

/// y = scale * clamp(round_half_even(x / scale), qmin - zero_point, qmax - zero_point): dequantize(quantize(x)), the values the
/// integer network will see, kept in floating point so that training can go on. NaN becomes the value of qmin. y may be x.
/// Throws shape_error when extents, strides or channels differ, or x is not dense.
template <Tensor X, Quantizer Q, Tensor Y>
void fake_quantize_forward(const X& x, const Q& quantizer, Y&& y) {
  using Real = typename Q::value_type;
  static_assert(std::is_same_v<value_t<const X>, Real> && std::is_same_v<value_t<Y>, Real>,
                "trimtab: fake_quantize works in the tensor's own floating-point type; dequantize integer codes first");
  const auto xv = view(x);
  const auto yv = view(y);
  require_same_layout(xv, yv, "fake_quantize_forward");
  detail::require_apart_or_same("fake_quantize_forward", yv, xv);
  detail::fake_quantize_forward(xv.data, detail::grid_runs(xv, quantizer, "fake_quantize_forward"), yv.data);
}

/// Straight-through (paper eq. 16 to 19): rounding has derivative 1; clipping 1 inside the closed interval
/// qmin - zero_point <= x / scale <= qmax - zero_point and 0 outside. Both outputs are added into:
///   grad_x       += grad_y inside, nothing outside
///   grad_factors += the quantizer's add_gradient of the sums over each channel: the rounding residue inside, the limit's
///                   sign outside; in the order of quantizer.factors()
/// Gradients of factors are summed in double. Throws shape_error as the forward does, or when grad_factors has the wrong length.
template <Tensor G, Tensor X, Quantizer Q, Tensor GX>
void fake_quantize_backward(const G& grad_y, const X& x, const Q& quantizer, GX&& grad_x,
                            std::span<typename Q::value_type> grad_factors) {
  using Real = typename Q::value_type;
  static_assert(
      std::is_same_v<value_t<const G>, Real> && std::is_same_v<value_t<const X>, Real> && std::is_same_v<value_t<GX>, Real>,
      "trimtab: fake_quantize works in the tensor's own floating-point type");
  const auto gv = view(grad_y);
  const auto xv = view(x);
  const auto gxv = view(grad_x);
  require_same_layout(gv, xv, "fake_quantize_backward: grad_y");
  require_same_layout(gxv, xv, "fake_quantize_backward: grad_x");
  detail::require_factors(quantizer, grad_factors.size(), "fake_quantize_backward");
  detail::require_apart("fake_quantize_backward", gxv, gv, xv);
  const auto grids = detail::grid_runs(xv, quantizer, "fake_quantize_backward");
  const auto sums = detail::fake_quantize_backward<true, Real>(gv.data, xv.data, grids, gxv.data);
  for (std::size_t c = 0; c < sums.size(); ++c) quantizer.add_gradient(c, sums[c], grad_factors);
}

/// fake_quantize_backward for the factors alone, as for weights that stay fixed.
template <Tensor G, Tensor X, Quantizer Q>
void fake_quantize_backward_factors(const G& grad_y, const X& x, const Q& quantizer,
                                    std::span<typename Q::value_type> grad_factors) {
  using Real = typename Q::value_type;
  static_assert(std::is_same_v<value_t<const G>, Real> && std::is_same_v<value_t<const X>, Real>,
                "trimtab: fake_quantize works in the tensor's own floating-point type");
  const auto gv = view(grad_y);
  const auto xv = view(x);
  require_same_layout(gv, xv, "fake_quantize_backward_factors: grad_y");
  detail::require_factors(quantizer, grad_factors.size(), "fake_quantize_backward_factors");
  const auto grids = detail::grid_runs(xv, quantizer, "fake_quantize_backward_factors");
  const auto sums = detail::fake_quantize_backward<false, Real>(gv.data, xv.data, grids, nullptr);
  for (std::size_t c = 0; c < sums.size(); ++c) quantizer.add_gradient(c, sums[c], grad_factors);
}

/// y = x: the graph without this quantizer. y may be x. Throws shape_error when the layouts differ or x is not dense.
template <Tensor X, Tensor Y>
void fake_quantize_forward(const X& x, Identity, Y&& y) {
  using Real = detail::shared_real<const X, Y>;
  const auto xv = view(x);
  const auto yv = view(y);
  require_same_layout(xv, yv, "fake_quantize_forward");
  detail::require_apart_or_same("fake_quantize_forward", yv, xv);
  channel_runs(xv, no_axis, "fake_quantize_forward");
  if (static_cast<const Real*>(yv.data) != xv.data) std::copy_n(xv.data, xv.size(), yv.data);
}

/// grad_x += grad_y. `grad_factors` is empty, as there are none.
template <Tensor G, Tensor X, Tensor GX>
void fake_quantize_backward(const G& grad_y, const X& x, Identity, GX&& grad_x, std::span<value_t<GX>> grad_factors = {}) {
  using Real = detail::shared_real<const G, const X, GX>;
  const auto gv = view(grad_y);
  const auto xv = view(x);
  const auto gxv = view(grad_x);
  require_same_layout(gv, xv, "fake_quantize_backward: grad_y");
  require_same_layout(gxv, xv, "fake_quantize_backward: grad_x");
  detail::require_apart("fake_quantize_backward", gxv, gv, xv);
  channel_runs(xv, no_axis, "fake_quantize_backward");
  if (!grad_factors.empty())
    throw shape_error(detail::message("fake_quantize_backward: ", grad_factors.size(), " gradients for 0 factors"));
  const Real* from = gv.data;
  Real* const to = gxv.data;
  for (std::size_t i = 0; i < gv.size(); ++i) to[i] += from[i];
}

/// Nothing is trained.
template <Tensor G, Tensor X>
void fake_quantize_backward_factors(const G&, const X&, Identity, std::span<value_t<const X>> = {}) {}

}  // namespace trimtab
