#pragma once
/// \file
/// Pad: zeros around pixels wait for a window that takes them over; all else is a Pad.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <vector>

namespace trimtab {
namespace detail {

inline PadMode pad_mode(const OnnxNode& n) {
  const std::string mode = n.text("mode", "constant");
  if (mode == "constant") return PadMode::constant;
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "edge") return PadMode::edge;
  if (mode == "wrap") return PadMode::wrap;
  throw unsupported_error(message("mode '", mode, "' is not supported"));
}

/// Elements before and behind each of the file's axes.
struct OnnxPads {
  std::vector<std::int64_t> before, after;
};
inline OnnxPads read_pads(const OnnxNode& n, std::size_t rank) {
  const std::vector<std::int64_t> pads = n.opset() < 11 ? n.integers("pads") : n.integers(1);
  std::vector<std::size_t> axes;
  if (n.has(3)) {
    axes = axes_of(n.integers(3), rank);
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (pads.size() != 2 * axes.size())
    throw shape_error(message("pads has ", pads.size(), " numbers, expected ", 2 * axes.size()));
  OnnxPads p{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0)};
  for (const std::int64_t pad : pads)
    if (pad < -(1 << 24) || pad > (1 << 24)) throw unsupported_error(message("pads holds ", pad));
  for (std::size_t k = 0; k < axes.size(); ++k) {
    p.before[axes[k]] = pads[k];
    p.after[axes[k]] = pads[k + axes.size()];
  }
  return p;
}

/// Puts the padding on x without a node, where it is of the pixels of H W C, and of zeros or of numbers below all others.
inline bool let_wait(const OnnxNode& n, OnnxActivation& x, const OnnxPads& pads, float value) {
  const bool lowest = value <= std::numeric_limits<float>::lowest();
  if ((value != 0 && !lowest) || n.import.extent(x).size() != 3) return false;
  if (x.padded() && (x.padding.value != 0) != (value != 0)) return false;
  Padding more;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (pads.before[i] == 0 && pads.after[i] == 0) continue;
    if (pads.before[i] < 0 || pads.after[i] < 0 || (x.axes[i] != NodeAxes{1} && x.axes[i] != NodeAxes{2})) return false;
    (x.axes[i][0] == 1 ? more.top : more.left) = static_cast<std::size_t>(pads.before[i]);
    (x.axes[i][0] == 1 ? more.bottom : more.right) = static_cast<std::size_t>(pads.after[i]);
  }
  const Padding& was = x.padding.pixels;
  const Padding both{was.top + more.top, was.left + more.left, was.bottom + more.bottom, was.right + more.right};
  for (const std::size_t side : {both.top, both.left, both.bottom, both.right})
    if (side > (1U << 24)) throw unsupported_error(message("padding of ", side));
  x.padding = {both, lowest ? -std::numeric_limits<float>::infinity() : 0.0F, n.maker()};
  return true;
}

inline void write_pad(OnnxWriter& w, const Pad& l, const OnnxCall& n, const std::string& value) {
  const std::size_t rank = n.extent.size() + 1;
  std::vector<std::ptrdiff_t> pads(2 * rank, 0);
  for (std::size_t i = 1; i < rank; ++i) {
    pads[i] = l.before[file_layout::node_axis(rank, i) - 1];
    pads[rank + i] = l.after[file_layout::node_axis(rank, i) - 1];
  }
  std::vector<std::string> inputs{n.inputs[0], w.integers(n.name + ".pads", pads)};
  if (!value.empty()) inputs.push_back(value);
  auto& node = w.add("Pad", n.name, inputs, n.output);
  if (l.mode != PadMode::constant) w.text(node, "mode", l.mode == PadMode::edge ? "edge" : "reflect");
}
inline void write_wrap(OnnxWriter& w, const Pad& l, const OnnxCall& n) {
  std::string x = n.inputs[0];
  const std::size_t rank = n.extent.size() + 1;
  for (std::size_t a = 0; a + 1 < rank; ++a) {
    if (l.before[a] == 0 && l.after[a] == 0) continue;
    const auto length = static_cast<std::ptrdiff_t>(n.in[0][a]);
    std::vector<std::ptrdiff_t> indices;
    for (std::ptrdiff_t i = -l.before[a]; i < length + l.after[a]; ++i) indices.push_back(((i % length) + length) % length);
    const std::string y = w.value(n, message("axis_", a));
    w.attribute(w.add("Gather", y, {x, w.integers(y + ".indices", indices)}, y), "axis",
                static_cast<std::int64_t>(file_layout::axis(rank, a + 1)));
    x = y;
  }
  w.add("Identity", n.name, {x}, n.output);
}

inline void read_pad(const OnnxNode& n) {
  float value = 0;
  if (n.opset() < 11) {
    n.require({"mode", "pads", "value"});
    n.require_inputs(1, 1);
    value = n.real("value", 0.0F);
  } else {
    n.require({"mode"});
    n.require_inputs(2, n.opset() < 18 ? 3 : 4);
    if (n.has(2)) value = static_cast<float>(n.number(2));
  }
  const PadMode mode = pad_mode(n);
  OnnxActivation x = n.padded(0);
  const OnnxPads pads = read_pads(n, x.rank());
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < x.rank(); ++i)
    if (pads.before[i] != 0 || pads.after[i] != 0) changed.push_back(i);
  if (changed.empty()) return n.define(std::move(x));
  if (mode == PadMode::constant && std::isnan(value)) throw parse_error("the pad value is not a number");
  // 0 of codes is no real 0.
  if (mode == PadMode::constant && is_real(x.type) && let_wait(n, x, pads, value)) return n.define(std::move(x));
  x = with_single_axes(n.import, n.activation(0), changed);
  if (mode == PadMode::constant && !std::isfinite(value))
    value = value < 0 ? std::numeric_limits<float>::lowest() : std::numeric_limits<float>::max();
  const std::size_t rank = n.import.extent(x).size();
  Pad pad{std::vector<std::ptrdiff_t>(rank, 0), std::vector<std::ptrdiff_t>(rank, 0), mode,
          mode == PadMode::constant ? value : 0.0F};
  for (const std::size_t i : changed) {
    pad.before[node_axis(x, i)] = static_cast<std::ptrdiff_t>(pads.before[i]);
    pad.after[node_axis(x, i)] = static_cast<std::ptrdiff_t>(pads.after[i]);
  }
  std::vector<std::size_t> extents;
  for (std::size_t k = 0; k < rank; ++k)
    extents.push_back(static_cast<std::size_t>(
        std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(n.import.extent(x)[k]) + pad.before[k] + pad.after[k])));
  n.import.charge_extents(extents);
  n.apply(std::move(x), std::move(pad));
}

}  // namespace detail

template <>
struct OnnxRules<Pad> {
  static void read(detail::OnnxReaders& readers) { readers.add("Pad", detail::read_pad); }
  /// Wrapping is a Gather along each axis: the mode came with opset 19.
  static void write(detail::OnnxWriter& w, const Pad& l, const detail::OnnxCall& n) {
    if (l.mode == PadMode::wrap) return detail::write_wrap(w, l, n);
    detail::write_pad(w, l, n, l.mode == PadMode::constant && l.value != 0 ? w.number(n.name + ".value", l.value) : "");
  }
  /// Real 0 is the zero point; another value is brought onto the grid with the input, in steps.
  static void write_codes(detail::OnnxCodesWriter& w, const Pad& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    if (l.mode != PadMode::constant || l.value == 0) {
      const auto with_zero_point = [](detail::OnnxCodesWriter& to, const Pad& pad, const detail::OnnxCall& n) {
        if (pad.mode == PadMode::constant)
          detail::write_pad(to, pad, n, to.zero_point(to.in().zero_point));
        else
          write(to, pad, n);
      };
      return w.write_on_codes(with_zero_point, l, {w.codes()});
    }
    Pad in_steps = l;
    in_steps.value /= w.node().grid.scale;
    const std::string steps = w.steps(0), y = w.value("padded");
    write(w, in_steps, w.call(w.name(), {steps}, y));
    w.quantize(y, 1);
  }
};

}  // namespace trimtab
