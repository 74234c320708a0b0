#pragma once
// A small TFLite file for each operator on codes, of int8 and of uint8, for comparisons with TFLite's kernels.

#include <bit>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <trimtab/io/tflite/schema.hpp>
#include <utility>
#include <vector>

namespace trimtab::test {

/// A file under construction: x is 1 6 8 4.
class OperatorFile {
 public:
  using Index = std::int32_t;
  using Code = tflite::OperatorCode;

  explicit OperatorFile(bool is_int8) : is_int8_(is_int8) {
    x = activation("x", {1, 6, 8, 4}, 0.043F, 5);
    model.inputs = {x};
  }

  tflite::Model model;
  Index x;

  /// zero_point: of int8; of uint8 it is 128 higher.
  Index activation(std::string name, std::vector<Index> shape, float scale, Index zero_point) {
    return add(std::move(name), std::move(shape), type(), {{scale}, {zero_point + (is_int8_ ? 0 : 128)}});
  }
  Index codes(std::string name, std::vector<Index> shape, tflite::Quantization quantization) {
    std::size_t count = 1;
    for (const Index n : shape) count *= static_cast<std::size_t>(n);
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random_());
    return add(std::move(name), std::move(shape), type(), std::move(quantization), std::move(bytes));
  }
  Index weights(std::string name, std::vector<Index> shape, std::vector<float> scale, Index axis) {
    if (!is_int8_) scale.resize(1);
    return codes(std::move(name), std::move(shape), {scale, std::vector<std::int64_t>(scale.size(), is_int8_ ? 0 : 119), axis});
  }
  Index integers(std::string name, std::vector<Index> shape, const std::vector<Index>& values) {
    std::vector<std::uint8_t> bytes;
    for (const Index v : values)
      for (const int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(v) >> shift));
    return add(std::move(name), std::move(shape), tflite::TensorType::int32, {}, std::move(bytes));
  }
  Index apply(Code code, std::vector<Index> inputs, Index to, tflite::Options options = {}) {
    const Index version = code == Code::hard_swish || code == Code::elu || code == Code::prelu ? 1 : 2;
    model.operations.push_back({code, version, std::move(inputs), {to}, std::move(options)});
    model.outputs = {to};
    return to;
  }
  tflite::TensorType type() const { return is_int8_ ? tflite::TensorType::int8 : tflite::TensorType::uint8; }

 private:
  Index add(std::string name, std::vector<Index> shape, tflite::TensorType type, tflite::Quantization quantization,
            std::vector<std::uint8_t> data = {}) {
    model.tensors.push_back({std::move(name), std::move(shape), type, std::move(quantization), std::move(data)});
    return static_cast<Index>(model.tensors.size() - 1);
  }
  bool is_int8_;
  std::mt19937 random_{1};
};

/// Bytes of files by their names.
inline std::map<std::string, std::string> operator_files() {
  using F = OperatorFile;
  using Code = tflite::OperatorCode;
  using tflite::Options;
  const auto float_option = [](std::uint8_t table, float value) {
    Options o{table};
    o.fields.push_back({0, std::bit_cast<std::int32_t>(value), 0, false});
    return o;
  };
  const auto one = [](Code code, float scale, std::int32_t zero_point, Options options = {}) {
    return [=](F& f) { f.apply(code, {f.x}, f.activation("y", {1, 6, 8, 4}, scale, zero_point), options); };
  };
  const auto two = [](Code code, std::uint8_t table, std::vector<std::int32_t> other, std::uint8_t activation) {
    return [=](F& f) {
      const F::Index b = f.codes("b", other, {{0.021F}, {f.type() == tflite::TensorType::int8 ? -20 : 108}, 0});
      f.apply(code, {f.x, b}, f.activation("y", {1, 6, 8, 4}, 0.05F, -7), Options{table}.byte(0, activation));
    };
  };
  const auto mean = [](std::vector<std::int32_t> axes, std::vector<std::int32_t> shape, bool keep, bool own_grid) {
    return [=](F& f) {
      const F::Index row = f.integers("axes", {static_cast<F::Index>(axes.size())}, axes);
      f.apply(Code::mean, {f.x, row}, f.activation("y", shape, own_grid ? 0.031F : 0.043F, own_grid ? -30 : 5),
              Options{27}.byte(0, keep));
    };
  };
  const auto resize = [](Code code, std::uint8_t table, std::int32_t corners, bool align, bool half, std::int32_t h,
                         std::int32_t w) {
    return [=](F& f) {
      f.apply(code, {f.x, f.integers("size", {2}, {h, w})}, f.activation("y", {1, h, w, 4}, 0.043F, 5),
              Options{table}.byte(corners, align).byte(corners + 1, half));
    };
  };
  const auto pool = [](Code code) {
    return [=](F& f) {
      f.apply(code, {f.x}, f.activation("y", {1, 3, 4, 4}, 0.043F, 5),
              Options{5}
                  .byte(0, tflite::Padding::same)
                  .number(1, 2)
                  .number(2, 2)
                  .number(3, 3)
                  .number(4, 3)
                  .byte(5, tflite::Activation::relu6));
    };
  };
  const std::map<std::string, std::function<void(F&)>> cases{
      {"add", two(Code::add, 11, {1, 6, 8, 4}, 0)},
      {"add_channel", two(Code::add, 11, {4}, 1)},
      {"sub", two(Code::sub, 28, {1, 6, 8, 4}, 0)},
      {"sub_channel", two(Code::sub, 28, {1, 1, 1, 4}, 3)},
      {"mul", two(Code::mul, 21, {1, 6, 8, 4}, 0)},
      {"mul_pixel", two(Code::mul, 21, {1, 6, 8, 1}, 0)},
      {"div", two(Code::div, 29, {1, 6, 8, 4}, 0)},
      {"logistic", one(Code::logistic, 1.0F / 256, -128)},
      {"tanh", one(Code::tanh, 1.0F / 128, 0)},
      {"hard_swish", one(Code::hard_swish, 0.022F, -110)},
      {"hard_swish_coarse", one(Code::hard_swish, 0.09F, -50)},
      {"elu", one(Code::elu, 0.03F, -90)},
      {"gelu", one(Code::gelu, 0.03F, -90)},
      {"relu", one(Code::relu, 0.02F, -128)},
      {"relu6_same_grid", one(Code::relu6, 0.043F, 5)},
      {"leaky_relu", one(Code::leaky_relu, 0.03F, -10, float_option(75, 0.3F))},
      {"abs", one(Code::abs, 0.043F, 5)},
      {"softmax", one(Code::softmax, 1.0F / 256, -128, float_option(9, 1.0F))},
      {"quantize", one(Code::quantize, 0.061F, -3)},
      {"mean_picture", mean({1, 2}, {1, 1, 1, 4}, true, true)},
      {"mean_picture_dropped", mean({1, 2}, {1, 4}, false, true)},
      {"mean_channels", mean({3}, {1, 6, 8, 1}, true, true)},
      {"mean_same_grid", mean({1}, {1, 8, 4}, false, false)},
      {"bilinear", resize(Code::resize_bilinear, 15, 2, false, false, 12, 20)},
      {"bilinear_half", resize(Code::resize_bilinear, 15, 2, false, true, 13, 11)},
      {"bilinear_corners", resize(Code::resize_bilinear, 15, 2, true, false, 9, 5)},
      {"nearest", resize(Code::resize_nearest_neighbor, 74, 0, false, false, 9, 20)},
      {"nearest_half", resize(Code::resize_nearest_neighbor, 74, 0, false, true, 9, 20)},
      {"nearest_corners", resize(Code::resize_nearest_neighbor, 74, 0, true, false, 9, 20)},
      {"max_pool", pool(Code::max_pool_2d)},
      {"average_pool", pool(Code::average_pool_2d)},
      {"conv",
       [](F& f) {
         const F::Index w = f.weights("w", {3, 3, 3, 4}, {0.011F, 0.02F, 0.003F}, 0), b = f.integers("b", {3}, {100, -2000, 700});
         f.apply(Code::conv_2d, {f.x, w, b}, f.activation("y", {1, 3, 4, 3}, 0.4F, -20),
                 Options{1}.byte(0, tflite::Padding::same).number(1, 2).number(2, 2).byte(3, tflite::Activation::relu));
       }},
      {"depthwise_multiplier",
       [](F& f) {
         const F::Index w = f.weights("w", {1, 3, 3, 8}, {0.011F, 0.02F, 0.003F, 0.01F, 0.02F, 0.03F, 0.002F, 0.01F}, 3);
         f.apply(Code::depthwise_conv_2d, {f.x, w, f.integers("b", {8}, {1, 2, 3, 4, 5, 6, 7, 8})},
                 f.activation("y", {1, 6, 8, 8}, 0.2F, 4),
                 Options{2}.byte(0, tflite::Padding::same).number(1, 1).number(2, 1).number(3, 2));
       }},
      {"transpose_conv",
       [](F& f) {
         const F::Index w = f.weights("w", {3, 3, 3, 4}, {0.011F, 0.02F, 0.003F}, 0);
         f.apply(Code::transpose_conv, {f.integers("shape", {4}, {1, 12, 16, 3}), w, f.x},
                 f.activation("y", {1, 12, 16, 3}, 0.3F, -20),
                 Options{49}.byte(0, tflite::Padding::same).number(1, 2).number(2, 2));
       }},
      {"prelu",
       [](F& f) {
         const F::Index slope = f.codes("slope", {1, 1, 4}, {{0.007F}, {f.type() == tflite::TensorType::int8 ? 3 : 131}, 0});
         f.apply(Code::prelu, {f.x, slope}, f.activation("y", {1, 6, 8, 4}, 0.037F, 9));
       }},
      {"concatenation",
       [](F& f) {
         const F::Index b = f.codes("b", {1, 6, 8, 2}, {{0.043F}, {f.type() == tflite::TensorType::int8 ? 5 : 133}, 0});
         f.apply(Code::concatenation, {b, f.x}, f.activation("y", {1, 6, 8, 6}, 0.043F, 5),
                 Options{10}.number(0, std::size_t{3}));
       }},
      {"pad", [](F& f) {
         f.apply(Code::pad, {f.x, f.integers("pads", {4, 2}, {0, 0, 1, 2, 0, 3, 0, 0})},
                 f.activation("y", {1, 9, 11, 4}, 0.043F, 5), Options{22});
       }}};
  std::map<std::string, std::string> files;
  for (const auto& [name, make] : cases)
    for (const bool is_int8 : {true, false}) {
      F f(is_int8);
      make(f);
      files[name + (is_int8 ? ".int8" : ".uint8")] = tflite::serialize(f.model);
    }
  return files;
}

}  // namespace trimtab::test
