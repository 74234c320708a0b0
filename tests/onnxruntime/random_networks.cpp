// Draws small networks at random, runs each here and writes it, its inputs and the results for random.cjs to compare with ONNX Runtime's.
//
//   random_networks float|qdq|qoperator|written FOLDER COUNT SEED
//
// float, qdq, qoperator: SEED.onnx as it was read here; SEED.watched.onnx gives all codes and what they are made of, too. The quantized ones
// run twice, a second time with all codes as outputs: the first outputs have to be the same. written: the float network of a seed, calibrated,
// quantized to 8 bits and written in both forms. FOLDER/list.json has a line for each file, FOLDER/numbers all tensors as float32.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <vector>

#include "random_graph.hpp"

namespace {

using namespace trimtab;
using random_networks::Dims;
using random_networks::Graph;
using random_networks::Watched;

std::string quoted(const std::string& s) {
  std::string q = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') q += '\\';
    q += c == '\n' ? ' ' : c;
  }
  return q + "\"";
}
template <class List, class Text>
std::string listed(const List& all, const Text& text) {
  std::string s = "[";
  for (const auto& one : all) s += (s.size() > 1 ? "," : "") + text(one);
  return s + "]";
}
const auto as_text = [](const auto& v) { return std::to_string(v); };

Array array_of(const Dims& dims, const std::vector<float>& numbers) {
  Array x = Array::from_shape(std::vector<std::size_t>(dims.begin(), dims.end()));
  std::copy(numbers.begin(), numbers.end(), x.data());
  return x;
}

struct Run {
  std::vector<std::pair<std::string, Array>> outputs;
  std::string refusal, fault;  ///< a typed error, another one
};

class Runner {
 public:
  explicit Runner(std::filesystem::path folder)
      : folder_(std::move(folder)), list_(folder_ / "list.json"), numbers_(folder_ / "numbers", std::ios::binary) {}

  void compare(Graph g, std::uint64_t seed) {
    const std::string plain = g.model.SerializeAsString();
    write(seed, ".onnx", plain);
    Run run = run_file(plain, g);
    std::vector<Watched> values = g.quantizers;
    if (!g.quantizers.empty()) {
      for (const Watched& q : g.quantizers) g.give(q.name, q.type);
      if (run.refusal.empty() && run.fault.empty()) {
        Run all = run_file(g.model.SerializeAsString(), g);
        if (!all.refusal.empty()) all.fault = "with all codes as outputs: " + all.refusal;
        for (std::size_t i = 0; i < run.outputs.size() && all.fault.empty(); ++i)
          if (run.outputs[i].second != all.outputs[i].second)
            all.fault = "output " + run.outputs[i].first + " is another one where all codes are outputs";
        run = std::move(all);
      }
    }
    for (const Watched& o : g.outputs)
      if (std::none_of(values.begin(), values.end(), [&](const Watched& v) { return v.name == o.name; })) values.push_back(o);
    for (const auto& n : g.watching) *g.graph().add_node() = n;
    for (const Watched& v : values)
      if (!v.real.empty()) g.give(v.real, onnx::TensorProto::FLOAT);
    write(seed, ".watched.onnx", g.model.SerializeAsString());
    line(seed, std::to_string(seed) + ".watched.onnx", inputs_of(g), run, values);
  }

  /// The float network of a seed, written quantized in both forms.
  void compare_written(const Graph& g, std::uint64_t seed) {
    Run run;
    const auto guarded = [&](const auto& body) { guard(run, body); };
    std::vector<Array> inputs;
    OnnxModel model;
    guarded([&] {
      model = parse_onnx(g.model.SerializeAsString());
      model.network = simplify(model.network);
      inputs = fed(g, model.inputs);
    });
    if (!run.refusal.empty()) return line(seed, "", "[]", {{}, "float: " + run.refusal, ""}, {});
    std::vector<QuantizedNetwork> quantized;
    guarded([&] {
      const auto ranges = calibrate(model.network, [&](std::span<const std::size_t>) { return inputs; }, 1, MinMaxObserver<float>{});
      quantized.push_back(quantize(model.network, ranges,
                                   {.weights = seed % 2 == 0 ? WeightMode::scalar : WeightMode::vector,
                                    .scheme = seed / 2 % 2 == 0 ? Scheme::symmetric : Scheme::asymmetric}));
    });
    for (const OnnxForm form : {OnnxForm::qoperator, OnnxForm::qdq}) {
      const std::string file = std::to_string(seed) + (form == OnnxForm::qdq ? ".qdq.onnx" : ".qoperator.onnx");
      Run own = run;
      std::string ports = "[]";
      std::vector<Watched> values;
      guard(own, [&] {
        if (quantized.empty()) return;
        const LoweredNetwork lowered = lower(quantized[0]);
        const std::string bytes = serialize_onnx(lowered, form);
        write(seed, form == OnnxForm::qdq ? ".qdq.onnx" : ".qoperator.onnx", bytes);
        Int8Network::Workspace workspace;
        std::vector<Array> outputs = Int8Network(lowered).run_outputs(inputs, workspace);
        ::onnx::ModelProto proto;
        proto.ParseFromString(bytes);
        std::vector<std::string> all;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          const Array x = channels_first(inputs[i]);
          all.push_back(port(proto.graph().input(static_cast<int>(i)).name(), onnx::TensorProto::FLOAT,
                             Dims(x.shape().begin(), x.shape().end()), {x.begin(), x.end()}));
        }
        ports = listed(all, [](const std::string& s) { return s; });
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          const std::string& name = proto.graph().output(static_cast<int>(i)).name();
          const bool codes = lowered.nodes[lowered.outputs[i]].holds_codes;
          own.outputs.emplace_back(name, channels_first(outputs[i]));
          values.push_back({name, "", codes ? double(lowered.output_grids[i].scale) : 0, {}, onnx::TensorProto::FLOAT});
        }
      });
      line(seed, file, ports, own, values);
    }
  }

 private:
  static Array channels_first(const Array& x) {
    const std::size_t rank = x.dimension();
    if (rank < 3) return x;
    std::vector<std::size_t> order(rank);  // axis i of the file is axis order[i] of the node
    order[0] = 0, order[1] = rank - 1;
    for (std::size_t i = 2; i < rank; ++i) order[i] = i - 1;
    return to_file_layout(x, order);
  }
  template <class Body>
  static void guard(Run& run, const Body& body) {
    try {
      body();
    } catch (const trimtab::error& e) {
      run.refusal = e.what();
    } catch (const std::exception& e) {
      run.fault = e.what();
    }
  }
  static std::vector<Array> fed(const Graph& g, const std::vector<OnnxPort>& ports) {
    std::vector<Array> inputs;
    for (const OnnxPort& p : ports)
      for (const auto& f : g.feeds)
        if (f.name == p.name) inputs.push_back(from_file_layout(array_of(f.dims, f.numbers), p.order));
    return inputs;
  }
  static Run run_file(const std::string& bytes, const Graph& g) {
    Run run;
    const auto take = [&](const std::vector<Array>& all, const std::vector<OnnxPort>& ports) {
      for (std::size_t i = 0; i < all.size(); ++i) run.outputs.emplace_back(ports[i].name, to_file_layout(all[i], ports[i].order));
    };
    guard(run, [&] {
      if (g.quantized) {
        try {
          const QuantizedOnnxModel model = parse_quantized_onnx(bytes);
          Int8Network::Workspace workspace;
          return take(Int8Network(model.network).run_outputs(fed(g, model.inputs), workspace), model.outputs);
        } catch (const unsupported_error& e) {
          if (std::string(e.what()).find("read_onnx reads it") == std::string::npos) throw;
        }
      }
      const OnnxModel model = parse_onnx(bytes);
      take(run_outputs(model.network, fed(g, model.inputs)), model.outputs);
    });
    return run;
  }

  void write(std::uint64_t seed, const char* end, const std::string& bytes) {
    std::ofstream(folder_ / (std::to_string(seed) + end), std::ios::binary) << bytes;
  }
  /// Where the numbers lie.
  std::string put(const float* data, std::size_t count) {
    const std::string at = std::to_string(written_);
    numbers_.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(count * sizeof(float)));
    written_ += count;
    return at;
  }
  std::string port(const std::string& name, int type, const Dims& dims, const std::vector<float>& numbers) {
    return "{\"name\":" + quoted(name) + ",\"type\":" + std::to_string(type) + ",\"dims\":" + listed(dims, as_text) +
           ",\"at\":" + put(numbers.data(), numbers.size()) + "}";
  }
  std::string inputs_of(const Graph& g) {
    return listed(g.feeds, [&](const auto& f) { return port(f.name, f.type, f.dims, f.numbers); });
  }
  void line(std::uint64_t seed, const std::string& file, const std::string& inputs, const Run& run, const std::vector<Watched>& values) {
    list_ << "{\"seed\":" << seed << ",\"file\":" << quoted(file) << ",\"inputs\":" << inputs << ",\"refusal\":" << quoted(run.refusal)
          << ",\"fault\":" << quoted(run.fault) << ",\"values\":" << listed(values, [&](const Watched& v) {
               std::string s = std::string("{\"name\":") + quoted(v.name) + ",\"real\":" + quoted(v.real) +
                               ",\"scale\":" + std::to_string(v.scale) + ",\"behind\":" + listed(v.behind, as_text);
               for (const auto& [name, x] : run.outputs)
                 if (name == v.name)
                   s += ",\"at\":" + put(x.data(), x.size()) +
                        ",\"dims\":" + listed(std::vector<std::size_t>(x.shape().begin(), x.shape().end()), as_text);
               return s + "}";
             }) << "}\n";
  }

  std::filesystem::path folder_;
  std::ofstream list_, numbers_;
  std::size_t written_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string kind = argv[1];
  Runner runner(argv[2]);
  const std::uint64_t first = std::stoull(argv[4]);
  for (std::uint64_t seed = first; seed < first + std::stoull(argv[3]); ++seed) {
    if (kind == "float")
      runner.compare(random_networks::draw_float(seed), seed);
    else if (kind == "qdq")
      runner.compare(random_networks::draw_qdq(seed), seed);
    else if (kind == "qoperator")
      runner.compare(random_networks::draw_qoperator(seed), seed);
    else if (kind == "written")
      runner.compare_written(random_networks::draw_float(seed), seed);
    else
      return 2;
  }
}
