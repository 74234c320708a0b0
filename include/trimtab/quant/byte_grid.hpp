#pragma once
/// \file
/// The grid of a tensor whose values an activation clips, and the same with its codes held in bytes.

#include <trimtab/quant/clip.hpp>
#include <trimtab/quant/params.hpp>

namespace trimtab {

/// The grid with its codes narrowed to those of the clip: the limits of a layer whose activation is fused into its output.
/// {0.1, 0, [0, 255]} and ReLU6 give [0, 60].
inline Affine<float> clipped(const Affine<float>& grid, const Clip& clip) {
  return {grid.scale, grid.zero_point, {grid.quantize(clip.lo), grid.quantize(clip.hi)}};
}

/// The same, and codes of a signed grid held 128 higher: all codes are bytes, 0 .. 255, and their real values stay.
inline Affine<float> byte_grid(const Affine<float>& grid, const Clip& clip = no_clip) {
  const std::int32_t shift = grid.codes.qmin < 0 ? 128 : 0;
  const CodeRange codes = clipped(grid, clip).codes;
  return {grid.scale, grid.zero_point + shift, {codes.qmin + shift, codes.qmax + shift}};
}

}  // namespace trimtab
