#include "files.hpp"

#include <algorithm>
#include <cstdio>
#include <random>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx/self_check.hpp>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <unordered_map>
#ifdef TRIMTAB_WITH_TFLITE
#include <trimtab/io/tflite/write.hpp>
#endif

#include "layer_report.hpp"

namespace quantize_onnx {

using namespace trimtab;

Model read_model(const Arguments& a) {
  OnnxModel file = read_onnx(a.model);
  Model model{simplify(file.network), std::move(file.metadata), {}, {}};
  if (!a.report.layer.empty()) layer_named(model.network, a.report.layer);  // fails early
  if (!a.quiet)
    for (const std::string& note : file.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  const auto told = model.metadata.find("preprocessing");
  if (a.preprocess.empty() && told == model.metadata.end())
    throw value_error("the model says nothing of its preprocessing; give --preprocess MEAN,SCALE");
  model.preprocess = a.preprocess.empty() ? parse_preprocessing(told->second) : parse_mean_scale(a.preprocess);
  const Extents input = model.network[model.network.input()].extent;
  if (input.size() != 3 || input[2] != 3)
    throw unsupported_error(detail::message("the network's input is ", input, ", not a picture H W 3"));
  model.fit = fit_to(input[0], input[1]);
  return model;
}

Files draw(const std::string& folder, std::size_t count, std::uint64_t seed) {
  const Files files = list_images(folder);
  std::vector<std::size_t> order = detail::first_indices(files.size());
  std::mt19937_64 random(seed);
  detail::shuffle(order, random);
  Files drawn;
  for (std::size_t i = 0; i < std::min(count, files.size()); ++i) drawn.push_back(files[order[i]]);
  if (drawn.empty()) throw value_error(detail::message("no pictures in ", folder));
  return drawn;
}

EvaluationFiles evaluation_files(const Arguments& a, std::size_t classes) {
  EvaluationFiles chosen{list_images(a.images), {}};
  std::unordered_map<std::string, std::size_t> labels;
  if (!a.labels.empty()) {
    labels = read_labels(a.labels);
    std::erase_if(chosen.files, [&](const std::filesystem::path& file) { return !labels.contains(file.filename().string()); });
  }
  if (a.limit > 0 && chosen.files.size() > a.limit) chosen.files.resize(a.limit);
  if (chosen.files.empty())
    throw value_error(detail::message("no pictures", a.labels.empty() ? "" : " with a label", " in ", a.images));
  if (!labels.empty())
    for (const std::filesystem::path& file : chosen.files)
      chosen.labels.push_back(detail::label_of(file.filename().string(), labels, classes));
  return chosen;
}

std::vector<int> training_labels(const Arguments& a, const Files& files, std::size_t classes) {
  if (a.train_labels.empty()) return {};
  const auto labels = read_labels(a.train_labels);
  std::vector<int> list;
  for (const std::filesystem::path& file : files)
    list.push_back(static_cast<int>(detail::label_of(file.filename().string(), labels, classes)));
  return list;
}

void require_format(const std::string& path, Requantizer requantizer) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".onnx" && requantizer == Requantizer::float32) return;
  if (ending == ".onnx")
    throw unsupported_error("--out: ONNX requantizes in float; --requantize fixed-point goes into .tflite files");
#ifdef TRIMTAB_WITH_TFLITE
  if (ending == ".tflite") return;
#endif
  throw unsupported_error(detail::message("--out ", path, ": not a file that this program was built to write"));
}

void write_quantized(const Arguments& a, const QuantizedNetwork& q, const Model& model) {
#ifdef TRIMTAB_WITH_TFLITE
  if (std::filesystem::path(a.out).extension() == ".tflite") {
    write_tflite(a.out, q);
    return;
  }
#endif
  std::map<std::string, std::string> metadata = model.metadata;
  metadata["preprocessing"] = preprocessing_text(model.preprocess);
  const LoweredNetwork lowered = lower(q);
  write_onnx(lowered, a.format, a.out, with_self_check(lowered, std::move(metadata)));
}

}  // namespace quantize_onnx
