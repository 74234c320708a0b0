#pragma once
// Small ONNX models, built in memory.

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <vector>

/// The numbers of an array, in memory's order.
inline std::vector<float> numbers_of(const trimtab::Array& x) { return {x.begin(), x.end()}; }

/// One graph with the float input `x` and the output `y`, of extents that are left open.
class OnnxBuilder {
 public:
  using Ints = std::vector<std::int64_t>;
  using Type = onnx::TensorProto::DataType;

  explicit OnnxBuilder(std::int64_t opset = 13, const Ints& input = {0, 3, 6, 5}) {
    model.set_ir_version(7);
    model.add_opset_import()->set_version(opset);
    graph().set_name("test");
    auto& type = *declare(*graph().add_input(), "x");
    for (const std::int64_t length : input) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (length > 0)
        dim.set_dim_value(length);
      else
        dim.set_dim_param("N");
    }
    declare(*graph().add_output(), "y");
  }

  onnx::GraphProto& graph() { return *model.mutable_graph(); }

  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    auto& added = *graph().add_node();
    added.set_op_type(op);
    added.set_name(output + "_node");
    for (const std::string& input : inputs) added.add_input(input);
    added.add_output(output);
    return added;
  }

  /// An initializer of floats in raw_data.
  std::string floats(const std::string& name, const Ints& extent, const std::vector<float>& values) {
    auto& t = tensor(name, extent, onnx::TensorProto::FLOAT);
    t.set_raw_data(std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
    return name;
  }
  /// An initializer of floats in [lo, hi).
  std::string random(const std::string& name, const Ints& extent, float lo = -1, float hi = 1) {
    std::size_t count = 1;
    for (const std::int64_t length : extent) count *= static_cast<std::size_t>(length);
    std::vector<float> values(count);
    for (float& v : values) v = lo + (hi - lo) * static_cast<float>(generator_() >> 8) / 16777216.0F;
    return floats(name, extent, values);
  }
  std::string integers(const std::string& name, const Ints& values) {
    auto& t = tensor(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const std::int64_t v : values) t.add_int64_data(v);
    return name;
  }
  std::string integer(const std::string& name, std::int64_t value) {
    tensor(name, {}, onnx::TensorProto::INT64).add_int64_data(value);
    return name;
  }
  /// An initializer of codes or biases: integers of up to 32 bits.
  std::string codes(const std::string& name, const Ints& extent, const std::vector<int>& values, Type type) {
    auto& t = tensor(name, extent, type);
    for (const int v : values) t.add_int32_data(v);
    return name;
  }
  /// x as codes NAME.codes on a grid, and those read back as NAME.
  std::string on_grid(const std::string& x, const std::string& name, float scale, int zero, Type type, const char* domain = "") {
    floats(name + ".scale", {}, {scale});
    codes(name + ".zero", {}, {zero}, type);
    node("QuantizeLinear", {x, name + ".scale", name + ".zero"}, name + ".codes").set_domain(domain);
    node("DequantizeLinear", {name + ".codes", name + ".scale", name + ".zero"}, name).set_domain(domain);
    return name;
  }
  void import_microsoft() {
    auto& opset = *model.add_opset_import();
    opset.set_domain("com.microsoft");
    opset.set_version(1);
  }
  onnx::TensorProto& tensor(const std::string& name, const Ints& extent, Type type) {
    auto& t = *graph().add_initializer();
    t.set_name(name);
    t.set_data_type(type);
    for (const std::int64_t length : extent) t.add_dims(length);
    return t;
  }

  std::string bytes() const { return model.SerializeAsString(); }
  trimtab::OnnxModel read() const { return trimtab::parse_onnx(bytes()); }

  onnx::ModelProto model;

 private:
  static onnx::TypeProto::Tensor* declare(onnx::ValueInfoProto& value, const char* name) {
    value.set_name(name);
    auto* type = value.mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    return type;
  }
  std::mt19937 generator_{20261124};
};

inline onnx::NodeProto& set(onnx::NodeProto& node, const char* name, std::int64_t value) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::INT);
  a.set_i(value);
  return node;
}
inline onnx::NodeProto& set_float(onnx::NodeProto& node, const char* name, float value) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::FLOAT);
  a.set_f(value);
  return node;
}
inline onnx::NodeProto& set(onnx::NodeProto& node, const char* name, std::initializer_list<std::int64_t> values) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t v : values) a.add_ints(v);
  return node;
}
inline onnx::NodeProto& set_text(onnx::NodeProto& node, const char* name, const char* text) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::STRING);
  a.set_s(text);
  return node;
}
