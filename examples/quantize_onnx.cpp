// From a float ONNX classifier and a folder of unlabelled pictures to an int8 network, with its accuracy. The steps in a row;
// what each of them does is in the folder quantize_onnx/.

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/report/evaluate.hpp>

#include "quantize_onnx/arguments.hpp"
#include "quantize_onnx/evaluate.hpp"
#include "quantize_onnx/files.hpp"
#include "quantize_onnx/layer_report.hpp"
#include "quantize_onnx/results.hpp"
#include "quantize_onnx/train.hpp"
#include "quantize_onnx/world.hpp"

namespace quantize_onnx {
namespace {

using namespace trimtab;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void run(Arguments& a, const World& world) {
  if (world.rank() != 0) a.quiet = true;
  if (a.threads > 0) set_threads(a.threads);
  if (!a.out.empty()) require_format(a.out, a.quantization.requantizer);

  const Model model = read_model(a);
  const auto [files, labels] = evaluation_files(a, model.classes());
  const Files calibration_files = draw(a.calibrate, a.calibrate_count, a.fine_tune.seed);
  Results r;
  r.processes = world.size();
  r.evaluated_on = files.size();
  r.calibrated_on = calibration_files.size();

  Applied applied = [&] {
    const Stopwatch watch;
    const PictureFiles set = model.pictures(calibration_files);
    ProgressBar bar("calibrate", a.quiet);
    Applied result = prepare(a, model.network, set, set.size(), a.quantization, bar, world);
    r.seconds_calibrate = watch.seconds();
    return result;
  }();
  QuantizedNetwork& q = applied.network;
  const QuantizedNetwork untrained = q;

  const PictureFiles evaluation = model.pictures(files);
  ProgressBar float_bar("float network", a.quiet);
  const Array float_logits = teacher_outputs(model.network, evaluation, evaluation.size(), float_bar, world);
  const auto top1 = [&, &labels = labels](const Array& logits) {
    return labels.empty() ? std::nullopt : std::optional(top1_percent(logits, labels));
  };
  const auto evaluate = [&](const char* title) {
    ProgressBar bar(title, a.quiet);
    const Evaluation e = run_quantized(q, a.execute, evaluation, model.classes(), bar, world);
    return Outcome{compare_outputs(float_logits, e.logits), top1(e.logits), e.equal};
  };
  r.float_top1 = top1(float_logits);
  r.before = evaluate(a.train.empty() ? "quantized network" : "before training");
  r.after = r.before;

  if (!a.train.empty() && a.fine_tune.trained.any()) {
    const Files training_files = draw(a.train, a.train_count, a.fine_tune.seed);
    const PictureFiles set = model.pictures(training_files);
    a.fine_tune.labels = training_labels(a, training_files, model.classes());
    ProgressBar bar("teacher", a.quiet);
    const Array targets = teacher_outputs(model.network, set, set.size(), bar, world);
    r.training = train(q, targets, set, a, world);
  }
  if (a.learn_rounding) {
    const Stopwatch watch;
    const PictureFiles set = model.pictures(calibration_files);
    ProgressBar bar("learn rounding", a.quiet);
    finish(a, applied, set, set.size(), bar);
    r.seconds_round = watch.seconds();
  }
  if (r.training || a.learn_rounding) r.after = evaluate("after training");
  if (world.rank() != 0) return;

  r.transforms = applied.transforms;
  r.transforms.insert(r.transforms.begin(), "fold_batch_norm");
  if (a.execute != Execute::fake) r.int8_ms = milliseconds_per_image(q, evaluation);
  if (!a.out.empty()) write_quantized(a, q, model);
  if (!a.quiet) {
    print(a, r);
    for (const StructureFinding& f : applied.structure) std::printf("  structure: %s\n", f.text.c_str());
  }
  if (a.report.wanted()) {
    ReportInput page = report_page(a, r);
    page.original = &model.network;
    page.reference = &applied.reference;
    page.before = &untrained;
    page.after = &q;
    page.structure = applied.structure;
    report_layers(a.report, page, analyze_layers(a, applied.reference, q, evaluation), a.quiet);
  }
  if (!a.quiet) print_memory();
  if (!a.json.empty()) write_json(a, r);
}

}  // namespace
}  // namespace quantize_onnx

int main(int argc, char** argv) {
  quantize_onnx::Arguments arguments;
  const quantize_onnx::World world{};
  if (const auto status = quantize_onnx::parse(argc, argv, world.rank() != 0, arguments)) return *status;
  const std::string failure = trimtab::run_together(world, [&] { quantize_onnx::run(arguments, world); });
  if (failure.empty()) return 0;
  if (world.rank() == 0) std::fprintf(stderr, "quantize_onnx: %s\n", failure.c_str());
  return 1;
}
