#pragma once
/// \file
/// Whether a network of integers is one that Int8Network can run: what `lower` makes always is, what a file says may not be.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/trimtab/format.hpp>
#include <trimtab/io/trimtab/model.hpp>
#include <vector>

namespace trimtab::detail {

/// See check_model.
class NetworkCheck {
 public:
  explicit NetworkCheck(const LoweredNetwork& n) : n_(n) {
    std::vector<NodeId> fed;
    for (id_ = 0; id_ < n.nodes.size(); ++id_) {
      check_node();
      if (node().op->is_fed()) fed.push_back(id_);
    }
    if (fed != n.inputs) throw value_error("the network's inputs are not its fed nodes in order");
    if (n.outputs.empty()) throw value_error("the network has no output");
    if (n.output_grids.size() != n.outputs.size())
      throw value_error(message(n.output_grids.size(), " grids for ", n.outputs.size(), " outputs"));
    for (std::size_t i = 0; i < n.outputs.size(); ++i) {
      if (n.outputs[i] >= n.nodes.size())
        throw value_error(message("output ", i, " is node ", n.outputs[i], " of ", n.nodes.size()));
      id_ = n.outputs[i];
      check_grid(n.output_grids[i], "the output's grid");
    }
    if (n.code_origin < 0 || n.code_origin > 255) throw value_error(message("code_origin is ", n.code_origin, ", no byte"));
  }

 private:
  const LoweredNode& node() const { return n_.nodes[id_]; }
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw value_error(message("node ", shown(node().name), " (", operator_name(node().op), "): ", parts...));
  }

  void check_node() {
    std::vector<Extents> in;
    for (const LoweredInput& input : node().inputs) {
      if (input.node >= id_) refuse("it is node ", id_, " and reads node ", input.node);
      if (!is_scale(input.scale) || !is_byte(input.zero_point))
        refuse("it reads at scale ", input.scale, " and zero point ", input.zero_point);
      in.push_back(n_.nodes[input.node].extent);
    }
    const Arity arity = node().op->arity();
    if (in.size() < arity.least || in.size() > arity.most) refuse("it has ", in.size(), " inputs");
    check_size();
    const WeightedLayer* weighted = node().op->weighted();
    const bool layer = weighted != nullptr && !node().in_float;
    if (layer != node().layer.has_value()) refuse(layer ? "a layer on codes without its integers" : "integers of no layer");
    if (const Extents extent = extent_of(in); extent != node().extent)
      refuse("its extents are ", extent, ", and are said to be ", node().extent);
    check_arithmetic(in);
    if (node().holds_codes) check_grid(node().grid, "its grid");
    if (layer) check_layer(*node().layer, node().layer->extent[weighted->output_axis()]);
  }

  /// What the operator makes of its inputs' extents.
  Extents extent_of(const std::vector<Extents>& in) const {
    try {
      if (node().layer) return node().op->weighted()->extent(node().layer->extent, in, node().name);
      return node().op->extent(in, node().name);
    } catch (const error& e) {
      refuse(e.what());
    }
  }

  /// Before anything is computed from the extents.
  void check_size() {
    double elements = 1;
    for (const std::size_t length : node().extent) {
      elements *= double(length);
      axes_ += double(length);
    }
    if (!(elements >= 1 && elements <= 0x1p28))
      refuse("extents ", node().extent, " are of nothing, or of more than 2^28 elements");
    if (axes_ > 0x1p22) refuse("the axes of all nodes up to here are longer than 2^22 together");
  }

  void check_arithmetic(const std::vector<Extents>& in) const {
    const IntegerRule rule = node().op->integers();
    if (node().in_float || rule == IntegerRule::source) return;
    if (rule == IntegerRule::none || rule == IntegerRule::folded) refuse("there are no integers of it; it runs in float");
    if (!node().holds_codes) refuse("it computes codes and holds reals");
    for (const LoweredInput& input : node().inputs)
      if (!n_.nodes[input.node].holds_codes)
        refuse("it computes with codes, and input ", shown(n_.nodes[input.node].name), " holds reals");
    if (n_.requantizer == Requantizer::fixed_point && rule == IntegerRule::rounds && !node().op->has_fixed_point(in))
      refuse("it has no definition in fixed point for such inputs");
  }

  void check_grid(const Affine<float>& g, const char* what) const {
    if (!is_scale(g.scale) || !is_byte(g.zero_point) || !is_byte(g.codes.qmin) || !is_byte(g.codes.qmax) ||
        g.codes.qmin > g.codes.qmax)
      refuse(what, " has scale ", g.scale, ", zero point ", g.zero_point, " and codes ", g.codes.qmin, " to ", g.codes.qmax);
  }

  void check_layer(const LoweredLayer& l, std::size_t channels) const {
    if (l.codes.size() != element_count(l.extent)) refuse(l.codes.size(), " weights for extents ", l.extent);
    const auto check_count = [&](const char* what, std::size_t count, bool may_be_none) {
      if (count != channels && count != 1 && (count != 0 || !may_be_none))
        refuse(count, " numbers in ", what, " for ", channels, " output channels");
    };
    const bool fixed_point = n_.requantizer == Requantizer::fixed_point;
    check_count("weight_zero_point", l.zero_point.size(), true);
    check_count("weight_scale", l.scale.size(), false);
    check_count("multiplier", l.multiplier.size(), fixed_point);
    if (fixed_point) check_count("mantissa", l.fixed_point.size(), false);
    if (!l.bias.empty() && l.bias.size() != channels)
      refuse(l.bias.size(), " numbers in bias for ", channels, " output channels");
    for (const float s : l.scale)
      if (!is_scale(s)) refuse("a weight scale of ", s);
    for (const float m : l.multiplier)
      if (!is_scale(m)) refuse("a multiplier of ", m);
    for (const FixedPointMultiplier& m : l.fixed_point)
      if (m != FixedPointMultiplier{} && (m.mantissa < (1 << 30) || m.exponent < -31 || m.exponent > 30))
        refuse("a multiplier of ", m.mantissa, " * 2^(", m.exponent, " - 31)");
  }

  static bool is_scale(float v) { return v > 0 && std::isfinite(v); }
  static bool is_byte(std::int32_t v) { return v >= 0 && v <= 255; }

  const LoweredNetwork& n_;
  NodeId id_ = 0;
  double axes_ = 0;  // elements along all axes of all nodes so far
};

/// Throws value_error, naming the node, unless Int8Network can run the network, and each of its inputs and outputs
/// has a port whose order is one of its axes.
inline void check_model(const TrimtabModel& model) {
  NetworkCheck{model.network};
  const auto check = [&](const std::vector<TrimtabPort>& ports, const std::vector<NodeId>& ids, const char* what) {
    if (ports.size() != ids.size()) throw value_error(message(ports.size(), " names for ", ids.size(), " ", what));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::vector<std::size_t> order = ports[i].order;
      std::sort(order.begin(), order.end());
      for (std::size_t axis = 0; axis < order.size(); ++axis)
        if (order[axis] != axis) order.clear();
      if (order.size() != model.network.nodes[ids[i]].extent.size() + 1)
        throw value_error(message(what, ": the order of axes of ", shown(ports[i].name), " is none"));
    }
  };
  check(model.inputs, model.network.inputs, "inputs");
  check(model.outputs, model.network.outputs, "outputs");
}

}  // namespace trimtab::detail
