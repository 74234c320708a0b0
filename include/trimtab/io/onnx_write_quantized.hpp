#pragma once
/// \file
/// Writes a quantized network as an ONNX file.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/known_operator.hpp>
#include <trimtab/io/onnx_graph_writer.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// How a file says that a network is quantized.
enum class OnnxForm {
  /// Float operators between DequantizeLinear and QuantizeLinear, which compilers replace by integer ones of their own. What is not
  /// replaced computes in float, so that single codes may differ by one step.
  qdq,
  /// Integer operators, and float ones only where their rounding is this library's: the codes are equal.
  qoperator
};

namespace detail {

/// Turns lowered nodes into a graph whose activations are uint8: the bytes of Int8Network.
class OnnxQuantizedExport : public OnnxGraphWriter {
 public:
  OnnxQuantizedExport(const LoweredNetwork& network, OnnxForm form)
      : OnnxGraphWriter(network.nodes[network.inputs.at(0)].extent, network.nodes[network.outputs.at(0)].extent), network_(network), form_(form) {
    for (id_ = 0; id_ < network.nodes.size(); ++id_) {
      if (!visit_known(node().op, [&](const auto& op) { write(op); })) refuse();
      clamp_codes();
    }
    add("DequantizeLinear", "logits", {codes_[network.outputs[0]], scale(network.output_grids[0].scale), zero_point(network.output_grids[0].zero_point)},
        "logits");
  }

 private:
  const LoweredNode& node() const { return network_.nodes[id_]; }
  const std::string& name() const { return node().name; }
  const LoweredInput& in(std::size_t i = 0) const { return node().inputs[i]; }
  const std::string& codes(std::size_t i = 0) const { return codes_[in(i).node]; }

  // One tensor for each number that is a scale or a zero point.
  std::string scale(float value) {
    auto [found, is_new] = scales_.try_emplace(value);
    if (is_new) found->second = tensor<float>(message("scale_", scales_.size()), {}, {value});
    return found->second;
  }
  std::string zero_point(std::int32_t byte) {
    auto [found, is_new] = zero_points_.try_emplace(byte);
    if (is_new) found->second = tensor<std::uint8_t>(message("zero_point_", byte), {}, {static_cast<std::uint8_t>(byte)});
    return found->second;
  }

  /// scale * (code - zero_point) of the codes that input i reads.
  std::string real(std::size_t i, float scale_x) {
    auto [found, is_new] = reals_.try_emplace({in(i).node, scale_x, in(i).zero_point});
    if (is_new) {
      found->second = unique(network_.nodes[in(i).node].name + "/real");
      add("DequantizeLinear", found->second, {codes(i), scale(scale_x), zero_point(in(i).zero_point)}, found->second);
    }
    return found->second;
  }
  std::string real(std::size_t i = 0) { return real(i, in(i).scale); }
  /// float(code - zero_point) * (scale / scale_y): input i in steps of this node's grid, rounded once. A DequantizeLinear at that scale would
  /// give the same, but ONNX Runtime replaces it, with what follows, by an operator of its own rounding.
  std::string steps(std::size_t i) {
    const std::string y = value("steps");
    add("Mul", y, {real(i, 1), scale(in(i).scale / node().grid.scale)}, y);
    return y;
  }

  /// A value of this node on its way to codes.
  std::string value(const char* what) { return unique(name() + '/' + what); }

  /// The codes of a float value in this node's grid, or of one that counts in units of scale_y, become the node's.
  void quantize(const std::string& from, float scale_y) {
    codes_.push_back(unique(name()));
    add("QuantizeLinear", name() + "/quantize", {from, scale(scale_y), zero_point(node().grid.zero_point)}, codes_.back());
  }
  void quantize(const std::string& from) { quantize(from, node().grid.scale); }

  /// QuantizeLinear and its like use all of 0 .. 255; a node of fewer codes gets a Clip behind it, unless its input had one.
  void clamp_codes() {
    const CodeRange& codes = node().grid.codes;
    CodeRange possible = unsigned_codes();
    const MaxPool* pool = node().op.get_if<MaxPool>();
    if (node().op.is<Clip>() || node().op.is<Flatten>() ||
        (pool != nullptr && pool->window.padding == Padding{}))
      possible = network_.nodes[in().node].grid.codes;
    if (codes.qmin <= possible.qmin && codes.qmax >= possible.qmax) return;
    const auto bound = [&](const char* which, std::int32_t byte) {
      return tensor<std::uint8_t>(name() + which, {}, {static_cast<std::uint8_t>(byte)});
    };
    const std::string clamped = value("clamped");
    add("Clip", clamped, {codes_.back(), bound(".min", codes.qmin), bound(".max", codes.qmax)}, clamped);
    codes_.back() = clamped;
  }

  /// One number where all are the same.
  template <class T>
  static std::vector<T> merged(const std::vector<T>& values) {
    return std::all_of(values.begin(), values.end(), [&](T v) { return v == values[0]; }) ? std::vector<T>{values[0]} : values;
  }
  template <class T>
  std::string numbers(const char* what, const std::vector<T>& all) {
    const std::vector<T> values = merged(all);
    if (values.size() == 1) return tensor<T>(name() + what, {}, values);
    return tensor<T>(name() + what, {values.size()}, values);
  }
  /// One number for each channel of N C H W.
  template <class T>
  std::string channels(const char* what, const std::vector<T>& values) {
    return tensor<T>(name() + what, {values.size(), 1, 1}, values);
  }

  static std::uint8_t unsigned_code(std::int32_t code) { return static_cast<std::uint8_t>(code + 128); }

  /// Integers of a layer, in the file's order and types.
  struct Layer {
    const LoweredLayer* numbers;
    std::vector<std::uint8_t> codes;  ///< 128 above the int8 ones
    std::vector<std::int32_t> bias;   ///< those that count: none of them makes a sum leave int32
    std::size_t outputs, group_in, kernel_h, kernel_w;
    WindowOptions window;
    std::size_t groups;

    std::vector<std::uint8_t> zero_point() const {
      if (numbers->zero_point.empty()) return {128};
      std::vector<std::uint8_t> z(numbers->zero_point.size());
      std::transform(numbers->zero_point.begin(), numbers->zero_point.end(), z.begin(), unsigned_code);
      return z;
    }
  };
  Layer file_layer(std::size_t outputs, std::size_t group_in, std::size_t kernel_h, std::size_t kernel_w, bool depthwise) const {
    const LoweredLayer& l = *node().layer;
    const std::shared_ptr<void> packed = pack(node());
    Layer layer{&l, {}, {}, outputs, group_in, kernel_h, kernel_w, {}, 1};
    std::vector<std::uint8_t> codes(l.codes.size());
    std::transform(l.codes.begin(), l.codes.end(), codes.begin(), unsigned_code);
    layer.codes = filters_to_nchw(codes.data(), depthwise ? 1 : outputs, kernel_h * kernel_w, depthwise ? outputs : group_in);
    for (std::size_t c = 0; c < outputs; ++c) {
      const std::int32_t limit = node().op->weighted()->bias_limit(packed.get(), c);
      layer.bias.push_back(std::clamp(l.bias[c], -limit, limit));
    }
    return layer;
  }

  void write(const Input&) { quantize("input"); }
  void write(const Conv2d& l) {
    const Extents& w = node().weight_extent;
    Layer layer = file_layer(w[0], w[3], w[1], w[2], false);
    layer.window = l.window, layer.groups = l.groups;
    write_conv(layer);
  }
  void write(const DepthwiseConv2d& l) {
    const Extents& w = node().weight_extent;
    Layer layer = file_layer(w[2], 1, w[0], w[1], true);
    layer.window = l.window, layer.groups = w[2];
    write_conv(layer);
  }

  void write_conv(const Layer& l) {
    const std::string weight = tensor(name() + ".weight", {l.outputs, l.group_in, l.kernel_h, l.kernel_w}, l.codes);
    const auto conv = [&](const char* op, const std::vector<std::string>& inputs, const std::string& output) {
      add_conv(op, output, inputs, output, l.kernel_h, l.kernel_w, l.window, l.groups);
    };
    if (form_ == OnnxForm::qdq) {
      const std::string y = value("real");
      conv("Conv", {real(), real_weight(l, weight), real_bias(l)}, y);
      return quantize(y);
    }
    if (merged(l.zero_point()).size() == 1) {
      codes_.push_back(unique(name()));
      return conv("QLinearConv",
                  {codes(), scale(in().scale), zero_point(in().zero_point), weight, numbers(".weight_scale", l.numbers->scale),
                   numbers(".weight_zero_point", l.zero_point()), scale(node().grid.scale), zero_point(node().grid.zero_point),
                   tensor(name() + ".bias", {l.outputs}, l.bias)},
                  codes_.back());
    }
    // ONNX Runtime takes one zero point a layer only, so with several:
    // sum (x - z_x) (w - z_w[o]) = sum (x - z_x) (w - 128) - (z_w[o] - 128) sum (x - z_x).
    std::string sum = value("sum"), inputs_sum = value("inputs_sum"), product = value("zero_point_sum"), difference = value("difference");
    conv("ConvInteger", {codes(), weight, zero_point(in().zero_point), zero_point(128)}, sum);
    const std::size_t outputs = l.groups == 1 ? 1 : l.outputs;
    const std::string ones = tensor(name() + ".ones", {outputs, l.group_in, l.kernel_h, l.kernel_w},
                                    std::vector<std::uint8_t>(outputs * l.group_in * l.kernel_h * l.kernel_w, 1));
    conv("ConvInteger", {codes(), ones, zero_point(in().zero_point), zero_point(0)}, inputs_sum);
    add("Mul", product, {inputs_sum, channels(".weight_zero_point", l.numbers->zero_point)}, product);
    add("Sub", difference, {sum, product}, difference);
    requantize(difference, channels(".bias", l.bias), channels(".multiplier", l.numbers->multiplier));
  }

  /// A linear layer, O I in the network. MatMulInteger takes I O, and a zero point for each column.
  void write(const Linear&) {
    const std::size_t outputs = node().weight_extent[0], inputs = node().weight_extent[1];
    const Layer layer = file_layer(outputs, inputs, 1, 1, false);
    if (form_ == OnnxForm::qdq) {
      const std::string y = value("real"), weight = tensor(name() + ".weight", {outputs, inputs}, layer.codes);
      attribute(add("Gemm", y, {real(), real_weight(layer, weight), real_bias(layer)}, y), "transB", std::int64_t{1});
      return quantize(y);
    }
    std::vector<std::uint8_t> columns(layer.codes.size());
    for (std::size_t o = 0; o < outputs; ++o)
      for (std::size_t i = 0; i < inputs; ++i) columns[i * outputs + o] = layer.codes[o * inputs + i];
    const std::string sum = value("sum");
    add("MatMulInteger", sum,
        {codes(), tensor(name() + ".weight", {inputs, outputs}, columns), zero_point(in().zero_point),
         numbers(".weight_zero_point", layer.zero_point())},
        sum);
    requantize(sum, tensor(name() + ".bias", {outputs}, layer.bias), tensor(name() + ".multiplier", {outputs}, layer.numbers->multiplier));
  }

  /// Requantize in standard operators: clamp(round_half_even(float(sum + bias) * multiplier) + zero_point, 0, 255).
  void requantize(const std::string& sum, const std::string& bias, const std::string& multiplier) {
    const std::string biased = value("biased"), floats = value("float"), steps = value("steps");
    add("Add", biased, {sum, bias}, biased);
    attribute(add("Cast", floats, {biased}, floats), "to", std::int64_t{::onnx::TensorProto::FLOAT});
    add("Mul", steps, {floats, multiplier}, steps);
    quantize(steps, 1);
  }

  std::string real_weight(const Layer& l, const std::string& codes) {
    const std::size_t count = std::max(merged(l.numbers->scale).size(), merged(l.zero_point()).size());
    const auto row = [&](const char* what, auto values) {
      values.resize(count == 1 ? 1 : l.outputs, values[0]);
      return count == 1 ? tensor(name() + what, {}, values) : tensor(name() + what, {values.size()}, values);
    };
    const std::string y = value("real_weight"), s = row(".weight_scale", l.numbers->scale), z = row(".weight_zero_point", l.zero_point());
    auto& written = add("DequantizeLinear", y, {codes, s, z}, y);
    if (count > 1) attribute(written, "axis", std::int64_t{0});
    return y;
  }
  /// scale_x * scale_w * bias; both scales in float32.
  std::string real_bias(const Layer& l) {
    std::vector<float> scales = merged(l.numbers->scale);
    for (float& s : scales) s *= in().scale;
    const std::string y = value("real_bias"), codes = tensor(name() + ".bias", {l.outputs}, l.bias);
    auto& written = add("DequantizeLinear", y, {codes, numbers(".bias_scale", scales)}, y);
    if (scales.size() > 1) attribute(written, "axis", std::int64_t{0});
    return y;
  }

  /// float(a - z_a) * m_a + float(b - z_b) * m_b, m = scale / scale_y.
  void write(const Add&) {
    const bool qdq = form_ == OnnxForm::qdq;
    const std::string a = qdq ? real(0) : steps(0), b = qdq ? real(1) : steps(1), y = value("sum");
    add("Add", y, {a, b}, y);
    quantize(y, qdq ? node().grid.scale : 1);
  }
  /// Codes on the output's grid stand side by side as they are; others are brought there first, as Add's are.
  void write(const Concat&) {
    std::vector<std::string> parts;
    const Affine<float>& grid = node().grid;
    for (std::size_t i = 0; i < node().inputs.size(); ++i) {
      if (form_ == OnnxForm::qdq) {
        parts.push_back(real(i));
      } else if (in(i).scale == grid.scale && in(i).zero_point == grid.zero_point) {
        parts.push_back(codes(i));
      } else {
        parts.push_back(value("part"));
        add("QuantizeLinear", parts.back(), {steps(i), scale(1), zero_point(grid.zero_point)}, parts.back());
      }
    }
    const std::string y = form_ == OnnxForm::qdq ? value("real") : unique(name());
    attribute(add("Concat", y, parts, y), "axis", std::int64_t{1});
    if (form_ == OnnxForm::qdq)
      quantize(y);
    else
      codes_.push_back(y);
  }
  /// No standard operator sums codes; ONNX Runtime's own computes float(sum (x - z_x)) * m, m = scale_x / (scale_y * H W), as this library.
  void write(const GlobalAveragePool&) {
    if (form_ == OnnxForm::qdq) {
      const std::string y = value("real");
      add("GlobalAveragePool", y, {real()}, y);
      return quantize(y);
    }
    if (!uses_microsoft_) {
      auto& opset = *model().add_opset_import();
      opset.set_domain("com.microsoft");
      opset.set_version(1);
      uses_microsoft_ = true;
    }
    codes_.push_back(unique(name()));
    auto& written = add("QLinearGlobalAveragePool", name(),
                        {codes(), scale(in().scale), zero_point(in().zero_point), scale(node().grid.scale), zero_point(node().grid.zero_point)},
                        codes_.back());
    written.set_domain("com.microsoft");
    attribute(written, "channels_last", std::int64_t{0});
  }
  /// In float in either form: no operator divides the sum of a window's codes by their number.
  void write(const AveragePool& l) {
    const std::string y = value("real");
    add_pool(name(), l, real(), y);
    quantize(y);
  }
  void write(const MaxPool& l) {
    if (form_ == OnnxForm::qdq) {
      const std::string y = value("real");
      add_pool(name(), l, real(), y);
      return quantize(y);
    }
    codes_.push_back(unique(name()));
    add_pool(name(), l, codes(), codes_.back());
  }
  void write(const Flatten&) {
    const Extents& extent = network_.nodes[in().node].extent;
    if (form_ == OnnxForm::qdq) {
      const std::string y = value("real");
      add_flatten(name(), extent, real(), y);
      return quantize(y);
    }
    codes_.push_back(unique(name()));
    add_flatten(name(), extent, codes(), codes_.back());
  }
  void write(const Clip&) { codes_.push_back(codes_[in().node]); }
  void write(const auto&) { refuse(); }
  [[noreturn]] void refuse() const {
    throw unsupported_error(message("write_onnx: node ", name(), " (", operator_name(node().op), ") has no quantized ONNX form yet"));
  }

  struct Reading {
    NodeId node;
    float scale;
    std::int32_t zero_point;
    friend auto operator<=>(const Reading&, const Reading&) = default;
  };

  const LoweredNetwork& network_;
  OnnxForm form_;
  NodeId id_ = 0;                     ///< the node that is written
  std::vector<std::string> codes_;    ///< by node: its bytes
  std::map<float, std::string> scales_;
  std::map<std::int32_t, std::string> zero_points_;
  std::map<Reading, std::string> reals_;
  bool uses_microsoft_ = false;
};

}  // namespace detail

/// The bytes of the file that write_onnx writes.
inline std::string serialize_onnx(const LoweredNetwork& network, OnnxForm form, const std::map<std::string, std::string>& metadata = {}) {
  return detail::OnnxQuantizedExport(network, form).serialize(metadata);
}

/// Writes a quantized network as ONNX, opset 13 and IR version 7: float input `input` N C H W, float output `logits`, in between the
/// bytes of Int8Network as uint8. Weights are uint8 too, their codes and zero points 128 higher: with int8 ones
/// ONNX Runtime may saturate on CPUs without VNNI. Factors, scales and biases are folded; a node's clip is the range of its codes, behind a Clip where that
/// is not 0 .. 255. The file is there whole or not at all. Throws io_error when it cannot be written, unsupported_error for an AveragePool with
/// dilation or more than 2 GiB.
inline void write_onnx(const LoweredNetwork& network, OnnxForm form, const std::filesystem::path& path,
                       const std::map<std::string, std::string>& metadata = {}) {
  write_file_atomically(path, serialize_onnx(network, form, metadata));
}

}  // namespace trimtab
