#pragma once
/// \file
/// One operator of a TFLite graph, as its reader sees it.

#include <cstdint>
#include <span>
#include <string>
#include <trimtab/io/tflite/import.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

/// Little-endian numbers of type T.
template <class T>
T read_number(const std::uint8_t* from) {
  T number;
  std::memcpy(&number, from, sizeof(T));
  return flatbuffers::EndianScalar(number);
}

/// An operator of the file: its inputs, options, and what it becomes.
class TfliteNode {
 public:
  TfliteImport& import;
  const tflite::FileOperation& operation;

  /// What the format calls the operator.
  std::string kind() const {
    return operation.custom.empty() ? tflite::operator_name(operation.code) : operation.custom.substr(0, 100);
  }
  /// What the node is called: the name of its first output.
  const std::string& name() const { return import.tensor(output()).name; }

  std::size_t inputs() const { return operation.inputs.size(); }
  bool has(std::size_t i) const { return i < inputs() && operation.inputs[i] != -1; }
  /// Throws parse_error unless there are so many inputs and outputs.
  void require(std::size_t least, std::size_t most, std::size_t outputs = 1) const {
    if (inputs() < least || inputs() > most || operation.outputs.size() != outputs)
      throw parse_error(message("has ", inputs(), " inputs and ", operation.outputs.size(), " outputs"));
  }
  std::int32_t input(std::size_t i) const {
    if (!has(i)) throw parse_error(message("lacks input ", i));
    return operation.inputs[i];
  }
  std::int32_t output(std::size_t i = 0) const {
    if (i >= operation.outputs.size()) throw parse_error(message("lacks output ", i));
    return operation.outputs[i];
  }
  const tflite::FileTensor& tensor(std::size_t i) const { return import.tensor(input(i)); }
  bool is_known(std::size_t i) const { return import.is_known(input(i)); }
  Extents shape(std::size_t i) const { return import.shape(input(i)); }
  Extents output_shape(std::size_t i = 0) const { return import.shape(output(i)); }
  /// Of output i, without the batch.
  Extents output_extent(std::size_t i = 0) const { return import.extent(output(i)); }

  // ---- options
  std::int32_t number(std::int32_t field, std::int32_t fallback = 0) const {
    return operation.options ? operation.options->number<std::int32_t>(field, fallback) : fallback;
  }
  /// A number that counts something. Throws parse_error for one below `least`.
  std::size_t count(std::int32_t field, std::int32_t fallback, std::int32_t least) const {
    const std::int32_t n = number(field, fallback);
    if (n < least) throw parse_error(message("option ", field, " is ", n));
    return static_cast<std::size_t>(n);
  }
  std::int8_t byte(std::int32_t field) const {
    return operation.options ? operation.options->number<std::int8_t>(field, 0) : std::int8_t{0};
  }
  float real(std::int32_t field, float fallback) const {
    return operation.options ? operation.options->number<float>(field, fallback) : fallback;
  }
  std::span<const std::int32_t> row(std::int32_t field) const {
    return operation.options ? operation.options->row<std::int32_t>(field) : std::span<const std::int32_t>();
  }
  tflite::Activation activation(std::int32_t field) const { return static_cast<tflite::Activation>(byte(field)); }

  // ---- constants
  /// Input i's elements of `size` bytes. Throws parse_error where there are more or fewer than its shape says.
  const std::uint8_t* data(std::size_t i, std::size_t size) const {
    const std::size_t elements = element_count(shape(i));
    if (tensor(i).data.size() != elements * size)
      throw parse_error(
          message("'", tensor(i).name, "' has ", tensor(i).data.size(), " bytes for ", elements, " elements of ", size));
    import.charge(elements);
    return tensor(i).data.data();
  }
  /// Input i as numbers, what is quantized as what it stands for. Throws unsupported_error where it is computed, or of another
  /// type.
  std::vector<float> floats(std::size_t i) const {
    require_known(i);
    if (const TfliteNumbers& computed = import.value[static_cast<std::size_t>(input(i))].numbers) {
      import.charge(computed->size());
      return *computed;
    }
    switch (static_cast<TensorType>(tensor(i).type)) {
      case TensorType::float32:
        return converted<float>(i, [](std::size_t, float v) { return v; });
      case TensorType::float16:
        return converted<std::uint16_t>(i, [](std::size_t, std::uint16_t v) { return half_to_float(v); });
      case TensorType::int8:
        return dequantized<std::int8_t>(i);
      case TensorType::uint8:
        return dequantized<std::uint8_t>(i);
      case TensorType::int32:
        return dequantized<std::int32_t>(i);
      default:
        throw unsupported_error(message("the constant '", tensor(i).name, "' is of ", type_name(tensor(i).type)));
    }
  }
  /// Input i as integers: axes, shapes, indices. Throws as floats() does.
  std::vector<std::int64_t> integers(std::size_t i) const {
    require_known(i);
    std::vector<std::int64_t> values;
    const std::size_t count = element_count(shape(i));
    if (tensor(i).type == static_cast<std::int8_t>(TensorType::int64)) {
      const std::uint8_t* from = data(i, 8);
      for (std::size_t k = 0; k < count; ++k) values.push_back(read_number<std::int64_t>(from + 8 * k));
    } else if (tensor(i).type == static_cast<std::int8_t>(TensorType::int32)) {
      const std::uint8_t* from = data(i, 4);
      for (std::size_t k = 0; k < count; ++k) values.push_back(read_number<std::int32_t>(from + 4 * k));
    } else {
      throw unsupported_error(message("'", tensor(i).name, "' is of ", type_name(tensor(i).type), ", expected int32 or int64"));
    }
    return values;
  }
  /// An axis of `rank`, negative ones counted from the end. Throws parse_error for none.
  static std::size_t axis(std::int64_t axis, std::size_t rank) {
    const std::int64_t from_front = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
    if (from_front < 0 || from_front >= static_cast<std::int64_t>(rank)) throw parse_error(message("axis ", axis, " of ", rank));
    return static_cast<std::size_t>(from_front);
  }
  /// The same behind the batch, which is left out. Throws unsupported_error for the batch.
  static std::size_t picture_axis(std::int64_t of, std::size_t rank) {
    const std::size_t found = axis(of, rank);
    if (found == 0) throw unsupported_error("works along the batch");
    return found - 1;
  }

  // ---- nodes
  /// The node that gives input i. A constant becomes one.
  NodeId node(std::size_t i) const {
    std::optional<NodeId>& known = import.value[static_cast<std::size_t>(input(i))].node;
    if (!is_known(i)) {
      if (!known) throw parse_error(message("reads '", tensor(i).name, "', which nothing before it gives"));
      return *known;
    }
    // Of a constant with as many axes as activations have, the first one is the batch.
    Extents extent = shape(i);
    if (extent.size() > 0 && extent.size() >= most_axes()) {
      if (extent[0] != 1)
        throw unsupported_error(message("the constant '", tensor(i).name, "' has ", extent[0], " batch elements"));
      extent = Extents(extent.begin() + 1, extent.end());
    }
    if (extent.size() == 0) extent.push_back(1);
    if (known && import.network[*known].extent == extent) return *known;
    const std::vector<float> values = floats(i);
    Constant constant{xt::xarray<float>::from_shape(std::vector<std::size_t>(extent.begin(), extent.end()))};
    std::copy(values.begin(), values.end(), constant.value.data());
    known = import.add(std::move(constant), {}, tensor(i).name);
    import.codes[*known] = constant_grid(i);
    return *known;
  }
  Extents extent(std::size_t i) const { return import.network[node(i)].extent; }
  /// A node between input and output, on the codes of a node.
  NodeId between(Operator op, NodeId x, const char* what) const {
    const NodeId id = import.add(std::move(op), {x}, name() + "/" + what);
    import.codes[id].grid = import.codes[x].grid;
    import.codes[id].is_int8 = import.codes[x].is_int8;
    return id;
  }
  /// Makes a node of the operator its output i, with a fused activation.
  NodeId become(Operator op, std::vector<NodeId> inputs, tflite::Activation activation = tflite::Activation::none,
                std::size_t i = 0) const {
    TfliteCodes codes = import.grid(output(i));
    for (const std::size_t length : output_extent(i)) import.charge(length);  // operators hold numbers along an axis
    if (codes.grid) codes.grid->codes = tflite::activation_codes(activation, *codes.grid, codes.grid->codes);
    const NodeId id = import.add(std::move(op), std::move(inputs), import.tensor(output(i)).name, tflite::clip_of(activation));
    import.codes[id] = std::move(codes);
    define(id, i);
    return id;
  }
  /// Output i is what the node gives. Throws shape_error where the file says other extents.
  void define(NodeId id, std::size_t i = 0) const {
    const Extents said = output_extent(i), &made = import.network[id].extent;
    if (said != made)
      throw shape_error(message("gives extents ", made, ", the file says ", said, " of '", import.tensor(output(i)).name, "'"));
    import.value[static_cast<std::size_t>(output(i))].node = id;
  }
  /// Output i is a constant.
  void define(std::vector<float> numbers, std::size_t i = 0) const {
    if (element_count(output_shape(i)) != numbers.size())
      throw shape_error(message("gives ", numbers.size(), " numbers, the file says ", output_shape(i)));
    import.value[static_cast<std::size_t>(output(i))].numbers = std::make_shared<const std::vector<float>>(std::move(numbers));
  }

 private:
  void require_known(std::size_t i) const {
    if (!is_known(i))
      throw unsupported_error(message("input ", i, ", '", tensor(i).name, "', is computed; it is read where it is a constant"));
  }
  template <class T, class F>
  std::vector<float> converted(std::size_t i, const F& f) const {
    const std::uint8_t* from = data(i, sizeof(T));
    std::vector<float> values(element_count(shape(i)));
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = f(k, read_number<T>(from + sizeof(T) * k));
    return values;
  }
  /// scale * (code - zero_point), or the code where there is no scale.
  template <class T>
  std::vector<float> dequantized(std::size_t i) const {
    const tflite::FileTensor& t = tensor(i);
    if (t.scale.empty()) return converted<T>(i, [](std::size_t, T v) { return static_cast<float>(v); });
    const Extents extents = shape(i);
    std::size_t inner = 1;
    if (t.scale.size() > 1) {
      const std::size_t along = extents.size() == 1 ? 0 : axis(t.axis, extents.size());
      if (extents[along] != t.scale.size())
        throw parse_error(message("'", t.name, "' has ", t.scale.size(), " scales for an axis of ", extents[along]));
      for (std::size_t k = along + 1; k < extents.size(); ++k) inner *= extents[k];
    }
    if (t.zero_point.size() > 1 && t.zero_point.size() != t.scale.size())
      throw parse_error(message("'", t.name, "' has ", t.scale.size(), " scales and ", t.zero_point.size(), " zero points"));
    return converted<T>(i, [&](std::size_t k, T v) {
      const std::size_t c = k / inner % t.scale.size();
      const std::int64_t zero_point = t.zero_point.empty() ? 0 : t.zero_point[t.zero_point.size() == 1 ? 0 : c];
      return t.scale[c] * static_cast<float>(std::int64_t{v} - zero_point);
    });
  }
  std::size_t most_axes() const {
    std::size_t most = 2;
    for (std::size_t i = 0; i < inputs(); ++i)
      if (has(i) && !is_known(i)) most = std::max(most, tensor(i).shape.size());
    return most;
  }
  /// A constant beside codes is codes, beside reals it is real.
  TfliteCodes constant_grid(std::size_t i) const {
    const std::int8_t type = tensor(i).type;
    const bool is_codes =
        type == static_cast<std::int8_t>(TensorType::int8) || type == static_cast<std::int8_t>(TensorType::uint8);
    return is_codes && tensor(i).scale.size() == 1 ? import.grid(input(i)) : TfliteCodes{};
  }
};

}  // namespace trimtab::detail
