#pragma once
/// \file
/// What is known while a TFLite graph becomes a network.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <trimtab/io/half.hpp>
#include <trimtab/io/tflite/activation.hpp>
#include <trimtab/io/tflite/file.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <utility>
#include <vector>

namespace trimtab::detail {

using tflite::TensorType;

/// What the file calls a type, for messages.
inline std::string type_name(std::int8_t type) {
  static constexpr const char* names[] = {"float32", "float16",  "int32",     "uint8",  "int64",   "string",
                                          "bool",    "int16",    "complex64", "int8",   "float64", "complex128",
                                          "uint64",  "resource", "variant",   "uint32", "uint16",  "int4"};
  return type >= 0 && static_cast<std::size_t>(type) < std::size(names) ? names[type] : message("type ", static_cast<int>(type));
}

/// The integers of a layer, as the file has them.
struct TfliteLayer {
  LayerCodes codes;                ///< uint8 ones 128 lower
  std::vector<std::int32_t> bias;  ///< empty where there is none
  bool is_uint8 = false;           ///< weights with zero points and one scale, whose products are rounded twice
  bool one_scale = false;          ///< the file has one for all filters
};

/// What the file says of a node's codes.
struct TfliteCodes {
  std::optional<Affine<float>> grid;           ///< in bytes, narrowed to the fused activation; none: the output is real
  bool is_int8 = false;                        ///< else uint8
  std::optional<TfliteLayer> layer;            ///< of an operator with weights that are codes
  std::optional<Operator> op;                  ///< what stands for the operator on codes, where that is another one
  std::optional<FixedPointRounding> rounding;  ///< of a layer whose kernel rounds otherwise than the operator's own
};

/// Numbers that were computed from constants.
using TfliteNumbers = std::shared_ptr<const std::vector<float>>;

/// The network under construction.
struct TfliteImport {
  /// `file` has to live as long.
  explicit TfliteImport(const tflite::File& f)
      : file(f), value(f.tensors.size()), budget(8 * f.size() + (std::size_t{1} << 24)) {}

  /// What a tensor is, once something gave it.
  struct Value {
    std::optional<NodeId> node;
    TfliteNumbers numbers;  ///< of a computed constant
  };

  const tflite::File& file;
  Network network;
  std::vector<TfliteCodes> codes;  ///< by node
  std::vector<Value> value;        ///< by tensor
  std::size_t batch = 0;           ///< extent of every activation's first axis
  std::vector<std::string> notes;
  std::size_t budget;  ///< numbers that may still be copied: small files cannot ask for much memory

  void charge(std::size_t numbers) {
    if (numbers > budget) throw unsupported_error("the file's constants are used too many times");
    budget -= numbers;
  }
  NodeId add(Operator op, std::vector<NodeId> inputs, const std::string& name, const Clip& clip = no_clip) {
    charge(64 + name.size() + 2 * inputs.size());
    const NodeId id = network.add(std::move(op), std::move(inputs), name, clip);
    codes.resize(network.size());
    return id;
  }

  const tflite::FileTensor& tensor(std::int32_t i) const { return file.tensors[static_cast<std::size_t>(i)]; }
  /// Whether it is a constant.
  bool is_known(std::int32_t i) const { return value[static_cast<std::size_t>(i)].numbers || !tensor(i).data.empty(); }
  /// All extents of a tensor. Throws parse_error for a negative one, shape_error for too many axes.
  Extents shape(std::int32_t i) const {
    Extents extents;
    std::size_t count = 1;
    for (const std::int32_t n : tensor(i).shape) {
      if (n < 0) throw parse_error(message("tensor '", tensor(i).name, "' has an extent of ", n));
      extents.push_back(static_cast<std::size_t>(n));
      if (n != 0 && count > (std::size_t{1} << 40) / static_cast<std::size_t>(n))
        throw shape_error(message("tensor '", tensor(i).name, "' has more than 2^40 elements"));
      count *= static_cast<std::size_t>(n);
    }
    return extents;
  }
  /// Extents of an activation, without the batch. Throws unsupported_error where the first axis is not the batch.
  Extents extent(std::int32_t i) const {
    const Extents all = shape(i);
    if (all.size() == 0 || all[0] != batch)
      throw unsupported_error(
          message("'", tensor(i).name, "' has extents ", all, ": its first axis is not the batch of ", batch));
    return Extents(all.begin() + 1, all.end());
  }

  /// The grid of an activation's codes, in bytes; none where it is real. Codes without a scale are numbers. Throws
  /// unsupported_error for other types.
  TfliteCodes grid(std::int32_t i) const {
    const tflite::FileTensor& t = tensor(i);
    TfliteCodes result;
    if (t.type == static_cast<std::int8_t>(TensorType::float32)) return result;
    result.is_int8 = t.type == static_cast<std::int8_t>(TensorType::int8);
    if (!result.is_int8 && t.type != static_cast<std::int8_t>(TensorType::uint8))
      throw unsupported_error(message("'", t.name, "' is of ", type_name(t.type), "; activations are float32, uint8 or int8"));
    if (t.scale.size() > 1 || t.zero_point.size() > 1)
      throw unsupported_error(message("'", t.name, "' has ", t.scale.size(), " scales; an activation has one"));
    const std::int64_t shift = result.is_int8 ? 128 : 0;
    const std::int64_t zero_point = (t.scale.empty() || t.zero_point.empty() ? 0 : t.zero_point[0]) + shift;
    const float scale = t.scale.empty() ? 1.0F : t.scale[0];
    if (!(scale > 0) || !std::isfinite(scale) || zero_point < 0 || zero_point > 255)
      throw parse_error(message("'", t.name, "' has scale ", scale, " and zero point ", zero_point - shift));
    result.grid = Affine<float>{scale, static_cast<std::int32_t>(zero_point), unsigned_codes()};
    return result;
  }
};

}  // namespace trimtab::detail
