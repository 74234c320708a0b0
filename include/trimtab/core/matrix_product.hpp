#pragma once
/// \file
/// Matrix products through Eigen, each on the thread that calls it, and the cutting of a large product into tiles for several
/// threads.

#include <algorithm>
#include <cstddef>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/config.hpp>
#include <trimtab/core/parallel.hpp>

namespace trimtab::detail {

/// A row-major matrix in somebody else's memory; rows lie `stride` elements apart.
template <class T>
struct Matrix {
  T* data;
  std::size_t rows, cols, stride;

  operator Matrix<const T>() const requires(!std::is_const_v<T>) { return {data, rows, cols, stride}; }
  /// Rows [r0, r1).
  Matrix row_range(std::size_t r0, std::size_t r1) const { return {data + r0 * stride, r1 - r0, cols, stride}; }
  /// Columns [c0, c1).
  Matrix col_range(std::size_t c0, std::size_t c1) const { return {data + c0, rows, c1 - c0, stride}; }
};

template <class Real>
auto eigen_map(const Matrix<Real>& m) {
  using Dense = Eigen::Matrix<std::remove_const_t<Real>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using MaybeConst = std::conditional_t<std::is_const_v<Real>, const Dense, Dense>;
  return Eigen::Map<MaybeConst, Eigen::Unaligned, Eigen::OuterStride<>>(
      m.data, static_cast<Eigen::Index>(m.rows), static_cast<Eigen::Index>(m.cols),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(m.stride)));
}

/// c += a * b, with a M x K, b K x N.
template <class Real>
void add_product(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c) {
  const ScopedThreads one(1);  // Eigen would cut the work by their number, and the bits would depend on it
  eigen_map(c).noalias() += eigen_map(a) * eigen_map(b);
}

/// c += a * transpose(b), with a M x K, b N x K.
template <class Real>
void add_product_nt(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c) {
  const ScopedThreads one(1);  // Eigen would cut the work by their number, and the bits would depend on it
  eigen_map(c).noalias() += eigen_map(a) * eigen_map(b).transpose();
}

/// c += transpose(a) * b, with a K x M, b K x N.
template <class Real>
void add_product_tn(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c) {
  const ScopedThreads one(1);  // Eigen would cut the work by their number, and the bits would depend on it
  eigen_map(c).noalias() += eigen_map(a).transpose() * eigen_map(b);
}

#ifdef TRIMTAB_KERNELS_TEMPLATE
TRIMTAB_KERNELS_TEMPLATE void add_product(const Matrix<const float>&, const Matrix<const float>&, const Matrix<float>&);
TRIMTAB_KERNELS_TEMPLATE void add_product_nt(const Matrix<const float>&, const Matrix<const float>&, const Matrix<float>&);
TRIMTAB_KERNELS_TEMPLATE void add_product_tn(const Matrix<const float>&, const Matrix<const float>&, const Matrix<float>&);
TRIMTAB_KERNELS_TEMPLATE void add_product(const Matrix<const double>&, const Matrix<const double>&, const Matrix<double>&);
TRIMTAB_KERNELS_TEMPLATE void add_product_nt(const Matrix<const double>&, const Matrix<const double>&, const Matrix<double>&);
TRIMTAB_KERNELS_TEMPLATE void add_product_tn(const Matrix<const double>&, const Matrix<const double>&, const Matrix<double>&);
#endif

/// What `macs` multiplications with their additions in floating point take.
inline LoopTime float_product_time(std::size_t macs) { return {macs / 32}; }

/// Cuts a result of rows x cols into tiles and calls body(row0, row1, col0, col1) for each, on several threads. A tile has 64
/// rows or more, since each packs the whole right-hand side anew; columns are cut only where rows alone give too few tiles.
template <class Body>
void for_each_tile(std::size_t rows, std::size_t cols, LoopTime time, const Body& body) {
  if (rows * cols == 0) return;
  const auto piece = [](std::size_t size, std::size_t pieces, std::size_t least, std::size_t most) {
    const std::size_t even = (size + pieces - 1) / pieces;
    return std::clamp((even + 7) / 8 * 8, least, most);
  };
  const std::size_t tile_rows = piece(rows, 16, 64, 1024), row_tiles = (rows + tile_rows - 1) / tile_rows;
  const std::size_t wanted = std::max<std::size_t>(1, 8 / row_tiles);
  const std::size_t tile_cols = piece(cols, wanted, 64, cols + 64), col_tiles = (cols + tile_cols - 1) / tile_cols;
  parallel_for(row_tiles * col_tiles, time, [&](std::size_t i) {
    const std::size_t r = i / col_tiles * tile_rows, c = i % col_tiles * tile_cols;
    body(r, std::min(rows, r + tile_rows), c, std::min(cols, c + tile_cols));
  });
}

/// Calls body(piece, partial) for each of `pieces` buffers of `size` zeros, on several threads, and adds the buffers into `total`
/// in the order of the pieces. One piece writes to `total` itself.
template <class Real, class Body>
void sum_partials(std::size_t pieces, std::size_t size, Real* total, const Body& body) {
  if (pieces <= 1) {
    if (pieces == 1) body(std::size_t{0}, total);
    return;
  }
  std::vector<Real> partials(pieces * size);
  parallel_for(pieces, [&](std::size_t p) { body(p, partials.data() + p * size); });
  parallel_ranges(size, std::size_t{1} << 14, [&](std::size_t begin, std::size_t end) {
    for (std::size_t p = 0; p < pieces; ++p)
      for (std::size_t i = begin; i < end; ++i) total[i] += partials[p * size + i];
  });
}

/// The number of pieces into which the K rows of c += transpose(a) * b, c of `size` elements, are cut: enough for many threads,
/// each long beside the adding up of its partial sums, all partial sums together within 32 MB of float.
inline std::size_t depth_pieces(std::size_t depth, std::size_t size) {
  const std::size_t most = std::clamp<std::size_t>((std::size_t{1} << 23) / std::max<std::size_t>(1, size), 2, 16);
  return std::min((depth + 255) / 256, most);
}

/// c += transpose(a) * b on several threads, with a K x M, b K x N.
template <class Real>
void parallel_add_product_tn(const Matrix<const Real>& a, const Matrix<const Real>& b, const Matrix<Real>& c) {
  const bool large = c.rows * c.cols >= std::size_t{1} << 16 || c.stride != c.cols;
  if (large || a.rows < 1024) {
    for_each_tile(c.rows, c.cols, float_product_time(a.rows * c.rows * c.cols),
                  [&](std::size_t r0, std::size_t r1, std::size_t c0, std::size_t c1) {
                    add_product_tn(a.col_range(r0, r1), b.col_range(c0, c1), c.row_range(r0, r1).col_range(c0, c1));
                  });
    return;
  }
  const std::size_t pieces = depth_pieces(a.rows, c.rows * c.cols), step = (a.rows + pieces - 1) / pieces;
  sum_partials(pieces, c.rows * c.cols, c.data, [&](std::size_t p, Real* partial) {
    const std::size_t k0 = std::min(a.rows, p * step), k1 = std::min(a.rows, k0 + step);
    add_product_tn(a.row_range(k0, k1), b.row_range(k0, k1), Matrix<Real>{partial, c.rows, c.cols, c.cols});
  });
}

}  // namespace trimtab::detail
