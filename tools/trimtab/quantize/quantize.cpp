// `trimtab quantize`: from a float network and unlabelled inputs to an int8 network, with its accuracy. The steps in a row; what
// each of them does is in this folder's other files.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <memory>
#include <optional>
#include <string>
#include <trimtab/io/preprocess.hpp>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/choose_bits.hpp>
#include <trimtab/net/choose_recipe.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/report/evaluate.hpp>

#include "../command.hpp"
#include "../targets.hpp"
#include "arguments.hpp"
#include "evaluate.hpp"
#include "files.hpp"
#include "layer_report.hpp"
#include "results.hpp"
#include "train.hpp"

namespace program {
namespace {

using namespace trimtab;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void require_targets(const QuantizeArguments& a) {
  const std::vector<Target> targets{
      {"--out", a.out}, {"--json", a.json}, {"--state", a.state}, {"--report", a.report.html}, {"--layers", a.report.layers}};
  for (const auto& [option, file] : targets) require_file(option, file);
  std::vector<std::string> read{a.model, a.labels, a.classes, a.train_labels};
  for (const auto* paths : {&a.images, &a.calibrate, &a.train}) read.insert(read.end(), paths->begin(), paths->end());
  require_apart(read, targets);
}

/// The columns of one output among the rows of all.
Array columns_of(const Array& rows, const std::vector<Port>& outputs, std::size_t which) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < which; ++i) first += element_count(outputs[i].extent);
  const std::size_t own = element_count(outputs[which].extent), n = rows.shape(0);
  Array result = Array::from_shape({n, own});
  for (std::size_t i = 0; i < n; ++i) std::copy_n(rows.data() + i * rows.shape(1) + first, own, result.data() + i * own);
  return result;
}

/// Throws value_error where learned rounding, which takes all samples through the network at once, needs more memory than there
/// is.
void require_memory(const Network& network, std::size_t samples) {
  const double each = learn_rounding_bytes(network), there = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGE_SIZE));
  if (each * double(samples) <= there) return;
  throw value_error(detail::message(
      std::fixed, std::setprecision(1), "--learn-rounding, which --recipe best turns on, holds all ", samples,
      " calibration samples at once, about ", each * double(samples) / 1e9, " GB, and this machine has ", there / 1e9,
      " GB: --calibrate-count ", std::max(std::size_t{1}, static_cast<std::size_t>(there / each / 2)), " would do"));
}

/// Reads every sample that will be wanted, so that a broken picture is found before the work; pictures are kept.
void read_all(const QuantizeArguments& a, const std::vector<const Samples*>& sets, const World& world) {
  ProgressBar bar("read samples", a.quiet);
  std::size_t done = 0, total = 0;
  for (const Samples* set : sets) total += set->size();
  for (const Samples* set : sets) {
    detail::for_each_shared_batch(
        set->size(), 8, [&](std::size_t some, std::size_t) { bar.show(done + some, total); }, world,
        [&](std::span<const std::size_t> some) { (*set)(some); });
    done += set->size();
  }
}

/// Whether the float network is right for each sample.
std::vector<bool> right(const FloatModel& model, const Array& rows, const std::vector<std::size_t>& labels) {
  const Array classes = columns_of(rows, model.file.outputs, *model.classes_output());
  std::vector<bool> result;
  for (std::size_t i = 0; i < labels.size(); ++i)
    result.push_back(arg_max(classes.data() + i * classes.shape(1), classes.shape(1)) == labels[i]);
  return result;
}

/// Says so where another usual preprocessing makes the float network right more often, by three standard errors of the
/// difference: of up to 64 samples, evenly spread. Nothing else can tell a wrong one whose numbers are plausible.
void try_other_preprocessing(const FloatModel& model, const Network& teacher, const Samples& samples,
                             const std::vector<std::size_t>& labels, const Array& rows) {
  const std::vector<bool> all = right(model, rows, labels);
  const std::size_t count = std::min<std::size_t>(samples.size(), 64);
  std::vector<std::size_t> some, their_labels;
  std::vector<bool> own;
  for (std::size_t i = 0; i < count; ++i) {
    some.push_back(i * samples.size() / count);
    their_labels.push_back(labels[some.back()]);
    own.push_back(all[some.back()]);
  }
  if (std::ranges::count(own, false) < 10) return;  // none can be that much better
  for (const char* name : {"tf", "imagenet", "byte", "0,255"}) {
    const std::optional<Samples> other = samples.chosen(some).preprocessed(parse_mean_scale(name));
    if (!other) continue;
    const std::vector<bool> its = right(model, teacher_outputs(teacher, *other, count), their_labels);
    double gained = 0, lost = 0;
    for (std::size_t i = 0; i < count; ++i) {
      gained += its[i] && !own[i];
      lost += own[i] && !its[i];
    }
    if (gained - lost > 3 * std::sqrt(gained + lost))
      std::fprintf(stderr,
                   "warning: of %zu samples the float network is right for %td; with --preprocess %s it would be for %td\n",
                   count, std::ranges::count(own, true), name, std::ranges::count(its, true));
  }
}

void quantize(QuantizeArguments& a, const World& world) {
  if (world.rank() != 0) a.quiet = true;
  if (a.threads > 0) set_threads(a.threads);
  require_targets(a);
  const FloatModel model = read_float_model(a);
  rehearse(a, model);
  const auto [evaluation, labels] = evaluation_samples(a, model);
  const Samples calibration =
      open_samples(model.file, a.calibrate, a.pictures, "--calibrate").drawn(a.calibrate_count, a.fine_tune.seed);
  Samples training;
  if (!a.train.empty()) {
    const Labelled set = labelled(open_samples(model.file, a.train, a.pictures, "--train").drawn(a.train_count, a.fine_tune.seed),
                                  a.train_labels, "--train-labels", model, a);
    training = set.samples;
    a.fine_tune.labels.assign(set.labels.begin(), set.labels.end());
  }
  if (!a.train.empty() && !a.trains() && !a.quiet)
    std::fprintf(stderr, "note: nothing is trained by --recipe %s with these options: --train is not used\n", a.recipe.c_str());
  if (a.learn_rounding) require_memory(model.network, calibration.size());
  if (a.size_budget && calibration.size() < least_pictures_to_choose_bits)
    throw value_error(detail::message("--size-budget measures on calibration samples: ", calibration.size(), ", expected ",
                                      least_pictures_to_choose_bits, " or more"));
  read_all(a, {&evaluation, &calibration, &training}, world);
  Results r;
  r.processes = world.size();
  r.evaluated_on = evaluation.size();
  r.calibrated_on = calibration.size();

  const Network simplified = simplify(model.network);  // the same function, and half the work
  ProgressBar float_bar("float network", a.quiet);
  const Array float_rows = teacher_outputs(simplified, evaluation, evaluation.size(), float_bar, world);
  const auto top1 = [&, &labels = labels](const Array& rows) {
    return labels.empty() ? std::nullopt
                          : std::optional(top1_percent(columns_of(rows, model.file.outputs, *model.classes_output()), labels));
  };
  r.float_top1 = top1(float_rows);
  if (r.float_top1 && !a.quiet) {
    try_other_preprocessing(model, simplified, evaluation, labels, float_rows);
    const std::size_t classes = element_count(model.file.outputs[*model.classes_output()].extent);
    if (is_chance(*r.float_top1, classes, evaluation.size()))
      std::fprintf(stderr,
                   "warning: the float network's top-1 is %.2f %%, no better than chance: look at --preprocess and --labels\n",
                   *r.float_top1);
  }

  if (a.freedom.evening_out || a.freedom.ranges) {
    const Stopwatch watch;
    ProgressBar bar("choose a recipe", a.quiet);
    const RecipeChoice choice = choose_recipe(a, model.network, calibration, calibration.size(), a.quantization, a.freedom, bar);
    static_cast<Recipe&>(a) = choice.recipe;
    r.trials = choice.trials;
    r.seconds_choose = watch.seconds();
  }
  QuantizationOptions quantization = a.quantization;
  if (a.size_budget) {
    const Stopwatch watch;
    ProgressBar bar("choose bits", a.quiet);
    r.bits = choose_bits(a, model.network, calibration, calibration.size(), quantization, *a.size_budget, bar);
    quantization.bits_of.insert(quantization.bits_of.end(), r.bits->bits_of.begin(), r.bits->bits_of.end());
    r.seconds_choose_bits = watch.seconds();
  }
  Applied applied = [&] {
    const Stopwatch watch;
    ProgressBar bar("calibrate", a.quiet);
    Applied result = prepare(a, model.network, calibration, calibration.size(), quantization, bar, world);
    r.seconds_calibrate = watch.seconds();
    return result;
  }();
  QuantizedNetwork& q = applied.network;
  const QuantizedNetwork untrained = q;

  const auto evaluate = [&, &evaluation = evaluation](const char* title) {
    ProgressBar bar(title, a.quiet);
    const Evaluation e = run_quantized(q, a.execute, evaluation, bar, world);
    return Outcome{compare_rows(model.file.outputs, float_rows, e.rows), top1(e.rows), e.equal};
  };
  r.before = evaluate(a.trains() ? "before training" : "quantized network");
  r.after = r.before;

  if (a.trains()) {
    ProgressBar bar("teacher", a.quiet);
    const Array targets = teacher_outputs(simplified, training, training.size(), bar, world);
    r.training = train(q, targets, training, a, world);
  }
  if (a.learn_rounding) {
    const Stopwatch watch;
    ProgressBar bar("learn rounding", a.quiet);
    finish(a, applied, calibration, calibration.size(), bar);
    r.seconds_round = watch.seconds();
  }
  if (r.training || a.learn_rounding) r.after = evaluate("after training");
  if (world.rank() != 0) return;

  r.weight_bytes = packed_bytes(q);
  r.transforms = applied.transforms;
  r.transforms.insert(r.transforms.begin(), "fold_batch_norm");
  if (a.execute != Execute::fake) {
    r.int8_ms = int8_milliseconds(q, evaluation);
    r.float_ms = float_milliseconds(simplified, evaluation);
  }
  if (!a.quiet) {
    print(a, r);
    for (const StructureFinding& f : applied.structure) std::printf("  structure: %s\n", f.text.c_str());
    std::fflush(stdout);
  }
  if (!a.out.empty()) write_quantized(a, q, model);
  if (!a.json.empty()) write_json(a, r);
  if (a.report.wanted()) {
    ReportInput page = report_page(a, r);
    page.original = &model.network;
    page.reference = &applied.reference;
    page.before = &untrained;
    page.after = &q;
    page.structure = applied.structure;
    if (r.bits) page.bits = &*r.bits;
    report_layers(a.report, page, analyze_layers(a, applied.reference, q, evaluation), a.quiet);
  }
  if (!a.quiet) print_written(a);
}

}  // namespace

Command quantize_command(CLI::App& app) {
  const auto a = std::make_shared<QuantizeArguments>();
  describe(app, *a);
  return [a](const World& world) { quantize(*a, world); };
}

}  // namespace program
