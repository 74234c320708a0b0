#include "model.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/read.hpp>
#ifdef TRIMTAB_WITH_TFLITE
#include <trimtab/io/tflite/read_quantized.hpp>
#endif

namespace program {

using namespace trimtab;

namespace {

/// What most classifiers take.
constexpr std::int64_t usual_picture_size = 224;

Extents extent_of(const Network& network, NodeId id) { return network[id].extent; }
Extents extent_of(const LoweredNetwork& network, NodeId id) { return network.nodes[id].extent; }
std::vector<NodeId> inputs_of(const Network& network) { return network.inputs(); }
std::vector<NodeId> inputs_of(const LoweredNetwork& network) { return network.inputs; }
std::vector<NodeId> outputs_of(const Network& network) { return network.outputs(); }
std::vector<NodeId> outputs_of(const LoweredNetwork& network) { return network.outputs; }

/// Axes of the file's tensor among the network's.
std::vector<std::size_t> order_of(const OnnxPort& port, const Extents&) { return port.order; }
std::vector<std::size_t> order_of(const TrimtabPort& port, const Extents&) { return port.order; }
#ifdef TRIMTAB_WITH_TFLITE
std::vector<std::size_t> order_of(const TflitePort&, const Extents& extent) {
  std::vector<std::size_t> same(extent.size() + 1);
  std::iota(same.begin(), same.end(), std::size_t{0});
  return same;
}
#endif

template <class Named, class N>
std::vector<Port> ports(const std::vector<Named>& named, const N& network, const std::vector<NodeId>& ids) {
  std::vector<Port> result;
  for (std::size_t i = 0; i < named.size(); ++i) {
    const Extents extent = extent_of(network, ids[i]);
    result.push_back({named[i].name, order_of(named[i], extent), extent});
  }
  return result;
}

/// What a reader gives.
template <class Read>
Model model_of(const std::string& file, Read read, std::map<std::string, std::string> metadata, std::vector<std::string> notes) {
  Model model{file,
              {},
              ports(read.inputs, read.network, inputs_of(read.network)),
              ports(read.outputs, read.network, outputs_of(read.network)),
              std::move(metadata),
              std::move(notes)};
  model.network = std::move(read.network);
  return model;
}

Model read_onnx_model(const std::string& file, const OnnxReadOptions& options) {
  try {
    OnnxModel read = read_onnx(file, options);
    auto metadata = std::move(read.metadata);
    auto notes = std::move(read.notes);
    return model_of(file, std::move(read), std::move(metadata), std::move(notes));
  } catch (const unsupported_error&) {
    // A quantized network, or neither, of which the second reader tells the same.
    auto read = read_quantized_onnx(file, options);
    auto metadata = std::move(read.metadata);
    auto notes = std::move(read.notes);
    return model_of(file, std::move(read), std::move(metadata), std::move(notes));
  }
}

/// Pictures of a size that the file leaves open are of 224 x 224.
Model read_onnx_model(const std::string& file, const ReadingArguments& a) {
  OnnxReadOptions options;
  for (const std::string& text : a.input_shapes) options.input_sizes.insert(parse_input_size(text));
  options.cut = a.cut;
  options.picture_size = usual_picture_size;
  try {
    return read_onnx_model(file, options);
  } catch (const error& with_usual) {
    options.picture_size.reset();
    try {
      read_onnx_model(file, options);
    } catch (const error& without) {
      const std::string why = with_usual.what();
      if (without.what() != why)
        throw unsupported_error(
            detail::message(without.what(), ". ", usual_picture_size, " x ", usual_picture_size, " does not do: ", why));
    }
    throw;
  }
}

#ifdef TRIMTAB_WITH_TFLITE
Model read_tflite_model(const std::string& file, const ReadingArguments& a) {
  if (!a.input_shapes.empty())
    throw value_error("--input-shape: " + file + " leaves no extents open; a TFLite file states all of them");
  const TfliteReadOptions options{a.cut};
  const auto whole = [&](auto read) {
    auto notes = std::move(read.notes);
    return model_of(file, std::move(read), {}, std::move(notes));
  };
  try {
    return whole(read_tflite(file, options));
  } catch (const unsupported_error&) {
    return whole(read_quantized_tflite(file, options));
  }
}
#endif

Model read_trimtab_model(const std::string& file, const ReadingArguments& a) {
  if (!a.input_shapes.empty())
    throw value_error("--input-shape: " + file + " leaves no extents open; a .trimtab file states all of them");
  if (!a.cut.empty())
    throw value_error("--cut: " + file + " ends where it ends; --cut of the file that it was made of shortens it");
  TrimtabModel read = read_trimtab(file);
  self_check(read.network, read.metadata);
  auto metadata = std::move(read.metadata);
  return model_of(file, std::move(read), std::move(metadata), {});
}

}  // namespace

void describe(CLI::App& app, ReadingArguments& a) {
  app.add_option("--input-shape", a.input_shapes,
                 detail::message("NAME=1,3,320,320: extents of an input that the file leaves open; without it pictures are of ",
                                 usual_picture_size, " x ", usual_picture_size))
      ->allow_extra_args(false);
  app.add_option("--cut", a.cut,
                 "The network ends with this node or value, not with the file's outputs; may be given several times")
      ->allow_extra_args(false);
}

std::string extents_in_file(const Port& port) {
  std::string text;
  for (const std::size_t axis : port.order)
    text += (text.empty() ? "" : ",") + (axis == 0 ? "N" : std::to_string(port.extent[axis - 1]));
  return text;
}

bool is_classes(const Port& port) {
  const std::size_t count = element_count(port.extent);
  return count > 1 && port.extent.back() == count;
}

Array to_file(const Array& x, const Port& port) { return to_file_layout(x, port.order); }
Array from_file(const Array& x, const Port& port) { return from_file_layout(x, port.order); }

namespace {
std::optional<std::size_t> output_number(const LoweredNetwork& network, NodeId id) {
  const auto found = std::find(network.outputs.begin(), network.outputs.end(), id);
  if (found == network.outputs.end()) return std::nullopt;
  return static_cast<std::size_t>(found - network.outputs.begin());
}
}  // namespace

Affine<float> grid_of(const LoweredNetwork& network, NodeId id) {
  const auto output = output_number(network, id);
  return output ? network.output_grids[*output] : network.nodes[id].grid;
}
bool knows_scale(const LoweredNetwork& network, NodeId id) {
  const LoweredNode& node = network.nodes[id];
  return !node.holds_codes || node.grid.scale != 1 || node.op->is_fed() || output_number(network, id).has_value();
}

Model read_model(const std::string& file, const ReadingArguments& a) {
  const std::string ending = std::filesystem::path(file).extension().string();
  if (ending == ".onnx") return read_onnx_model(file, a);
  if (ending == ".trimtab") return read_trimtab_model(file, a);
#ifdef TRIMTAB_WITH_TFLITE
  if (ending == ".tflite") return read_tflite_model(file, a);
  throw unsupported_error(file + ": a model's name ends in .onnx, .tflite or .trimtab");
#else
  throw unsupported_error(file + ": a model's name ends in .onnx or .trimtab; this program was built without TFLite's reader");
#endif
}

void print_notes(const Model& model) {
  constexpr std::size_t most = 8;
  for (std::size_t i = 0; i < std::min(most, model.notes.size()); ++i) std::fprintf(stderr, "note: %s\n", model.notes[i].c_str());
  if (model.notes.size() > most)
    std::fprintf(stderr, "note: %zu more; `trimtab show --json` has all\n", model.notes.size() - most);
}

}  // namespace program
