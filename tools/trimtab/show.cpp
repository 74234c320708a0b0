// `trimtab show`: a network's nodes, what they cost, and what would stay in float.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <trimtab/net/operators/conv_transpose2d.hpp>
#include <trimtab/net/passes/simplify.hpp>

#include "command.hpp"
#include "model.hpp"

namespace program {

using namespace trimtab;
using Json = nlohmann::ordered_json;

namespace {

struct ShowArguments {
  std::string model;
  ReadingArguments reading;
  std::vector<std::string> keep_float;
  bool json = false;
};

/// A line of the table.
struct ShownNode {
  std::string name, op;
  std::vector<std::string> inputs;
  Extents extent;
  double macs = 0;
  std::size_t weights = 0;            ///< numbers in weights and biases
  std::string why_float;              ///< empty: it runs in integers
  std::optional<Affine<float>> grid;  ///< of its codes, in a quantized network
  bool scale_known = false;           ///< files may tell the ratios of inner scales alone, where they stand as 1
};

/// Why a node of a float network would stay in float; empty where it would not.
std::string why_float(const Network& network, NodeId id, const std::vector<bool>& in_float,
                      const std::vector<std::string>& keep) {
  const Node& node = network[id];
  if (!in_float[id]) return {};
  if (std::find(keep.begin(), keep.end(), node.name) != keep.end() ||
      std::find(keep.begin(), keep.end(), node.op->name()) != keep.end())
    return "--keep-float";
  if (node.op->integers() == IntegerRule::none) return std::string(node.op->name()) + " has no integer arithmetic";
  if (node.op->integers() == IntegerRule::source) return "only nodes in float read it";
  for (const NodeId in : node.inputs)
    if (in_float[in]) return "it moves values of " + network[in].name + ", which is in float";
  return "?";
}

std::vector<ShownNode> shown_nodes(const Network& network, const ShowArguments& a) {
  QuantizationOptions options;
  options.keep_float = a.keep_float;
  const std::vector<bool> in_float = detail::nodes_in_float(network, options);
  std::vector<ShownNode> nodes;
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network[id];
    ShownNode shown{
        node.name, operator_name(node.op), {}, node.extent, node.op->macs(network.input_extents(id), node.extent), 0, {}, {},
        false};
    for (const NodeId in : node.inputs) shown.inputs.push_back(network[in].name);
    detail::for_each_parameter(node.op, [&](std::string_view, const TensorView<const float>& values, ParameterKind kind) {
      if (kind != ParameterKind::statistic) shown.weights += values.size();
    });
    shown.why_float = why_float(network, id, in_float, a.keep_float);
    nodes.push_back(std::move(shown));
  }
  return nodes;
}

/// Multiply-accumulates of a layer, whose operator has no weights left: those that an output takes, or of a transposed
/// convolution an input's pixel.
double macs_of(const LoweredNetwork& network, const LoweredNode& node) {
  std::vector<Extents> in;
  for (const LoweredInput& input : node.inputs) in.push_back(network.nodes[input.node].extent);
  if (!node.layer) return node.op->macs(in, node.extent);
  const double weights = double(element_count(node.layer->extent));
  if (node.op.is<ConvTranspose2d>()) return double(in[0][0] * in[0][1]) * weights;
  return double(element_count(node.extent)) * weights / double(node.layer->extent[node.op->weighted()->output_axis()]);
}

std::vector<ShownNode> shown_nodes(const LoweredNetwork& network, const ShowArguments&) {
  std::vector<ShownNode> nodes;
  for (NodeId id = 0; id < network.nodes.size(); ++id) {
    const LoweredNode& node = network.nodes[id];
    ShownNode shown{node.name, operator_name(node.op), {}, node.extent, macs_of(network, node), 0, {}, {}, false};
    for (const LoweredInput& in : node.inputs) shown.inputs.push_back(network.nodes[in.node].name);
    if (node.layer) shown.weights = element_count(node.layer->extent) + node.layer->bias.size();
    if (node.in_float) shown.why_float = "the file has it in float";
    if (node.holds_codes) shown.grid = grid_of(network, id);
    shown.scale_known = knows_scale(network, id);
    nodes.push_back(std::move(shown));
  }
  return nodes;
}

Json ports_json(const std::vector<Port>& ports) {
  Json list = Json::array();
  for (const Port& port : ports) list.push_back({{"name", port.name}, {"extents", extents_in_file(port)}});
  return list;
}

Json json_of(const Model& model, const std::vector<ShownNode>& nodes) {
  Json list = Json::array();
  for (const ShownNode& n : nodes) {
    Json one{{"name", n.name},
             {"operator", n.op},
             {"inputs", n.inputs},
             {"extents", std::vector<std::size_t>(n.extent.begin(), n.extent.end())},
             {"macs", n.macs},
             {"parameters", n.weights},
             {"float", n.why_float.empty() ? Json() : Json(n.why_float)}};
    if (model.is_quantized())
      one["grid"] = n.grid ? Json{{"scale", n.scale_known ? Json(n.grid->scale) : Json()},
                                  {"zero_point", n.grid->zero_point},
                                  {"least_code", n.grid->codes.qmin},
                                  {"most_code", n.grid->codes.qmax}}
                           : Json();
    list.push_back(std::move(one));
  }
  return {{"model", model.file},
          {"quantized", model.is_quantized()},
          {"inputs", ports_json(model.inputs)},
          {"outputs", ports_json(model.outputs)},
          {"notes", model.notes},
          {"nodes", list}};
}

std::string extents_text(const Extents& extent) {
  std::string text;
  for (const std::size_t n : extent) text += (text.empty() ? "" : " ") + std::to_string(n);
  return text;
}

void print_table(const Model& model, const std::vector<ShownNode>& nodes) {
  std::printf("%s: a %s network\n", model.file.c_str(), model.is_quantized() ? "quantized" : "float");
  for (const Port& port : model.inputs) std::printf("  input  %s: %s\n", port.name.c_str(), extents_in_file(port).c_str());
  for (const Port& port : model.outputs) std::printf("  output %s: %s\n", port.name.c_str(), extents_in_file(port).c_str());
  std::size_t widest = 4;
  for (const ShownNode& n : nodes) widest = std::min<std::size_t>(40, std::max(widest, n.name.size()));
  const int width = static_cast<int>(widest);
  std::printf("\n  %-*s %-18s %-16s %10s %12s  %s\n", width, "node", "operator", "extents", "MACs", "parameters",
              model.is_quantized() ? "codes" : "in 8 bits");
  double macs = 0, integer = 0;
  std::size_t parameters = 0, in_float = 0;
  for (const ShownNode& n : nodes) {
    std::string last = n.why_float.empty() ? "integers" : "float: " + n.why_float;
    if (n.grid)
      last = detail::message(n.scale_known ? detail::message(n.grid->scale) : std::string("s"), " * (code - ", n.grid->zero_point,
                             "), ", n.grid->codes.qmin, " to ", n.grid->codes.qmax, n.why_float.empty() ? "" : "; " + last);
    std::printf("  %-*s %-18s %-16s %10.0f %12zu  %s\n", width, n.name.c_str(), n.op.c_str(), extents_text(n.extent).c_str(),
                n.macs, n.weights, last.c_str());
    macs += n.macs;
    integer += n.why_float.empty() ? n.macs : 0;
    parameters += n.weights;
    in_float += std::size_t{!n.why_float.empty()};
  }
  std::printf(
      "\n  %zu nodes, %zu of them in float; %.4g million multiply-accumulates, %.1f %% of them in integers; %zu parameters\n",
      nodes.size(), in_float, macs / 1e6, macs > 0 ? 100 * integer / macs : 100, parameters);
}

void show(const ShowArguments& a) {
  Model model = read_model(a.model, a.reading);
  if (auto* network = std::get_if<Network>(&model.network)) *network = simplify(*network);
  if (model.is_quantized() && !a.keep_float.empty())
    throw value_error("--keep-float is for float networks; this one is quantized");
  const std::vector<ShownNode> nodes = std::visit([&](const auto& network) { return shown_nodes(network, a); }, model.network);
  if (a.json) {
    std::printf("%s\n", json_of(model, nodes).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  print_notes(model);
  print_table(model, nodes);
}

}  // namespace

Command show_command(CLI::App& app) {
  const auto a = std::make_shared<ShowArguments>();
  app.add_option("model", a->model, "Network, float or quantized: .onnx, .tflite or .trimtab")->required();
  describe(app, a->reading);
  app.add_option("--keep-float", a->keep_float, "Node or operator that is to stay in float; may be given several times")
      ->allow_extra_args(false);
  app.add_flag("--json", a->json, "Print JSON");
  return [a](const World& world) {
    if (world.rank() == 0) show(*a);
  };
}

}  // namespace program
