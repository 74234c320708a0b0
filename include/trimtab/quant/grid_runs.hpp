#pragma once
/// \file
/// The grids of a tensor's channels laid along its memory, so that one element formula serves every granularity and layout.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/quant/threshold.hpp>
#include <vector>

namespace trimtab::detail {

/// Every element has the same grid.
template <class Real>
class SameGrid {
 public:
  explicit SameGrid(const Affine<Real>& g)
      : scale_(g.scale), lowest_(g.lowest()), highest_(g.highest()), zero_point_(g.zero_point) {}
  Real scale(std::size_t) const { return scale_; }
  Real lowest(std::size_t) const { return lowest_; }
  Real highest(std::size_t) const { return highest_; }
  std::int32_t zero_point(std::size_t) const { return zero_point_; }

 private:
  Real scale_, lowest_, highest_;
  std::int32_t zero_point_;
};

/// A row of elements with a grid each.
template <class Real>
class GridRow {
 public:
  GridRow(const Real* scale, const Real* lowest, const Real* highest, const std::int32_t* zero_point)
      : scale_(scale), lowest_(lowest), highest_(highest), zero_point_(zero_point) {}
  Real scale(std::size_t i) const { return scale_[i]; }
  Real lowest(std::size_t i) const { return lowest_[i]; }
  Real highest(std::size_t i) const { return highest_[i]; }
  std::int32_t zero_point(std::size_t i) const { return zero_point_[i]; }

 private:
  const Real *scale_, *lowest_, *highest_;
  const std::int32_t* zero_point_;
};

/// What a GridRow looks at.
template <class Real>
class GridTable {
 public:
  GridTable(const Rows& rows, const std::vector<Affine<Real>>& grids) {
    const std::size_t period = std::min(rows.width, rows.runs.channels * rows.runs.inner);
    const auto fill = [&](auto& places, const auto& of) {
      places.resize(rows.width);
      std::size_t i = 0;
      for (std::size_t c = 0; i < period; ++c)
        for (const std::size_t end = std::min(i + rows.runs.inner, period); i < end; ++i) places[i] = of(grids[c]);
      for (; i < rows.width; i += period) std::copy_n(places.begin(), std::min(period, rows.width - i), &places[i]);
    };
    fill(scale_, [](const Affine<Real>& g) { return g.scale; });
    fill(lowest_, [](const Affine<Real>& g) { return g.lowest(); });
    fill(highest_, [](const Affine<Real>& g) { return g.highest(); });
    fill(zero_point_, [](const Affine<Real>& g) { return g.zero_point; });
  }
  const Real* scale() const { return scale_.data(); }
  const Real* lowest() const { return lowest_.data(); }
  const Real* highest() const { return highest_.data(); }
  GridRow<Real> row() const { return {scale_.data(), lowest_.data(), highest_.data(), zero_point_.data()}; }

 private:
  std::vector<Real> scale_, lowest_, highest_;
  std::vector<std::int32_t> zero_point_;
};

/// round_half_even(clamp(x / scale)) of the element at i: Affine::steps.
template <class Real, class Grid>
Real steps_at(Real x, Grid grid, std::size_t i) {
  return round_half_even(clamp_to(x / grid.scale(i), grid.lowest(i), grid.highest(i)));
}

/// Memory layout and grids of one call.
template <class Real>
struct GridRuns {
  ChannelRuns runs;
  std::vector<Affine<Real>> grids;

  /// body(grid, begin, n): elements [begin, begin + n) of memory, element begin + i on the grid's place i; on several threads.
  template <class Body>
  void for_each(const Body& body) const {
    if (has_short_runs(runs)) {
      const Rows rows(runs);
      const GridTable<Real> table(rows, grids);
      rows.for_each([&](std::size_t, std::size_t begin, std::size_t n) { body(table.row(), begin, n); });
    } else {
      Fragments(runs).for_each([&](std::size_t, std::size_t c, std::size_t begin, std::size_t end) {
        body(SameGrid<Real>(grids[c]), begin, end - begin);
      });
    }
  }
};

/// Throws shape_error, naming `what`, when the quantizer's axis or number of channels is not the tensor's.
template <class T, Quantizer Q>
GridRuns<typename Q::value_type> grid_runs(const TensorView<T>& v, const Q& quantizer, const char* what) {
  GridRuns<typename Q::value_type> r{channel_runs(v, quantizer.granularity().axis, what), {}};
  if (r.runs.channels != quantizer.channels())
    throw shape_error(
        message(what, ": quantizer of ", quantizer.channels(), " channels for ", r.runs.channels, " in extents ", v.extent));
  r.grids.reserve(r.runs.channels);
  for (std::size_t c = 0; c < r.runs.channels; ++c) r.grids.push_back(quantizer.grid(c));
  return r;
}

}  // namespace trimtab::detail
