#pragma once
/// \file
/// What can be said of an ONNX graph before any node is understood: that every name has one definition, which comes before
/// its use; which nodes the output needs; and how many of them read each value.

#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/attributes.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace trimtab::detail {

/// Names are views into the graph: a long one that is handed on many times is there once.
struct OnnxGraphUse {
  std::vector<bool> needed;  ///< by node: the output depends on it
  /// By value: the value whose elements it hands on, where another.
  std::unordered_map<std::string_view, std::string_view> origin;
  std::unordered_map<std::string_view, std::size_t> readers;  ///< by origin: needed nodes and outputs that compute with it
  std::vector<std::string_view> outputs;                      ///< of the network

  std::string_view origin_of(std::string_view value) const {
    const auto found = origin.find(value);
    return found == origin.end() ? value : found->second;
  }
  std::size_t readers_of(std::string_view value) const {
    const auto found = readers.find(origin_of(value));
    return found == readers.end() ? 0 : found->second;
  }
  /// Whether the value is the network's only output, and nothing else reads it.
  bool ends_with(std::string_view value) const {
    return outputs.size() == 1 && origin_of(outputs[0]) == origin_of(value) && readers_of(value) == 1;
  }
};

/// Throws parse_error when a name is defined twice, not at all, or only after a node that reads it.
inline void check_names(const ::onnx::GraphProto& graph) {
  std::unordered_set<std::string> defined{""};  // the empty name stands for an optional input that is left out
  for (const auto& tensor : graph.initializer())
    if (!defined.insert(tensor.name()).second)
      throw parse_error(message("initializer '", tensor.name(), "' has no name, or one that is taken"));
  std::unordered_set<std::string> inputs{""};
  for (const auto& input : graph.input()) {
    if (!inputs.insert(input.name()).second)
      throw parse_error(message("graph input '", input.name(), "' has no name, or one that is taken"));
    defined.insert(input.name());  // an initializer may be an input too: its default
  }
  for (const auto& node : graph.node()) {
    for (const std::string& input : node.input())
      if (defined.count(input) == 0)
        throw parse_error(message(describe(node), " reads '", input, "', which no input, initializer or earlier node gives"));
    if (node.output_size() == 0 || node.output(0).empty()) throw parse_error(message(describe(node), " has no output"));
    for (const std::string& output : node.output())
      if (!output.empty() && !defined.insert(output).second)
        throw parse_error(message(describe(node), " gives '", output, "', which is there already"));
  }
  for (const auto& output : graph.output())
    if (output.name().empty() || defined.count(output.name()) == 0)
      throw parse_error(message("no node gives the graph output '", output.name(), "'"));
}

/// What the network is to give: `outputs`, values of a graph whose names are checked. Finds needed nodes, origins and readers.
/// `hands_on(node)`: whether a node gives all elements of its first input, perhaps with other axes, so that it does not count as
/// their reader.
template <class HandsOn>
OnnxGraphUse analyse_graph(const ::onnx::GraphProto& graph, const std::vector<std::string_view>& outputs,
                           const HandsOn& hands_on) {
  OnnxGraphUse use;
  use.outputs = outputs;
  use.needed.resize(static_cast<std::size_t>(graph.node_size()));
  std::unordered_set<std::string_view> wanted(outputs.begin(), outputs.end());
  for (std::size_t i = use.needed.size(); i-- > 0;) {
    const auto& node = graph.node(static_cast<int>(i));
    for (const std::string& output : node.output())
      if (!output.empty() && wanted.count(output) != 0) use.needed[i] = true;
    if (use.needed[i]) wanted.insert(node.input().begin(), node.input().end());
  }
  for (std::size_t i = 0; i < use.needed.size(); ++i) {
    if (!use.needed[i]) continue;
    const auto& node = graph.node(static_cast<int>(i));
    if (node.input_size() > 0 && hands_on(node))
      use.origin[node.output(0)] = use.origin_of(node.input(0));
    else if (node.op_type() != "Shape")
      for (const std::string& input : node.input()) ++use.readers[use.origin_of(input)];
  }
  for (const std::string_view output : outputs) ++use.readers[use.origin_of(output)];
  return use;
}

}  // namespace trimtab::detail
