#pragma once
/// \file
/// Movements for which TFLite has no operator, as a GATHER along each axis that they change.

#include <cstdint>
#include <numeric>
#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/ops/movement_makers.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Elements `indices` of axis `a`, batch excluded, of tensor x.
inline std::int32_t write_gather(TfliteWriter& w, std::int32_t x, std::size_t a, const std::vector<std::int32_t>& indices,
                                 const std::string& part, std::int32_t to) {
  const std::int32_t row = w.row(w.node().name + part + "/indices", indices);
  w.operation(tflite::OperatorCode::gather, w.version(2), {x, row}, to, tflite::Options{23}.number(0, a + 1));
  return to;
}

/// A movement that has an axis for each of the input's.
inline std::int32_t write_gathers(TfliteWriter& w, const Movement& m) {
  Extents extent = w.extent_in();
  const std::vector<std::size_t> step = element_steps(extent);
  std::vector<std::pair<std::size_t, std::vector<std::int32_t>>> changed;
  for (std::size_t a = 0; a < m.offset.size(); ++a) {
    std::vector<std::int32_t> indices, whole(extent[a]);
    for (const std::size_t offset : m.offset[a]) {
      if (offset == Movement::outside) w.refuse("a resize that crops, and looks beside its input");
      indices.push_back(static_cast<std::int32_t>(offset / step[a]));
    }
    std::iota(whole.begin(), whole.end(), 0);
    if (indices != whole) changed.emplace_back(a, std::move(indices));
  }
  std::int32_t x = w.tensor_in();
  for (std::size_t k = 0; k < changed.size(); ++k) {
    const auto& [a, indices] = changed[k];
    extent[a] = indices.size();
    const std::string part = message("/axis", a);
    const bool last = k + 1 == changed.size();
    x = write_gather(w, x, a, indices, part, last ? w.result() : w.activations(w.node().name + part, extent, w.grid_in()));
  }
  return w.clamped(x, w.grid_in().codes);
}

}  // namespace trimtab::detail
