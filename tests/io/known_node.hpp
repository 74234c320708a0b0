#pragma once
// ONNX nodes of known inputs, written down in a line.

#include <cstdint>
#include <string>
#include <trimtab/io/onnx/fold.hpp>
#include <utility>
#include <vector>

using Integers = std::vector<std::int64_t>;
using Reals = std::vector<double>;

inline trimtab::detail::KnownTensor integers(const trimtab::detail::Dims& dims, const Integers& values,
                                             trimtab::detail::OnnxType type = trimtab::detail::OnnxType::int64) {
  std::size_t i = 0;
  return trimtab::detail::make_known(type, dims, [&] { return values.at(i++); });
}
inline trimtab::detail::KnownTensor reals(const trimtab::detail::Dims& dims, const Reals& values,
                                          trimtab::detail::OnnxType type = trimtab::detail::OnnxType::float32) {
  std::size_t i = 0;
  return trimtab::detail::make_known(type, dims, [&] { return values.at(i++); });
}
/// A row of integers.
inline trimtab::detail::KnownTensor row(const Integers& values) {
  return integers({static_cast<std::int64_t>(values.size())}, values);
}
inline trimtab::detail::KnownTensor scalar(std::int64_t value) { return integers({}, {value}); }

/// Elements as T, row-major.
template <class T>
std::vector<T> elements(const trimtab::detail::KnownTensor& x) {
  const trimtab::detail::KnownReader<T> at(x);
  std::vector<T> result;
  for (std::size_t i = 0; i < x.count(); ++i) result.push_back(at(static_cast<std::int64_t>(i)));
  return result;
}

/// An operator with its attributes; calling it folds it.
class KnownNode {
 public:
  explicit KnownNode(const std::string& op, std::int64_t opset = 13, int outputs = 1) : opset_(opset) {
    proto.set_op_type(op);
    proto.set_name("it");
    for (int i = 0; i < outputs; ++i) proto.add_output(std::string("y") + std::to_string(i));
  }
  KnownNode& with(const char* name, std::int64_t value) {
    add(name, onnx::AttributeProto::INT).set_i(value);
    return *this;
  }
  KnownNode& with(const char* name, const Integers& values) {
    auto& a = add(name, onnx::AttributeProto::INTS);
    for (const std::int64_t v : values) a.add_ints(v);
    return *this;
  }
  KnownNode& with_real(const char* name, float value) {
    add(name, onnx::AttributeProto::FLOAT).set_f(value);
    return *this;
  }
  KnownNode& with_text(const char* name, const char* text) {
    add(name, onnx::AttributeProto::STRING).set_s(text);
    return *this;
  }
  onnx::TensorProto& tensor(const char* name) { return *add(name, onnx::AttributeProto::TENSOR).mutable_t(); }

  std::vector<trimtab::detail::KnownTensor> all(const std::vector<trimtab::detail::KnownTensor>& inputs) const {
    trimtab::detail::FoldContext context{opset_};
    return all(inputs, context);
  }
  std::vector<trimtab::detail::KnownTensor> all(const std::vector<trimtab::detail::KnownTensor>& inputs,
                                                trimtab::detail::FoldContext& context) const {
    std::vector<const trimtab::detail::KnownTensor*> pointers;
    for (const auto& x : inputs) pointers.push_back(x.numbers ? &x : nullptr);
    return trimtab::detail::fold(proto, pointers, context);
  }
  template <class... Inputs>
  trimtab::detail::KnownTensor operator()(const Inputs&... inputs) const {
    return all({inputs...}).at(0);
  }

  onnx::NodeProto proto;

 private:
  onnx::AttributeProto& add(const char* name, onnx::AttributeProto::AttributeType type) {
    auto& a = *proto.add_attribute();
    a.set_name(name);
    a.set_type(type);
    return a;
  }
  std::int64_t opset_;
};

/// Stands for an input that is left out.
inline const trimtab::detail::KnownTensor left_out{trimtab::detail::OnnxType::float32, {}, nullptr};
