// Writes, for compare_codes.cjs, quantized networks in every mode and both forms with pictures and the codes that Int8Network
// gives, and a list of them: manifest.json. A traced model puts out the codes of all its nodes.
//
//   dump_codes OUT_FOLDER SHARED_DATA PICTURES

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <quantized_small_network.hpp>
#include <random>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <vector>

#include "../io/onnx_networks.hpp"

namespace fs = std::filesystem;
using namespace trimtab;

namespace {

using Json = nlohmann::ordered_json;

struct Mode {
  std::string name;
  QuantizationOptions options;
};
std::vector<Mode> modes() {
  return {{"scalar symmetric", {WeightMode::scalar, Scheme::symmetric}},
          {"vector symmetric", {WeightMode::vector, Scheme::symmetric}},
          {"scalar asymmetric", {WeightMode::scalar, Scheme::asymmetric}},
          {"vector asymmetric", {WeightMode::vector, Scheme::asymmetric}}};
}

/// The model with the codes of every node among its outputs, and the nodes in that order.
std::string traced(const std::string& bytes, const LoweredNetwork& network, Json& nodes) {
  onnx::ModelProto model;
  model.ParseFromString(bytes);
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto gives = [&](const std::string& value) {
    return std::any_of(graph.node().begin(), graph.node().end(), [&](const auto& n) { return n.output(0) == value; });
  };
  for (const LoweredNode& node : network.nodes) {
    // As the file names them: a node called logits makes way for the output, what is clamped goes on under that name.
    const std::string codes = node.name == "logits" ? "logits_" : node.name;
    const std::string value = gives(node.name + "/clamped") ? node.name + "/clamped" : codes;
    Json inputs = Json::array();
    for (const LoweredInput& in : node.inputs) inputs.push_back(in.node);
    nodes.push_back({{"name", node.name},
                     {"operator", operator_name(node.op)},
                     {"extent", node.extent},
                     {"inputs", inputs},
                     {"output", gives(value) ? value : ""}});
    if (!gives(value)) continue;  // a Clip that changes nothing is not in the file
    auto& output = *graph.add_output();
    output.set_name(value);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::UINT8);
  }
  return model.SerializeAsString();
}

class Dump {
 public:
  explicit Dump(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  /// Writes the network in both forms with the codes of `count` pictures; of the first `trace` pictures those of every node.
  void add(const std::string& name, const std::string& mode, const QuantizedNetwork& q, const Json& input, std::size_t count,
           std::size_t trace, const auto& pictures) {
    const LoweredNetwork lowered = lower(q);
    const Int8Network network(lowered);
    Int8Network::Workspace workspace;
    std::string codes, all;
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const std::uint8_t> out =
          network.run(pictures(std::span(&i, 1)), workspace, [&](NodeId, std::span<const std::uint8_t> bytes) {
            if (i < trace) all.append(bytes.begin(), bytes.end());
          });
      codes.append(out.begin(), out.end());
    }
    std::string file = name + '.' + mode;
    std::replace(file.begin(), file.end(), ' ', '_');
    write(file + ".codes", codes);
    write(file + ".all", all);
    for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
      const char* form_name = form == OnnxForm::qdq ? "qdq" : "qoperator";
      const std::string bytes = serialize_onnx(lowered, form);
      Json nodes = Json::array();
      write(file + '.' + form_name + ".onnx", bytes);
      write(file + '.' + form_name + ".traced.onnx", traced(bytes, lowered, nodes));
      manifest_.push_back({{"network", name},
                           {"mode", mode},
                           {"form", form_name},
                           {"model", file + '.' + form_name},
                           {"input", input},
                           {"count", count},
                           {"trace", trace},
                           {"codes", file + ".codes"},
                           {"all", file + ".all"},
                           {"nodes", nodes},
                           {"scale", lowered.output_grids[0].scale},
                           {"zero_point", lowered.output_grids[0].zero_point}});
    }
  }
  void write(const std::string& name, std::string_view bytes) { write_file_atomically(folder_ / name, bytes); }
  void finish() { write("manifest.json", manifest_.dump(1) + "\n"); }

 private:
  fs::path folder_;
  Json manifest_ = Json::array();
};

template <class T>
std::string_view bytes_of(const T* data, std::size_t count) {
  return {reinterpret_cast<const char*>(data), count * sizeof(T)};
}

void add_small(Dump& dump) {
  const Network network = fuse_clips(fold_batch_norm(every_operator_network()));
  constexpr std::size_t count = 50;
  const Array x = test::random_pictures(network, count, 21);
  const Extents& e = network[network.input()].extent;
  dump.write("small.reals", bytes_of(x.data(), x.size()));
  const Json input{{"reals", "small.reals"}, {"extent", e}};
  for (const Mode& mode : modes())
    dump.add("every operator", mode.name, test::quantized(network, mode.options), input, count, count,
             [&](std::span<const std::size_t> some) {
               Array one = Array::from_shape({1, e[0], e[1], e[2]});
               std::copy_n(x.data() + some[0] * one.size(), one.size(), one.data());
               return one;
             });
}

/// The first pictures of images/evaluate in an order drawn once.
void add_real(Dump& dump, const fs::path& data, std::size_t count) {
  if (!fs::exists(data / "models")) {
    std::cout << "SKIPPED: no real networks in " << data << ", the small one only\n";
    return;
  }
  std::vector<fs::path> files = list_images(data / "images/evaluate"), calibration = list_images(data / "images/train");
  std::mt19937 generator(1);
  for (auto* list : {&files, &calibration})
    for (std::size_t i = list->size(); i > 1; --i) std::swap((*list)[i - 1], (*list)[generator() % i]);
  files.resize(std::min(count, files.size()));
  calibration.resize(std::min<std::size_t>(std::max<std::size_t>(count, 16), 100));
  const PictureSet pictures = PictureSet::load(files, fit_to(224, 224)),
                   training = PictureSet::load(calibration, fit_to(224, 224));
  std::string all;
  for (std::size_t i = 0; i < pictures.size(); ++i) all.append(bytes_of(pictures.bytes(i).data(), pictures.bytes(i).size()));
  dump.write("pictures", all);
  for (const std::string name : {"mobilenet_v2_1.0_224", "mobilenet_v1_0.75_224", "squeezenet_1.1_224"}) {
    const OnnxModel model = read_onnx(data / "models" / (name + ".onnx"));
    const Preprocess preprocess = parse_preprocessing(model.metadata.at("preprocessing"));
    const Network network = fuse_clips(fold_batch_norm(model.network));
    std::vector<float> table;  // the real value of each byte, by channel
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t x = 0; x < 256; ++x) table.push_back(preprocess(c, x));
    dump.write(name + ".table", bytes_of(table.data(), table.size()));
    const Json input{{"pictures", "pictures"}, {"table", name + ".table"}, {"extent", Extents{224, 224, 3}}};
    const auto source = [&](const PictureSet& set) {
      return [&](std::span<const std::size_t> some) { return set.batch(some, preprocess); };
    };
    const auto ranges = calibrate(network, source(training), training.size(), MinMaxObserver<float>{});
    for (const Mode& mode : modes()) {
      dump.add(name, mode.name, quantize(network, ranges, mode.options), input, pictures.size(),
               std::min<std::size_t>(pictures.size(), 4), source(pictures));
      std::cout << name << ", " << mode.name << ": " << pictures.size() << " pictures\n";
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: dump_codes OUT_FOLDER SHARED_DATA PICTURES\n";
    return 2;
  }
  try {
    Dump dump(argv[1]);
    add_small(dump);
    add_real(dump, argv[2], std::stoul(argv[3]));
    dump.finish();
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
