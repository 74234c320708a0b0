#pragma once
// Networks from files, whatever their format, float or quantized. A new format is a line in model.cpp.

#include <map>
#include <string>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace program {

/// How a file is read.
struct ReadingArguments {
  std::vector<std::string> input_shapes, cut;
};
/// --input-shape and --cut.
void describe(CLI::App& app, ReadingArguments& a);

/// An input or an output.
struct Port {
  std::string name;                ///< in the file
  std::vector<std::size_t> order;  ///< axis i of the file's tensor is axis order[i] of the network's, the batch being 0
  trimtab::Extents extent;         ///< of the network's, batch excluded
};

/// The extents of the file's tensor, N for the batch: "N,3,224,224".
std::string extents_in_file(const Port& port);
/// Whether an output has one number a class.
bool is_classes(const Port& port);
/// An array of the network's order of axes in the file's, and back.
trimtab::Array to_file(const trimtab::Array& x, const Port& port);
trimtab::Array from_file(const trimtab::Array& x, const Port& port);

struct Model {
  std::string file;
  std::variant<trimtab::Network, trimtab::LoweredNetwork> network;
  std::vector<Port> inputs, outputs;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;  ///< what was left out or assumed

  bool is_quantized() const { return std::holds_alternative<trimtab::LoweredNetwork>(network); }
};

/// The grid of a node's codes: of an output's, the file's own.
trimtab::Affine<float> grid_of(const trimtab::LoweredNetwork& network, trimtab::NodeId id);
/// Whether the file tells the scale of that grid. Files of integer operators may tell the ratios of inner scales alone, where
/// they stand as 1.
bool knows_scale(const trimtab::LoweredNetwork& network, trimtab::NodeId id);

/// Reads a file by its ending. Throws as the readers do, and unsupported_error for an ending that is nobody's.
Model read_model(const std::string& file, const ReadingArguments& a);

/// Prints the notes, each on a line of standard error.
void print_notes(const Model& model);

}  // namespace program
