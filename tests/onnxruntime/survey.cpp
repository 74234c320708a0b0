// What becomes of an ONNX file. Of a float one: does it open, what does ONNX Runtime say of its outputs, do the codes of training
// and deployment agree, and how much of the signal is left. Of a quantized one: does it open, and how far are its outputs from
// ONNX Runtime's.
//
//   survey MODEL.onnx [--reference FOLDER] [--input-shape NAME=1,3,320,320]... [--float]
//
// FOLDER is what reference.cjs wrote. One line a thing, tab-separated: float, an output's name, the largest difference relative
// to the largest reference value; then for each of the four modes equal or DIFFERS, and the SQNR of each output. Without a
// reference inputs are uniform in -1 .. 1. Calibrated on 6 and measured on 2 inputs, the reference's with noise. --float stops
// before quantization. A quantized file's outputs are right within one step of their codes, of which a twentieth may be off by
// one (ties of sums that ONNX Runtime rounds in float); outputs that are no codes within 1e-4. Exit code 1 where anything is
// wrong.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/quant/sqnr.hpp>
#include <vector>
#include <xtensor/xnpy.hpp>

namespace {

using namespace trimtab;

struct Reference {
  std::vector<Array> inputs;
  std::map<std::string, Array> outputs;
};

template <class T>
Array as_floats(const std::string& file) {
  return xt::cast<float>(xt::load_npy<T>(file));
}

/// The files named in FOLDER/manifest.tsv.
Reference read_reference(const std::string& folder) {
  Reference r;
  std::ifstream manifest(folder + "/manifest.tsv");
  for (std::string line; std::getline(manifest, line);) {
    std::istringstream fields(line);
    std::string kind, name, file, type;
    std::getline(fields, kind, '\t'), std::getline(fields, name, '\t'), std::getline(fields, file, '\t'),
        std::getline(fields, type, '\t');
    const std::string path = folder + "/" + file;
    Array x = type == "float32" ? as_floats<float>(path)
              : type == "uint8" ? as_floats<std::uint8_t>(path)
              : type == "int8"  ? as_floats<std::int8_t>(path)
                                : as_floats<std::int64_t>(path);
    if (kind == "input")
      r.inputs.push_back(std::move(x));
    else
      r.outputs[name] = std::move(x);
  }
  if (r.inputs.empty()) throw io_error("no reference in " + folder);
  return r;
}

/// Softmax over the last axis of N C: what a reader leaves out at the end of a classifier.
Array softmax(Array x) {
  const std::size_t classes = x.size() / x.shape(0);
  for (float* row = x.data(); row != x.data() + x.size(); row += classes) {
    const float most = *std::max_element(row, row + classes);
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += double(row[c] = std::exp(row[c] - most));
    for (std::size_t c = 0; c < classes; ++c) row[c] = static_cast<float>(double(row[c]) / sum);
  }
  return x;
}

double relative_difference(const Array& got, const Array& wanted) {
  if (got.size() != wanted.size()) return std::numeric_limits<double>::infinity();
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::abs(double(wanted.data()[i])));
    const double d = std::abs(double(got.data()[i]) - double(wanted.data()[i]));
    most = d <= most ? most : std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
  }
  return largest > 0 ? most / largest : most;
}

/// One element of the batch for each index: the given input, each number moved by noise of a fifth of its spread, within its
/// range.
std::vector<Array> inputs_like(const std::vector<Array>& given, std::span<const std::size_t> indices) {
  std::vector<Array> batch;
  for (const Array& one : given) {
    auto shape = one.shape();
    shape[0] = indices.size();
    Array x = Array::from_shape(shape);
    const auto [least, most] = std::minmax_element(one.begin(), one.end());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      std::mt19937 random(static_cast<unsigned>(indices[i]));
      std::normal_distribution<float> noise(0, (*most - *least) / 5);
      for (std::size_t k = 0; k < one.size(); ++k)
        x.data()[i * one.size() + k] = std::clamp(one.data()[k] + noise(random), *least, *most);
    }
    batch.push_back(std::move(x));
  }
  return batch;
}

/// Runs a quantized file beside its reference. Whether all is right.
bool survey_quantized(const std::string& file, const std::string& reference, const OnnxReadOptions& options) {
  const QuantizedOnnxModel model = read_quantized_onnx(file, options);
  if (reference.empty()) return true;
  const Reference r = read_reference(reference);
  std::vector<Array> inputs;
  for (std::size_t i = 0; i < model.inputs.size(); ++i) inputs.push_back(from_file_layout(r.inputs.at(i), model.inputs[i].order));
  Int8Network::Workspace workspace;
  const std::vector<Array> outputs = Int8Network(model.network).run_outputs(inputs, workspace);
  bool good = true;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const std::string& name = model.outputs[o].name;
    const Array y = to_file_layout(outputs[o], model.outputs[o].order);
    const Array& wanted = r.outputs.at(name);
    if (!model.network.nodes[model.network.outputs[o]].holds_codes || y.size() != wanted.size()) {
      const double d = relative_difference(y, wanted);
      double largest = 0;
      std::size_t off = 0;
      for (const float v : wanted) largest = std::max(largest, std::abs(double(v)));
      for (std::size_t i = 0; i < std::min(y.size(), wanted.size()); ++i)
        off += std::abs(double(y.data()[i]) - double(wanted.data()[i])) > 1e-4 * largest;
      std::printf("reals\t%s\t%.2e, %zu of %zu beyond 1e-4\n", name.c_str(), d, off, y.size());
      good = good && d < 1e-4;
      continue;
    }
    const double step = double(model.network.output_grids[o].scale);
    std::size_t off = 0;
    double most = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double steps = std::abs(double(y.data()[i]) - double(wanted.data()[i])) / step;
      off += steps > 0.5;
      most = std::max(most, steps);
    }
    std::printf("codes\t%s\t%zu of %zu differ, by %.2f steps at most\n", name.c_str(), off, y.size(), most);
    good = good && most < 1.01 && off <= y.size() / 20;
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::string reference;
  bool only_float = false, good = true;
  OnnxReadOptions options;
  const std::string file = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--float")
      only_float = true;
    else if (arg == "--reference" && i + 1 < argc)
      reference = argv[++i];
    else if (arg == "--input-shape" && i + 1 < argc)
      options.input_sizes.insert(parse_input_size(argv[++i]));
    else
      return 2;
  }
  try {
    try {
      return survey_quantized(file, reference, options) ? 0 : 1;
    } catch (const unsupported_error& e) {
      if (std::string(e.what()).find("read_onnx reads it") == std::string::npos) throw;
    }
    const OnnxModel model = read_onnx(file, options);
    for (const std::string& note : model.notes)
      if (note.find("does not depend") == std::string::npos) std::printf("note\t%s\n", note.c_str());
    std::vector<Array> inputs;
    const bool softmax_left_out = std::any_of(model.notes.begin(), model.notes.end(), [](const std::string& n) {
      return n.find("(Softmax)") != std::string::npos && n.find("left out") != std::string::npos;
    });
    if (!reference.empty()) {
      Reference r = read_reference(reference);
      for (std::size_t i = 0; i < model.inputs.size(); ++i)
        inputs.push_back(from_file_layout(r.inputs.at(i), model.inputs[i].order));
      const std::vector<Array> outputs = run_outputs(model.network, inputs);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        Array y = to_file_layout(outputs[i], model.outputs[i].order);
        const auto found = r.outputs.find(model.outputs[i].name);
        if (found == r.outputs.end()) continue;
        double d = relative_difference(y, found->second);
        if (softmax_left_out && d > 1e-4) d = relative_difference(softmax(y), found->second);
        std::printf("float\t%s\t%.2e\n", model.outputs[i].name.c_str(), d);
        good = good && d < 1e-4;
      }
    } else {
      std::mt19937 random(1);
      std::uniform_real_distribution<float> uniform(-1, 1);
      for (const NodeId id : model.network.inputs()) {
        Array x;
        detail::resize_batch(1, model.network[id].extent, x);
        for (float& v : x) v = uniform(random);
        inputs.push_back(std::move(x));
      }
    }
    if (only_float) return good ? 0 : 1;
    const Network network = simplify(model.network);
    const auto pictures = [&](std::span<const std::size_t> some) { return inputs_like(inputs, some); };
    const auto ranges = calibrate(network, pictures, 6, MinMaxObserver<float>{});
    const std::vector<Array> test = pictures(std::vector<std::size_t>{100, 101});
    const std::vector<Array> teacher = run_outputs(network, test);
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
      for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector}) {
        const QuantizedNetwork q = quantize(network, ranges, {.weights = weights, .scheme = scheme});
        const auto difference = verify(q, test);
        std::printf("%s %s\t%s%s", scheme == Scheme::symmetric ? "symmetric" : "asymmetric",
                    weights == WeightMode::scalar ? "scalar" : "vector", difference ? "DIFFERS at " : "equal",
                    difference ? difference->name.c_str() : "");
        good = good && !difference;
        Int8Network::Workspace workspace;
        const std::vector<Array> y = Int8Network(q).run_outputs(test, workspace);
        for (std::size_t i = 0; i < y.size(); ++i) {
          double signal = 0, noise = 0;
          for (std::size_t k = 0; k < y[i].size(); ++k) {
            const double t = double(teacher[i].data()[k]), d = double(y[i].data()[k]) - t;
            signal += t * t, noise += d * d;
          }
          std::printf("\t%s %.1f dB", model.outputs[i].name.c_str(), sqnr_db(signal, noise));
        }
        std::printf("\n");
      }
    double macs = network.macs(), integer = 0;
    for (NodeId id = 0; id < network.size(); ++id)
      if (network[id].op->integers() != IntegerRule::none)
        integer += network[id].op->macs(network.input_extents(id), network[id].extent);
    std::printf("nodes\t%zu, %.1f million multiply-accumulates, %.1f %% of them in integers\n", network.size(), macs / 1e6,
                macs > 0 ? 100 * integer / macs : 100);
  } catch (const std::exception& e) {
    std::printf("refused\t%s\n", e.what());
    return 1;
  }
  return good ? 0 : 1;
}
