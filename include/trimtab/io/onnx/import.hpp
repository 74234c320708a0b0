#pragma once
/// \file
/// What an ONNX import knows while it walks over the nodes: the network so far, and what each value of the file is in it.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/activation.hpp>
#include <trimtab/io/onnx/codes.hpp>
#include <trimtab/io/onnx/fold_node.hpp>
#include <trimtab/io/onnx/graph_use.hpp>
#include <trimtab/io/onnx/initializers.hpp>
#include <trimtab/io/onnx/stand_in.hpp>
#include <trimtab/net/graph/network.hpp>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab::detail {

/// What a value of the file is: computed, known, codes that are known, or computed and held as something else.
using OnnxValue = std::variant<OnnxActivation, KnownTensor, OnnxCodes, OnnxWideCodes, OnnxDynamic>;

class OnnxImport {
 public:
  /// Memory stays within what the size of the file allows.
  OnnxImport(const ::onnx::GraphProto& graph, std::int64_t opset, std::size_t file_size, ExternalData external)
      : context{opset, FoldBudget(file_size), std::move(external)}, initializers(graph), letters_left_(16 * file_size) {}

  FoldContext context;
  OnnxInitializers initializers;
  OnnxGraphUse use;
  bool imports_microsoft = false;     ///< the domain com.microsoft, of ONNX Runtime's own operators
  BatchInteger batch = batch_extent;  ///< the file's first axis
  Network network;
  OnnxQuantization quantization;
  std::size_t dynamic_quantizers = 0;  ///< so far
  std::vector<std::string> notes;
  std::map<std::pair<NodeId, std::vector<std::size_t>>, NodeId> transposed, reshaped;  ///< what was made of a node already

  const Extents& extent(const OnnxActivation& x) const { return network[x.node].extent; }
  /// Length of a node's axis as the file sees it, with what Pad put around it.
  BatchInteger length(const OnnxActivation& x, std::size_t axis) const {
    if (axis == 0) return batch;
    const Padding& p = x.padding.pixels;
    const std::size_t more = axis == 1 ? p.top + p.bottom : axis == 2 ? p.left + p.right : 0;
    return {static_cast<std::int64_t>(extent(x)[axis - 1] + more), 0};
  }
  /// The extents that the file gives to x.
  BatchDims dims(const OnnxActivation& x) const {
    BatchDims result;
    for (const NodeAxes& group : x.axes) {
      BatchInteger product{1, 0};
      for (const std::size_t axis : group) product = known::multiply(product, length(x, axis));
      result.push_back(product);
    }
    return result;
  }
  /// Whether the file sets the batch to 1, so that its axis may come and go.
  bool batch_is_one() const { return batch == BatchInteger{1, 0}; }

  /// What the file calls by this name; null where nothing was defined.
  const OnnxValue* find(const std::string& name) {
    const auto found = values_.find(name);
    if (found != values_.end()) return &found->second;
    if (!initializers.has(name)) return nullptr;
    return &values_.emplace(name, initializers.read(name, context.external)).first->second;
  }
  void define(const std::string& name, OnnxValue value) {
    if (!name.empty()) values_.insert_or_assign(name, std::move(value));
  }

  /// Appends a node to the network. Its name is made different from all others. Throws unsupported_error for one that gives
  /// nothing, or more than 1 GiB of float32 for one element of the batch.
  NodeId add(std::string name, Operator op, std::vector<NodeId> inputs) {
    charge_name(name);
    if (!names_.insert(name).second) {
      name += message("_", network.size());
      while (!names_.insert(name).second) name += "_";
    }
    const NodeId id = network.add(std::move(op), std::move(inputs), std::move(name));
    double elements = 1;
    for (const std::size_t extent : network[id].extent) elements *= static_cast<double>(extent);
    if (elements > most_elements || elements == 0)
      throw unsupported_error(message("node '", network[id].name, "' gives ", network[id].extent,
                                      elements == 0 ? ", nothing" : ", which is too large"));
    return id;
  }
  static constexpr double most_elements = 1 << 28;
  /// Before a node is made that will give these extents: throws where add() would, and counts what tables of its axes take.
  void charge_extents(const std::vector<std::size_t>& extents) {
    double elements = 1;
    for (const std::size_t extent : extents) {
      elements *= static_cast<double>(extent);
      if (elements > most_elements) throw unsupported_error("the result is too large");
      charge(extent, sizeof(std::size_t));
    }
  }

  /// Counts memory that a node's parameters take: many nodes may name one tensor, and without a bound a small file could ask for
  /// any amount. Throws unsupported_error past the budget.
  void charge(std::uint64_t numbers, std::uint64_t bytes_each = sizeof(float)) {
    if (numbers > context.budget.bytes / bytes_each)
      throw unsupported_error("weights are shared too many times, or are beyond what a file of this size may ask for");
    context.budget.bytes -= numbers * bytes_each;
  }
  /// The same for names: an operator may stand for many nodes, each with its name in it.
  void charge_name(std::string_view name) {
    if (name.size() > letters_left_)
      throw unsupported_error(message("names as long as '", name.substr(0, 60), "...' are too many"));
    letters_left_ -= name.size();
  }

 private:
  std::size_t letters_left_;
  std::unordered_map<std::string, OnnxValue> values_;
  std::unordered_set<std::string> names_;
};

}  // namespace trimtab::detail
