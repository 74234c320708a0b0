#pragma once
// What is read and written: the float network, samples with their labels, the quantized network.

#include <cstddef>
#include <optional>
#include <string>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <vector>

#include "arguments.hpp"

namespace program {

/// The float network, ready to be quantized, and how its file calls things.
struct FloatModel {
  Model file;
  trimtab::Network network;
  /// The only output of classes; nothing where there is none, or more than one.
  std::optional<std::size_t> classes_output() const;
};
/// Reads the model, folds batch norms and fuses clips. Throws value_error for one that is quantized.
FloatModel read_float_model(const QuantizeArguments& a);

/// Samples, and the class of each where there are labels.
struct Labelled {
  Samples samples;
  std::vector<std::size_t> labels;
};
/// Those samples that `labels` knows, or all where it is empty. Notes on standard error tell of samples without a label and
/// labels without a sample. `option` is what messages call them. Throws value_error where nothing is left, a label is no class,
/// or labels are given for a network without an output of classes.
Labelled labelled(Samples samples, const std::string& labels, const char* option, const FloatModel& model,
                  const QuantizeArguments& a);
/// The samples of --images that are evaluated.
Labelled evaluation_samples(const QuantizeArguments& a, const FloatModel& model);

/// Quantizes with ranges that are made up and writes into memory, so that what the quantizer, the arithmetic or the file's format
/// refuses is known before the work.
void rehearse(const QuantizeArguments& a, const FloatModel& model);
/// Writes --out.
void write_quantized(const QuantizeArguments& a, const trimtab::QuantizedNetwork& q, const FloatModel& model);

}  // namespace program
