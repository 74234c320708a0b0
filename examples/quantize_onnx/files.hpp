#pragma once
// What is read and written: the float network, pictures, the quantized network.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <trimtab/io/images.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <vector>

#include "arguments.hpp"

namespace quantize_onnx {

using Files = std::vector<std::filesystem::path>;

/// The float network, ready to be quantized, and what becomes of a picture before it.
struct Model {
  trimtab::Network network;
  std::map<std::string, std::string> metadata;
  trimtab::Fit fit;
  trimtab::Preprocess preprocess;

  trimtab::PictureFiles pictures(Files files) const { return trimtab::PictureFiles(std::move(files), fit, preprocess); }
  std::size_t classes() const { return trimtab::element_count(network[network.output()].extent); }
};
/// Reads --model, folds batch norms and fuses clips.
Model read_model(const Arguments& a);

/// `count` pictures of a folder, drawn with a seed; at least one.
Files draw(const std::string& folder, std::size_t count, std::uint64_t seed);

/// The pictures of --images that are evaluated, and their classes where there are --labels.
struct EvaluationFiles {
  Files files;
  std::vector<std::size_t> labels;
};
EvaluationFiles evaluation_files(const Arguments& a, std::size_t classes);

/// The classes of --train's pictures, where there are --train-labels. Throws for a picture without.
std::vector<int> training_labels(const Arguments& a, const Files& files, std::size_t classes);

/// Throws where write_quantized cannot write what the file's ending stands for, so that this is known before the work.
void require_format(const std::string& path, trimtab::Requantizer requantizer);
/// Writes --out.
void write_quantized(const Arguments& a, const trimtab::QuantizedNetwork& q, const Model& model);

}  // namespace quantize_onnx
