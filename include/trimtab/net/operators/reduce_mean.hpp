#pragma once
/// \file
/// The mean over axes.

#include <trimtab/net/operators/reduction.hpp>

namespace trimtab {

/// The mean of the elements along `axes`.
struct ReduceMean {
  std::vector<std::size_t> axes;  ///< different ones, batch excluded
  bool keep_axes = true;          ///< with an extent of 1
};

/// The exact sum of codes, divided and rounded once, as GlobalAveragePool's. In fixed point int8::mean_fixed_point.
template <>
struct OperatorRules<ReduceMean> : ReductionBySums<ReduceMean, reduction::Mean> {
  static constexpr const char* name = "ReduceMean";
  static constexpr bool homogeneous = true;
  static constexpr bool has_fixed_point = true;
  static SignRule sign(const ReduceMean&) { return SignRule::of_inputs; }
  static void fixed_point_codes(const ReduceMean& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                                const TensorView<std::uint8_t>& y) {
    const bool of_picture = over_picture(l, detail::without_batch(x[0].codes.extent));
    int8::mean_fixed_point(x[0].codes, x[0].grid, with_batch(l), of_picture, code_origin, grid_y, y);
  }
  /// Whether TFLite's kernel for pictures runs, which rounds another way.
  static bool over_picture(const ReduceMean& l, const Extents& x) {
    return l.keep_axes && x.size() == 3 && l.axes == std::vector<std::size_t>{0, 1};
  }
};

TRIMTAB_OPERATOR_MODEL(ReduceMean)

}  // namespace trimtab
