#pragma once
/// \file
/// A node of an ONNX file while it is read: its inputs as what they are, its attributes, and what it becomes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/io/onnx/arrange.hpp>
#include <trimtab/io/onnx/import.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Constant floats: in the file's order, held elsewhere or here.
class OnnxFloats {
 public:
  Dims dims;
  std::span<const float> values;

  explicit OnnxFloats(const KnownTensor& x) : dims(x.dims), kept_(x.numbers) {
    if (std::holds_alternative<std::vector<float>>(*x.numbers)) {
      values = std::get<std::vector<float>>(*x.numbers);
      return;
    }
    const KnownReader<double> at(x);
    std::vector<float> rounded(x.count());
    for (std::size_t i = 0; i < rounded.size(); ++i)
      rounded[i] = static_cast<float>(round_real(at(static_cast<std::int64_t>(i)), OnnxType::float32));
    kept_ = std::make_shared<const KnownNumbers>(std::move(rounded));
    values = std::get<std::vector<float>>(*kept_);
  }
  OnnxFloats(Dims extents, std::vector<float> numbers)
      : dims(std::move(extents)), kept_(std::make_shared<const KnownNumbers>(std::move(numbers))) {
    values = std::get<std::vector<float>>(*kept_);
  }

 private:
  std::shared_ptr<const KnownNumbers> kept_;
};

/// Once what c has several times along an axis; c where it has different numbers there.
inline OnnxFloats once_along(const OnnxFloats& c, std::size_t axis) {
  std::size_t inner = 1;
  for (std::size_t k = axis + 1; k < c.dims.size(); ++k) inner *= static_cast<std::size_t>(c.dims[k]);
  const std::size_t whole = inner * static_cast<std::size_t>(c.dims[axis]);
  std::vector<float> once;
  for (std::size_t i = 0; i < c.values.size(); ++i) {
    if (i % whole < inner) once.push_back(c.values[i]);
    if (c.values[i] != c.values[i - i % whole + i % inner]) return c;
  }
  Dims dims = c.dims;
  dims[axis] = 1;
  return {std::move(dims), std::move(once)};
}

inline xt::xtensor<float, 1> to_vector(std::span<const float> values) {
  auto result = xt::xtensor<float, 1>::from_shape({values.size()});
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

/// Why a value is no activation.
inline const char* no_activation(const OnnxValue& value) {
  if (std::holds_alternative<OnnxWideCodes>(value))
    return "is of 16-bit codes, which are reals here: DequantizeLinear and what moves elements take them";
  if (std::holds_alternative<OnnxDynamic>(value))
    return "is quantized anew for each input of the network, which is reals here: products with their scales take it";
  return "is a constant";
}

/// Messages need not name the node: whoever calls a reader adds its name.
class OnnxNode {
 public:
  OnnxImport& import;
  const ::onnx::NodeProto& proto;

  std::int64_t opset() const { return import.context.opset; }
  /// What nodes made of it are called.
  const std::string& name() const { return proto.name().empty() ? proto.output(0) : proto.name(); }
  std::shared_ptr<const std::string> maker() const { return std::make_shared<const std::string>(name()); }

  // ---- inputs
  int inputs() const { return proto.input_size(); }
  /// Whether the node has input i; the empty name leaves an optional one out.
  bool has(int i) const { return i < proto.input_size() && !proto.input(i).empty(); }
  void require_inputs(int least, int most) const {
    if (inputs() < least || inputs() > most) throw parse_error(message("has ", inputs(), " inputs"));
  }
  const OnnxValue& value(int i) const {
    if (!has(i)) throw parse_error(message("lacks input ", i));
    const OnnxValue* found = import.find(proto.input(i));
    if (found == nullptr) throw unsupported_error(message("reads '", proto.input(i), "', an output that is not supported"));
    return *found;
  }
  bool is_activation(int i) const { return has(i) && std::holds_alternative<OnnxActivation>(value(i)); }
  bool is_known(int i) const { return has(i) && std::holds_alternative<KnownTensor>(value(i)); }
  bool is_codes(int i) const { return has(i) && std::holds_alternative<OnnxCodes>(value(i)); }

  /// Input i as codes of 16 bits, or null.
  const OnnxWideCodes* wide_codes(int i) const { return has(i) ? std::get_if<OnnxWideCodes>(&value(i)) : nullptr; }
  /// Input i as what is quantized anew for each input of the network, or null.
  const OnnxDynamic* dynamic(int i) const { return has(i) ? std::get_if<OnnxDynamic>(&value(i)) : nullptr; }

  /// Input i, which has to be computed; perhaps with padding that waits.
  const OnnxActivation& padded(int i) const {
    const auto* found = std::get_if<OnnxActivation>(&value(i));
    if (found == nullptr) throw unsupported_error(message("input ", i, ' ', no_activation(value(i))));
    return *found;
  }
  /// The same of any type, for operators that move elements.
  OnnxActivation activation(int i) const { return settle(i, padded(i)); }
  /// The same of reals, for operators that compute.
  OnnxActivation real(int i) const {
    OnnxActivation x = activation(i);
    if (!is_real(x.type)) throw unsupported_error(message("input ", i, " is of ", type_name(x.type), ", expected floats"));
    return x;
  }
  /// Input i, which has to be known before the network runs.
  const KnownTensor& known(int i) const {
    const auto* found = std::get_if<KnownTensor>(&value(i));
    if (wide_codes(i) != nullptr || dynamic(i) != nullptr)
      throw unsupported_error(message("input ", i, ' ', no_activation(value(i))));
    if (found == nullptr) throw unsupported_error(message("input ", i, " is not a constant in the file"));
    return *found;
  }
  /// The same as floats. Throws unsupported_error for integers.
  OnnxFloats floats(int i) const {
    if (const auto* codes = std::get_if<OnnxCodes>(&value(i)); codes != nullptr && codes->real) return real_codes(*codes);
    const KnownTensor& x = known(i);
    if (!is_real(x.type))
      throw unsupported_error(message("'", proto.input(i), "' is of ", type_name(x.type), ", expected floats"));
    import.charge(x.count());
    return OnnxFloats(x);
  }
  /// The same as one number, of any type.
  double number(int i) const {
    const KnownTensor& x = known(i);
    if (x.count() != 1) throw parse_error(message("'", proto.input(i), "' is not one number"));
    return KnownReader<double>(x)(0);
  }
  /// The same as integers.
  std::vector<std::int64_t> integers(int i) const { return known_integers(known(i)); }
  /// The same as weights of the given rank, none of them missing or not finite.
  OnnxFloats weights(int i, std::size_t rank) const {
    OnnxFloats w = floats(i);
    require_rank(i, w, rank);
    for (const float x : w.values)
      if (!std::isfinite(x)) throw parse_error(message("'", proto.input(i), "' holds a number that is not finite"));
    return w;
  }
  /// The same as a row of `length` numbers.
  xt::xtensor<float, 1> vector(int i, std::size_t length) const {
    const OnnxFloats w = weights(i, 1);
    if (w.values.size() != length)
      throw shape_error(message("'", proto.input(i), "' has ", w.values.size(), " numbers, expected ", length));
    return to_vector(w.values);
  }
  /// The same as a layer's weights: floats, or the codes that stand for them.
  OnnxFloats layer_weights(int i, std::size_t rank) const {
    const auto* codes = std::get_if<OnnxCodes>(&value(i));
    if (codes == nullptr) return weights(i, rank);
    if (!codes->real || !is_code_type(codes->type))
      throw unsupported_error(message("'", proto.input(i), "' are no weights of 8 bits"));
    OnnxFloats w = codes_as_floats(*codes);
    require_rank(i, w, rank);
    return w;
  }
  /// The same as a layer's biases; none where they are codes as its weights are, which stay in `quantization`.
  xt::xtensor<float, 1> layer_bias(int i, std::size_t length) const {
    if (!has(i) || (is_codes(i) && is_codes(1))) return {};
    return vector(i, length);
  }
  /// Constant codes as floats, each exact.
  OnnxFloats codes_as_floats(const OnnxCodes& codes) const {
    const KnownTensor& x = codes.tensor;
    import.charge(x.count());
    std::vector<float> values(x.count());
    if (x.type == codes.type) {
      const std::int32_t shift = codes.type == OnnxType::uint8 ? 128 : 0;
      const std::span<const std::int32_t> held = x.codes();
      for (std::size_t k = 0; k < values.size(); ++k) values[k] = static_cast<float>(held[k] - shift);
      return {x.dims, std::move(values)};
    }
    const OnnxFloats reals(x);
    std::size_t inner = 1;  // elements of one place along the axis
    for (std::size_t k = static_cast<std::size_t>(codes.axis) + 1; k < x.dims.size(); ++k)
      inner *= static_cast<std::size_t>(x.dims[k]);
    for (std::size_t k = 0; k < values.size(); ++k) {
      const auto of = [&](const auto& row) { return row[row.size() == 1 ? 0 : k / inner % row.size()]; };
      values[k] = static_cast<float>(
          Affine<float>{of(codes.scale), of(codes.zero_point), code_range(codes.type)}.quantize(reals.values[k]));
    }
    return {x.dims, std::move(values)};
  }
  /// Constant codes as the file would hold them.
  KnownTensor codes_as_integers(const OnnxCodes& codes) const {
    if (codes.tensor.type == codes.type) return codes.tensor;
    const OnnxFloats values = codes_as_floats(codes);
    std::vector<std::int32_t> held;
    for (const float v : values.values) held.push_back(static_cast<std::int32_t>(v) + (codes.type == OnnxType::uint8 ? 128 : 0));
    return {codes.type, values.dims, std::make_shared<const KnownNumbers>(std::move(held))};
  }
  /// The reals that constant codes stand for.
  OnnxFloats real_codes(const OnnxCodes& codes) const {
    if (codes.scale.empty()) throw unsupported_error("biases on the accumulator's grid as floats");
    import.charge(codes.tensor.count());
    const OnnxFloats w = codes_as_floats(codes);
    std::size_t inner = 1;  // elements of one place along the axis
    for (std::size_t k = static_cast<std::size_t>(codes.axis) + 1; k < w.dims.size(); ++k)
      inner *= static_cast<std::size_t>(w.dims[k]);
    std::vector<float> values(w.values.begin(), w.values.end());
    for (std::size_t k = 0; k < values.size(); ++k) {
      const auto of = [&](const auto& row) { return row[row.size() == 1 ? 0 : k / inner % row.size()]; };
      values[k] = of(codes.scale) * (values[k] - static_cast<float>(of(codes.zero_point)));
    }
    return {w.dims, std::move(values)};
  }
  /// The same as a tensor of its own.
  KnownTensor known_reals(const OnnxCodes& codes) const {
    const OnnxFloats reals = real_codes(codes);
    return {OnnxType::float32, reals.dims,
            std::make_shared<const KnownNumbers>(std::vector<float>(reals.values.begin(), reals.values.end()))};
  }

  // ---- attributes
  /// Throws unsupported_error for an attribute that is not among these: to ignore it could change the result.
  void require(std::initializer_list<std::string_view> attributes) const { require_attributes(proto, attributes); }
  std::int64_t integer(std::string_view attribute, std::int64_t fallback) const {
    return integer_attribute(proto, attribute, fallback);
  }
  float real(std::string_view attribute, float fallback) const {
    const float value = float_attribute(proto, attribute, fallback);
    if (std::isnan(value)) throw parse_error(message(attribute, " is not a number"));
    return value;
  }
  std::string text(std::string_view attribute, const std::string& fallback) const {
    return text_attribute(proto, attribute, fallback);
  }
  std::vector<std::int64_t> integers(std::string_view attribute) const { return integers_attribute(proto, attribute); }
  bool has_attribute(std::string_view attribute) const {
    return std::any_of(proto.attribute().begin(), proto.attribute().end(), [&](const auto& a) { return a.name() == attribute; });
  }
  /// Integers that were an attribute before opset `since` and are input i since then. Null when they are left out.
  std::optional<std::vector<std::int64_t>> attribute_or_input(std::string_view attribute, std::int64_t since, int i) const {
    if (opset() >= since) {
      if (has_attribute(attribute))
        throw unsupported_error(message(attribute, " is an input since opset ", since, ", not an attribute"));
      if (!has(i)) return std::nullopt;
      return integers(i);
    }
    if (!has_attribute(attribute)) return std::nullopt;
    return integers(attribute);
  }

  // ---- what it becomes
  NodeId add(Operator op, std::vector<NodeId> from) const { return import.add(name(), std::move(op), std::move(from)); }
  NodeId add(std::string_view part, Operator op, std::vector<NodeId> from) const {
    return import.add(message(name(), "/", part), std::move(op), std::move(from));
  }
  void define(OnnxValue v, int output = 0) const {
    if (output < proto.output_size()) import.define(proto.output(output), std::move(v));
  }
  /// A node with x as its input that leaves the axes as they are.
  void apply(OnnxActivation x, Operator op) const {
    x.node = add(std::move(op), {x.node});
    define(std::move(x));
  }
  /// The network's node that gives input i, if this node is its only reader: only then may it be changed in place.
  Node* sole_producer(int i) const {
    Node& producer = import.network[padded(i).node];
    return import.use.readers_of(proto.input(i)) == 1 && !producer.op->is_fed() ? &producer : nullptr;
  }

 private:
  /// What is settled once stays so for other readers.
  OnnxActivation settle(int i, OnnxActivation x) const {
    if (!x.padded()) return x;
    x = settled(import, std::move(x));
    import.define(proto.input(i), x);
    return x;
  }
  void require_rank(int i, const OnnxFloats& w, std::size_t rank) const {
    if (w.dims.size() != rank) throw shape_error(message("'", proto.input(i), "' has ", w.dims.size(), " axes, expected ", rank));
    if (w.values.empty()) throw shape_error(message("'", proto.input(i), "' is empty"));
  }
};

}  // namespace trimtab::detail
