// Reads TFLite files and runs them, for compare_read.cjs and by hand:
//
//   dump_read_tflite FILE...                 tells of each file what it is, or why it is refused
//   dump_read_tflite --out FOLDER FILE       writes what each node gives for a drawn input, and manifest.json
//   dump_read_tflite --make FOLDER           writes a file for each operator on codes
//   dump_read_tflite --again FOLDER FILE     writes the network as again.tflite and again.onnx, and tells whether those compute the same codes
//
// Codes are written as the network's bytes: uint8 codes, or int8 codes plus 128; reals as float32.

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/io/tflite/read_quantized.hpp>
#include <trimtab/io/tflite/write.hpp>
#include <trimtab/net/execute/int8_network.hpp>

#include "operator_files.hpp"

namespace fs = std::filesystem;
using namespace trimtab;

namespace {

/// Waves and noise in -1 .. 1, as reals of the node's grid where it has one.
Array drawn_input(const LoweredNode& node, std::size_t batch, std::mt19937& random) {
  Array x;
  detail::resize_batch(batch, node.extent, x);
  std::uniform_real_distribution<float> noise(-0.3F, 0.3F);
  const float wave = 0.02F + 0.1F * std::abs(noise(random));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float v = 0.7F * std::sin(wave * static_cast<float>(i)) + noise(random);
    x.data()[i] = node.holds_codes ? node.grid.dequantize(static_cast<std::int32_t>(std::lround((v + 1) * 127.5F))) : v;
  }
  return x;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

void dump(const fs::path& folder, const QuantizedTfliteModel& model) {
  fs::create_directories(folder);
  const LoweredNetwork& n = model.network;
  std::mt19937 random(1);
  std::vector<Array> x;
  for (const NodeId id : n.inputs) x.push_back(drawn_input(n.nodes[id], 1, random));
  const Int8Network network(n);
  Int8Network::Workspace workspace;
  std::ostringstream nodes;
  network.run_nodes(x, workspace, [&](NodeId id, const Int8Network::Output& out) {
    const LoweredNode& node = n.nodes[id];
    std::string bytes(out.bytes.begin(), out.bytes.end());
    if (!node.holds_codes) bytes.assign(reinterpret_cast<const char*>(out.reals.data()), out.reals.size_bytes());
    write_file_atomically(folder / (std::to_string(id) + ".bin"), bytes);
    nodes << (id == 0 ? "" : ",\n") << R"({"name": )" << quoted(node.name) << R"(, "operator": ")" << operator_name(node.op)
          << R"(", "codes": )" << (node.holds_codes ? "true" : "false") << R"(, "float": )" << (node.in_float ? "true" : "false")
          << "}";
  });
  std::string outputs;
  for (const NodeId id : n.outputs) outputs += (outputs.empty() ? "" : ", ") + std::to_string(id);
  write_file_atomically(folder / "manifest.json",
                        std::string("{\"nodes\": [\n") + nodes.str() + "\n], \"outputs\": [" + outputs + "]}\n");
}

/// All outputs for one drawn input.
std::vector<Array> outputs_of(const LoweredNetwork& n) {
  std::mt19937 random(1);
  std::vector<Array> x;
  for (const NodeId id : n.inputs) x.push_back(drawn_input(n.nodes[id], 1, random));
  Int8Network::Workspace workspace;
  return Int8Network(n).run_outputs(x, workspace);
}

/// ONNX has no fixed point: its file is that of the same weights with float32 multipliers, and is compared with Int8Network in
/// those. A picture is there N C H W, and N H W C here.
void again(const fs::path& folder, LoweredNetwork n) {
  fs::create_directories(folder);
  write_tflite(folder / "again.tflite", n);
  const bool equal = outputs_of(n) == outputs_of(read_quantized_tflite(folder / "again.tflite").network);
  std::cout << "as TFLite again: " << (equal ? "equal" : "DIFFERENT") << '\n';
  n.requantizer = Requantizer::float32;
  write_onnx(n, OnnxForm::qoperator, folder / "again.onnx");
  const bool equal_onnx = outputs_of(n) == outputs_of(read_quantized_onnx(folder / "again.onnx").network);
  std::cout << "as ONNX: " << (equal_onnx ? "equal" : "DIFFERENT") << '\n';
  if (!equal || !equal_onnx) throw value_error("codes differ");
}

void tell(const fs::path& path) {
  std::cout << path.filename().string() << ": " << std::flush;
  try {
    const QuantizedTfliteModel model = read_quantized_tflite(path);
    std::size_t codes = 0, floats = 0;
    std::string islands;
    bool quantized = false;
    for (const LoweredNode& node : model.network.nodes) {
      quantized = quantized || node.holds_codes;
      ++(node.in_float ? floats : codes);
    }
    for (const LoweredNode& node : model.network.nodes)
      if (quantized && node.in_float && !node.op.is<Clip>() && !node.op->is_fed())
        islands += std::string(" ") + operator_name(node.op);
    std::cout << "read, " << codes << " nodes on codes, " << floats << " in float" << (islands.empty() ? "" : ":" + islands)
              << '\n';
    if (!quantized) read_tflite(path);
  } catch (const error& e) {
    std::cout << "REFUSED: " << e.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 4 && std::string(argv[1]) == "--out")
      dump(argv[2], read_quantized_tflite(argv[3]));
    else if (argc == 4 && std::string(argv[1]) == "--again")
      again(argv[2], read_quantized_tflite(argv[3]).network);
    else if (argc == 3 && std::string(argv[1]) == "--make") {
      fs::create_directories(argv[2]);
      for (const auto& [name, bytes] : test::operator_files())
        write_file_atomically(fs::path(argv[2]) / (name + ".tflite"), bytes);
    } else
      for (int i = 1; i < argc; ++i) tell(argv[i]);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
