#pragma once
// What trimtab quantize is asked to do.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/net/choose_bits.hpp>
#include <trimtab/net/choose_recipe.hpp>
#include <trimtab/net/recipe.hpp>
#include <vector>

#include "../model.hpp"
#include "../samples.hpp"

namespace CLI {
class App;
}

namespace program {

/// What evaluates the quantized network: the executor of training, the deployed one, or both.
enum class Execute { fake, int8, both };

/// Of the answer to "which layer lost the accuracy?".
struct LayerReportOptions {
  std::string html, layers, layer;
  std::size_t pictures = 32;

  bool wanted() const { return !html.empty() || !layers.empty(); }
};

struct QuantizeArguments : trimtab::Recipe {
  std::string model, labels, classes, json, recipe, out, state, train_labels;
  std::vector<std::string> images, calibrate, train;  // [NAME=]PATH for each input
  ReadingArguments reading;
  PictureArguments pictures;
  trimtab::OnnxForm format = trimtab::OnnxForm::qoperator;
  std::size_t calibrate_count = 100, train_count = 500, limit = 0, state_every = 10;
  std::optional<double> learning_rate;           // as given
  trimtab::RecipeFreedom freedom{false, false};  // what --recipe auto chooses
  trimtab::QuantizationOptions quantization;
  std::optional<trimtab::SizeBudget> size_budget;
  LayerReportOptions report;
  Execute execute = Execute::both;
  int threads = 0;
  bool quiet = false;

  bool trains() const { return !train.empty() && fine_tune.trained.any(); }
  const char* weights_name() const { return std::array{"scalar", "vector", "depthwise"}[std::size_t(quantization.weights)]; }
  const char* scheme_name() const {
    return std::array{"symmetric", "asymmetric", "power-of-two", "learned"}[std::size_t(quantization.scheme)];
  }
};

/// The options of `trimtab quantize`.
void describe(CLI::App& app, QuantizeArguments& a);

}  // namespace program
