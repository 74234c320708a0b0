#pragma once
// What quantize_onnx is asked to do.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/net/recipe.hpp>

namespace quantize_onnx {

/// What evaluates the quantized network: the executor of training, the deployed one, or both.
enum class Execute { fake, int8, both };

/// Of the answer to "which layer lost the accuracy?".
struct LayerReportOptions {
  std::string html, layers, layer;
  std::size_t pictures = 32;

  bool wanted() const { return !html.empty() || !layers.empty(); }
};

struct Arguments : trimtab::Recipe {
  std::string model, images, labels, calibrate, train, preprocess, json, recipe, out, state, train_labels;
  trimtab::OnnxForm format = trimtab::OnnxForm::qoperator;
  std::size_t calibrate_count = 100, train_count = 500, limit = 0, state_every = 10;
  std::optional<double> learning_rate;  // as given
  trimtab::QuantizationOptions quantization;
  LayerReportOptions report;
  Execute execute = Execute::both;
  int threads = 0;
  bool quiet = false;

  const char* weights_name() const { return std::array{"scalar", "vector", "depthwise"}[std::size_t(quantization.weights)]; }
  const char* scheme_name() const {
    return std::array{"symmetric", "asymmetric", "power-of-two", "learned"}[std::size_t(quantization.scheme)];
  }
};

/// Reads the command line. The number to exit with where that is all, after help or a complaint, which are printed unless
/// `silent`.
std::optional<int> parse(int argc, char** argv, bool silent, Arguments& arguments);

}  // namespace quantize_onnx
