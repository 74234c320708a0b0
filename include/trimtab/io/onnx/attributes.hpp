#pragma once
/// \file
/// The attributes of an ONNX node by name and type, each with its default.

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <vector>

namespace trimtab::detail {

/// "node 'conv1' (Conv)": how every message names a node.
inline std::string describe(const ::onnx::NodeProto& node) {
  const std::string& name = !node.name().empty() || node.output_size() == 0 ? node.name() : node.output(0);
  return message("node '", name, "' (", node.op_type(), ")");
}

/// Throws unsupported_error for an attribute that is not among the known ones: to ignore it could change the result.
inline void require_attributes(const ::onnx::NodeProto& node, std::initializer_list<std::string_view> known) {
  for (const auto& attribute : node.attribute())
    if (std::find(known.begin(), known.end(), attribute.name()) == known.end())
      throw unsupported_error(message(describe(node), ": attribute '", attribute.name(), "' is not supported"));
}

/// The attribute, or null when absent. Throws parse_error when it is of another type.
inline const ::onnx::AttributeProto* find_attribute(const ::onnx::NodeProto& node, std::string_view name,
                                                    ::onnx::AttributeProto::AttributeType type) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) {
      if (attribute.type() != type)
        throw parse_error(message(describe(node), ": attribute '", name, "' is of type ", attribute.type(), ", expected ", type));
      return &attribute;
    }
  return nullptr;
}

inline std::int64_t integer_attribute(const ::onnx::NodeProto& node, std::string_view name, std::int64_t fallback) {
  const auto* found = find_attribute(node, name, ::onnx::AttributeProto::INT);
  return found != nullptr ? found->i() : fallback;
}
inline float float_attribute(const ::onnx::NodeProto& node, std::string_view name, float fallback) {
  const auto* found = find_attribute(node, name, ::onnx::AttributeProto::FLOAT);
  return found != nullptr ? found->f() : fallback;
}
inline std::string text_attribute(const ::onnx::NodeProto& node, std::string_view name, const std::string& fallback) {
  const auto* found = find_attribute(node, name, ::onnx::AttributeProto::STRING);
  return found != nullptr ? found->s() : fallback;
}
/// Empty when absent.
inline std::vector<std::int64_t> integers_attribute(const ::onnx::NodeProto& node, std::string_view name) {
  const auto* found = find_attribute(node, name, ::onnx::AttributeProto::INTS);
  if (found == nullptr) return {};
  return {found->ints().begin(), found->ints().end()};
}

/// Throws unsupported_error unless the integer attribute is absent or has the wanted value.
inline void require_integer_attribute(const ::onnx::NodeProto& node, std::string_view name, std::int64_t wanted) {
  const std::int64_t got = integer_attribute(node, name, wanted);
  if (got != wanted) throw unsupported_error(message(describe(node), ": ", name, " ", got, " is not supported"));
}

}  // namespace trimtab::detail
