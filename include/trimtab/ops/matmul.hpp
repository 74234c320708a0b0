#pragma once
/// \file
/// The matrix product of the float layers: float through the kernels of the instruction set in use, everything else through
/// Eigen. Every entry of c is summed over k in an order that only its shape sets, so neither threads nor tiles change a bit of
/// it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <trimtab/core/matrix_product.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/ops/kernels/table.hpp>
#include <trimtab/ops/layer_run.hpp>
#include <trimtab/quant/params.hpp>
#include <type_traits>

namespace trimtab::detail {

/// What c holds before the products are added: itself, or one value a column (null for zero). And the clip of the sums.
template <class Real>
struct ProductStart {
  bool add;
  const Real* columns = nullptr;
  Clip clip = no_clip;
};

/// Memory of a thread, kept from call to call, one piece a use.
enum class ScratchUse { packed, partial, unrolled };
template <class Real>
class ThreadScratch {
 public:
  /// `size` numbers of no particular value; valid until the thread asks for the same use again.
  static Real* of(ScratchUse use, std::size_t size) {
    thread_local std::array<ThreadScratch, 3> scratch;
    ThreadScratch& s = scratch[static_cast<std::size_t>(use)];
    if (s.size_ < size) {
      s.data_.reset();
      s.size_ = 0;
      s.data_.reset(static_cast<Real*>(::operator new(size * sizeof(Real), alignment)));
      s.size_ = size;
    }
    return s.data_.get();
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(Real* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<Real, Free> data_;
  std::size_t size_ = 0;
};

/// A matrix read as lines of `depth` numbers each: element (line, k) at data[line * line_step + k * depth_step]. One step is 1.
template <class Real>
struct ProductSide {
  const Real* data;
  std::size_t lines;
  std::ptrdiff_t line_step, depth_step;

  const Real* at(std::size_t line, std::size_t k) const {
    return data + static_cast<std::ptrdiff_t>(line) * line_step + static_cast<std::ptrdiff_t>(k) * depth_step;
  }
};

inline std::size_t round_up(std::size_t size, std::size_t step) { return (size + step - 1) / step * step; }

/// Packs lines [l0, l1) at depth [k0, k1), in panels.
inline void pack_lines(const kernels::KernelTable& table, const ProductSide<float>& side, std::size_t l0, std::size_t l1,
                       std::size_t k0, std::size_t k1, float* to) {
  if (side.line_step == 1) {
    table.pack_rows({side.at(l0, k0), side.depth_step, k1 - k0, l1 - l0, to});
    return;
  }
  for (std::size_t line = l0; line < l1; line += table.panel)
    for (std::size_t k = k0; k < k1; ++k, to += table.panel) {
      const std::size_t count = std::min(table.panel, l1 - line);
      for (std::size_t l = 0; l < count; ++l) to[l] = *side.at(line + l, k);
    }
}

/// How a product is cut. Depth by 384: a strip of a (12 x 384 floats, 18 KB) stays in the first-level cache. Columns so that a
/// block of packed b (384 KB) stays in the second. For several threads tiles of c, some 16, of a strip's height at least; for one
/// thread 20 strips, so that a packed a stays in the second-level cache too.
struct ProductBlocks {
  std::size_t depth, cols, tile_rows, tile_cols;

  ProductBlocks(const kernels::KernelTable& table, std::size_t m, std::size_t n, std::size_t k, bool one_thread) {
    const auto even = [](std::size_t size, std::size_t most, std::size_t step) {
      const std::size_t pieces = (size + most - 1) / most;
      return round_up((size + pieces - 1) / pieces, step);
    };
    depth = even(k, 384, 8);
    cols = even(n, std::max(std::size_t{98304} / depth / table.panel * table.panel, table.panel), table.panel);
    const std::size_t most = 20 * table.strip;
    tile_rows = one_thread ? even(m, most, table.strip) : std::min(round_up((m + 15) / 16, table.strip), most);
    const std::size_t row_tiles = (m + tile_rows - 1) / tile_rows;
    const std::size_t col_tiles = one_thread ? 1 : std::max<std::size_t>(1, 8 / row_tiles);
    tile_cols = round_up((cols + col_tiles - 1) / col_tiles, table.panel);
  }
};

/// Floats of packed_whole.
inline std::size_t packed_size(const kernels::KernelTable& table, std::size_t lines, std::size_t depth) {
  return round_up(lines, table.panel) * depth;
}

/// Packs all of b, block behind block in the order in which blocked_product reads them.
inline void pack_whole(const kernels::KernelTable& table, const ProductSide<float>& b, std::size_t depth, float* to) {
  const ProductBlocks block(table, 1, b.lines, depth, true);
  for (std::size_t n0 = 0; n0 < b.lines; n0 += block.cols)
    for (std::size_t k0 = 0; k0 < depth; k0 += block.depth) {
      const std::size_t n1 = std::min(b.lines, n0 + block.cols), k1 = std::min(depth, k0 + block.depth);
      pack_lines(table, b, n0, n1, k0, k1, to);
      to += packed_size(table, n1 - n0, k1 - k0);
    }
}

/// c = start + the products of every line of a with every line of b. `ready`: b by pack_whole, or null.
inline void blocked_product(const kernels::KernelTable& table, const ProductSide<float>& a, const ProductSide<float>& b,
                            std::size_t depth, const Matrix<float>& c, const ProductStart<float>& start, bool one_thread,
                            const float* ready = nullptr) {
  const ProductBlocks block(table, c.rows, c.cols, depth, one_thread);
  const std::size_t row_tiles = (c.rows + block.tile_rows - 1) / block.tile_rows;
  // Columns side by side in memory are packed only where many rows of c use them again.
  const bool pack = !ready && (b.line_step != 1 || c.rows > 192), packed = ready || pack;
  for (std::size_t n0 = 0; n0 < c.cols; n0 += block.cols) {
    const std::size_t n1 = std::min(c.cols, n0 + block.cols), panels = (n1 - n0 + table.panel - 1) / table.panel;
    const std::size_t col_tiles = (n1 - n0 + block.tile_cols - 1) / block.tile_cols;
    for (std::size_t k0 = 0; k0 < depth; k0 += block.depth) {
      const std::size_t k1 = std::min(depth, k0 + block.depth);
      float* scratch = pack ? ThreadScratch<float>::of(ScratchUse::packed, panels * table.panel * block.depth) : nullptr;
      parallel_ranges(pack ? panels : 0, 4, [&](std::size_t p0, std::size_t p1) {
        pack_lines(table, b, n0 + p0 * table.panel, std::min(n1, n0 + p1 * table.panel), k0, k1,
                   scratch + p0 * table.panel * (k1 - k0));
      });
      const float* right = pack ? scratch : ready;
      if (ready) ready += packed_size(table, n1 - n0, k1 - k0);
      parallel_for(row_tiles * col_tiles, float_product_time(c.rows * (n1 - n0) * (k1 - k0)), [&](std::size_t i) {
        const std::size_t m0 = i / col_tiles * block.tile_rows, m1 = std::min(c.rows, m0 + block.tile_rows);
        const std::size_t c0 = i % col_tiles * block.tile_cols, c1 = std::min(n1 - n0, c0 + block.tile_cols);
        kernels::GemmTask task{};
        task.a = a.at(m0, k0);
        task.a_row = a.line_step;
        task.a_depth = a.depth_step;
        task.b = packed ? right + c0 * (k1 - k0) : b.at(n0 + c0, k0);
        task.b_panel = static_cast<std::ptrdiff_t>(packed ? table.panel * (k1 - k0) : table.panel);
        task.b_depth = packed ? static_cast<std::ptrdiff_t>(table.panel) : b.depth_step;
        task.c = c.data + m0 * c.stride + n0 + c0;
        task.c_row = static_cast<std::ptrdiff_t>(c.stride);
        task.rows = m1 - m0;
        task.cols = c1 - c0;
        task.depth = k1 - k0;
        task.add = start.add || k0 > 0;
        task.start = start.columns ? start.columns + n0 + c0 : nullptr;
        if (k1 == depth) task.clip = start.clip;
        table.gemm(task);
      });
    }
  }
}

/// Fills c with its start.
template <class Real>
void start_product(const Matrix<Real>& c, const ProductStart<Real>& start) {
  if (start.add) return;
  parallel_ranges(c.rows, 1 + (std::size_t{1} << 14) / std::max<std::size_t>(1, c.cols), [&](std::size_t r0, std::size_t r1) {
    for (std::size_t r = r0; r < r1; ++r) {
      if (start.columns)
        std::copy_n(start.columns, c.cols, c.data + r * c.stride);
      else
        std::fill_n(c.data + r * c.stride, c.cols, Real(0));
    }
  });
}

template <class Real>
void clip_rows(const Matrix<Real>& c, const Clip& clip) {
  if (clip == no_clip) return;
  for (std::size_t r = 0; r < c.rows; ++r)
    for (Real *to = c.data + r * c.stride, *end = to + c.cols; to < end; ++to) *to = clamp_to(*to, Real(clip.lo), Real(clip.hi));
}

/// c = start + the sum over pieces of the depth, each a product of its own, added in their order.
inline void split_product(const kernels::KernelTable& table, const ProductSide<float>& a, const ProductSide<float>& b,
                          std::size_t depth, std::size_t pieces, const Matrix<float>& c, const ProductStart<float>& start) {
  const std::size_t size = c.rows * c.cols, step = (depth + pieces - 1) / pieces;
  float* partials = ThreadScratch<float>::of(ScratchUse::partial, pieces * size);
  parallel_for(pieces, float_product_time(size * depth), [&](std::size_t p) {
    const std::size_t k0 = std::min(depth, p * step), k1 = std::min(depth, k0 + step);
    const ProductSide<float> a_piece{a.at(0, k0), a.lines, a.line_step, a.depth_step},
        b_piece{b.at(0, k0), b.lines, b.line_step, b.depth_step};
    const Matrix<float> partial{partials + p * size, c.rows, c.cols, c.cols};
    if (k0 < k1)
      blocked_product(table, a_piece, b_piece, k1 - k0, partial, {false}, true);
    else
      std::fill_n(partial.data, size, 0.0F);
  });
  start_product(c, start);
  parallel_ranges(c.rows, 1 + (std::size_t{1} << 12) / c.cols, [&](std::size_t r0, std::size_t r1) {
    for (std::size_t p = 0; p < pieces; ++p)
      for (std::size_t r = r0; r < r1; ++r) {
        float* to = c.data + r * c.stride;
        const float* from = partials + p * size + r * c.cols;
        for (std::size_t i = 0; i < c.cols; ++i) to[i] += from[i];
      }
    clip_rows(c.row_range(r0, r1), start.clip);
  });
}

/// Float kernels where there are some and something to multiply; otherwise fills c, calls eigen() and clips. `ready`: b by
/// pack_whole, or null.
template <class Real, class Eigen>
void product(const ProductSide<Real>& a, const ProductSide<Real>& b, std::size_t depth, const Matrix<Real>& c,
             const ProductStart<Real>& start, const Eigen& eigen, const float* ready = nullptr) {
  if (c.rows == 0 || c.cols == 0) return;
  if constexpr (std::is_same_v<Real, float>)
    if (const kernels::KernelTable* table = kernels::table(active_isa()); table && depth > 0) {
      const std::size_t size = c.rows * c.cols,
                        pieces = !ready && size < std::size_t{1} << 16 && depth >= 1024 ? depth_pieces(depth, size) : 1;
      if (pieces > 1)
        split_product(*table, a, b, depth, pieces, c, start);
      else
        blocked_product(*table, a, b, depth, c, start, false, ready);
      return;
    }
  start_product(c, start);
  if (depth > 0) eigen();
  clip_rows(c, start.clip);
}

/// Element (row, k) at [row, k].
template <class Real>
ProductSide<Real> by_rows(const Matrix<const Real>& m) {
  return {m.data, m.rows, static_cast<std::ptrdiff_t>(m.stride), 1};
}
/// Element (col, k) at [k, col].
template <class Real>
ProductSide<Real> by_cols(const Matrix<const Real>& m) {
  return {m.data, m.cols, 1, static_cast<std::ptrdiff_t>(m.stride)};
}

/// c = start + a * b, with a M x K, b K x N.
template <class Real>
void matmul(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c, const ProductStart<Real>& start) {
  product(by_rows(a), by_cols(b), a.cols, c, start, [&] {
    for_each_tile(c.rows, c.cols, float_product_time(a.cols * c.rows * c.cols),
                  [&](std::size_t r0, std::size_t r1, std::size_t c0, std::size_t c1) {
                    add_product<Real>(a.row_range(r0, r1), b.col_range(c0, c1), c.row_range(r0, r1).col_range(c0, c1));
                  });
  });
}

/// c = start + a * transpose(b), with a M x K, b N x K. `ready`: b by pack_whole, or null.
template <class Real>
void matmul_nt(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c, const ProductStart<Real>& start,
               const float* ready = nullptr) {
  const auto eigen = [&] {
    for_each_tile(c.rows, c.cols, float_product_time(a.cols * c.rows * c.cols),
                  [&](std::size_t r0, std::size_t r1, std::size_t c0, std::size_t c1) {
                    add_product_nt<Real>(a.row_range(r0, r1), b.row_range(c0, c1), c.row_range(r0, r1).col_range(c0, c1));
                  });
  };
  product(by_rows(a), by_rows(b), a.cols, c, start, eigen, ready);
}

/// The matrices b of matmul_nt, `groups` of them one behind the other, by pack_whole: packed now, or by an earlier call with the
/// same `packed`. Null where there are no kernels, or `packed` is null.
template <class Real>
const float* ready_groups([[maybe_unused]] const Matrix<const Real>& b, [[maybe_unused]] std::size_t groups,
                          [[maybe_unused]] PackedWeight* packed) {
  if constexpr (std::is_same_v<Real, float>)
    if (const kernels::KernelTable* table = kernels::table(active_isa()); table && packed && b.cols > 0) {
      const std::size_t each = packed_size(*table, b.rows, b.cols);
      return packed->of(*table, groups * each, [&](float* to) {
        for (std::size_t group = 0; group < groups; ++group)
          pack_whole(*table, by_rows<float>({b.data + group * b.rows * b.stride, b.rows, b.cols, b.stride}), b.cols,
                     to + group * each);
      });
    }
  return nullptr;
}

/// c = start + transpose(a) * b, with a K x M, b K x N.
template <class Real>
void matmul_tn(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c, const ProductStart<Real>& start) {
  product(by_cols(a), by_cols(b), a.rows, c, start, [&] { parallel_add_product_tn<Real>(a, b, c); });
}

}  // namespace trimtab::detail
