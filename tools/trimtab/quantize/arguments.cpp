#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <map>
#include <string_view>

#include "../choice.hpp"

namespace program {

using namespace trimtab;

namespace {

/// Whole numbers of `least` or more.
std::function<std::string(const std::string&)> at_least(std::size_t least) {
  return [least](const std::string& text) {
    const bool whole = !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
    return whole && std::stoull(text) >= least ? std::string()
                                               : detail::message(text, " is no whole number of ", least, " or more");
  };
}

Recipe recipe_named(const std::string& name, WeightMode weights) {
  if (name == "paper") return paper_recipe(weights);
  if (name == "fast") return fast_recipe(weights);
  if (name == "best") return best_recipe(weights);
  return name == "auto" ? auto_recipe() : Recipe{};
}

std::string positive(const std::string& text) {
  double number = 0;
  return CLI::detail::lexical_cast(text, number) && number > 0 && std::isfinite(number) ? std::string()
                                                                                        : text + " is no number above 0";
}

/// A flag that takes the two ends of an interval.
void describe_bounds(CLI::App& app, const char* flag, Bounds<float>& bounds, const char* of) {
  app.add_option_function<std::vector<float>>(
         flag,
         [&bounds](const std::vector<float>& ends) {
           bounds = {ends[0], ends[1]};
         },
         detail::message("Bounds of ", of, ", two numbers; default ", bounds.lo, ' ', bounds.hi))
      ->expected(2);
}

LayerWeights layer_weights(const std::string& text) {
  const std::size_t at = text.rfind('=');
  const std::string mode = at == std::string::npos ? "" : text.substr(at + 1);
  if (mode != "scalar" && mode != "vector")
    throw CLI::ValidationError("--weights-of", text + " is not NAME=scalar or NAME=vector");
  return {text.substr(0, at), mode == "scalar" ? WeightMode::scalar : WeightMode::vector};
}

/// NAME=W4A8, NAME=W4 or NAME=A8.
LayerBits layer_bits(const std::string& text) {
  const std::size_t at = text.rfind('=');
  std::string_view bits = at == std::string::npos ? std::string_view() : std::string_view(text).substr(at + 1);
  LayerBits result{text.substr(0, at)};
  const auto take = [&](char letter, std::optional<int>& number) {
    if (bits.size() < 2 || bits[0] != letter || bits[1] < '2' || bits[1] > '8') return;
    number = bits[1] - '0';
    bits.remove_prefix(2);
  };
  take('W', result.weights);
  take('A', result.activations);
  if (!bits.empty() || (!result.weights && !result.activations))
    throw CLI::ValidationError("--bits-of", text + " is not NAME=W4A8, NAME=W4 or NAME=A8, with 2 to 8 bits");
  return result;
}

/// 50% or 1200000.
SizeBudget size_budget(const std::string& text) {
  const bool percent = text.ends_with('%');
  double amount = 0;
  if (!CLI::detail::lexical_cast(text.substr(0, text.size() - percent), amount) || !(amount > 0) || !std::isfinite(amount))
    throw CLI::ValidationError("--size-budget", text + " is neither a share of 8 bits, as 50%, nor a number of bytes");
  return {amount, percent};
}

/// What is done to the float network, and what is trained then: a recipe, and choices that replace its own. Options are taken in
/// the order in which they stand here, whatever their order on the command line: a recipe follows the granularity of weights, and
/// what follows it replaces its choices.
void describe_recipe(CLI::App& app, QuantizeArguments& a) {
  describe_choice(app, "--weights", a.quantization.weights,
                  {{"scalar", WeightMode::scalar}, {"vector", WeightMode::vector}, {"depthwise", WeightMode::depthwise}},
                  "scalar: one threshold a tensor; vector: one a filter; depthwise: one a filter in depthwise layers alone")
      ->default_str("vector");
  app.add_option_function<std::vector<std::string>>(
         "--weights-of",
         [&a](const std::vector<std::string>& layers) {
           a.quantization.weights_of.clear();
           for (const std::string& one : layers) a.quantization.weights_of.push_back(layer_weights(one));
         },
         "NAME=scalar or NAME=vector, of a layer or an operator, instead of --weights; may be repeated")
      ->allow_extra_args(false);
  a.recipe = "auto";
  static_cast<Recipe&>(a) = auto_recipe();
  app.add_option_function<std::string>(
         "--recipe",
         [&a](const std::string& name) {
           a.recipe = name;
           static_cast<Recipe&>(a) = recipe_named(name, a.quantization.weights);
         },
         "A set of the choices below, see docs/recipes.md; auto tries a few on calibration samples held back, none takes what "
         "options say alone")
      ->check(CLI::IsMember({"auto", "fast", "best", "paper", "none"}))
      ->default_str("auto");
  const std::string rescaling =
      "Even out the channels between depthwise and other convolutions, ReLU6 kept (paper 3.3); --rescale-dws=all: between others "
      "and "
      "depthwise ones, too";
  app.add_flag("--rescale-dws{paper},--no-rescale-dws{none}", rescaling)
      ->check(CLI::IsMember({"paper", "all", "none"}))
      ->each([&a](const std::string& which) {
        a.rescale_dws = which != "none";
        a.rescaling.conv_to_depthwise = which == "all";
      });
  app.add_option("--lock-share", a.rescaling.lock_share,
                 "Of the activation's upper bound: channels that reach it are not rescaled")
      ->capture_default_str();
  app.add_option("--rescale-reach", a.rescaling.reach, "Of the activation's upper bound: rescaled channels stay below it")
      ->capture_default_str();
  app.add_flag("--equalize,!--no-equalize", a.equalize,
               "Equalize the channels of pairs of layers (Nagel et al., ICCV 2019), ReLU6 kept");
  app.add_flag("--mse-ranges,!--no-mse-ranges", a.mse_ranges,
               "Activations: ranges of least squared error, not the largest values seen");
  app.add_flag("--mse-weights,!--no-mse-weights", a.mse_weights,
               "Weights: thresholds of least squared error, not the largest weights");
  app.add_flag("--correct-bias,!--no-correct-bias", a.correct_bias,
               "Take the shift of every channel's mean back (Nagel et al., ICCV 2019)");
  app.add_flag("--learn-rounding,!--no-learn-rounding", a.learn_rounding,
               "Choose the codes of weights by what the layers put out");
  app.add_flag("--pointwise,!--no-pointwise", a.fine_tune.trained.pointwise,
               "Train a factor in [0.75, 1.25] on every weight and bias");
  describe_bounds(app, "--alpha", a.quantization.alpha, "thresholds' and widths' factors");
  describe_bounds(app, "--shift", a.quantization.shift, "left limits' factors");
  describe_bounds(app, "--one-sided-shift", a.quantization.one_sided_shift, "left limits' factors where nothing is negative");
  describe_bounds(app, "--log-threshold", a.quantization.log_threshold, "factors of power-of-two, in powers");
  describe_bounds(app, "--learned-scale", a.quantization.learned_scale, "scales' factors of learned");
  describe_bounds(app, "--pointwise-bounds", a.quantization.pointwise, "--pointwise factors");
  app.add_option_function<std::string>(
         "--train-thresholds",
         [&a](const std::string& which) {
           a.fine_tune.trained.activations = which != "none";
           a.fine_tune.trained.weights = which == "all";
         },
         "Which thresholds are trained: all, activations or none")
      ->check(CLI::IsMember({"all", "activations", "none"}));
}

void describe_report(CLI::App& app, LayerReportOptions& o) {
  const auto known = [](const std::string& file) {
    return file.ends_with(".csv") || file.ends_with(".json") ? std::string() : "expected a name that ends in .csv or .json";
  };
  app.add_option("--report", o.html, "Write a page (HTML) that shows which layers lost the accuracy");
  app.add_option("--layers", o.layers, "Write the same, a line for each quantizer, to this file: .csv or .json")->check(known);
  app.add_option("--report-layer", o.layer, "The layer whose weights --report shows; default: the worst depthwise layer");
  app.add_option("--report-pictures", o.pictures, "Pictures of --images for --report and --layers, evenly spread")
      ->capture_default_str()
      ->check(at_least(1));
}

/// The network and what it is fed.
void describe_data(CLI::App& app, QuantizeArguments& a) {
  describe(app, a.reading);
  app.add_option("--images", a.images,
                 "[NAME=]PATH: folder of pictures (JPEG, PNG) or .npy files to evaluate on; once for each input of the network")
      ->required()
      ->allow_extra_args(false);
  CLI::Option* labels = app.add_option(
      "--labels", a.labels,
      "CSV `file,class_index`, or `folders` where each class has a folder: only pictures of --images with a label are "
      "evaluated, and top-1 is reported");
  app.add_option(
         "--classes", a.classes,
         "CSV `class_index,name` or `class_index,synset,name`, for --labels folders: folders are called by synset or name")
      ->needs(labels);
  app.add_option("--limit", a.limit, "Evaluate on the first N pictures only; 0 is all")
      ->capture_default_str()
      ->check(at_least(0));
  app.add_option("--calibrate", a.calibrate, "[NAME=]PATH: the same, without labels, to calibrate on")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--calibrate-count", a.calibrate_count, "How many of them, drawn with --seed")
      ->capture_default_str()
      ->check(at_least(1));
  describe(app, a.pictures);
}

void describe_training(CLI::App& app, QuantizeArguments& a) {
  CLI::Option* train = app.add_option("--train", a.train,
                                      "[NAME=]PATH: the same, without labels, to train the thresholds on; no training without it")
                           ->allow_extra_args(false);
  app.add_option("--train-count", a.train_count, "How many of them, drawn with --seed")
      ->capture_default_str()
      ->check(at_least(1))
      ->needs(train);
  app.add_option("--epochs", a.fine_tune.epochs, "Passes over the training pictures")
      ->capture_default_str()
      ->check(at_least(1))
      ->needs(train);
  app.add_option("--batch", a.fine_tune.batch, "Pictures in a training step")
      ->capture_default_str()
      ->check(at_least(1))
      ->needs(train);
  app.add_option("--learning-rate", a.learning_rate,
                 detail::message("Peak of the cosine schedule; default ", a.fine_tune.learning_rate,
                                 ", and where that raises the loss, ten times as much"))
      ->check(positive)
      ->needs(train);
  describe_choice(app, "--loss", a.fine_tune.loss,
                  {{"rmse", DistillationLoss::rmse},
                   {"charbonnier", DistillationLoss::charbonnier},
                   {"smooth-l1", DistillationLoss::smooth_l1}},
                  "Distance of outputs: rmse (paper), charbonnier (the authors' program) or smooth-l1")
      ->default_str("rmse")
      ->needs(train);
  CLI::Option* labels =
      app.add_option("--train-labels", a.train_labels, "The labels of --train, as --labels; with --loss-weights");
  app.add_option_function<std::vector<double>>(
         "--loss-weights",
         [&a](const std::vector<double>& w) {
           a.fine_tune.weights = {w[0], w[1], w[2], w.size() > 3 ? w[3] : 0.0};
         },
         "alpha, beta and gamma of the paper's eq. (24), then a weight of the float network's softmax; default 0 0 1 0")
      ->expected(3, 4)
      ->needs(train);
  labels->needs(train);
  app.add_option("--restarts", a.fine_tune.restarts, "Periods of the schedule; the optimizer forgets its state between them")
      ->capture_default_str()
      ->check(at_least(1))
      ->needs(train);
  app.add_option("--pointwise-rate", a.fine_tune.pointwise_rate, "Peak of the schedule for point-wise factors")
      ->capture_default_str()
      ->check(positive)
      ->needs(train);
  app.add_option("--seed", a.fine_tune.seed, "Of the choice and order of pictures")->capture_default_str();
  app.add_option("--state", a.state, "Save the training run in this file, and continue from it when it is there")->needs(train);
  app.add_option("--state-every", a.state_every, "Steps between two savings")
      ->check(at_least(1))
      ->capture_default_str()
      ->needs(train);
}

void describe_quantization(CLI::App& app, QuantizeArguments& a) {
  describe_choice(app, "--scheme", a.quantization.scheme,
                  {{"symmetric", Scheme::symmetric},
                   {"asymmetric", Scheme::asymmetric},
                   {"power-of-two", Scheme::power_of_two},
                   {"learned", Scheme::learned}},
                  "symmetric or asymmetric thresholds, power-of-two, or learned scales and zero points")
      ->default_str("symmetric");
  app.add_option("--bits", a.quantization.activation_bits, "Bits of weights and activations, 2 to 8")
      ->capture_default_str()
      ->check(CLI::Range(2, 8));
  app.add_option("--weight-bits", a.quantization.weight_bits,
                 "Bits of weights, where they are to be others than those of activations")
      ->check(CLI::Range(2, 8));
  app.add_option_function<std::vector<std::string>>(
         "--bits-of",
         [&a](const std::vector<std::string>& layers) {
           a.quantization.bits_of.clear();
           for (const std::string& one : layers) a.quantization.bits_of.push_back(layer_bits(one));
         },
         "NAME=W4A8, NAME=W4 or NAME=A8: bits of weights and of the codes put out, of a layer, an operator, or first, last or "
         "depthwise; may be repeated")
      ->allow_extra_args(false);
  app.add_option_function<std::string>(
      "--size-budget", [&a](const std::string& text) { a.size_budget = size_budget(text); },
      "Choose bits for the weights of each layer, 8 to 3, so that all of them take so much, packed: 50% of 8 bits, or a number "
      "of "
      "bytes");
  describe_choice(
      app, "--requantize", a.quantization.requantizer,
      {{"float", Requantizer::float32}, {"fixed-point", Requantizer::fixed_point}},
      "Accumulators to codes: float multiplies float32 numbers, fixed-point is TFLite's integers; default: fixed-point "
      "where --out is a .tflite file, else float");
  app.add_option("--keep-float", a.quantization.keep_float, "Node or operator that stays in float; may be given several times")
      ->allow_extra_args(false);
}

}  // namespace

void describe(CLI::App& app, QuantizeArguments& a) {
  app.add_option("model", a.model, "Float network: .onnx or .tflite")->required();
  describe_data(app, a);
  describe_recipe(app, a);
  describe_training(app, a);
  describe_quantization(app, a);
  describe_choice(app, "--execute", a.execute, {{"fake", Execute::fake}, {"int8", Execute::int8}, {"both", Execute::both}},
                  "What evaluates the quantized network: the training executor, the deployed one, or both, compared")
      ->default_str("both");
  app.add_option("--threads", a.threads, "Threads; 0 takes what OpenMP offers")->capture_default_str()->check(at_least(0));
  app.add_option("--json", a.json, "Write the results to this file");
  describe_report(app, a.report);
  app.add_option("--out", a.out, "Write the quantized network to this file: .onnx, .tflite or .trimtab");
  describe_choice(app, "--format", a.format, {{"qdq", OnnxForm::qdq}, {"qoperator", OnnxForm::qoperator}},
                  "Form of an ONNX file: float operators between quantizers, or integer operators, whose codes are equal")
      ->default_str("qoperator");
  app.add_flag("--quiet", a.quiet, "No progress bars and no table");
  app.callback([&app, &a] {
    const auto free = [&](std::initializer_list<const char*> options) {
      return a.recipe == "auto" && std::ranges::none_of(options, [&](const char* one) { return app.count(one) > 0; });
    };
    a.freedom = {free({"--rescale-dws", "--equalize"}), free({"--mse-ranges"})};
    if (app.count("--weight-bits") == 0) a.quantization.weight_bits = a.quantization.activation_bits;
    if (app.count("--requantize") == 0 && a.out.ends_with(".tflite")) a.quantization.requantizer = Requantizer::fixed_point;
    if (a.train.empty() && (a.recipe == "paper" || a.fine_tune.trained.pointwise))
      throw CLI::RequiredError(a.recipe == "paper" ? "--recipe paper trains: --train" : "--pointwise trains: --train");
  });
}

}  // namespace program
