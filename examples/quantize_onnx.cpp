// From a float ONNX classifier and a folder of unlabelled pictures to an int8 network, with its accuracy.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/fine_tune_state.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/trimtab.hpp>
#ifdef TRIMTAB_MPI
#include <trimtab/mpi/world.hpp>
#endif
#ifdef TRIMTAB_WITH_TFLITE
#include <trimtab/io/tflite_write.hpp>
#endif

#include "layer_report.hpp"

namespace {

using namespace trimtab;
using Json = nlohmann::ordered_json;
#ifdef TRIMTAB_MPI
using World = mpi::World;  // mpirun -n 4 quantize_onnx ...
#else
using World = SingleProcess;
#endif

enum class Execute { fake, int8, both };

struct Arguments : Recipe {
  std::string model, images, labels, calibrate, train, preprocess, json, recipe, out, state;
  OnnxForm format = OnnxForm::qoperator;
  std::size_t calibrate_count = 100, train_count = 500, limit = 0, state_every = 10;
  QuantizationOptions quantization;
  LayerReportOptions report;
  Execute execute = Execute::both;
  int threads = 0;
  bool quiet = false;
};

/// What is done to the float network, and what is trained then: a recipe, and choices that replace its own.
void describe_recipe(CLI::App& app, Arguments& a) {
  app.add_option("--recipe", a.recipe, "paper, fast or best: a set of the choices below, see docs/recipes.md")
      ->check(CLI::IsMember({"paper", "fast", "best"}));
  app.add_flag("--rescale-dws,!--no-rescale-dws", a.rescale_dws,
               "Even out the channels between depthwise and other convolutions, ReLU6 kept (paper 3.3)");
  app.add_flag("--equalize,!--no-equalize", a.equalize, "Equalize the channels of pairs of layers (Nagel et al., ICCV 2019), ReLU6 kept");
  app.add_flag("--mse-ranges,!--no-mse-ranges", a.mse_ranges, "Activations: ranges of least squared error, not the largest values seen");
  app.add_flag("--correct-bias,!--no-correct-bias", a.correct_bias, "Take the shift of every channel's mean back (Nagel et al., ICCV 2019)");
  app.add_flag("--learn-rounding,!--no-learn-rounding", a.learn_rounding, "Choose the codes of weights by what the layers put out");
  app.add_flag("--pointwise,!--no-pointwise", a.fine_tune.trained.pointwise, "Train a factor in [0.75, 1.25] on every weight and bias");
  app.add_option_function<std::string>(
         "--train-thresholds",
         [&a](const std::string& which) {
           a.fine_tune.trained.activations = which != "none";
           a.fine_tune.trained.weights = which == "all";
         },
         "Which thresholds are trained: all, activations or none")
      ->check(CLI::IsMember({"all", "activations", "none"}));
}

void describe(CLI::App& app, Arguments& a) {
  describe_recipe(app, a);
  app.add_option("--model", a.model, "Float network, ONNX")->required();
  app.add_option("--images", a.images, "Folder of pictures (JPEG, PNG) to evaluate on")->required();
  app.add_option("--labels", a.labels, "CSV `file,class_index`: only these pictures of --images are evaluated, and top-1 is reported");
  app.add_option("--calibrate", a.calibrate, "Folder of unlabelled pictures to calibrate on")->required();
  app.add_option("--calibrate-count", a.calibrate_count, "How many of them, drawn with --seed")->capture_default_str();
  app.add_option("--train", a.train, "Folder of unlabelled pictures to train the thresholds on; no training without it");
  app.add_option("--train-count", a.train_count, "How many of them, drawn with --seed")->capture_default_str();
  app.add_option("--epochs", a.fine_tune.epochs, "Passes over the training pictures")->capture_default_str();
  app.add_option("--batch", a.fine_tune.batch, "Pictures in a training step")->capture_default_str();
  app.add_option("--learning-rate", a.fine_tune.learning_rate, "Peak of the cosine schedule")->capture_default_str();
  app.add_option("--restarts", a.fine_tune.restarts, "Periods of the schedule; the optimizer forgets its state between them")->capture_default_str();
  app.add_option("--pointwise-rate", a.fine_tune.pointwise_rate, "Peak of the schedule for point-wise factors")->capture_default_str();
  app.add_option("--seed", a.fine_tune.seed, "Of the choice and order of pictures")->capture_default_str();
  app.add_option("--state", a.state, "Save the training run in this file, and continue from it when it is there");
  app.add_option("--state-every", a.state_every, "Steps between two savings")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--weights", a.quantization.weights, "scalar: one threshold a tensor; vector: one a filter")
      ->required()
      ->transform(CLI::CheckedTransformer(std::map<std::string, WeightMode>{{"scalar", WeightMode::scalar}, {"vector", WeightMode::vector}}));
  app.add_option("--scheme", a.quantization.scheme, "symmetric or asymmetric thresholds")
      ->required()
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Scheme>{{"symmetric", Scheme::symmetric}, {"asymmetric", Scheme::asymmetric}}));
  app.add_option("--bits", a.quantization.weight_bits, "Bits of weights and activations, 2 to 8")->capture_default_str();
  app.add_option("--requantize", a.quantization.requantizer, "Accumulators to codes: float multiplies float32 numbers, fixed-point is TFLite's integers")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Requantizer>{{"float", Requantizer::float32}, {"fixed-point", Requantizer::fixed_point}}))
      ->default_str("float");
  app.add_option("--execute", a.execute, "What evaluates the quantized network: the training executor, the deployed one, or both, compared")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Execute>{{"fake", Execute::fake}, {"int8", Execute::int8}, {"both", Execute::both}}))
      ->default_str("both");
  app.add_option("--preprocess", a.preprocess, "MEAN,SCALE: value = (byte - MEAN) / SCALE; default: the model's metadata");
  app.add_option("--threads", a.threads, "Threads; 0 takes what OpenMP offers")->capture_default_str();
  app.add_option("--limit", a.limit, "Evaluate on the first N pictures only; 0 is all")->capture_default_str();
  app.add_option("--json", a.json, "Write the results to this file");
  describe(app, a.report);
  app.add_option("--out", a.out, "Write the quantized network to this file: .onnx or .tflite");
  app.add_option("--format", a.format, "Form of an ONNX file: float operators between quantizers, or integer operators, whose codes are equal")
      ->transform(CLI::CheckedTransformer(std::map<std::string, OnnxForm>{{"qdq", OnnxForm::qdq}, {"qoperator", OnnxForm::qoperator}}))
      ->default_str("qoperator");
  app.add_flag("--quiet", a.quiet, "No progress bars and no table");
}

Recipe recipe_named(const std::string& name, WeightMode weights) {
  return name == "paper" ? paper_recipe(weights) : (name == "fast" ? fast_recipe(weights) : best_recipe(weights));
}

/// The pictures of a folder, `count` of them drawn with a seed.
std::vector<std::filesystem::path> draw(const std::string& folder, std::size_t count, std::uint64_t seed) {
  const std::vector<std::filesystem::path> files = list_images(folder);
  std::vector<std::size_t> order = detail::first_indices(files.size());
  std::mt19937_64 random(seed);
  detail::shuffle(order, random);
  std::vector<std::filesystem::path> drawn;
  for (std::size_t i = 0; i < std::min(count, files.size()); ++i) drawn.push_back(files[order[i]]);
  return drawn;
}

Json fidelity_json(const Fidelity& f, const std::optional<double>& top1) {
  return {{"quantized_top1", top1 ? Json(*top1) : Json()}, {"agreement", f.agreement}, {"logit_rmse", f.rmse}, {"logit_sqnr_db", f.sqnr_db}};
}

/// Median milliseconds of one picture on one thread.
double milliseconds_per_image(const Int8Network& network, const PictureSource auto& pictures) {
  const ScopedThreads one(1);
  const std::size_t first = 0;
  const Array x = pictures(std::span(&first, 1));
  Int8Network::Workspace workspace;
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const auto start = std::chrono::steady_clock::now();
    network.run(x, workspace);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + 25, times.end());
  return times[25];
}

/// The process's largest resident memory so far.
double peak_memory_megabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The state file's bytes, as the first process sees it; nothing when there is none.
std::optional<std::string> saved_state(const std::string& path, const World& world) {
  std::vector<char> bytes;
  if (world.rank() == 0 && std::filesystem::exists(path)) {
    const std::vector<unsigned char> file = detail::read_bytes(path, std::numeric_limits<int>::max(), "--state");
    bytes.push_back('\0');  // says that there is a file, even an empty one
    bytes.insert(bytes.end(), file.begin(), file.end());
  }
  bytes = world.gather(std::move(bytes));
  return bytes.empty() ? std::nullopt : std::optional<std::string>(std::in_place, bytes.begin() + 1, bytes.end());
}

struct Trained {
  FineTuneReport report;
  std::size_t steps = 0;  // done here
  double exchange_ms = 0, exchange_bytes = 0;  // of a step between processes: waiting for the others included; what a process received
};

/// Trains from the start, or from where the state file stands.
Trained train(QuantizedNetwork& q, const Array& targets, const PictureFiles& pictures, const Arguments& a, const World& world) {
  const RunDescription description = describe_run(q, targets, a.fine_tune);
  const std::optional<std::string> saved = a.state.empty() ? std::nullopt : saved_state(a.state, world);
  FineTuning run = saved ? FineTuning(q, targets, a.fine_tune, parse_fine_tune_state(*saved, description, a.state))
                         : FineTuning(q, targets, a.fine_tune);
  if (!a.quiet && run.steps_done() > 0)
    std::fprintf(stderr, "note: %s continues after step %zu of %zu\n", a.state.c_str(), run.steps_done(), run.steps());
  ProgressBar bar("train thresholds", a.quiet);
  Trained result;
  const Traffic before = world.traffic();
  while (!run.done()) {
    run.step(pictures, world);
    if (!a.state.empty() && world.rank() == 0 && (run.done() || run.steps_done() % a.state_every == 0))
      write_fine_tune_state(a.state, description, run.state());
    bar.show(run.steps_done(), run.steps());
    ++result.steps;
  }
  if (result.steps > 0) {
    result.exchange_ms = 1e3 * (world.traffic().seconds - before.seconds) / double(result.steps);
    result.exchange_bytes = double(world.traffic().bytes - before.bytes) / double(result.steps);
  }
  result.report = run.finish(pictures, world);
  return result;
}

struct Evaluation {
  Array logits;                  // of the int8 network where it ran, else of the training executor
  std::optional<bool> equal;     // every final code of every picture, where both ran
};

Evaluation run_quantized(const QuantizedNetwork& q, Execute execute, const PictureFiles& pictures, std::size_t classes,
                         const Progress& progress, const World& world) {
  std::vector<float> logits;
  std::vector<char> equal{1};
  std::optional<FakeQuantExecutor> trained;
  std::optional<Int8Network> deployed;
  if (execute != Execute::int8) trained.emplace(q);
  if (execute != Execute::fake) deployed.emplace(q);
  Int8Network::Workspace workspace;
  detail::for_each_shared_batch(pictures.size(), 8, progress, world, [&](std::span<const std::size_t> some) {
    const Array x = pictures(some);
    if (trained) trained->forward(x);
    const NodeId out = q.network.output();
    const std::span<const std::uint8_t> codes = deployed ? deployed->run(x, workspace) : trained->bytes(out);
    if (execute == Execute::both && !std::ranges::equal(codes, trained->bytes(out))) equal[0] = 0;
    logits.resize(logits.size() + codes.size());
    bytes_to_reals(codes.data(), codes.size(), byte_grid(q, out), logits.data() + logits.size() - codes.size());
  });
  logits = world.gather(std::move(logits));
  equal = world.gather(std::move(equal));
  Evaluation result{Array::from_shape({pictures.size(), classes}), std::nullopt};
  std::copy(logits.begin(), logits.end(), result.logits.data());
  if (execute == Execute::both) result.equal = std::ranges::count(equal, 0) == 0;
  return result;
}

/// Throws where write_quantized cannot write what the file's ending stands for, so that this is known before the work.
void require_format(const std::string& path, Requantizer requantizer) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".onnx" && requantizer == Requantizer::float32) return;
  if (ending == ".onnx") throw unsupported_error("--out: ONNX requantizes in float; --requantize fixed-point goes into .tflite files");
#ifdef TRIMTAB_WITH_TFLITE
  if (ending == ".tflite") return;
#endif
  throw unsupported_error(detail::message("--out ", path, ": not a file that this program was built to write"));
}

void write_quantized(const Arguments& a, const QuantizedNetwork& q, std::map<std::string, std::string> metadata) {
#ifdef TRIMTAB_WITH_TFLITE
  if (std::filesystem::path(a.out).extension() == ".tflite") {
    write_tflite(a.out, q);
    return;
  }
#endif
  const LoweredNetwork lowered = lower(q);
  write_onnx(lowered, a.format, a.out, with_self_check(lowered, std::move(metadata)));
}

void print_row(const char* name, std::optional<double> top1, const Fidelity* f) {
  const std::string top = top1 ? detail::message(std::fixed, std::setprecision(2), *top1) : "-";
  if (f != nullptr)
    std::printf("  %-22s %8s %12.2f %12.4f %10.2f\n", name, top.c_str(), f->agreement, f->rmse, f->sqnr_db);
  else
    std::printf("  %-22s %8s %12s %12s %10s\n", name, top.c_str(), "", "", "");
}

void quantize_onnx(Arguments& a, const World& world) {
  if (world.rank() != 0) a.quiet = true;
  if (a.threads > 0) set_threads(a.threads);
  if (!a.out.empty()) require_format(a.out, a.quantization.requantizer);
  a.quantization.activation_bits = a.quantization.weight_bits;
  const auto clock = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };

  const OnnxModel model = read_onnx(a.model);
  const Network teacher = fuse_clips(fold_batch_norm(model.network));
  if (!a.report.layer.empty()) layer_named(teacher, a.report.layer);  // fails early
  if (!a.quiet)
    for (const std::string& note : model.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  const auto metadata = model.metadata.find("preprocessing");
  if (a.preprocess.empty() && metadata == model.metadata.end())
    throw value_error("the model says nothing of its preprocessing; give --preprocess MEAN,SCALE");
  const Preprocess preprocess = a.preprocess.empty() ? parse_preprocessing(metadata->second) : parse_mean_scale(a.preprocess);
  const Extents input = teacher[teacher.input()].extent;
  if (input.size() != 3 || input[2] != 3) throw unsupported_error(detail::message("the network's input is ", input, ", not a picture H W 3"));
  const Fit fit = fit_to(input[0], input[1]);
  const auto pictures_of = [&](std::vector<std::filesystem::path> files) { return PictureFiles(std::move(files), fit, preprocess); };

  std::vector<std::filesystem::path> files = list_images(a.images);
  std::unordered_map<std::string, std::size_t> classes;
  if (!a.labels.empty()) {
    classes = read_labels(a.labels);
    std::erase_if(files, [&](const std::filesystem::path& file) { return !classes.contains(file.filename().string()); });
  }
  if (a.limit > 0 && files.size() > a.limit) files.resize(a.limit);
  if (files.empty()) throw value_error(detail::message("no pictures", a.labels.empty() ? "" : " with a label", " in ", a.images));
  const std::vector<std::filesystem::path> calibration_files = draw(a.calibrate, a.calibrate_count, a.fine_tune.seed);
  if (calibration_files.empty()) throw value_error(detail::message("no pictures in ", a.calibrate));

  double seconds_calibrate = 0;
  Applied applied = [&] {
    const PictureFiles set = pictures_of(calibration_files);
    const double start = clock();
    ProgressBar bar("calibrate", a.quiet);
    Applied result = prepare(a, teacher, set, set.size(), a.quantization, bar, world);
    seconds_calibrate = clock() - start;
    return result;
  }();
  QuantizedNetwork& q = applied.network;

  const QuantizedNetwork untrained = q;

  const PictureFiles evaluation = pictures_of(files);
  const std::size_t class_count = element_count(teacher[teacher.output()].extent);
  std::vector<std::size_t> labels;
  if (!classes.empty())
    for (const std::filesystem::path& file : files) labels.push_back(detail::label_of(file.filename().string(), classes, class_count));
  ProgressBar float_bar("float network", a.quiet);
  const Array float_logits = teacher_outputs(teacher, evaluation, evaluation.size(), float_bar, world);
  const auto top1 = [&](const Array& logits) { return labels.empty() ? std::nullopt : std::optional(top1_percent(logits, labels)); };
  struct Row {
    Fidelity fidelity;
    std::optional<double> top1;
    std::optional<bool> equal;
  };
  const auto evaluate = [&](const char* title) {
    ProgressBar bar(title, a.quiet);
    const Evaluation e = run_quantized(q, a.execute, evaluation, class_count, bar, world);
    return Row{compare_outputs(float_logits, e.logits), top1(e.logits), e.equal};
  };
  const Row before = evaluate(a.train.empty() ? "quantized network" : "before training");
  Row after = before;

  std::optional<FineTuneReport> trained;
  Trained training;
  if (!a.train.empty() && a.fine_tune.trained.any()) {
    const PictureFiles set = pictures_of(draw(a.train, a.train_count, a.fine_tune.seed));
    ProgressBar teacher_bar("teacher", a.quiet);
    const Array targets = teacher_outputs(teacher, set, set.size(), teacher_bar, world);
    training = train(q, targets, set, a, world);
    trained = training.report;
  }
  double seconds_round = 0;
  if (a.learn_rounding) {
    const PictureFiles set = pictures_of(calibration_files);
    const double start = clock();
    ProgressBar bar("learn rounding", a.quiet);
    finish(a, applied, set, set.size(), bar);
    seconds_round = clock() - start;
  }
  if (trained || a.learn_rounding) after = evaluate("after training");
  std::vector<std::string> transforms{"fold_batch_norm"};
  transforms.insert(transforms.end(), applied.transforms.begin(), applied.transforms.end());

  if (world.rank() != 0) return;
  std::optional<double> int8_ms;
  if (a.execute != Execute::fake) int8_ms = milliseconds_per_image(Int8Network(q), evaluation);

  if (!a.out.empty()) {
    std::map<std::string, std::string> kept = model.metadata;
    kept["preprocessing"] = preprocessing_text(preprocess);
    write_quantized(a, q, std::move(kept));
  }

  const char* weights = a.quantization.weights == WeightMode::scalar ? "scalar" : "vector";
  const char* scheme = a.quantization.scheme == Scheme::symmetric ? "symmetric" : "asymmetric";
  const auto float_top1 = top1(float_logits);
  if (!a.quiet) {
    std::printf("\n%s, %s %s thresholds, %d bits, %zu pictures\n", a.model.c_str(), weights, scheme, a.quantization.weight_bits, evaluation.size());
    std::printf("  transforms:");
    for (const std::string& t : transforms) std::printf(" %s;", t.c_str());
    std::printf("\n  %-22s %8s %12s %12s %10s\n", "", "top-1 %", "agreement %", "logit RMSE", "SQNR dB");
    print_row("float", float_top1, nullptr);
    const bool more = trained || a.learn_rounding;
    print_row(more ? "quantized, untrained" : "quantized", before.top1, &before.fidelity);
    if (more) print_row(trained ? "quantized, trained" : "quantized, rounded", after.top1, &after.fidelity);
    if (trained) {
      std::printf("  %zu factors trained in %.1f s, %.1f pictures/s; RMSE on the training pictures %.3f -> %.3f\n", trained->trained_parameters,
                  trained->seconds, trained->pictures_per_second, trained->loss_before, trained->loss_after);
      if (world.size() > 1 && training.steps > 0)
        std::printf("  %zu processes; of a step's %.1f ms, exchange took %.2f ms and brought each process %.1f KB\n", world.size(),
                    1e3 * trained->seconds / double(training.steps), training.exchange_ms, training.exchange_bytes / 1e3);
      if (!trained->kept) std::printf("  training raised that RMSE and was undone; try --rescale-dws, --weights vector or a lower --learning-rate\n");
    }
  }
  if (!a.quiet && int8_ms) {
    std::printf("  int8 network: %.2f ms a picture on one thread (%s)", *int8_ms, name(active_isa()));
    if (after.equal) std::printf("; its codes %s those of training", *after.equal && *before.equal ? "equal" : "DIFFER FROM");
    std::printf("\n");
  }
  if (a.report.wanted()) {
    ReportInput page{.title = detail::message(std::filesystem::path(a.model).filename().string(), ", ", weights, ' ', scheme, ", ",
                                              a.quantization.weight_bits, " bits"),
                     .facts = {{"evaluated on", detail::message(evaluation.size(), " pictures")},
                               {"calibrated on", detail::message(calibration_files.size(), " pictures")}},
                     .outcomes = {{"float", float_top1, std::nullopt}, {"quantized", before.top1, before.fidelity}},
                     .original = &teacher,
                     .reference = &applied.reference,
                     .before = &untrained,
                     .after = &q};
    for (const std::string& t : transforms) page.facts.emplace_back("transform", t);
    if (trained || a.learn_rounding) page.outcomes.push_back({trained ? "quantized, trained" : "quantized, rounded", after.top1, after.fidelity});
    if (trained) {
      page.facts.emplace_back("trained", detail::message(trained->trained_parameters, " factors, ", a.fine_tune.epochs, " epochs"));
      page.loss = trained->loss;
      page.learning_rate = trained->learning_rate;
    }
    report_layers(a.report, std::move(page), evaluation, evaluation.size(), a.quiet);
  }
  if (!a.quiet) std::printf("  peak memory %.0f MB\n", peak_memory_megabytes());
  if (!a.json.empty()) {
    Json out{{"model", a.model}, {"weights", weights}, {"scheme", scheme}, {"bits", a.quantization.weight_bits},
             {"requantize", a.quantization.requantizer == Requantizer::fixed_point ? "fixed-point" : "float"}, {"images", evaluation.size()},
             {"float_top1", float_top1 ? Json(*float_top1) : Json()}};
    out.update(fidelity_json(after.fidelity, after.top1));
    out["untrained"] = fidelity_json(before.fidelity, before.top1);
    out["int8_top1"] = a.execute != Execute::fake && after.top1 ? Json(*after.top1) : Json();
    out["int8_equals_fake_quant"] = after.equal ? Json(*after.equal && *before.equal) : Json();
    out["int8_ms_per_image_1_thread"] = int8_ms ? Json(*int8_ms) : Json();
    out["isa"] = name(active_isa());
    out["peak_memory_mb"] = peak_memory_megabytes();
    out["transforms"] = transforms;
    out["seconds_calibrate"] = seconds_calibrate;
    out["seconds_round"] = seconds_round;
    out["seconds_train"] = trained ? trained->seconds : 0.0;
    out["images_per_second_train"] = trained ? Json(trained->pictures_per_second) : Json();
    out["processes"] = world.size();
    out["steps_train"] = training.steps;
    out["exchange_ms_per_step"] = training.exchange_ms;
    out["exchange_bytes_per_step"] = training.exchange_bytes;
    out["trained_parameters"] = trained ? trained->trained_parameters : 0;
    out["training_kept"] = trained ? Json(trained->kept) : Json();
    out["loss_before"] = trained ? Json(trained->loss_before) : Json();
    out["loss_after"] = trained ? Json(trained->loss_after) : Json();
    write_file_atomically(a.json, out.dump(2) + "\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Quantizes a float ONNX classifier to int8 with trained thresholds, and measures what that costs."};
  Arguments arguments;
  describe(app, arguments);
  const World world{};
  try {
    app.parse(argc, argv);
    if (!arguments.recipe.empty()) {  // it sets what the command line, read once more, may then replace
      static_cast<Recipe&>(arguments) = recipe_named(arguments.recipe, arguments.quantization.weights);
      app.parse(argc, argv);
    }
  } catch (const CLI::ParseError& e) {
    if (world.rank() != 0) return e.get_exit_code() == 0 ? 0 : 2;
    return app.exit(e) == 0 ? 0 : 2;
  }
  const std::string failure = run_together(world, [&] { quantize_onnx(arguments, world); });
  if (failure.empty()) return 0;
  if (world.rank() == 0) std::fprintf(stderr, "quantize_onnx: %s\n", failure.c_str());
  return 1;
}
