// Draws small networks at random, runs each here and writes it, its inputs and the results for random.cjs to compare with ONNX
// Runtime's.
//
//   random_networks float|qdq|qoperator|written FOLDER COUNT SEED
//
// float, qdq, qoperator: SEED.onnx as it was read here; SEED.watched.onnx gives all codes and what they are made of, too. The
// quantized ones run twice, a second time with all codes as outputs: the first outputs have to be the same. written: the float
// network of a seed, calibrated, quantized to 8 bits and written in both forms. FOLDER/list.json has a line for each file,
// FOLDER/numbers all tensors as float32.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/onnx/writer.hpp>
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
std::string precise(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", v);
  return text;
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
      const auto ranges = calibrate(
          model.network, [&](std::span<const std::size_t>) { return inputs; }, 1, MinMaxObserver<float>{});
      quantized.push_back(quantize(model.network, ranges,
                                   {.weights = seed % 2 == 0 ? WeightMode::scalar : WeightMode::vector,
                                    .scheme = seed / 2 % 2 == 0 ? Scheme::symmetric : Scheme::asymmetric}));
    });
    for (const OnnxForm form : {OnnxForm::qoperator, OnnxForm::qdq}) {
      const std::string end = form == OnnxForm::qdq ? ".qdq.onnx" : ".qoperator.onnx";
      Run own = run;
      std::string ports = "[]";
      std::vector<Watched> values;
      guard(own, [&] {
        if (quantized.empty()) return;
        LoweredNetwork lowered = lower(quantized[0]);
        onnx::ModelProto file;
        const std::string bytes = serialize_onnx(lowered, form);
        file.ParseFromString(bytes);
        ports = ports_of(file, inputs);
        std::vector<NodeId> shown;
        values = watched_nodes(*file.mutable_graph(), lowered, shown);
        write(seed, end.c_str(), file.SerializeAsString());
        own.fault = unlike_itself(lowered, bytes, inputs);
        // All codes, as bytes.
        lowered.outputs = shown;
        lowered.output_grids.assign(shown.size(), {1, 0, unsigned_codes()});
        Int8Network::Workspace workspace;
        const std::vector<Array> outputs = Int8Network(lowered).run_outputs(inputs, workspace);
        for (std::size_t i = 0; i < shown.size(); ++i) own.outputs.emplace_back(values[i].name, channels_first(outputs[i]));
      });
      line(seed, std::to_string(seed) + end, ports, own, values);
    }
  }

 private:
  static Array channels_first(const Array& x) {
    std::vector<std::size_t> order;  // axis i of the file is axis order[i] of the node
    for (std::size_t i = 0; i < x.dimension(); ++i) order.push_back(detail::file_layout::node_axis(x.dimension(), i));
    return to_file_layout(x, order);
  }
  /// What a written network gives otherwise once it is read back; nothing where all is the same.
  static std::string unlike_itself(const LoweredNetwork& lowered, const std::string& bytes, const std::vector<Array>& inputs) {
    if (std::none_of(lowered.nodes.begin(), lowered.nodes.end(), [](const LoweredNode& n) { return n.holds_codes; })) return "";
    const QuantizedOnnxModel back = parse_quantized_onnx(bytes);
    // Softmax and LogSoftmax of classes at the end are left out by the reader, and a note says so.
    for (const std::string& note : back.notes)
      if (note.find("at the end is left out") != std::string::npos) return "";
    std::vector<Array> fed_back;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      fed_back.push_back(from_file_layout(channels_first(inputs[i]), back.inputs[i].order));
    Int8Network::Workspace one, two;
    const std::vector<Array> wanted = Int8Network(lowered).run_outputs(inputs, one),
                             got = Int8Network(back.network).run_outputs(fed_back, two);
    for (std::size_t o = 0; o < wanted.size(); ++o) {
      const Array a = channels_first(wanted[o]), b = to_file_layout(got[o], back.outputs[o].order);
      const float scale = lowered.nodes[lowered.outputs[o]].holds_codes ? lowered.output_grids[o].scale : 1e-3F;
      for (std::size_t i = 0; i < a.size(); ++i)
        if (a.size() != b.size() || std::abs(a.data()[i] - b.data()[i]) > scale / 2)
          return "read back, output " + back.outputs[o].name + " is another one";
    }
    return "";
  }
  std::string ports_of(const ::onnx::ModelProto& file, const std::vector<Array>& inputs) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Array x = channels_first(inputs[i]);
      all.push_back(port(file.graph().input(static_cast<int>(i)).name(), ::onnx::TensorProto::FLOAT,
                         Dims(x.shape().begin(), x.shape().end()), {x.begin(), x.end()}));
    }
    return listed(all, [](const std::string& s) { return s; });
  }
  /// Makes the codes of every node outputs of the written graph, and what a QuantizeLinear makes them of. `shown`: the nodes.
  static std::vector<Watched> watched_nodes(::onnx::GraphProto& graph, const LoweredNetwork& n, std::vector<NodeId>& shown) {
    const auto maker = [&](const std::string& value) -> const ::onnx::NodeProto* {
      for (const auto& node : graph.node())
        if (node.output(0) == value) return &node;
      return nullptr;
    };
    const auto give = [&](const std::string& name, int type) {
      for (const auto& o : graph.output())
        if (o.name() == name) return;
      auto& o = *graph.add_output();
      o.set_name(name);
      o.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    };
    // The file's inputs and outputs have the nodes' names before their codes have.
    std::map<NodeId, std::string> taken;
    for (std::size_t i = 0; i < n.inputs.size(); ++i)
      for (const auto& node : graph.node())
        if (node.op_type() == "QuantizeLinear" && node.input(0) == graph.input(static_cast<int>(i)).name())
          taken.emplace(n.inputs[i], node.output(0));
    for (std::size_t i = 0; i < n.outputs.size(); ++i)
      taken.insert_or_assign(n.outputs[i], maker(graph.output(static_cast<int>(i)).name())->input(0));
    const auto codes_of = [&](const std::string& clamped, NodeId id) {
      const auto found = taken.find(id);
      return maker(clamped) != nullptr ? clamped : found != taken.end() ? found->second : n.nodes[id].name;
    };
    std::vector<Watched> values;
    std::vector<std::set<int>> behind(n.nodes.size());
    for (NodeId id = 0; id < n.nodes.size(); ++id) {
      const LoweredNode& node = n.nodes[id];
      for (const LoweredInput& in : node.inputs) behind[id].insert(behind[in.node].begin(), behind[in.node].end());
      const std::string value = codes_of(node.name + "/clamped", id);
      const ::onnx::NodeProto* made = maker(value);
      if (!node.holds_codes || made == nullptr) continue;
      while (made != nullptr && made->op_type() == "Clip") made = maker(made->input(0));
      Watched w{value,
                "",
                1,
                behind[id],
                ::onnx::TensorProto::UINT8,
                std::string(node.in_float ? "float " : "") + operator_name(node.op)};
      if (made != nullptr && made->op_type() == "QuantizeLinear" && maker(made->input(0)) != nullptr) {
        w.real = made->input(0);
        for (const auto& t : graph.initializer())
          if (t.name() == made->input(1))
            w.scale = double(t.float_data_size() > 0 ? t.float_data(0) : *reinterpret_cast<const float*>(t.raw_data().data()));
      }
      behind[id].insert(static_cast<int>(values.size()));
      values.push_back(std::move(w));
      shown.push_back(id);
    }
    for (const Watched& v : values) {
      give(v.name, ::onnx::TensorProto::UINT8);
      if (!v.real.empty()) give(v.real, ::onnx::TensorProto::FLOAT);
    }
    return values;
  }
  /// What readers leave out at the end of a classifier, of N C.
  static void softmax(Array& x, bool log) {
    const std::size_t classes = x.size() / x.shape(0);
    for (float* row = x.data(); row != x.data() + x.size(); row += classes) {
      const double most = double(*std::max_element(row, row + classes));
      double sum = 0;
      for (std::size_t c = 0; c < classes; ++c) sum += std::exp(double(row[c]) - most);
      for (std::size_t c = 0; c < classes; ++c) {
        const double y = double(row[c]) - most - std::log(sum);
        row[c] = static_cast<float>(log ? y : std::exp(y));
      }
    }
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
    const auto take = [&](std::vector<Array> all, const auto& model) {
      for (const std::string& note : model.notes)
        if (note.find("oftmax) at the end is left out") != std::string::npos)
          softmax(all[0], note.find("(LogSoftmax)") != std::string::npos);
      for (std::size_t i = 0; i < all.size(); ++i)
        run.outputs.emplace_back(model.outputs[i].name, to_file_layout(all[i], model.outputs[i].order));
    };
    guard(run, [&] {
      if (g.quantized) {
        try {
          const QuantizedOnnxModel model = parse_quantized_onnx(bytes);
          Int8Network::Workspace workspace;
          return take(Int8Network(model.network).run_outputs(fed(g, model.inputs), workspace), model);
        } catch (const unsupported_error& e) {
          if (std::string(e.what()).find("read_onnx reads it") == std::string::npos) throw;
        }
      }
      const OnnxModel model = parse_onnx(bytes);
      take(run_outputs(model.network, fed(g, model.inputs)), model);
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
  void line(std::uint64_t seed, const std::string& file, const std::string& inputs, const Run& run,
            const std::vector<Watched>& values) {
    list_ << "{\"seed\":" << seed << ",\"file\":" << quoted(file) << ",\"inputs\":" << inputs
          << ",\"refusal\":" << quoted(run.refusal) << ",\"fault\":" << quoted(run.fault) << ",\"values\":"
          << listed(values,
                    [&](const Watched& v) {
                      std::string s = std::string("{\"name\":") + quoted(v.name) + ",\"real\":" + quoted(v.real) +
                                      ",\"op\":" + quoted(v.op) + ",\"scale\":" + precise(v.scale) +
                                      ",\"behind\":" + listed(v.behind, as_text);
                      for (const auto& [name, x] : run.outputs)
                        if (name == v.name)
                          s += ",\"at\":" + put(x.data(), x.size()) +
                               ",\"dims\":" + listed(std::vector<std::size_t>(x.shape().begin(), x.shape().end()), as_text);
                      return s + "}";
                    })
          << "}\n";
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
