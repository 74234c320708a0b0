#pragma once
/// \file
/// Depthwise convolution as tasks for the kernels: runs of columns that see the same taps, rows of pictures for the threads.

#include <algorithm>
#include <cstddef>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/window_taps.hpp>
#include <trimtab/ops/kernels/table.hpp>
#include <vector>

namespace trimtab::detail {

/// Columns first, first + period, ... that see the other side through the same kernel columns; one's neighbour in the run reads
/// `from_step` columns further on. `taps` are those of the first.
struct ColumnRun {
  std::size_t first, count;
  std::span<const Tap> taps;
};

struct ColumnRuns {
  std::size_t period, from_step;
  std::vector<ColumnRun> runs;

  ColumnRuns(const AxisTaps& cols, std::size_t period_, std::size_t from_step_) : period(period_), from_step(from_step_) {
    for (std::size_t phase = 0; phase < std::min(period, cols.size()); ++phase) {
      const std::size_t begin = runs.size();
      for (std::size_t col = phase; col < cols.size(); col += period) {
        if (runs.size() > begin && continues(runs.back(), cols[col]))
          ++runs.back().count;
        else
          runs.push_back({col, 1, cols[col]});
      }
    }
  }

 private:
  bool continues(const ColumnRun& run, std::span<const Tap> taps) const {
    return std::equal(taps.begin(), taps.end(), run.taps.begin(), run.taps.end(), [&](const Tap& tap, const Tap& first) {
      return tap.kernel == first.kernel && tap.from == first.from + run.count * from_step;
    });
  }
};

/// One side of a depthwise convolution: `rows` x cols pixels a picture, each gathered from the other side, from_h x from_w.
struct DepthwiseGather {
  const kernels::KernelTable& table;
  const AxisTaps& rows;
  const ColumnRuns& columns;
  std::size_t cols, channels, kernel_w, from_h, from_w;
  const float* from;
  const float* weight;
  const float* start;
  bool add;
  Clip clip;
  float* to;

  /// Row r of all pictures; `taps` holds pointers between calls.
  void row(std::size_t r, std::vector<const float*>& x, std::vector<const float*>& w) const {
    const auto step = static_cast<std::ptrdiff_t>(channels);
    const float* picture = from + r / rows.size() * from_h * from_w * channels;
    for (const ColumnRun& run : columns.runs) {
      x.clear();
      w.clear();
      for (const Tap& row : rows[r % rows.size()])
        for (const Tap& col : run.taps) {
          x.push_back(picture + (row.from * from_w + col.from) * channels);
          w.push_back(weight + (row.kernel * kernel_w + col.kernel) * channels);
        }
      table.depthwise({x.data(), w.data(), x.size(), run.count, channels, static_cast<std::ptrdiff_t>(columns.from_step) * step,
                       static_cast<std::ptrdiff_t>(columns.period) * step, to + (r * cols + run.first) * channels, add, start,
                       clip});
    }
  }
};

/// Output columns [first, last) that see a kernel column inside the picture, for every kernel column.
struct ColumnRange {
  std::size_t first, last;
};
inline std::vector<ColumnRange> column_ranges(const WindowGeometry& g) {
  std::vector<ColumnRange> ranges;
  const WindowOptions& o = g.options;
  for (std::size_t kw = 0; kw < g.kernel_w; ++kw) {
    const std::size_t shift = kw * o.dilation_w, left = o.padding.left;
    const std::size_t last = g.w + left > shift ? std::min(g.out_w, (g.w + left - shift - 1) / o.stride_w + 1) : 0;
    const std::size_t first = shift < left ? (left - shift + o.stride_w - 1) / o.stride_w : 0;
    ranges.push_back({std::min(first, last), last});
  }
  return ranges;
}

/// partial[kh, kw, c] += sum over output row r (n, oh) of grad_y * x: columns that all kernel columns see at once, then the rest.
inline void depthwise_weight_row(const kernels::KernelTable& table, const WindowGeometry& g, const AxisTaps& rows,
                                 const std::vector<ColumnRange>& ranges, std::size_t r, const float* grad_y, const float* x,
                                 float* partial) {
  const WindowOptions& o = g.options;
  const auto channels = static_cast<std::ptrdiff_t>(g.c), stride = static_cast<std::ptrdiff_t>(o.stride_w) * channels,
             dilation = static_cast<std::ptrdiff_t>(o.dilation_w) * channels;
  ColumnRange common{0, g.out_w};
  for (const ColumnRange& range : ranges) common = {std::max(common.first, range.first), std::min(common.last, range.last)};
  common.last = std::max(common.first, common.last);
  const float* grad_row = grad_y + r * g.out_w * g.c;
  for (const Tap& row : rows[r % g.out_h]) {
    const float* x_row = x + (r / g.out_h * g.h + row.from) * g.w * g.c;
    const auto columns = [&](std::size_t kw, std::size_t taps, std::size_t first, std::size_t last) {
      if (first >= last) return;
      table.depthwise_weight({grad_row + first * g.c, x_row + (first * o.stride_w + kw * o.dilation_w - o.padding.left) * g.c,
                              partial + (row.kernel * g.kernel_w + kw) * g.c, taps, last - first, g.c, channels, stride, dilation,
                              channels});
    };
    columns(0, g.kernel_w, common.first, common.last);
    for (std::size_t kw = 0; kw < g.kernel_w; ++kw) {
      columns(kw, 1, ranges[kw].first, std::min(ranges[kw].last, common.first));
      columns(kw, 1, std::max(ranges[kw].first, common.last), ranges[kw].last);
    }
  }
}

}  // namespace trimtab::detail
