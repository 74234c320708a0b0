// How choices measure on a float network: each for several draws of pictures, quantized from some of them and judged by others
// that it has not seen. Prints Markdown tables, median and extremes over the seeds. docs/recipes.md says what follows from them.
//
//   study --model NETWORK.onnx --images DIR SUBJECT...
//
// SUBJECT: schedule (threshold training: rate, restarts, bounds, loss, batch), transforms (what is done without training, alone
// and together), rounding (learned rounding: damping, pictures), bits (coarser grids, scales that are powers of two), paper
// (tables 1 and 2, sections 3.3 and 4.2: see paper_tables.sh), rescaling (pairs and margins of 3.3), schemes (what is trained, at
// 8, 4 and 2 bits).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iomanip>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/net/passes/reestimate_batch_norm.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <vector>

namespace {

using namespace trimtab;

/// What is measured. `after` is carried out between the recipe's preparation and its rounding.
struct Choice {
  std::string name;
  Recipe recipe;
  QuantizationOptions quantization;
  std::size_t pictures = 100;  // to calibrate on, and to round by
  std::function<void(Applied&, const PictureFiles&, std::size_t)> after = {};
};

struct Measured {
  Fidelity fidelity;
  std::optional<Fidelity> evened;  // of the float network with its channels evened out
  double seconds = 0;
  bool kept = true;
  std::size_t factors = 0;
};

/// Another draw of pictures: some to quantize with, the rest to judge by, and what the float network makes of both.
struct Draw {
  PictureFiles own, others;
  Array own_outputs, other_outputs;
};

class Study {
 public:
  std::string model, images, own_images, preprocess;
  std::size_t seeds = 3, train = 250, judge = 250, epochs = 0;
  QuantizationOptions quantization;

  void load() {
    OnnxModel file = read_onnx(model);
    teacher_ = simplify(file.network);
    const Extents input = teacher_[teacher_.input()].extent;
    const auto told = file.metadata.find("preprocessing");
    if (preprocess.empty() && told == file.metadata.end())
      throw value_error(model + " says nothing of its preprocessing; give --preprocess MEAN,SCALE");
    const Preprocess values = preprocess.empty() ? parse_preprocessing(told->second) : parse_mean_scale(preprocess);
    for (std::size_t seed = 1; seed <= seeds; ++seed) {
      const auto pictures = [&](const std::string& folder, std::size_t begin, std::size_t count) {
        const std::vector<std::filesystem::path> files = list_images(folder);
        if (files.size() < begin + count)
          throw value_error(detail::message(folder, " has ", files.size(), " pictures, expected ", begin + count));
        std::vector<std::size_t> order = detail::first_indices(files.size());
        std::mt19937_64 random(seed);
        detail::shuffle(order, random);
        std::vector<std::filesystem::path> some;
        for (std::size_t i = begin; i < begin + count; ++i) some.push_back(files[order[i]]);
        return PictureFiles(some, fit_to(input[0], input[1]), values);
      };
      const bool apart = !own_images.empty();
      Draw d{pictures(apart ? own_images : images, 0, train), pictures(images, apart ? 0 : train, judge), {}, {}};
      d.own_outputs = teacher_outputs(teacher_, d.own, train);
      d.other_outputs = teacher_outputs(teacher_, d.others, judge);
      draws_.push_back(std::move(d));
    }
  }

  void table(const char* title, const std::vector<Choice>& choices) {
    std::printf(
        "\n%s\n\n| choice | agreement %% | logit RMSE | float network, evened out | factors | undone | seconds |\n"
        "|---|---|---|---|---|---|---|\n",
        title);
    for (const Choice& choice : choices) {
      std::vector<double> agreement, rmse, seconds;
      std::size_t undone = 0, factors = 0;
      std::string evened;
      for (std::size_t i = 0; i < draws_.size(); ++i) {
        const Measured m = measure(choice, draws_[i], i + 1);
        agreement.push_back(m.fidelity.agreement);
        rmse.push_back(m.fidelity.rmse);
        seconds.push_back(m.seconds);
        undone += std::size_t{!m.kept};
        factors = m.factors;
        if (m.evened) evened += detail::message(i > 0 ? ", " : "", std::fixed, std::setprecision(1), m.evened->agreement);
      }
      for (auto* list : {&agreement, &rmse, &seconds}) std::sort(list->begin(), list->end());
      const auto middle = [](const std::vector<double>& v) { return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2; };
      std::printf("| %s | %.2f (%.2f .. %.2f) | %.4f (%.4f .. %.4f) | %s | %s | %s | %.0f |\n", choice.name.c_str(),
                  middle(agreement), agreement.front(), agreement.back(), middle(rmse), rmse.front(), rmse.back(), evened.c_str(),
                  factors ? std::to_string(factors).c_str() : "", undone ? std::to_string(undone).c_str() : "", middle(seconds));
      std::fflush(stdout);
    }
  }

 private:
  Measured measure(const Choice& choice, const Draw& draw, std::uint64_t seed) const {
    const auto start = std::chrono::steady_clock::now();
    const std::size_t count = std::min(choice.pictures, train);
    Applied applied = prepare(choice.recipe, teacher_, draw.own, count, choice.quantization);
    Measured m;
    if (choice.recipe.fine_tune.trained.any()) {
      FineTuneOptions options = choice.recipe.fine_tune;
      options.seed = seed;
      if (epochs > 0) {
        if (options.restarts == options.epochs) options.restarts = epochs;
        options.epochs = epochs;
      }
      const FineTuneReport report = fine_tune(applied.network, draw.own_outputs, draw.own, options);
      m.kept = report.kept;
      m.factors = report.trained_parameters;
    }
    if (choice.after) choice.after(applied, draw.own, count);
    finish(choice.recipe, applied, draw.own, count);
    m.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    FakeQuantExecutor student(applied.network);
    Array outputs = Array::from_shape(draw.other_outputs.shape());
    const std::vector<std::size_t> all = detail::first_indices(judge);
    detail::for_each_batch(all, 8, {}, [&](std::span<const std::size_t> some) {
      const Array& y = student.forward(draw.others(some));
      std::copy(y.begin(), y.end(), outputs.data() + some[0] * y.shape(1));
    });
    m.fidelity = compare_outputs(draw.other_outputs, outputs);
    if (choice.recipe.rescale_dws || choice.recipe.equalize)
      m.evened = compare_outputs(draw.other_outputs, teacher_outputs(applied.reference, draw.others, judge));
    return m;
  }

  Network teacher_;
  std::vector<Draw> draws_;
};

Recipe nothing() {
  Recipe r;
  r.fine_tune.trained = {false, false, false};
  return r;
}

template <class Change>
Choice with(std::string name, Choice choice, const Change& change) {
  choice.name = std::move(name);
  change(choice);
  return choice;
}

std::vector<Choice> schedule_choices(const QuantizationOptions& q) {
  Choice base{"", nothing(), q};
  base.recipe.fine_tune.trained = {true, true, false};
  base.recipe.fine_tune.epochs = 3;
  std::vector<Choice> all{with("untrained", base, [](Choice& c) { c.recipe = nothing(); }),
                          with("defaults: rate 1e-3", base, [](Choice&) {})};
  for (const double rate : {3e-4, 3e-3, 1e-2})
    all.push_back(with(detail::message("rate ", rate), base, [rate](Choice& c) { c.recipe.fine_tune.learning_rate = rate; }));
  all.push_back(with("3 periods", base, [](Choice& c) { c.recipe.fine_tune.restarts = 3; }));
  all.push_back(with("3 periods, rate 3e-3", base,
                     [](Choice& c) { c.recipe.fine_tune.restarts = 3, c.recipe.fine_tune.learning_rate = 3e-3; }));
  all.push_back(with("alpha in [0.8, 1]", base, [](Choice& c) { c.quantization.alpha = {0.8F, 1.0F}; }));
  all.push_back(with("alpha in [0.5, 1.2]", base, [](Choice& c) { c.quantization.alpha = {0.5F, 1.2F}; }));
  all.push_back(with("the authors' loss", base, [](Choice& c) { c.recipe.fine_tune.loss = DistillationLoss::charbonnier; }));
  all.push_back(with("smoothed L1", base, [](Choice& c) { c.recipe.fine_tune.loss = DistillationLoss::smooth_l1; }));
  for (const std::size_t batch : {8U, 32U})
    all.push_back(with(detail::message("batch ", batch), base, [batch](Choice& c) { c.recipe.fine_tune.batch = batch; }));
  all.push_back(with("6 epochs", base, [](Choice& c) { c.recipe.fine_tune.epochs = 6; }));
  all.push_back(with("after bias correction", base, [](Choice& c) { c.recipe.correct_bias = true; }));
  all.push_back(with("after bias correction, rate 3e-4", base,
                     [](Choice& c) { c.recipe.correct_bias = true, c.recipe.fine_tune.learning_rate = 3e-4; }));
  return all;
}

std::vector<Choice> transform_choices(const QuantizationOptions& q) {
  const Choice base{"none", nothing(), q};
  const Choice fast{"fast", fast_recipe(q.weights), q}, best{"best", best_recipe(q.weights), q};
  const auto reestimate = [q](bool variances) {
    return [q, variances](Choice& c) {
      c.after = [q, variances](Applied& a, const PictureFiles& pictures, std::size_t count) {
        reestimate_batch_norm(a.network, a.reference, pictures, count, q, variances);
      };
    };
  };
  return {base,
          with("rescale_dws", base, [](Choice& c) { c.recipe.rescale_dws = true; }),
          with("equalize", base, [](Choice& c) { c.recipe.equalize = true; }),
          with("mse_ranges", base, [](Choice& c) { c.recipe.mse_ranges = true; }),
          with("mse_weights", base, [](Choice& c) { c.recipe.mse_weights = true; }),
          with("correct_bias", base, [](Choice& c) { c.recipe.correct_bias = true; }),
          with("reestimate_batch_norm, means", base, reestimate(false)),
          with("reestimate_batch_norm", base, reestimate(true)),
          with("learn_rounding", base, [](Choice& c) { c.recipe.learn_rounding = true; }),
          with("rescale_dws, correct_bias", base, [](Choice& c) { c.recipe.rescale_dws = c.recipe.correct_bias = true; }),
          fast,
          with("fast, mse_weights", fast, [](Choice& c) { c.recipe.mse_weights = true; }),
          with("fast, reestimate_batch_norm, means", fast, reestimate(false)),
          with("fast, reestimate_batch_norm", fast, reestimate(true)),
          best,
          with("best, mse_weights", best, [](Choice& c) { c.recipe.mse_weights = true; })};
}

std::vector<Choice> rounding_choices(const QuantizationOptions& q) {
  const Choice base{"", best_recipe(q.weights), q};
  std::vector<Choice> all;
  for (const double damping : {1e-3, 4e-3, 1e-2, 3e-2})
    for (const std::size_t pictures : {100U, 250U})
      all.push_back(with(detail::message("damping ", damping, ", ", pictures, " pictures"), base, [&](Choice& c) {
        c.recipe.rounding.damping = damping;
        c.pictures = pictures;
      }));
  return all;
}

std::vector<Choice> bits_choices(const QuantizationOptions& q) {
  std::vector<Choice> all;
  for (const bool best : {false, true}) {
    const Choice base{"", best ? best_recipe(q.weights) : fast_recipe(q.weights), q};
    const std::string name = best ? "best" : "fast";
    if (q.scheme == Scheme::symmetric)
      all.push_back(with(name + ", powers of two", base, [](Choice& c) { c.quantization.scheme = Scheme::power_of_two; }));
    for (const int bits : {6, 5, 4}) {
      all.push_back(with(detail::message(name, ", weights of ", bits, " bits"), base,
                         [&](Choice& c) { c.quantization.weight_bits = bits; }));
      all.push_back(with(detail::message(name, ", mse_weights, weights of ", bits, " bits"), base, [&](Choice& c) {
        c.quantization.weight_bits = bits;
        c.recipe.mse_weights = true;
      }));
    }
  }
  return all;
}

/// FAT's tables 1 and 2 and its chain of 4.2. In brackets its top-1 of MobileNet-v2, MNas-1.0 and MNas-1.3; float 71.55, 74.34,
/// 75.79.
std::vector<Choice> paper_choices(const QuantizationOptions& q) {
  std::vector<Choice> all;
  const auto cell = [&](const char* name, const char* published, WeightMode weights, Scheme scheme) {
    Choice c{name, nothing(), q};
    c.quantization.weights = weights;
    c.quantization.scheme = scheme;
    all.push_back(c);
    all.back().name += ", untrained";
    c.recipe.fine_tune = paper_recipe(WeightMode::vector).fine_tune;  // thresholds alone
    c.name += detail::message(", thresholds trained [", published, "]");
    all.push_back(c);
  };
  cell("scalar symmetric", "8.1, 72.42, 74.92", WeightMode::scalar, Scheme::symmetric);
  cell("scalar asymmetric", "19.86, 73.46, 75.30", WeightMode::scalar, Scheme::asymmetric);
  cell("vector symmetric", "71.11, 73.96, 75.56", WeightMode::vector, Scheme::symmetric);
  cell("vector asymmetric", "71.39, 74.25, 75.72", WeightMode::vector, Scheme::asymmetric);
  cell("depthwise symmetric", "not given", WeightMode::depthwise, Scheme::symmetric);
  cell("depthwise asymmetric", "not given", WeightMode::depthwise, Scheme::asymmetric);
  Choice chain{"scalar symmetric, rescaled, untrained [67 from 1.6]", paper_recipe(WeightMode::scalar), q};
  chain.quantization.weights = WeightMode::scalar;
  chain.quantization.scheme = Scheme::symmetric;
  all.push_back(with(chain.name, chain, [](Choice& c) { c.recipe.fine_tune.trained = {false, false, false}; }));
  all.push_back(with("scalar symmetric, rescaled, point-wise factors trained [71]", chain, [](Choice&) {}));
  return all;
}

std::vector<Choice> rescaling_choices(const QuantizationOptions& q) {
  Choice base{"", nothing(), q};
  base.quantization.weights = WeightMode::scalar;
  const auto plain = [&](const char* name, WeightMode weights) {
    return with(name, base, [weights](Choice& c) { c.quantization.weights = weights; });
  };
  std::vector<Choice> all{plain("scalar", WeightMode::scalar), plain("depthwise", WeightMode::depthwise),
                          plain("vector", WeightMode::vector)};
  base.recipe.rescale_dws = true;
  const auto row = [&](const char* name, double lock_at, double reach, bool expansions) {
    return with(name, base, [=](Choice& c) {
      c.recipe.rescaling.conv_to_depthwise = expansions;
      c.recipe.rescaling.lock_share = lock_at / 6;
      c.recipe.rescaling.reach = reach / 6;
    });
  };
  const std::vector<Choice> rescaled{row("scalar, paper's pairs: locked at 5.9, up to 6", 5.9, 6, false),
                                     row("scalar, all pairs: locked at 5.9, up to 6", 5.9, 6, true),
                                     row("scalar, paper's pairs: locked at 5.5, up to 6", 5.5, 6, false),
                                     row("scalar, paper's pairs: locked at 5.9, up to 5.5", 5.9, 5.5, false),
                                     row("scalar, paper's pairs: locked at 5.5, up to 5", 5.5, 5, false),
                                     row("scalar, paper's pairs: locked at 5, up to 4", 5, 4, false)};
  for (const Choice& choice : rescaled) {
    all.push_back(choice);
    all.push_back(with(choice.name + ", point-wise factors trained", choice,
                       [](Choice& c) { c.recipe.fine_tune = paper_recipe(WeightMode::scalar).fine_tune; }));
  }
  return all;
}

std::vector<Choice> scheme_choices(const QuantizationOptions& q) {
  std::vector<Choice> all;
  const std::map<std::string, Scheme> schemes{{"asymmetric", Scheme::asymmetric},
                                              {"learned", Scheme::learned},
                                              {"power-of-two", Scheme::power_of_two},
                                              {"symmetric", Scheme::symmetric}};
  for (const int bits : {8, 4, 2})
    for (const auto& [name, scheme] : schemes)
      for (const double rate : {0.0, 1e-3, 1e-2}) {
        Choice c{detail::message(bits, " bits, ", name), nothing(), q};
        c.quantization.scheme = scheme;
        c.quantization.weight_bits = c.quantization.activation_bits = bits;
        if (rate > 0) {
          c.name += detail::message(", trained at ", rate);
          c.recipe.fine_tune.trained = {true, true, false};
          c.recipe.fine_tune.learning_rate = rate;
        }
        all.push_back(c);
      }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures choices of recipes on a float network."};
  Study study;
  std::vector<std::string> subjects;
  app.add_option("--model", study.model, "Float network, ONNX, with its preprocessing in its metadata")->required();
  app.add_option("--images", study.images, "Folder of pictures, to quantize with and to judge by")->required();
  app.add_option("--seeds", study.seeds, "Draws of pictures")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--train", study.train, "Pictures to quantize with in a draw")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--judge", study.judge, "Pictures to judge by in a draw")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--own", study.own_images, "Folder to draw the former from, where --images are all to judge by");
  app.add_option("--epochs", study.epochs, "Instead of a choice's own");
  app.add_option("--preprocess", study.preprocess, "MEAN,SCALE: value = (byte - MEAN) / SCALE; default: the model's metadata");
  app.add_option("--weights", study.quantization.weights, "scalar, vector or depthwise")
      ->transform(CLI::CheckedTransformer(std::map<std::string, WeightMode>{
          {"scalar", WeightMode::scalar}, {"vector", WeightMode::vector}, {"depthwise", WeightMode::depthwise}}));
  app.add_option("--scheme", study.quantization.scheme, "symmetric or asymmetric")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Scheme>{{"symmetric", Scheme::symmetric}, {"asymmetric", Scheme::asymmetric}}));
  app.add_option("SUBJECT", subjects, "schedule, transforms, rounding, bits, paper, rescaling, schemes")
      ->required()
      ->check(CLI::IsMember({"schedule", "transforms", "rounding", "bits", "paper", "rescaling", "schemes"}));
  CLI11_PARSE(app, argc, argv);
  try {
    study.load();
    const std::map<std::string, std::vector<Choice> (*)(const QuantizationOptions&)> choices{
        {"schedule", schedule_choices}, {"transforms", transform_choices}, {"rounding", rounding_choices}, {"bits", bits_choices},
        {"paper", paper_choices},       {"rescaling", rescaling_choices},  {"schemes", scheme_choices}};
    for (const std::string& subject : subjects) study.table(subject.c_str(), choices.at(subject)(study.quantization));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "study: %s\n", e.what());
    return 1;
  }
}
