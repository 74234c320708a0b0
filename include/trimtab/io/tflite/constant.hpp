#pragma once
/// \file
/// Constants among the codes: tensors with numbers, without an operator.

#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/constant.hpp>

namespace trimtab {

/// The readers make nodes of what a file knows where an operator reads it.
template <>
struct TfliteRules<Constant> {
  static constexpr TfliteForm form = TfliteForm::both;
  static std::int32_t write(detail::TfliteWriter& w, const Constant& l) {
    if (w.on_reals) return w.reals(w.node().name, w.shape_of(w.node().extent), std::span(l.value.data(), l.value.size()));
    std::vector<std::uint8_t> bytes;
    for (const float v : l.value) bytes.push_back(static_cast<std::uint8_t>(w.node().grid.quantize(v) - w.origin));
    return w.codes(w.node().name, w.shape_of(w.node().extent), w.grid(), std::move(bytes));
  }
};

}  // namespace trimtab
