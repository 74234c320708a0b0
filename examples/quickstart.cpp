// The quickstart's table: quantizes the network of quickstart_data in the four modes of the paper's tables 1 and 2, before and
// after training of the thresholds on unlabelled pictures.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <vector>

namespace {

using namespace trimtab;

/// A picture set with its preprocessing: what calibrate, train and evaluate read from.
struct Source {
  PictureSet set;
  Preprocess preprocess;
  Array operator()(std::span<const std::size_t> indices) const { return set.batch(indices, preprocess); }
};

Source load(const std::filesystem::path& folder, std::size_t limit, const Extents& input, const Preprocess& preprocess) {
  std::vector<std::filesystem::path> files = list_images(folder);
  if (files.size() < limit)
    throw value_error(folder.string() + " has " + std::to_string(files.size()) + " pictures, expected " + std::to_string(limit));
  files.resize(limit);
  return {PictureSet::load(files, fit_to(input[0], input[1])), preprocess};
}

struct Score {
  double top1, agreement, rmse;
};

void make_table(const std::filesystem::path& folder) {
  const OnnxModel model = read_onnx(folder / "small_mobilenet.onnx");
  const Network teacher = simplify(model.network);
  const Preprocess preprocess = parse_preprocessing(model.metadata.at("preprocessing"));
  const Extents input = teacher[teacher.input()].extent;
  const std::size_t classes = element_count(teacher[teacher.output()].extent);

  Source evaluation = load(folder / "evaluate", 1000, input, preprocess);
  evaluation.set.set_labels(read_labels(folder / "evaluate" / "labels.csv"), classes);
  const Source calibration = load(folder / "train", 100, input, preprocess);
  const Source training = load(folder / "train", 2000, input, preprocess);
  std::vector<std::size_t> labels;
  for (std::size_t i = 0; i < evaluation.set.size(); ++i) labels.push_back(evaluation.set.label(i));

  const Array wanted = teacher_outputs(teacher, evaluation, evaluation.set.size());
  const Array targets = teacher_outputs(teacher, training, training.set.size());
  const auto ranges = calibrate(teacher, calibration, calibration.set.size(), MinMaxObserver<float>{});
  const double float_top1 = top1_percent(wanted, labels);

  const auto score = [&](const QuantizedNetwork& q) {
    FakeQuantExecutor executor(q);
    Array outputs = Array::from_shape({labels.size(), classes});
    float* next = outputs.data();
    std::vector<std::size_t> some;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      some.push_back(i);
      if (some.size() < 16 && i + 1 < labels.size()) continue;
      const Array& y = executor.forward(evaluation(some));
      next = std::copy(y.data(), y.data() + y.size(), next);
      some.clear();
    }
    const Fidelity f = compare_outputs(wanted, outputs);
    return Score{top1_percent(outputs, labels), f.agreement, f.rmse};
  };

  std::string table;
  for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector})
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      QuantizationOptions options;
      options.weights = weights;
      options.scheme = scheme;
      QuantizedNetwork q = quantize(teacher, ranges, options);
      const Score before = score(q);
      const std::string name = std::string(weights == WeightMode::scalar ? "scalar, " : "vector, ") +
                               (scheme == Scheme::symmetric ? "symmetric" : "asymmetric");
      ProgressBar bar("train " + name);
      FineTuneOptions tuning;
      tuning.epochs = 10;
      tuning.learning_rate = 3e-3;
      fine_tune(q, targets, training, tuning, bar);
      const Score after = score(q);
      char row[160];
      std::snprintf(row, sizeof row, "  %-20s %8.1f | %8.1f %8.1f %8.3f | %8.1f %8.1f %8.3f\n", name.c_str(), float_top1,
                    before.top1, before.agreement, before.rmse, after.top1, after.agreement, after.rmse);
      table += row;
    }
  std::printf("\n8-bit quantization of %s, %zu pictures of evaluate/\n\n", (folder / "small_mobilenet.onnx").string().c_str(),
              labels.size());
  std::printf("  %-20s %8s | %26s | %26s\n", "", "float", "calibrated on 100 pictures", "thresholds trained on 2000");
  std::printf("  %-20s %8s | %8s %8s %8s | %8s %8s %8s\n", "weights, scheme", "top-1 %", "top-1 %", "agree %", "RMSE", "top-1 %",
              "agree %", "RMSE");
  std::printf("%s\n", table.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: quickstart FOLDER, as quickstart_data made it\n");
    return 2;
  }
  try {
    make_table(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quickstart: %s\n", e.what());
    return 1;
  }
  return 0;
}
