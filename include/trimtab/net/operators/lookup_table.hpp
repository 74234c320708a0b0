#pragma once
/// \file
/// A function of one code as a table of 256 codes: what elementwise functions become in a network of integers.

#include <algorithm>
#include <cstdint>
#include <trimtab/int8/look_up.hpp>
#include <trimtab/net/graph/operator.hpp>
#include <vector>

namespace trimtab {

/// y = codes[256 * c + x], c the channel (index of the last axis), or 0 where there is one table for all. In networks of integers
/// only.
struct LookupTable {
  std::vector<std::uint8_t> codes;  ///< 256 bytes, or 256 for each channel

  std::size_t channels() const { return codes.size() / 256; }  ///< tables
};

/// A lookup; it has no float counterpart.
template <>
struct OperatorRules<LookupTable> : SimpleRules<LookupTable> {
  static constexpr const char* name = "LookupTable";
  static constexpr bool reads_bytes = true;
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static constexpr bool has_fixed_point = true;
  static GridRule grid(const LookupTable&, Requantizer) { return GridRule::own; }
  static SignRule sign(const LookupTable&) { return SignRule::any; }
  static ScalingRule scaling(const LookupTable&) { return ScalingRule::stops; }
  static Clip bounds(const LookupTable&) { return no_clip; }
  static Extents extent(const LookupTable& l, std::span<const Extents> in, const std::string& node) {
    if (l.codes.empty() || l.codes.size() % 256 != 0 ||
        (l.channels() != 1 && (in[0].size() == 0 || in[0].back() != l.channels())))
      detail::refuse_extents(node, "a table of ", l.codes.size(), " codes for extents ", in[0]);
    return in[0];
  }
  /// Every code held within those of grid_y.
  static Operator lowered(LookupTable l, std::span<const Affine<float>>, const Affine<float>& grid_y) {
    for (std::uint8_t& code : l.codes)
      code = static_cast<std::uint8_t>(std::clamp(std::int32_t{code}, grid_y.codes.qmin, grid_y.codes.qmax));
    return l;
  }
  static void visit(LookupTable& l, OperatorVisitor& v) { v.numbers("codes", l.codes); }
  static void forward(const LookupTable&, FloatInputs, const TensorView<float>&) { refuse(); }
  static void backward(const LookupTable&, const FloatBackward&) { refuse(); }
  static void steps(const LookupTable&, CodeInputs, const Affine<float>&, const TensorView<float>&) { refuse(); }
  static void codes(const LookupTable& l, CodeInputs x, const Affine<float>&, const TensorView<std::uint8_t>& y) {
    int8::look_up(l.codes, x[0].codes, y);
  }
  static void fixed_point_codes(const LookupTable& l, CodeInputs x, const Affine<float>& grid_y, std::int32_t,
                                const TensorView<std::uint8_t>& y) {
    codes(l, x, grid_y, y);
  }
  static void codes_backward(const LookupTable&, CodeInputs, const Affine<float>&, const TensorView<const float>&,
                             InputGradients&) {
    refuse();
  }

 private:
  [[noreturn]] static void refuse() { throw value_error("LookupTable: a table of codes has no float counterpart"); }
};

TRIMTAB_OPERATOR_MODEL(LookupTable)

}  // namespace trimtab
