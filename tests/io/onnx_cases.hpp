#pragma once
// One small model for each operator and variant that read_onnx takes. The unit tests read them all; the comparison with ONNX
// Runtime runs them all.

#include <string>
#include <utility>
#include <vector>

#include "onnx_builder.hpp"

struct OnnxCase {
  std::string name;
  OnnxBuilder builder;
};

inline std::vector<OnnxCase> onnx_cases() {
  std::vector<OnnxCase> cases;
  const auto add = [&](const std::string& name, OnnxBuilder b) { cases.push_back({name, std::move(b)}); };

  // Windows. 3 x 6 x 5 at the entrance: the sides differ, one is odd.
  const auto conv = [&](const std::string& name, std::int64_t outputs, std::int64_t group, const auto& change) {
    OnnxBuilder b(13, {0, 4, 6, 5});
    b.random("w", {outputs, 4 / group, 3, 2});
    auto& node = b.node("Conv", {"x", "w"}, "y");
    if (group != 1) set(node, "group", group);
    change(b, node);
    add(name, std::move(b));
  };
  conv("conv", 5, 1, [](auto&, auto&) {});
  conv("conv_pads", 5, 1, [](auto&, auto& n) { set(set(n, "pads", {0, 1, 2, 0}), "strides", {2, 1}); });
  conv("conv_bias", 5, 1, [](auto& b, auto& n) { n.add_input(b.random("b", {5})); });
  conv("conv_same_upper", 5, 1, [](auto&, auto& n) { set(set_text(n, "auto_pad", "SAME_UPPER"), "strides", {2, 2}); });
  conv("conv_same_lower", 5, 1, [](auto&, auto& n) { set(set_text(n, "auto_pad", "SAME_LOWER"), "strides", {2, 2}); });
  conv("conv_same_dilated", 5, 1, [](auto&, auto& n) { set(set_text(n, "auto_pad", "SAME_UPPER"), "dilations", {2, 3}); });
  conv("conv_valid", 5, 1, [](auto&, auto& n) { set(set_text(n, "auto_pad", "VALID"), "kernel_shape", {3, 2}); });
  conv("conv_dilated", 5, 1, [](auto&, auto& n) { set(set(n, "dilations", {2, 3}), "pads", {1, 1, 1, 1}); });
  conv("conv_groups", 6, 2, [](auto&, auto& n) { set(n, "pads", {1, 1, 1, 1}); });
  conv("conv_depthwise", 4, 4, [](auto& b, auto& n) { set(n, "pads", {1, 1, 1, 1}).add_input(b.random("b", {4})); });
  conv("conv_depth_multiplier", 8, 4, [](auto&, auto& n) { set(n, "pads", {1, 1, 1, 1}); });
  conv("conv_weights_in_constant", 5, 1, [](auto& b, auto&) {
    const onnx::TensorProto w = b.graph().initializer(0);
    b.graph().clear_initializer();
    const onnx::NodeProto last = b.graph().node(0);
    b.graph().clear_node();
    auto& value = *b.node("Constant", {}, "w").add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    *value.mutable_t() = w;
    *b.graph().add_node() = last;
  });
  conv("conv_weights_in_float_data", 5, 1, [](auto& b, auto&) {
    auto& w = *b.graph().mutable_initializer(0);
    for (std::size_t i = 0; i < w.raw_data().size(); i += sizeof(float)) {
      float v;
      std::memcpy(&v, w.raw_data().data() + i, sizeof v);
      w.add_float_data(v);
    }
    w.clear_raw_data();
  });
  conv("conv_add_bias", 5, 1, [](auto& b, auto& n) {
    n.set_output(0, "c");
    n.set_name("c_node");
    n.add_input(b.random("b", {5}));
    b.node("Add", {b.random("more", {5, 1, 1}), "c"}, "y");
  });
  conv("pad_conv", 5, 1, [](auto& b, auto& n) {
    n.set_input(0, "p");
    set(set(n, "pads", {1, 0, 0, 1}), "strides", {2, 2});
    const onnx::NodeProto last = n;
    b.graph().clear_node();
    b.node("Pad", {"x", b.integers("pads", {0, 0, 1, 2, 0, 0, 0, 1})}, "p");
    *b.graph().add_node() = last;
  });

  const auto unary = [&](const std::string& name, const std::string& op, std::int64_t opset, const auto& change) {
    OnnxBuilder b(opset);
    auto& node = b.node(op, {"x"}, "y");
    change(b, node);
    add(name, std::move(b));
  };
  unary("average_pool", "AveragePool", 13, [](auto&, auto& n) { set(set(n, "kernel_shape", {3, 2}), "pads", {1, 1, 2, 0}); });
  unary("average_pool_counts_pad", "AveragePool", 7, [](auto&, auto& n) {
    set(set(set(n, "kernel_shape", {3, 2}), "pads", {1, 1, 2, 0}), "count_include_pad", 1);
  });
  unary("average_pool_same", "AveragePool", 13, [](auto&, auto& n) {
    set(set_text(set(n, "kernel_shape", {3, 3}), "auto_pad", "SAME_LOWER"), "strides", {2, 2});
  });
  unary("average_pool_ceil_without_effect", "AveragePool", 13, [](auto&, auto& n) {
    set(set(set(n, "kernel_shape", {2, 3}), "strides", {2, 2}), "ceil_mode", 1);
  });
  unary("max_pool", "MaxPool", 13, [](auto&, auto& n) {
    set(set(set(n, "kernel_shape", {3, 2}), "pads", {1, 1, 2, 0}), "strides", {2, 1});
  });
  unary("max_pool_dilated", "MaxPool", 13, [](auto&, auto& n) { set(set(n, "kernel_shape", {2, 2}), "dilations", {2, 3}); });
  unary("global_average_pool", "GlobalAveragePool", 13, [](auto&, auto&) {});
  unary("reduce_mean", "ReduceMean", 13, [](auto&, auto& n) { set(n, "axes", {2, 3}); });
  unary("reduce_mean_flat", "ReduceMean", 13, [](auto&, auto& n) { set(set(n, "axes", {-1, -2}), "keepdims", 0); });
  unary("reduce_mean_axes_input", "ReduceMean", 18, [](auto& b, auto& n) {
    set(n, "keepdims", 0).add_input(b.integers("axes", {2, 3}));
  });
  {
    OnnxBuilder b;
    b.node("Pad", {"x", b.integers("pads", {0, 0, 1, 2, 0, 0, 0, 1}), b.floats("zero", {}, {0})}, "p");
    set(b.node("AveragePool", {"p"}, "y"), "kernel_shape", {3, 3});
    add("pad_average_pool", std::move(b));
  }
  {
    OnnxBuilder b(10);
    b.node("Relu", {"x"}, "r");
    set(set_text(b.node("Pad", {"r"}, "p"), "mode", "constant"), "pads", {0, 0, 1, 1, 0, 0, 1, 1});
    set(set(b.node("MaxPool", {"p"}, "y"), "kernel_shape", {3, 3}), "strides", {2, 2});
    add("pad_max_pool", std::move(b));
  }

  // Every element or channel.
  unary("relu", "Relu", 13, [](auto&, auto&) {});
  unary("clip_attributes", "Clip", 7, [](auto&, auto& n) { set_float(set_float(n, "min", -0.25F), "max", 0.5F); });
  unary("clip_inputs", "Clip", 13, [](auto& b, auto& n) {
    n.add_input(b.floats("lo", {}, {-0.25F}));
    n.add_input(b.floats("hi", {}, {0.5F}));
  });
  unary("clip_above_only", "Clip", 11, [](auto& b, auto& n) {
    n.add_input("");
    n.add_input(b.floats("hi", {}, {0.5F}));
  });
  unary("batch_norm", "BatchNormalization", 13, [](auto& b, auto& n) {
    n.add_input(b.random("gamma", {3}));
    n.add_input(b.random("beta", {3}));
    n.add_input(b.random("mean", {3}));
    n.add_input(b.random("variance", {3}, 0.1F, 2.0F));
    set_float(n, "epsilon", 0.01F);
  });
  {
    OnnxBuilder b;
    b.node("Relu", {"x"}, "r");
    b.node("Identity", {"r"}, "i");
    b.node("Dropout", {"i"}, "d");
    b.node("Add", {"d", "x"}, "s");
    set(b.node("Concat", {"s", "r", "x"}, "y"), "axis", 1);
    add("add_concat", std::move(b));
  }

  // Rows: Flatten and its relatives, then a matrix product.
  const auto product = [&](const std::string& name, std::int64_t opset, const auto& flatten, const auto& multiply) {
    OnnxBuilder b(opset);
    flatten(b);
    multiply(b);
    add(name, std::move(b));
  };
  const auto flatten = [](auto& b) { b.node("Flatten", {"x"}, "f"); };
  const auto gemm = [](auto& b) { set(b.node("Gemm", {"f", b.random("w", {7, 90}), b.random("c", {7})}, "y"), "transB", 1); };
  product("flatten_gemm", 13, flatten, gemm);
  product("gemm_alpha_beta", 13, flatten, [](auto& b) {
    set_float(set_float(b.node("Gemm", {"f", b.random("w", {90, 7}), b.random("c", {1, 7})}, "y"), "alpha", 0.5F), "beta", 2.0F);
  });
  product("gemm_scalar_c", 13, flatten, [](auto& b) {
    b.node("Gemm", {"f", b.random("w", {90, 7}), b.floats("c", {1}, {3})}, "y");
  });
  product("matmul_add", 13, flatten, [](auto& b) {
    b.node("MatMul", {"f", b.random("w", {90, 7})}, "m");
    b.node("Add", {"m", b.random("c", {7})}, "y");
  });
  product(
      "flatten_relu_gemm", 13,
      [](auto& b) {
        b.node("Flatten", {"x"}, "g");
        b.node("Relu", {"g"}, "f");
      },
      gemm);
  product(
      "reshape_gemm", 13,
      [](auto& b) {
        b.node("Reshape", {"x", b.integers("shape", {0, -1})}, "f");
      },
      gemm);
  product(
      "reshape_all_given", 13,
      [](auto& b) {
        b.node("Reshape", {"x", b.integers("shape", {-1, 90})}, "f");
      },
      gemm);
  product(
      "reshape_by_shape", 11,
      [](auto& b) {
        b.node("Shape", {"x"}, "shape");
        set(b.node("Gather", {"shape", b.integer("first", 0)}, "batch"), "axis", 0);
        set(b.node("Unsqueeze", {"batch"}, "batch_row"), "axes", {0});
        set(b.node("Concat", {"batch_row", b.integers("rest", {-1})}, "wanted"), "axis", 0);
        b.node("Reshape", {"x", "wanted"}, "f");
      },
      gemm);
  product(
      "reshape_and_back", 13,
      [](auto& b) {
        b.node("Reshape", {"x", b.integers("row", {0, 90})}, "r");
        b.node("Reshape", {"r", b.integers("picture", {0, 3, 6, 5})}, "p");
        set(b.node("Flatten", {"p"}, "f"), "axis", -3);
      },
      gemm);
  const auto pooled = [&](const std::string& name, std::int64_t opset, const auto& squeeze) {
    OnnxBuilder b(opset);
    b.node("GlobalAveragePool", {"x"}, "g");
    squeeze(b);
    b.node("MatMul", {"f", b.random("w", {3, 7})}, "y");
    add(name, std::move(b));
  };
  pooled("squeeze_attribute", 11, [](auto& b) { set(b.node("Squeeze", {"g"}, "f"), "axes", {2, 3}); });
  pooled("squeeze_input", 13, [](auto& b) { b.node("Squeeze", {"g", b.integers("axes", {-1, 2})}, "f"); });
  pooled("squeeze_and_back", 13, [](auto& b) {
    b.node("Squeeze", {"g", b.integers("axes", {2, 3})}, "s");
    b.node("Unsqueeze", {"s", b.integers("back", {2, 3})}, "u");
    b.node("Relu", {"u"}, "r");
    b.node("Flatten", {"r"}, "f");
  });

  // N H W C outside, as converted from TensorFlow.
  {
    OnnxBuilder b(13, {0, 6, 5, 3});
    set(b.node("Transpose", {"x"}, "t"), "perm", {0, 3, 1, 2});
    b.node("Conv", {"t", b.random("w", {4, 3, 3, 3})}, "c");
    set(b.node("Transpose", {"c"}, "n"), "perm", {0, 2, 3, 1});
    b.node("Add", {"n", "n"}, "a");
    set(b.node("Concat", {"a", "n"}, "cat"), "axis", -1);
    b.node("Flatten", {"cat"}, "f");
    b.node("MatMul", {"f", b.random("m", {96, 7})}, "y");
    add("nhwc", std::move(b));
  }
  {
    OnnxBuilder b(13, {0, 6, 5, 3});
    set(b.node("Transpose", {"x"}, "t"), "perm", {0, 3, 1, 2});
    b.node("Relu", {"t"}, "r");
    set(b.node("Transpose", {"r"}, "n"), "perm", {0, 2, 3, 1});
    set(set(b.node("ReduceMean", {"n"}, "f"), "axes", {1, 2}), "keepdims", 0);
    b.node("MatMul", {"f", b.random("m", {3, 7})}, "y");
    add("nhwc_reduce_mean", std::move(b));
  }
  return cases;
}
