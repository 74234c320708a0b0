#pragma once
/// \file
/// What an ONNX import knows while it walks over the nodes: the network so far, and what each value of the file is in it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/attributes.hpp>
#include <trimtab/io/onnx_graph.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <trimtab/io/onnx_tensor.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/quant/params.hpp>
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
  Padding padding = {};  ///< zeros around it, from Pad, that the next window operator takes over
  bool softmax = false;  ///< a Softmax came before: nothing may compute with it
  std::shared_ptr<const std::string> flattened = {};  ///< name of the operator that made it flat
};
/// A value known at import that lies in the file.
using OnnxConstant = const ::onnx::TensorProto*;
/// Integers known at import: axes, and shapes with `any_batch` for the number of pictures.
struct OnnxIntegers {
  std::vector<std::int64_t> values;
  bool scalar = false;
};
inline constexpr std::int64_t any_batch = std::numeric_limits<std::int64_t>::min();

/// Constant codes in the file, or constant floats that QuantizeLinear makes codes of, and how they are read. Those of uint8 count 128 less
/// here, with their zero points, so that all weights are int8.
struct OnnxCodes {
  OnnxConstant tensor = nullptr;
  std::int32_t type = 0;  ///< of the codes
  std::vector<float> scale{1};
  std::vector<std::int32_t> zero_point{0};
  std::int64_t axis = 0;  ///< along which there is one of each, where there are several
  bool real = false;      ///< after DequantizeLinear: stands for scale * (code - zero_point)
};

using OnnxValue = std::variant<OnnxActivation, OnnxConstant, OnnxIntegers, OnnxCodes>;

/// What a file says of the codes of an activation: real = scale * (code - zero_point), held as int8 or uint8.
struct OnnxGrid {
  float scale = 1;
  std::int32_t zero_point = 0;
  bool is_signed = false;
  bool sign_of_codes = false;  ///< the zero point is left out: 0, and the codes' type is whatever they were quantized to

  /// The zero point of the codes in bytes.
  std::int32_t byte_zero_point() const { return zero_point + (is_signed ? 128 : 0); }
  Affine<float> bytes() const { return {scale, byte_zero_point(), unsigned_codes()}; }
  friend bool operator==(const OnnxGrid&, const OnnxGrid&) = default;
};
/// The numbers of a layer whose weights, in the network, are its codes. One of each, or one for each output channel.
struct OnnxLayer {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  std::vector<std::int32_t> bias;  ///< none where it is the network's
  std::vector<float> bias_scale;   ///< of these; none where they are on the accumulator's grid by definition
};
/// What a quantized file adds to a network. QuantizeLinear and DequantizeLinear are Clip nodes without bounds.
struct OnnxQuantization {
  std::unordered_map<NodeId, OnnxGrid> quantize, dequantize;
  std::unordered_map<NodeId, OnnxLayer> layers;

  bool empty() const { return quantize.empty() && dequantize.empty() && layers.empty(); }
};

struct OnnxImport {
  OnnxGraphUse use;
  std::int64_t opset = 0;
  bool imports_microsoft = false;   ///< the domain com.microsoft, of ONNX Runtime's own operators
  std::int64_t declared_batch = 0;  ///< of the graph input; 0 when it is left open
  std::size_t numbers_left = 0;     ///< weights that may still be copied out of the file
  std::size_t letters_left = 0;     ///< of names
  Network network;
  OnnxQuantization quantization;
  std::deque<::onnx::TensorProto> own_tensors;  ///< constants that stand for what an operator implies
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
  bool is_codes(const ::onnx::NodeProto& node, int i) const {
    return has_input(node, i) && std::holds_alternative<OnnxCodes>(value(node, i));
  }
  /// Input i as a layer's biases; none where they are codes, which stay in `quantization`.
  xt::xtensor<float, 1> layer_bias(const ::onnx::NodeProto& node, int i, std::size_t length) {
    if (!has_input(node, i) || is_codes(node, i)) return {};
    return vector(node, i, length);
  }
  /// Input i as constant floats of any rank.
  OnnxFloats floats(const ::onnx::NodeProto& node, int i) {
    if (const auto* codes = std::get_if<OnnxCodes>(&value(node, i)); codes != nullptr && codes->real) {
      OnnxFloats w = codes_as_floats(node, *codes);
      if (codes->scale.size() != 1 || codes->zero_point.size() != 1)
        throw unsupported_error(message(describe(node), ": input ", i, " has codes of several scales"));
      for (float& v : w.values) v = codes->scale[0] * (v - static_cast<float>(codes->zero_point[0]));
      return w;
    }
    const ::onnx::TensorProto& tensor = constant(node, i);
    charge(node, tensor);
    return read_floats(tensor);
  }
  const ::onnx::TensorProto& constant(const ::onnx::NodeProto& node, int i) const {
    const auto* found = std::get_if<OnnxConstant>(&value(node, i));
    if (found == nullptr) throw unsupported_error(message(describe(node), ": input ", i, " is not a constant in the file"));
    return **found;
  }
  /// Many nodes may name one tensor; without a bound a small file could ask for any amount of memory.
  void charge(const ::onnx::NodeProto& node, const ::onnx::TensorProto& tensor) { charge(node, declared_count(tensor)); }
  void charge(const ::onnx::NodeProto& node, std::size_t count) {
    if (count > numbers_left) throw unsupported_error(message(describe(node), ": weights are shared too many times"));
    numbers_left -= count;
  }
  /// The same for names: an operator of many inputs stands for many nodes, each with its name in it.
  void charge_name(std::string_view name) {
    if (name.size() > letters_left) throw unsupported_error(message("names as long as '", name.substr(0, 60), "...' are too many"));
    letters_left -= name.size();
  }
  /// Constant codes as floats, each exact.
  OnnxFloats codes_as_floats(const ::onnx::NodeProto& node, const OnnxCodes& codes) {
    OnnxFloats w;
    charge(node, *codes.tensor);
    for (const std::int64_t extent : codes.tensor->dims()) w.extent.push_back(static_cast<std::size_t>(extent));
    if (codes.tensor->data_type() == codes.type) {
      const std::int32_t shift = codes.type == ::onnx::TensorProto::UINT8 ? 128 : 0;
      for (const std::int32_t code : read_codes(*codes.tensor)) w.values.push_back(static_cast<float>(code - shift));
      return w;
    }
    w = read_floats(*codes.tensor);
    std::size_t inner = 1;  // elements of one place along the axis
    for (std::size_t k = static_cast<std::size_t>(codes.axis) + 1; k < w.extent.size(); ++k) inner *= w.extent[k];
    for (std::size_t k = 0; k < w.values.size(); ++k) {
      const auto of = [&](const auto& row) { return row[row.size() == 1 ? 0 : k / inner % row.size()]; };
      w.values[k] = static_cast<float>(Affine<float>{of(codes.scale), of(codes.zero_point), full_signed_codes()}.quantize(w.values[k]));
    }
    return w;
  }
  /// Input i as a layer's weights of the given rank: floats, or the codes that stand for them.
  OnnxFloats layer_weights(const ::onnx::NodeProto& node, int i, std::size_t rank) {
    const auto* codes = std::get_if<OnnxCodes>(&value(node, i));
    if (codes == nullptr) return weights(node, i, rank);
    OnnxFloats w = codes_as_floats(node, *codes);
    if (!codes->real || !is_code_type(codes->type))
      throw unsupported_error(message(describe(node), ": '", node.input(i), "' are no weights of 8 bits"));
    if (w.extent.size() != rank || w.values.empty())
      throw shape_error(message(describe(node), ": '", node.input(i), "' has ", w.extent.size(), " axes, expected ", rank, ", or is empty"));
    return w;
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
    charge_name(name);
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
    return use.readers_of(node.input(i)) == 1 && !producer.op->is_fed() ? &producer : nullptr;
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
    if (is_new) found->second = add(x.flattened ? *x.flattened : std::string(), Flatten{}, {x.node});
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
