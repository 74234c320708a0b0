// Writes, for compare.cjs, networks as TFLite files with the codes that Int8Network computes:
//
//   dump_tflite OUT_FOLDER SHARED_DATA PICTURES [NETWORK...]
//
// For each network and mode: the whole model, and of its first two pictures each node alone, fed with its inputs' codes, so that
// a difference is the operator's own. Every file is there twice: as write_tflite writes it, and with an output whose shape only
// the run tells, which has TFLite run its own kernels, since delegates take no such graph. `manifest.json` lists all.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <quantized_small_network.hpp>
#include <sstream>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/preprocess.hpp>
#include <trimtab/io/tflite/write.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/fold.hpp>

#include "tflite_network.hpp"

namespace fs = std::filesystem;
using namespace trimtab;

namespace {

using Index = std::int32_t;

/// The operators that compute tensor `output` from `inputs`, alone.
tflite::Model cut(const tflite::Model& whole, const std::vector<Index>& inputs, Index output) {
  tflite::Model part = whole;
  part.operations.clear();
  part.inputs = inputs;
  part.outputs = {output};
  std::vector<Index> wanted{output};
  for (auto o = whole.operations.rbegin(); o != whole.operations.rend(); ++o) {
    if (std::find(wanted.begin(), wanted.end(), o->outputs[0]) == wanted.end()) continue;
    part.operations.insert(part.operations.begin(), *o);
    for (const Index in : o->inputs)
      if (std::find(inputs.begin(), inputs.end(), in) == inputs.end()) wanted.push_back(in);
  }
  // Constants of other operators go.
  std::vector<bool> used(part.tensors.size());
  for (const tflite::Operation& o : part.operations)
    for (const Index in : o.inputs) used[static_cast<std::size_t>(in)] = true;
  for (std::size_t t = 0; t < used.size(); ++t)
    if (!used[t]) part.tensors[t].data.clear();
  return part;
}

/// FILL (94) makes an output as long as an input says.
tflite::Model with_own_kernels(tflite::Model model) {
  const auto tensor = [&](const char* name, std::vector<Index> shape, std::vector<std::uint8_t> data) {
    model.tensors.push_back({name, std::move(shape), tflite::TensorType::int32, {}, std::move(data)});
    return static_cast<Index>(model.tensors.size() - 1);
  };
  const Index dims = tensor("dims", {1}, {}), value = tensor("value", {}, {7, 0, 0, 0}), filled = tensor("filled", {}, {});
  model.operations.push_back({static_cast<tflite::OperatorCode>(94), 1, {dims, value}, {filled}});
  model.inputs.push_back(dims);
  return model;
}

class Dump {
 public:
  explicit Dump(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  /// x: all pictures.
  void add(const std::string& name, const QuantizedNetwork& q, const Array& x) {
    const tflite::Model model = to_tflite(q, {true});
    tflite::Model whole = model;
    whole.outputs = {model.outputs.back()};
    if (model.outputs.size() != q.network.size() || q.network.output() + 1 != q.network.size())
      throw value_error("a node is not an output of its own");
    files(name, whole);
    const Int8Network deployed(q);
    Int8Network::Workspace workspace;
    const auto flip = static_cast<std::uint8_t>(code_origin(q));
    const std::size_t size = x.size() / x.shape(0), pictures = x.shape(0);
    std::vector<std::string> codes(q.network.size());
    std::string inputs, outputs;
    for (std::size_t p = 0; p < pictures; ++p) {
      Array one = Array::from_shape({std::size_t{1}, x.shape(1), x.shape(2), x.shape(3)});
      std::copy_n(x.data() + p * size, size, one.data());
      deployed.run(one, workspace, [&](NodeId id, std::span<const std::uint8_t> bytes) {
        std::string file_codes;
        for (const std::uint8_t b : bytes) file_codes.push_back(static_cast<char>(b ^ flip));
        if (id == q.network.input()) inputs += file_codes;
        if (id == q.network.output()) outputs += file_codes;
        if (p < alone) codes[id] += file_codes;
      });
    }
    write_file_atomically(folder_ / (name + ".inputs.bin"), inputs);
    write_file_atomically(folder_ / (name + ".outputs.bin"), outputs);
    manifest_ << (manifest_.tellp() == 0 ? "[\n" : ",\n") << R"({"name": ")" << name << R"(", "int8": )" << (flip != 0)
              << R"(, "fixed_point": )" << (q.requantizer == Requantizer::fixed_point) << R"(, "pictures": )" << pictures
              << R"(, "alone": )" << std::min(pictures, alone) << R"(, "nodes": [)";
    bool first = true;
    for (NodeId id = 0; id < q.network.size(); ++id) {
      const Node& node = q.network[id];
      write_file_atomically(folder_ / (name + "." + std::to_string(id) + ".bin"), codes[id]);
      const bool on_codes = std::all_of(node.inputs.begin(), node.inputs.end(), [&](NodeId i) { return q.holds_codes(i); });
      if (node.inputs.empty() || !on_codes || !q.holds_codes(id)) continue;
      std::vector<Index> in;
      for (const NodeId i : node.inputs) in.push_back(model.outputs[i]);
      files(name + "." + std::to_string(id), cut(model, in, model.outputs[id]));
      manifest_ << (first ? "" : ", ") << R"({"id": )" << id << R"(, "operator": ")" << operator_name(node.op)
                << R"(", "inputs": [)";
      for (std::size_t i = 0; i < node.inputs.size(); ++i) manifest_ << (i == 0 ? "" : ", ") << node.inputs[i];
      manifest_ << "]}";
      first = false;
    }
    manifest_ << "]}";
    std::cout << name << '\n';
  }
  void finish() {
    manifest_ << "\n]\n";
    write_file_atomically(folder_ / "manifest.json", manifest_.str());
  }

 private:
  static constexpr std::size_t alone = 2;
  void files(const std::string& name, const tflite::Model& model) {
    write_file_atomically(folder_ / (name + ".tflite"), tflite::serialize(model));
    write_file_atomically(folder_ / (name + ".own.tflite"), tflite::serialize(with_own_kernels(model)));
  }
  fs::path folder_;
  std::ostringstream manifest_;
};

struct Mode {
  const char* name;
  QuantizationOptions options;
};

std::vector<Mode> modes() {
  std::vector<Mode> all{{"int8_vector", {WeightMode::vector, Scheme::symmetric}},
                        {"int8_scalar", {WeightMode::scalar, Scheme::symmetric}},
                        {"uint8_scalar", {WeightMode::scalar, Scheme::asymmetric}}};
  for (Mode& mode : all) mode.options.requantizer = Requantizer::fixed_point;
  all.push_back({"float_int8_vector", {WeightMode::vector, Scheme::symmetric}});
  return all;
}

void add_small_networks(Dump& dump) {
  for (const Mode& mode : modes()) {
    if (mode.options.requantizer != Requantizer::fixed_point) continue;  // it has an average pool
    const QuantizedNetwork q = test::quantized(test::tflite_network(), mode.options);
    dump.add(std::string("small.") + mode.name, q, test::random_pictures(q.network, 2, 5));
    const QuantizedNetwork up = test::quantized(test::tflite_upsampling_network(), mode.options);
    dump.add(std::string("upsampling.") + mode.name, up, test::random_pictures(up.network, 2, 5));
    const QuantizedNetwork transposed = test::quantized(test::tflite_transposed_network(), mode.options);
    dump.add(std::string("transposed.") + mode.name, transposed, test::random_pictures(transposed.network, 2, 5));
  }
  const Mode in_float = modes().back();
  const QuantizedNetwork q = test::quantized(test::tflite_arithmetic_network(), in_float.options);
  dump.add(std::string("arithmetic.") + in_float.name, q, test::random_pictures(q.network, 2, 5));
  const QuantizedNetwork other = test::quantized(test::tflite_other_network(), in_float.options);
  dump.add(std::string("other.") + in_float.name, other, test::random_pictures(other.network, 2, 5));
  const test::TfliteFloatNetwork kept = test::tflite_float_network();
  QuantizationOptions options = in_float.options;
  options.keep_float = kept.names;
  const QuantizedNetwork reals = test::quantized(kept.network, options);
  dump.add(std::string("reals.") + in_float.name, reals, test::random_pictures(reals.network, 2, 5));
}

void add_real_network(Dump& dump, const fs::path& data, const std::string& name, std::size_t count) {
  const OnnxModel read = read_onnx(data / "models" / (name + ".onnx"));
  const Network network = fuse_clips(fold_batch_norm(read.network));
  const Preprocess preprocess = parse_preprocessing(read.metadata.at("preprocessing"));
  const auto pictures = [&](const char* folder, std::size_t wanted) {
    const std::vector<fs::path> found = list_images(data / folder);
    std::vector<fs::path> files;
    wanted = std::min(wanted, found.size());
    for (std::size_t i = 0; i < wanted; ++i) files.push_back(found[i * found.size() / wanted]);
    return PictureSet::load(files, fit_to(224, 224));
  };
  const PictureSet calibration = pictures("images/train", 64), evaluation = pictures("images/evaluate", count);
  const auto source = [&](const PictureSet& set) {
    return [&set, &preprocess](std::span<const std::size_t> indices) { return set.batch(indices, preprocess); };
  };
  const auto ranges = calibrate(network, source(calibration), calibration.size(), MinMaxObserver<float>{});
  std::vector<std::size_t> all(evaluation.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const Array x = evaluation.batch(all, preprocess);
  for (const Mode& mode : modes()) dump.add(name + "." + mode.name, quantize(network, ranges, mode.options), x);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: dump_tflite OUT_FOLDER SHARED_DATA PICTURES [NETWORK...]\n";
    return 2;
  }
  try {
    Dump dump(argv[1]);
    add_small_networks(dump);
    const fs::path data = argv[2];
    if (!fs::exists(data / "models")) std::cout << "SKIPPED: no real networks in " << data << ", the small ones only\n";
    for (int i = 4; i < argc && fs::exists(data / "models"); ++i) add_real_network(dump, data, argv[i], std::stoul(argv[3]));
    dump.finish();
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
