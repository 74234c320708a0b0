#include "execute.hpp"

#include <optional>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/quantize/float_arithmetic.hpp>

namespace program {

using namespace trimtab;

struct Runner::State {
  std::optional<Network> network;  // in float
  std::optional<FloatExecutor> in_float;
  std::optional<Int8Network> in_integers;
  Int8Network::Workspace workspace;
  std::vector<RunNode> nodes;
  std::vector<std::optional<Affine<float>>> grids;  // by node: of its codes
  std::vector<float> reals;                         // of the node that is looked at
};

Runner::Runner(const Model& model, Arithmetic arithmetic) : state_(std::make_unique<State>()) {
  State& s = *state_;
  if (!model.is_quantized()) {
    if (arithmetic == Arithmetic::int8)
      throw value_error("--execute int8: " + model.file + " is a float network; `trimtab quantize` makes an int8 network of it");
    s.in_float.emplace(s.network.emplace(simplify(std::get<Network>(model.network))));
    for (const Node& node : s.network->nodes()) s.nodes.push_back({node.name, operator_name(node.op), node.inputs, node.extent});
    return;
  }
  const LoweredNetwork& network = std::get<LoweredNetwork>(model.network);
  for (NodeId id = 0; id < network.nodes.size(); ++id) {
    const LoweredNode& node = network.nodes[id];
    RunNode& shown = s.nodes.emplace_back(RunNode{node.name, operator_name(node.op), {}, node.extent, knows_scale(network, id)});
    for (const LoweredInput& in : node.inputs) shown.inputs.push_back(in.node);
    s.grids.push_back(node.holds_codes ? std::optional(grid_of(network, id)) : std::nullopt);
  }
  s.in_integers.emplace(arithmetic == Arithmetic::real ? with_float_arithmetic(network) : network);
}
Runner::~Runner() = default;

const std::vector<RunNode>& Runner::nodes() const { return state_->nodes; }

std::vector<Array> Runner::operator()(const std::vector<Array>& inputs) {
  State& s = *state_;
  return s.in_float ? s.in_float->run_outputs(inputs) : s.in_integers->run_outputs(inputs, s.workspace);
}

std::vector<Array> Runner::operator()(const std::vector<Array>& inputs, const Look& look) {
  State& s = *state_;
  if (s.in_float)
    return s.in_float->run_outputs(inputs, [&](NodeId id, const TensorView<const float>& y) { look(id, {y.data, y.size()}); });
  return s.in_integers->run_outputs(inputs, s.workspace, [&](NodeId id, const Int8Network::Output& y) {
    if (!s.grids[id]) return look(id, y.reals);
    s.reals.resize(y.bytes.size());
    bytes_to_reals(y.bytes.data(), y.bytes.size(), *s.grids[id], s.reals.data());
    look(id, s.reals);
  });
}

}  // namespace program
