#pragma once
/// \file
/// The fields of a .trimtab file, from the network down to a layer's numbers: each function both writes and reads them.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <trimtab/io/trimtab/model.hpp>
#include <trimtab/io/trimtab/operators.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab::detail {

inline constexpr ChoiceNames<Requantizer, 2> requantizer_names{
    {{Requantizer::float32, "float32"}, {Requantizer::fixed_point, "fixed_point"}}};
inline constexpr ChoiceNames<FixedPointRounding, 2> rounding_names{
    {{FixedPointRounding::once, "once"}, {FixedPointRounding::twice, "twice"}}};

void grid_fields(auto& a, auto& grid) {
  a.number("scale", grid.scale);
  a.number("zero_point", grid.zero_point);
  a.number("least", grid.codes.qmin);
  a.number("most", grid.codes.qmax);
}

/// Mantissas and exponents are two tensors.
inline void multiplier_fields(FieldWriter& a, const std::vector<FixedPointMultiplier>& multipliers) {
  std::vector<std::int32_t> mantissa, exponent;
  for (const FixedPointMultiplier& m : multipliers) mantissa.push_back(m.mantissa), exponent.push_back(m.exponent);
  a.tensor("mantissa", mantissa);
  a.tensor("exponent", exponent);
}
inline void multiplier_fields(FieldReader& a, std::vector<FixedPointMultiplier>& multipliers) {
  std::vector<std::int32_t> mantissa, exponent;
  a.tensor("mantissa", mantissa);
  a.tensor("exponent", exponent);
  if (mantissa.size() != exponent.size())
    a.refuse(message("tensor exponent has ", exponent.size(), " numbers, and mantissa ", mantissa.size()));
  for (std::size_t c = 0; c < mantissa.size(); ++c) multipliers.push_back({mantissa[c], exponent[c]});
}

/// A layer in float.
inline void float_layer_fields(FieldWriter& a, const WeightedLayer& l) {
  a.tensor("weight", l.weight().extent, l.weight().data);
  a.tensor("bias", Extents{l.bias().size()}, l.bias().data());
}
inline void float_layer_fields(FieldReader& a, WeightedLayer& l) {
  Extents extent;
  std::vector<float> weight, bias;
  a.tensor("weight", extent, weight);
  if (extent.size() != l.weight().rank())
    a.refuse(message("tensor weight has extents ", extent, ", expected ", l.weight().rank(), " axes"));
  a.tensor("bias", bias);
  l.set_weight({weight.data(), extent});
  l.set_bias(bias);
}

inline void weight_codes(FieldWriter& a, const LoweredLayer& l) { a.tensor("weight", l.extent, l.codes.data()); }
inline void weight_codes(FieldReader& a, LoweredLayer& l) { a.tensor("weight", l.extent, l.codes); }

/// A layer in integers.
void layer_fields(auto& a, auto& l, bool fixed_point) {
  weight_codes(a, l);
  a.tensor("weight_zero_point", l.zero_point);
  a.tensor("weight_scale", l.scale);
  a.tensor("bias", l.bias);
  a.tensor("multiplier", l.multiplier);
  if (!fixed_point) return;
  multiplier_fields(a, l.fixed_point);
  a.choice("rounding", l.rounding, rounding_names);
}

template <class Archive, class Node>
void node_fields(Archive& a, Node& node, bool fixed_point) {
  a.text("name", node.name);
  a.set_place(message("node ", shown(node.name)));
  a.records("inputs", node.inputs, [&](auto& in) {
    a.number("node", in.node);
    a.number("scale", in.scale);
    a.number("zero_point", in.zero_point);
  });
  a.numbers("extent", node.extent);
  std::size_t longest = 0;
  for (const std::size_t length : node.extent) longest = std::max(longest, length);
  a.set_longest(longest);
  operator_fields(a, node.op);
  a.number("in_float", node.in_float);
  if (node.in_float) {
    a.number("clip_lo", node.clip.lo);
    a.number("clip_hi", node.clip.hi);
  }
  a.number("holds_codes", node.holds_codes);
  if (node.holds_codes) a.record("grid", [&] { grid_fields(a, node.grid); });
  if (auto* weighted = node.op->weighted(); weighted != nullptr)
    a.record("layer", [&] {
      if (node.in_float) return float_layer_fields(a, *weighted);
      if constexpr (Archive::reads) node.layer.emplace();
      layer_fields(a, *node.layer, fixed_point);
    });
}

void port_fields(auto& a, auto& port) {
  a.text("name", port.name);
  a.numbers("order", port.order);
}

/// An output of the file.
struct FileOutput {
  NodeId node = 0;
  TrimtabPort port;
  Affine<float> grid;
};

inline void metadata_fields(FieldWriter& a, const std::map<std::string, std::string>& metadata) {
  a.records("metadata", metadata, [&](const auto& entry) {
    a.text("key", entry.first);
    a.text("value", entry.second);
  });
}
inline void metadata_fields(FieldReader& a, std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, std::string>> entries;
  a.records("metadata", entries, [&](auto& entry) {
    a.text("key", entry.first);
    a.text("value", entry.second);
    if (!metadata.emplace(entry).second) a.refuse(message("two entries of metadata ", shown(entry.first)));
  });
}

/// All of the file. Of `n` everything but its outputs; its inputs are its fed nodes, in order.
void file_fields(auto& a, auto& n, auto& inputs, auto& outputs, auto& metadata) {
  a.choice("requantizer", n.requantizer, requantizer_names);
  a.number("code_origin", n.code_origin);
  a.records(
      "nodes", n.nodes, [&](auto& node) { node_fields(a, node, n.requantizer == Requantizer::fixed_point); },
      LoweredNode{{}, Input{}, {}, {}, {}, {}});
  a.set_place({});
  a.records("inputs", inputs, [&](auto& port) { port_fields(a, port); });
  a.records("outputs", outputs, [&](auto& output) {
    a.number("node", output.node);
    port_fields(a, output.port);
    grid_fields(a, output.grid);
  });
  metadata_fields(a, metadata);
}

}  // namespace trimtab::detail
