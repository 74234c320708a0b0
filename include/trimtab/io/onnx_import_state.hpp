#pragma once
/// \file
/// What an ONNX import knows while it walks over the nodes: the network so far, and what each value of the file is in it.

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx_attributes.hpp>
#include <trimtab/io/onnx_graph.hpp>
#include <trimtab/io/onnx_schema.hpp>
#include <trimtab/io/onnx_tensor.hpp>
#include <trimtab/net/network.hpp>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab::detail {

/// How the file sees a value. A network's own order is always H W C: NCHW becomes NHWC by never being anything else.
enum class OnnxAxes { nchw, nhwc, flat_chw, flat_hwc };

inline bool is_flat(OnnxAxes axes) { return axes == OnnxAxes::flat_chw || axes == OnnxAxes::flat_hwc; }

/// A value computed from the pictures: a node of the network, seen through the axes of the file.
struct OnnxActivation {
  NodeId node = 0;
  OnnxAxes axes = OnnxAxes::nchw;
  Padding padding = {};   ///< zeros around it, from Pad, that the next window operator takes over
  bool softmax = false;   ///< a Softmax came before: nothing may compute with it
  std::string flattened;  ///< name of the operator that made it flat
};
/// A value known at import that lies in the file.
using OnnxConstant = const ::onnx::TensorProto*;
/// Integers known at import: axes, and shapes with `any_batch` for the number of pictures.
struct OnnxIntegers {
  std::vector<std::int64_t> values;
  bool scalar = false;
};
inline constexpr std::int64_t any_batch = std::numeric_limits<std::int64_t>::min();

using OnnxValue = std::variant<OnnxActivation, OnnxConstant, OnnxIntegers>;

struct OnnxImport {
  OnnxGraphUse use;
  std::int64_t opset = 0;
  std::int64_t declared_batch = 0;  ///< of the graph input; 0 when it is left open
  std::size_t numbers_left = 0;     ///< weights that may still be copied out of the file
  Network network;
  std::vector<std::string> notes;
  std::unordered_map<std::string, OnnxValue> values;
  std::unordered_map<NodeId, NodeId> flattened;  ///< Flatten node of a node
  std::unordered_set<std::string> names;

  const Extents& extent(const OnnxActivation& x) const { return network[x.node].extent; }

  /// Whether the node has input i; the empty name leaves an optional one out.
  static bool has_input(const ::onnx::NodeProto& node, int i) { return i < node.input_size() && !node.input(i).empty(); }

  static void require_input_count(const ::onnx::NodeProto& node, int least, int most) {
    if (node.input_size() < least || node.input_size() > most)
      throw parse_error(message(describe(node), " has ", node.input_size(), " inputs"));
  }

  const OnnxValue& value(const ::onnx::NodeProto& node, int i) const {
    if (!has_input(node, i)) throw parse_error(message(describe(node), " lacks input ", i));
    const auto found = values.find(node.input(i));
    if (found == values.end())
      throw unsupported_error(message(describe(node), " reads '", node.input(i), "', an output that is not supported"));
    return found->second;
  }

  bool is_activation(const ::onnx::NodeProto& node, int i) const {
    return std::holds_alternative<OnnxActivation>(value(node, i));
  }

  /// Input i, which has to depend on the pictures.
  const OnnxActivation& any_activation(const ::onnx::NodeProto& node, int i) const {
    const auto* found = std::get_if<OnnxActivation>(&value(node, i));
    if (found == nullptr) throw unsupported_error(message(describe(node), ": input ", i, " is a constant"));
    return *found;
  }
  /// The same, for operators that compute with it and take over no padding.
  const OnnxActivation& activation(const ::onnx::NodeProto& node, int i) const {
    const OnnxActivation& x = unsoftened(node, i);
    if (x.padding != Padding{}) throw unsupported_error(message(describe(node), " after Pad is not supported"));
    return x;
  }
  /// The same, as N C H W, perhaps with padding around it.
  const OnnxActivation& padded_picture(const ::onnx::NodeProto& node, int i) const {
    const OnnxActivation& x = unsoftened(node, i);
    if (x.axes != OnnxAxes::nchw) throw shape_error(message(describe(node), ": expected an input of N C H W"));
    return x;
  }

  /// Input i as weights of the given rank, every extent 1 or more. Throws unsupported_error when it is computed, shape_error
  /// for another rank, parse_error for numbers that are not finite or missing.
  OnnxFloats weights(const ::onnx::NodeProto& node, int i, std::size_t rank) {
    OnnxFloats w = floats(node, i);
    if (w.extent.size() != rank)
      throw shape_error(message(describe(node), ": '", node.input(i), "' has ", w.extent.size(), " axes, expected ", rank));
    if (w.values.empty()) throw shape_error(message(describe(node), ": '", node.input(i), "' is empty"));
    for (const float x : w.values)
      if (!std::isfinite(x))
        throw parse_error(message(describe(node), ": '", node.input(i), "' holds a number that is not finite"));
    return w;
  }
  /// Input i as a vector of `length` finite numbers.
  xt::xtensor<float, 1> vector(const ::onnx::NodeProto& node, int i, std::size_t length) {
    const OnnxFloats w = weights(node, i, 1);
    if (w.values.size() != length)
      throw shape_error(message(describe(node), ": '", node.input(i), "' has ", w.values.size(), " numbers, expected ", length));
    return to_vector(w.values);
  }
  /// Input i as constant floats of any rank.
  OnnxFloats floats(const ::onnx::NodeProto& node, int i) {
    const auto* found = std::get_if<OnnxConstant>(&value(node, i));
    if (found == nullptr) throw unsupported_error(message(describe(node), ": input ", i, " is not a constant in the file"));
    // Many nodes may name one tensor; without a bound a small file could ask for any amount of memory.
    const std::size_t count = declared_count(**found);
    if (count > numbers_left) throw unsupported_error(message(describe(node), ": weights are shared too many times"));
    numbers_left -= count;
    return read_floats(**found);
  }
  /// Input i as integers, if it is known at import.
  std::optional<OnnxIntegers> integers(const ::onnx::NodeProto& node, int i) const {
    const OnnxValue& v = value(node, i);
    if (const auto* known = std::get_if<OnnxIntegers>(&v)) return *known;
    if (const auto* tensor = std::get_if<OnnxConstant>(&v))
      return OnnxIntegers{read_integers(**tensor), (*tensor)->dims_size() == 0};
    return std::nullopt;
  }
  /// The same; throws unsupported_error when they are not known.
  OnnxIntegers require_integers(const ::onnx::NodeProto& node, int i) const {
    auto found = integers(node, i);
    if (!found) throw unsupported_error(message(describe(node), ": input ", i, " is not known before the network runs"));
    return *std::move(found);
  }

  /// Appends a node to the network, named after the file's.
  NodeId add(const ::onnx::NodeProto& node, Operator op, std::vector<NodeId> inputs) {
    return add(node.name().empty() ? node.output(0) : node.name(), std::move(op), std::move(inputs));
  }
  NodeId add(std::string name, Operator op, std::vector<NodeId> inputs) {
    if (!names.insert(name).second) {
      name += message("_", network.size());
      while (!names.insert(name).second) name += "_";
    }
    const NodeId id = network.add(std::move(op), std::move(inputs), std::move(name));
    double elements = 1;
    for (const std::size_t extent : network[id].extent) elements *= static_cast<double>(extent);
    // 1 GiB of float32 for one picture.
    if (elements > double(1 << 28))
      throw unsupported_error(message("node '", network[id].name, "' gives ", network[id].extent, ", which is too large"));
    return id;
  }

  /// Appends a node with one input and makes it the value of the file's node.
  void define(const ::onnx::NodeProto& node, const OnnxActivation& x, Operator op) {
    define(node, OnnxActivation{add(node, std::move(op), {x.node}), x.axes, {}, false, x.flattened});
  }
  void define(const ::onnx::NodeProto& node, OnnxValue v) { values.insert_or_assign(node.output(0), std::move(v)); }

  /// The node of x, whose readers are all behind the given input: only then may it be changed in place.
  Node* sole_producer(const ::onnx::NodeProto& node, int i) {
    Node& producer = network[any_activation(node, i).node];
    return use.readers_of(node.input(i)) == 1 && !std::holds_alternative<Input>(producer.op) ? &producer : nullptr;
  }

  /// Whether C H W order and H W C order of x are the same.
  bool one_order(const OnnxActivation& x) const {
    const Extents& e = extent(x);
    return e.size() != 3 || e[0] * e[1] == 1 || e[2] == 1;
  }
  /// The node that holds x as N K, in H W C order; a Flatten is added where needed.
  NodeId flat_node(const ::onnx::NodeProto& node, const OnnxActivation& x) {
    if (!is_flat(x.axes)) throw shape_error(message(describe(node), ": expected an input of rank 2; flatten it first"));
    if (extent(x).size() == 1) return x.node;
    const auto [found, is_new] = flattened.try_emplace(x.node);
    if (is_new) found->second = add(x.flattened, Flatten{}, {x.node});
    return found->second;
  }
  /// The same, for operators that cannot reorder a flattened C H W.
  NodeId ordered_flat_node(const ::onnx::NodeProto& node, const OnnxActivation& x) {
    if (x.axes == OnnxAxes::flat_chw && !one_order(x))
      throw unsupported_error(message(describe(node), " between a Flatten and its Gemm or MatMul is not supported"));
    return flat_node(node, x);
  }

  static xt::xtensor<float, 1> to_vector(const std::vector<float>& values) {
    auto result = xt::xtensor<float, 1>::from_shape({values.size()});
    std::copy(values.begin(), values.end(), result.data());
    return result;
  }

 private:
  const OnnxActivation& unsoftened(const ::onnx::NodeProto& node, int i) const {
    const OnnxActivation& x = any_activation(node, i);
    if (x.softmax) throw unsupported_error(message(describe(node), " after Softmax is not supported"));
    return x;
  }
};

}  // namespace trimtab::detail
