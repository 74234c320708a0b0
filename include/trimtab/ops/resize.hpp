#pragma once
/// \file
/// Linear and cubic resizing, in floating point with its gradient and on codes. Nearest is a Movement, see resize_taps.hpp.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/ops/resize_taps.hpp>
#include <trimtab/quant/params.hpp>
#include <vector>

namespace trimtab {

namespace detail {

/// A number of the input in double: of codes, what is left without the zero point.
template <class X>
double interpolated(X x, std::int32_t zero_point) {
  if constexpr (sizeof(X) == 1)
    return static_cast<double>(std::int32_t{x} - zero_point);
  else
    return static_cast<double>(x);
}

/// Outputs [first, last) of one axis, each `inner` neighbours: y[o, i] = (sum over t of weight[o, t] * x[from[o, t], i]) * m. The
/// sum is taken in double and rounded. There a product of two floats is exact, so that an FMA gives the same sum.
template <std::size_t taps, class X, class Real>
struct InterpolateAxis {
  TRIMTAB_LOOP void run(const X* x, std::int32_t zero_point, const std::size_t* from, const float* weight, std::size_t first,
                        std::size_t last, std::size_t inner, Real m, Real* y) {
    for (std::size_t o = first; o < last; ++o, y += inner) {
      std::array<const X*, taps> row;
      std::array<double, taps> w;
      for (std::size_t t = 0; t < taps; ++t) {
        row[t] = x + from[o * taps + t] * inner;
        w[t] = double(weight[o * taps + t]);
      }
      TRIMTAB_NO_ALIAS
      for (std::size_t i = 0; i < inner; ++i) {
        double sum = w[0] * interpolated(row[0][i], zero_point);
        for (std::size_t t = 1; t < taps; ++t) sum += w[t] * interpolated(row[t][i], zero_point);
        y[i] = static_cast<Real>(sum) * m;
      }
    }
  }
};

/// The outputs of one axis that an input element has a part in: to[k], weight[k] for k in begin[i] .. begin[i + 1], outputs
/// rising.
struct ResizeTapsBack {
  std::vector<std::size_t> begin, to;
  std::vector<float> weight;

  explicit ResizeTapsBack(const ResizeTaps& t) : begin(t.in + 1), to(t.from.size()), weight(t.from.size()) {
    for (const std::size_t i : t.from) ++begin[i + 1];
    for (std::size_t i = 0; i < t.in; ++i) begin[i + 1] += begin[i];
    std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
    for (std::size_t k = 0; k < t.from.size(); ++k) {
      const std::size_t at = next[t.from[k]]++;
      to[at] = k / t.taps;
      weight[at] = t.weight[k];
    }
  }
};

/// Inputs [first, last) of one axis: grad_x[i] = or += the sum of weight * grad_y over the outputs that it has a part in.
template <class Real>
struct InterpolateAxisBack {
  TRIMTAB_LOOP void run(const Real* grad_y, const ResizeTapsBack* taps, std::size_t first, std::size_t last, std::size_t inner,
                        bool add, Real* grad_x) {
    constexpr std::size_t lanes = 64;
    for (std::size_t in = first; in < last; ++in, grad_x += inner)
      for (std::size_t i0 = 0; i0 < inner; i0 += lanes) {
        const std::size_t count = std::min(lanes, inner - i0);
        std::array<double, lanes> sum{};
        for (std::size_t k = taps->begin[in]; k < taps->begin[in + 1]; ++k) {
          const Real* from = grad_y + taps->to[k] * inner + i0;
          const auto w = double(taps->weight[k]);
          for (std::size_t i = 0; i < count; ++i) sum[i] += w * double(from[i]);
        }
        for (std::size_t i = 0; i < count; ++i) grad_x[i0 + i] = static_cast<Real>(sum[i] + (add ? double(grad_x[i0 + i]) : 0.0));
      }
  }
};

/// One axis that is resized, in a tensor of outer x in x inner.
struct ResizePass {
  const ResizeTaps* taps;
  std::size_t outer, inner;
};

/// The passes over the axes that change, from the last axis to the first.
inline std::vector<ResizePass> resize_passes(std::span<const ResizeTaps> taps, std::size_t batch) {
  std::vector<ResizePass> passes;
  std::size_t inner = 1;
  for (std::size_t axis = taps.size(); axis-- > 0; inner *= taps[axis].out) {
    if (taps[axis].taps == 0) continue;
    std::size_t outer = batch;
    for (std::size_t before = 0; before < axis; ++before) outer *= taps[before].in;
    passes.push_back({&taps[axis], outer, inner});
  }
  return passes;
}

/// Calls body(row of outer, first, last) for pieces of `extent` in each row.
template <class Body>
void for_each_resize_piece(std::size_t outer, std::size_t extent, std::size_t inner, const Body& body) {
  constexpr std::size_t work = std::size_t{1} << 14;
  if (extent * inner >= work) {
    const std::size_t piece = work / std::max<std::size_t>(inner, 1) + 1, pieces = (extent + piece - 1) / piece;
    parallel_for(outer * pieces, [&](std::size_t i) {
      const std::size_t first = i % pieces * piece;
      body(i / pieces, first, std::min(extent, first + piece));
    });
    return;
  }
  parallel_ranges(outer, work / std::max<std::size_t>(extent * inner, 1) + 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) body(row, std::size_t{0}, extent);
  });
}

template <class X, class Real>
void resize_pass(const ResizePass& p, const X* x, std::int32_t zero_point, Real m, Real* y) {
  const ResizeTaps& t = *p.taps;
  for_each_resize_piece(p.outer, t.out, p.inner, [&](std::size_t row, std::size_t first, std::size_t last) {
    const X* from = x + row * t.in * p.inner;
    Real* to = y + (row * t.out + first) * p.inner;
    if (t.taps == 2)
      run_loop<InterpolateAxis<2, X, Real>>(from, zero_point, t.from.data(), t.weight.data(), first, last, p.inner, m, to);
    else
      run_loop<InterpolateAxis<4, X, Real>>(from, zero_point, t.from.data(), t.weight.data(), first, last, p.inner, m, to);
  });
}

/// y = m * the passes over x, of codes less the zero point. Without a pass y is m * x.
template <class X, class Real>
void resize_by_passes(std::span<const ResizePass> passes, const X* x, std::size_t x_size, std::int32_t zero_point, Real m,
                      Real* y) {
  if (passes.empty()) {
    for (std::size_t i = 0; i < x_size; ++i) y[i] = static_cast<Real>(interpolated(x[i], zero_point)) * m;
    return;
  }
  std::unique_ptr<Real[]> held, next;
  for (std::size_t p = 0; p < passes.size(); ++p) {
    const bool last = p + 1 == passes.size();
    if (!last) next = std::make_unique_for_overwrite<Real[]>(passes[p].outer * passes[p].taps->out * passes[p].inner);
    Real* const to = last ? y : next.get();
    const Real scale = last ? m : Real(1);
    if (p == 0)
      resize_pass(passes[p], x, zero_point, scale, to);
    else
      resize_pass(passes[p], static_cast<const Real*>(held.get()), 0, scale, to);
    std::swap(held, next);
  }
}

template <class Real>
void resize_pass_back(const ResizePass& p, const Real* grad_y, bool add, Real* grad_x) {
  const ResizeTapsBack back(*p.taps);
  const std::size_t in = p.taps->in, out = p.taps->out;
  for_each_resize_piece(p.outer, in, p.inner, [&](std::size_t row, std::size_t first, std::size_t last) {
    run_loop<InterpolateAxisBack<Real>>(grad_y + row * out * p.inner, &back, first, last, p.inner, add,
                                        grad_x + (row * in + first) * p.inner);
  });
}

inline std::size_t resized_elements(std::span<const ResizeTaps> taps, std::size_t ResizeTaps::*extent) {
  std::size_t count = 1;
  for (const ResizeTaps& t : taps) count *= t.*extent;
  return count;
}

/// Throws value_error unless the taps are those of resize_taps: 0, 2 or 4 an output, inside the axis.
inline void require_taps(std::span<const ResizeTaps> taps, const char* what) {
  for (const ResizeTaps& t : taps) {
    const bool sound = t.taps == 0
                           ? t.in == t.out
                           : (t.taps == 2 || t.taps == 4) && t.from.size() == t.out * t.taps && t.weight.size() == t.from.size();
    if (!sound) throw value_error(message(what, ": ", t.from.size(), " elements by ", t.taps, " for ", t.out, " of ", t.in));
    for (const std::size_t from : t.from)
      if (from >= t.in) throw value_error(message(what, ": element ", from, " is beyond an axis of ", t.in));
  }
}

}  // namespace detail

/// y of `batch` pictures: each axis in turn, the last one first, y[.., o, ..] = sum over t of weight[o, t] * x[.., from[o, t],
/// ..]. The sum is taken in double, t rising, and rounded to Real once per axis. For float every product is exact there, so that
/// y has the same bits with any compiler, instruction set and number of threads. x has the axes' extents `in`, y `out`. Throws
/// value_error for taps that are not those of resize_taps.
template <class Real>
void resize_forward(std::span<const ResizeTaps> taps, const Real* x, std::size_t batch, Real* y) {
  detail::require_taps(taps, "resize_forward");
  detail::require_apart("resize_forward", y, batch * detail::resized_elements(taps, &ResizeTaps::out), x,
                        batch * detail::resized_elements(taps, &ResizeTaps::in));
  const std::size_t size = batch * detail::resized_elements(taps, &ResizeTaps::out);
  if (size == 0) return;
  detail::resize_by_passes<Real, Real>(detail::resize_passes(taps, batch), x, size, 0, Real(1), y);
}

/// grad_x += the gradient of resize_forward: each axis in turn, the first one first,
///   grad_x[.., i, ..] = sum over all o, t with from[o, t] = i of weight[o, t] * grad_y[.., o, ..]
/// with the sums in double, o and t rising. The same bits on any number of threads. Throws as resize_forward does.
template <class Real>
void resize_backward(std::span<const ResizeTaps> taps, const Real* grad_y, std::size_t batch, Real* grad_x) {
  detail::require_taps(taps, "resize_backward");
  detail::require_apart("resize_backward", grad_x, batch * detail::resized_elements(taps, &ResizeTaps::in), grad_y,
                        batch * detail::resized_elements(taps, &ResizeTaps::out));
  const std::size_t size = batch * detail::resized_elements(taps, &ResizeTaps::in);
  if (size == 0) return;
  const std::vector<detail::ResizePass> passes = detail::resize_passes(taps, batch);
  if (passes.empty())
    for (std::size_t i = 0; i < size; ++i) grad_x[i] += grad_y[i];
  std::vector<Real> held, next;
  for (std::size_t p = passes.size(); p-- > 0;) {
    if (p > 0) next.resize(passes[p].outer * passes[p].taps->in * passes[p].inner);
    detail::resize_pass_back<Real>(passes[p], p + 1 == passes.size() ? grad_y : held.data(), p == 0,
                                   p == 0 ? grad_x : next.data());
    std::swap(held, next);
  }
}

/// steps = resize_forward(float(q - z)) * m, m = s / scale_y in float32: the resized picture in steps of the output's grid,
/// before clamp and rounding. `codes` are batches of pictures, uint8 or int8, dense, with the axes' extents `in` behind the
/// first; steps has `out` there. Equal on every instruction set, compiler and number of threads. Throws shape_error when extents
/// do not fit, and as resize_forward does.
template <Tensor X>
void resize_steps(const X& codes, const Affine<float>& grid, std::span<const ResizeTaps> taps, float scale_y, float* steps) {
  static_assert(sizeof(value_t<const X>) == 1, "trimtab: codes are uint8 or int8");
  const auto xv = detail::dense_view(codes, taps.size() + 1, "resize_steps: codes");
  Extents expected{xv.extent[0]};
  for (const ResizeTaps& t : taps) expected.push_back(t.in);
  detail::require_extents(xv.extent, expected, "resize_steps: codes");
  detail::require_taps(taps, "resize_steps");
  const std::size_t batch = xv.extent[0];
  if (batch * detail::resized_elements(taps, &ResizeTaps::out) == 0) return;
  detail::resize_by_passes(std::span<const detail::ResizePass>(detail::resize_passes(taps, batch)), xv.data, xv.size(),
                           grid.zero_point, grid.scale / scale_y, steps);
}

}  // namespace trimtab
