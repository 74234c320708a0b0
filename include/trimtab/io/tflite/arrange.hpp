#pragma once
/// \file
/// Tensors put side by side, framed, repeated: CONCATENATION, PACK, PAD, PADV2, MIRROR_PAD, TILE, BROADCAST_TO, DEPTH_TO_SPACE,
/// SPACE_TO_DEPTH.

#include <algorithm>
#include <numeric>
#include <trimtab/io/tflite/gathers.hpp>
#include <trimtab/net/operators/concat.hpp>
#include <trimtab/net/operators/depth_to_space.hpp>
#include <trimtab/net/operators/expand.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <trimtab/net/operators/space_to_depth.hpp>
#include <trimtab/net/operators/tile.hpp>

namespace trimtab {
namespace detail {

inline void read_concatenation(const TfliteNode& n) {
  n.require(1, max_tflite_inputs);
  const auto axis = static_cast<std::ptrdiff_t>(TfliteNode::picture_axis(n.number(0), n.output_shape().size()));
  std::vector<NodeId> parts;
  for (std::size_t i = 0; i < n.inputs(); ++i) parts.push_back(n.node(i));
  n.become(Concat{axis}, std::move(parts), n.activation(1));
}
/// Side by side along an axis that is new.
inline void read_pack(const TfliteNode& n) {
  n.require(1, max_tflite_inputs);
  const std::size_t axis = TfliteNode::picture_axis(n.number(1), n.output_shape().size());
  Extents one = n.output_extent();
  if (one[axis] != n.inputs()) throw shape_error(message(n.inputs(), " inputs become extents ", one));
  one[axis] = 1;
  std::vector<NodeId> parts;
  for (std::size_t i = 0; i < n.inputs(); ++i) {
    const NodeId x = n.node(i);
    parts.push_back(n.between(Reshape{one}, x, "part"));
  }
  n.become(Concat{static_cast<std::ptrdiff_t>(axis)}, std::move(parts));
}

/// Input 1: numbers before and behind each axis.
inline Pad read_paddings(const TfliteNode& n) {
  const std::vector<std::int64_t> rows = n.integers(1);
  const std::size_t rank = n.shape(0).size();
  if (rows.size() != 2 * rank || rank == 0) throw shape_error(message(rows.size(), " paddings for ", rank, " axes"));
  for (const std::int64_t p : rows)
    if (p < 0 || p > (std::int64_t{1} << 24)) throw parse_error(message("a padding of ", p));
  if (rows[0] != 0 || rows[1] != 0) throw unsupported_error("pads the batch");
  Pad pad;
  for (std::size_t axis = 1; axis < rank; ++axis) {
    pad.before.push_back(static_cast<std::ptrdiff_t>(rows[2 * axis]));
    pad.after.push_back(static_cast<std::ptrdiff_t>(rows[2 * axis + 1]));
  }
  return pad;
}
inline void read_pad(const TfliteNode& n) {
  n.require(2, 3);
  Pad pad = read_paddings(n);
  if (n.has(2)) {
    const std::vector<float> value = n.floats(2);
    if (value.size() != 1) throw shape_error(message(value.size(), " values to pad with"));
    pad.value = value[0];
  }
  n.become(std::move(pad), {n.node(0)});
}
inline void read_mirror_pad(const TfliteNode& n) {
  n.require(2, 2);
  Pad pad = read_paddings(n);
  if (n.byte(0) != 0) throw unsupported_error("mode SYMMETRIC");
  pad.mode = PadMode::reflect;
  n.become(std::move(pad), {n.node(0)});
}

inline void read_tile(const TfliteNode& n) {
  n.require(2, 2);
  Tile l;
  for (const std::int64_t count : n.integers(1)) {
    if (count < 1 || count > (std::int64_t{1} << 24)) throw parse_error(message(count, " times"));
    l.repeats.push_back(static_cast<std::size_t>(count));
  }
  if (l.repeats.empty() || l.repeats[0] != 1) throw unsupported_error("repeats the batch");
  l.repeats.erase(l.repeats.begin());
  n.become(std::move(l), {n.node(0)});
}
inline void read_broadcast_to(const TfliteNode& n) {
  n.require(2, 2);
  n.become(Expand{n.output_extent()}, {n.node(0)});
}
template <class L>
void read_depth(const TfliteNode& n) {
  n.require(1, 1);
  n.become(L{n.count(0, 0, 1), DepthOrder::dcr}, {n.node(0)});
}
/// TFLite's order is ONNX's DCR. CRD, which has a block's pixels behind the channel, is the same with channels in another order:
/// a GATHER before it, or behind.
template <class L>
std::int32_t write_depth(TfliteWriter& w, const L& l, tflite::OperatorCode code, std::uint8_t table, bool to_space) {
  tflite::Options options = tflite::Options{table}.number(0, l.block);
  if (l.order == DepthOrder::dcr) return w.moved(code, 2, {}, std::move(options));
  const Extents& packed = to_space ? w.extent_in() : w.node().extent;
  const std::size_t pixels = l.block * l.block, channels = packed[2] / pixels;
  std::vector<std::int32_t> order;  // of the channels that the GATHER gives
  for (std::size_t k = 0; k < packed[2]; ++k)
    order.push_back(
        static_cast<std::int32_t>(to_space ? k % channels * pixels + k / channels : k % pixels * channels + k / pixels));
  std::int32_t x = w.tensor_in();
  if (to_space) x = write_gather(w, x, 2, order, "/dcr", w.activations(w.name("/dcr"), packed, w.grid_in()));
  const std::int32_t to = to_space ? w.result() : w.activations(w.name("/dcr"), packed, w.grid_in());
  w.operation(code, w.version(2), {x}, to, std::move(options));
  return w.clamped(to_space ? to : write_gather(w, to, 2, order, "/crd", w.result()), w.grid_in().codes);
}

}  // namespace detail

template <>
struct TfliteRules<Concat> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::concatenation, detail::read_concatenation, detail::max_tflite_inputs);
    readers.add(tflite::OperatorCode::pack, detail::read_pack, detail::max_tflite_inputs);
  }
  /// CONCATENATION copies codes, so what lies on another grid is requantized before it.
  static std::int32_t write(detail::TfliteWriter& w, const Concat& l) {
    std::vector<std::int32_t> parts;
    CodeRange produced = w.grid().codes;
    for (std::size_t i = 0; i < w.node().inputs.size(); ++i) parts.push_back(w.on_own_grid(i, produced));
    const std::size_t rank = w.node().extent.size();
    const std::size_t axis = l.axis < 0 ? rank - static_cast<std::size_t>(-l.axis) : static_cast<std::size_t>(l.axis);
    const std::int32_t to = w.result();
    w.operation(tflite::OperatorCode::concatenation, w.version(2), parts, to, tflite::Options{10}.number(0, axis + 1));
    return w.clamped(to, produced);
  }
};
template <>
struct TfliteRules<Pad> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::pad, detail::read_pad);
    readers.add(tflite::OperatorCode::padv2, detail::read_pad);
    readers.add(tflite::OperatorCode::mirror_pad, detail::read_mirror_pad);
  }
  /// Repeated edges, and frames around what was cut off, by GATHER; another value than 0 has a grid of its own, and the pad is on
  /// reals.
  static TfliteForm form(const detail::TfliteWriter&, const Pad& l) {
    return puts_value(l) ? TfliteForm::reals : TfliteForm::both;
  }
  static std::int32_t write(detail::TfliteWriter& w, const Pad& l) {
    const auto negative = [](std::ptrdiff_t n) { return n < 0; };
    const bool crops =
        std::any_of(l.before.begin(), l.before.end(), negative) || std::any_of(l.after.begin(), l.after.end(), negative);
    if (l.mode == PadMode::constant && crops) w.refuse("a Pad by a number that crops, too");
    if (l.mode != PadMode::constant && (crops || l.mode != PadMode::reflect))
      return detail::write_gathers(w, OperatorRules<Pad>::movement(l, w.extent_in()));
    std::vector<std::int32_t> pads{0, 0};
    for (std::size_t a = 0; a < l.before.size(); ++a)
      pads.insert(pads.end(), {static_cast<std::int32_t>(l.before[a]), static_cast<std::int32_t>(l.after[a])});
    const std::int32_t paddings = w.integers(w.name("/paddings"), {static_cast<std::int32_t>(l.before.size() + 1), 2}, pads);
    const std::int32_t x = w.tensor_in();
    if (puts_value(l)) return w.real_result(tflite::OperatorCode::padv2, {x, paddings, w.real(w.name("/value"), l.value)}, {43});
    const bool reflects = l.mode == PadMode::reflect;
    const std::int32_t to = w.result();
    w.operation(reflects ? tflite::OperatorCode::mirror_pad : tflite::OperatorCode::pad, w.version(2), {x, paddings}, to,
                tflite::Options{static_cast<std::uint8_t>(reflects ? 77 : 22)});
    if (w.on_reals) return to;
    const Affine<float> from = w.grid_in();
    if (reflects) return w.clamped(to, from.codes);
    return w.clamped(to, {std::min(from.codes.qmin, from.zero_point), std::max(from.codes.qmax, from.zero_point)});
  }

 private:
  static bool puts_value(const Pad& l) { return l.mode == PadMode::constant && l.value != 0; }
};
template <>
struct TfliteRules<Tile> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::tile, detail::read_tile); }
  static std::int32_t write(detail::TfliteWriter& w, const Tile& l) {
    std::vector<std::int32_t> repeats{1};
    for (const std::size_t n : l.repeats) repeats.push_back(static_cast<std::int32_t>(n));
    return w.moved(tflite::OperatorCode::tile, 1, {repeats}, {51});
  }
};
template <>
struct TfliteRules<Expand> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::broadcast_to, detail::read_broadcast_to); }
  /// Version 2 is the first that runtimes know.
  static std::int32_t write(detail::TfliteWriter& w, const Expand&) {
    const std::int32_t shape = w.row(w.name("/shape"), w.shape_of(w.node().extent)), to = w.result();
    w.operation(tflite::OperatorCode::broadcast_to, w.is_int8() ? 3 : 2, {w.tensor_in(), shape}, to);
    return w.clamped(to, w.grid_in().codes);
  }
};
template <>
struct TfliteRules<DepthToSpace> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::depth_to_space, detail::read_depth<DepthToSpace>);
  }
  static std::int32_t write(detail::TfliteWriter& w, const DepthToSpace& l) {
    return detail::write_depth(w, l, tflite::OperatorCode::depth_to_space, 94, true);
  }
};
template <>
struct TfliteRules<SpaceToDepth> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::space_to_depth, detail::read_depth<SpaceToDepth>);
  }
  static std::int32_t write(detail::TfliteWriter& w, const SpaceToDepth& l) {
    return detail::write_depth(w, l, tflite::OperatorCode::space_to_depth, 19, false);
  }
};

}  // namespace trimtab
