#pragma once
/// \file
/// Matrix products of 16-bit integers with exact sums of 32 bits, and the rounding of floats to such integers. AVX2 multiplies
/// twice as many of them as floats, and sums of integers do not depend on their order.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/kernels/table.hpp>
#include <vector>

namespace trimtab {

/// The right-hand side of such products, packed for the kernels: `depth` x `cols` numbers.
class Int16Columns {
 public:
  /// Takes `rows`, depth x cols, row by row: number (k, n) at rows[k * cols + n], within -32767 .. 32767.
  void assign_rows(const std::int16_t* rows, std::size_t depth, std::size_t cols) {
    assign(depth, cols, [&](kernels::Int16Step* steps, std::size_t first, std::size_t width, std::int64_t* size) {
      for (std::size_t k = 0; k < depth; ++k)
        for (std::size_t n = 0; n < width; ++n) {
          const std::int16_t v = rows[k * cols + first + n];
          steps[k / 2].column[n][k % 2] = v;
          size[n] += std::abs(std::int32_t{v});
        }
    });
  }
  /// The same of cols x depth numbers, column by column: number (k, n) at columns[n * depth + k].
  void assign_columns(const std::int16_t* columns, std::size_t depth, std::size_t cols) {
    assign(depth, cols, [&](kernels::Int16Step* steps, std::size_t first, std::size_t width, std::int64_t* size) {
      for (std::size_t n = 0; n < width; ++n) {
        const std::int16_t* column = columns + (first + n) * depth;
        for (std::size_t k = 0; k < depth; ++k) size[n] += std::abs(std::int32_t{column[k]});
        for (std::size_t p = 0; p < depth / 2; ++p) std::memcpy(steps[p].column[n], column + 2 * p, sizeof steps[p].column[n]);
        if (depth % 2 == 1) steps[depth / 2].column[n][0] = column[depth - 1];
      }
    });
  }

  std::size_t depth() const { return depth_; }  ///< length of a column
  std::size_t cols() const { return cols_; }    ///< columns
  /// How large the left-hand side's numbers may be so that every sum, and every part of one, fits in 32 bits: 32767 at most.
  std::int32_t limit() const {
    const std::int64_t most = std::numeric_limits<std::int32_t>::max() / std::max<std::int64_t>(1, column_size_);
    return static_cast<std::int32_t>(std::min<std::int64_t>(32767, most));
  }
  /// The product's task for `rows` rows of a, a_row numbers apart; one more than that many must be readable where the depth is
  /// odd.
  kernels::Int16Product product(const std::int16_t* a, std::size_t rows, std::size_t a_row) const {
    return {a, static_cast<std::ptrdiff_t>(a_row), steps_.data(), rows, cols_, pairs()};
  }

 private:
  static constexpr std::size_t panel = kernels::int16_panel;
  std::size_t pairs() const { return (depth_ + 1) / 2; }

  /// fill(steps, first, width, size) for every panel of `width` columns from `first` on: adds each column's |number| to its size.
  template <class Fill>
  void assign(std::size_t depth, std::size_t cols, const Fill& fill) {
    depth_ = depth;
    cols_ = cols;
    const std::size_t panels = (cols + panel - 1) / panel;
    steps_.resize(panels * pairs());
    std::vector<std::int64_t> largest(panels);
    parallel_for(panels, LoopTime{depth * cols / 4}, [&](std::size_t i) {
      kernels::Int16Step* steps = steps_.data() + i * pairs();
      const std::size_t width = std::min(panel, cols - i * panel);
      if (width < panel) std::fill_n(steps, pairs(), kernels::Int16Step{});
      if (depth % 2 == 1) steps[pairs() - 1] = {};
      std::int64_t size[panel] = {};
      fill(steps, i * panel, width, size);
      largest[i] = *std::max_element(size, size + panel);
    });
    column_size_ = panels == 0 ? 0 : *std::max_element(largest.begin(), largest.end());
  }

  std::size_t depth_ = 0, cols_ = 0;
  std::int64_t column_size_ = 0;  // the largest sum of |value| over a column
  std::vector<kernels::Int16Step> steps_;
};

}  // namespace trimtab
