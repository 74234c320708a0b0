#pragma once
/// \file
/// Constants of an ONNX file: Constant nodes, and what nodes compute from constants alone.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/attributes.hpp>
#include <trimtab/io/onnx/fold_elementwise.hpp>
#include <trimtab/io/onnx/fold_moves.hpp>
#include <trimtab/io/onnx/fold_node.hpp>
#include <trimtab/io/onnx/fold_reduce.hpp>
#include <trimtab/io/onnx/fold_views.hpp>
#include <trimtab/io/onnx/read_tensor.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <unordered_map>
#include <vector>

namespace trimtab::detail {

/// The tensor of a Constant node, whichever attribute holds it; strings and sparse tensors are refused.
inline Folded fold_constant(const FoldNode& n) {
  n.require({"value", "value_int", "value_ints", "value_float", "value_floats"});
  n.require_inputs(0, 0);
  if (n.node.attribute_size() != 1)
    throw parse_error(message("has ", n.node.attribute_size(), " attributes, expected one value"));
  using Proto = ::onnx::AttributeProto;
  if (const auto* tensor = find_attribute(n.node, "value", Proto::TENSOR)) return {read_known(tensor->t(), n.context.external)};
  if (const auto* integer = find_attribute(n.node, "value_int", Proto::INT))
    return {make_known(OnnxType::int64, {}, [&] { return static_cast<std::int64_t>(integer->i()); })};
  if (const auto* real = find_attribute(n.node, "value_float", Proto::FLOAT))
    return {make_known(OnnxType::float32, {}, [&] { return static_cast<double>(real->f()); })};
  int i = 0;
  if (const auto* integers = find_attribute(n.node, "value_ints", Proto::INTS))
    return {make_known(OnnxType::int64, {integers->ints_size()}, [&] { return static_cast<std::int64_t>(integers->ints(i++)); })};
  const auto* reals = find_attribute(n.node, "value_floats", Proto::FLOATS);
  return {make_known(OnnxType::float32, {reals->floats_size()}, [&] { return static_cast<double>(reals->floats(i++)); })};
}

using FoldRule = Folded (*)(const FoldNode&);

/// The rule of an operator of ONNX's own domain; null where constants are not computed with it.
inline FoldRule fold_rule(const ::onnx::NodeProto& node) {
  static const std::unordered_map<std::string, FoldRule> rules{
      {"Abs", fold_abs},
      {"Add", fold_add},
      {"And", fold_and},
      {"Cast", fold_cast},
      {"Ceil", fold_whole<ceil_of>},
      {"Clip", fold_clip},
      {"Concat", fold_concat},
      {"Constant", fold_constant},
      {"ConstantOfShape", fold_constant_of_shape},
      {"CumSum", fold_cum_sum},
      {"Div", fold_div},
      {"Dropout", fold_dropout},
      {"Equal", fold_equal},
      {"Exp", fold_real<exp_of>},
      {"Expand", fold_expand},
      {"Flatten", fold_flatten},
      {"Floor", fold_whole<floor_of>},
      {"Gather", fold_gather},
      {"GatherElements", fold_gather_elements},
      {"Greater", fold_greater},
      {"GreaterOrEqual", fold_greater_or_equal},
      {"Identity", fold_identity},
      {"Less", fold_less},
      {"LessOrEqual", fold_less_or_equal},
      {"Log", fold_real<log_of>},
      {"Max", fold_max},
      {"Min", fold_min},
      {"Mod", fold_mod},
      {"Mul", fold_mul},
      {"Neg", fold_neg},
      {"Not", fold_not},
      {"Or", fold_or},
      {"Pad", fold_pad},
      {"Pow", fold_pow},
      {"Range", fold_range},
      {"Reciprocal", fold_real<reciprocal_of>},
      {"ReduceMax", fold_reduction<Reduction::largest>},
      {"ReduceMean", fold_reduction<Reduction::mean>},
      {"ReduceMin", fold_reduction<Reduction::smallest>},
      {"ReduceProd", fold_reduction<Reduction::product>},
      {"ReduceSum", fold_reduction<Reduction::sum>},
      {"Reshape", fold_reshape},
      {"Round", fold_whole<round_of>},
      {"Shape", fold_shape},
      {"Sigmoid", fold_real<sigmoid_of>},
      {"Size", fold_size},
      {"Slice", fold_slice},
      {"Split", fold_split},
      {"Sqrt", fold_real<sqrt_of>},
      {"Squeeze", fold_squeeze},
      {"Sub", fold_sub},
      {"Tile", fold_tile},
      {"Transpose", fold_transpose},
      {"Unsqueeze", fold_unsqueeze},
      {"Where", fold_where},
  };
  if (!node.domain().empty() && node.domain() != "ai.onnx") return nullptr;
  const auto found = rules.find(node.op_type());
  return found == rules.end() ? nullptr : found->second;
}

/// Calls body; its errors name the node.
template <class Body>
auto naming_node(const ::onnx::NodeProto& node, const Body& body) {
  const auto named = [&](const std::exception& e) {
    const std::string who = describe(node), what = e.what();
    return what.substr(0, who.size()) == who ? what : message(who, ": ", what);
  };
  try {
    return body();
  } catch (const parse_error& e) {
    throw parse_error(named(e));
  } catch (const shape_error& e) {
    throw shape_error(named(e));
  } catch (const io_error& e) {
    throw io_error(named(e));
  } catch (const unsupported_error& e) {
    throw unsupported_error(named(e));
  } catch (const value_error& e) {  // parameters that an operator does not take
    throw unsupported_error(named(e));
  }
}

/// The outputs of a node all of whose inputs are known, null for those left out. No outputs where constants are not computed with
/// the operator.
///
/// Throws, naming the node: unsupported_error for an attribute that is not known, for results beyond their type, for what depends
/// on the number of pictures in another way than fixed + per_picture * N, and past the budget; shape_error where extents do not
/// fit; parse_error where inputs are missing or of the wrong type.
inline Folded fold(const ::onnx::NodeProto& node, std::span<const KnownTensor* const> inputs, FoldContext& context) {
  const FoldRule rule = fold_rule(node);
  if (rule == nullptr) return {};
  return naming_node(node, [&] {
    Folded outputs = rule(FoldNode{node, inputs, context});
    if (static_cast<int>(outputs.size()) < node.output_size())
      throw unsupported_error(message("output ", outputs.size(), " is not supported"));
    return outputs;
  });
}

/// What Shape or Size give of an activation with these extents. Throws as fold.
inline KnownTensor fold_extents(const ::onnx::NodeProto& node, const BatchDims& dims, FoldContext& context) {
  return naming_node(node, [&] {
    const KnownTensor nothing{};
    const KnownTensor* inputs[] = {&nothing};
    const FoldNode n{node, inputs, context};
    return node.op_type() == "Size" ? known_size(n, dims) : known_shape(n, dims);
  });
}

}  // namespace trimtab::detail
