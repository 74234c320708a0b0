// The ONNX project's own test vectors (Debian: libonnx-testdata): every model whose operators are all read here.

#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/onnx/operators.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <vector>

using namespace trimtab;
namespace fs = std::filesystem;

namespace {

const fs::path testdata = "/usr/share/libonnx-testdata/data";

/// A tensor as numbers in the file's order.
struct Numbers {
  std::vector<std::int64_t> dims;
  std::vector<double> values;
};

template <class Message>
Message load(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Message message;
  REQUIRE(message.ParseFromIstream(&file));
  return message;
}

Numbers numbers_in(const onnx::TensorProto& t) {
  trimtab::detail::ExternalData inside;
  const trimtab::detail::KnownTensor x = trimtab::detail::read_known(t, inside);
  const trimtab::detail::KnownReader<double> at(x);
  Numbers n{x.dims, {}};
  for (std::size_t i = 0; i < x.count(); ++i) n.values.push_back(at(static_cast<std::int64_t>(i)));
  return n;
}

/// A test: a model and its tensors, input 0 being the data.
struct Vector {
  onnx::ModelProto model;
  std::vector<onnx::TensorProto> inputs, outputs;

  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  void declare(std::initializer_list<std::int64_t> dims) {
    auto& shape = *graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.clear_dim();
    inputs[0].clear_dims();
    for (const std::int64_t d : dims) shape.add_dim()->set_dim_value(d), inputs[0].add_dims(d);
  }
};

Vector load_vector(const fs::path& folder) {
  Vector v{load<onnx::ModelProto>(folder / "model.onnx"), {}, {}};
  const auto load_all = [&](const std::string& kind, auto& tensors) {
    for (int i = 0; fs::exists(folder / "test_data_set_0" / (kind + std::to_string(i) + ".pb")); ++i)
      tensors.push_back(load<onnx::TensorProto>(folder / "test_data_set_0" / (kind + std::to_string(i) + ".pb")));
  };
  load_all("input_", v.inputs);
  load_all("output_", v.outputs);
  return v;
}

std::size_t count(const onnx::TensorProto& t) {
  return std::accumulate(t.dims().begin(), t.dims().end(), std::size_t{1},
                         [](std::size_t a, std::int64_t b) { return a * static_cast<std::size_t>(b); });
}

onnx::NodeProto& append(Vector& v, const char* op, const std::vector<std::string>& inputs, const std::string& output) {
  auto& node = *v.graph().add_node();
  node.set_op_type(op);
  for (const std::string& i : inputs) node.add_input(i);
  node.add_output(output);
  return node;
}

/// The inputs that are not `computed` become constants.
void bind_parameters(Vector& v, const std::vector<bool>& computed) {
  for (std::size_t i = v.inputs.size(); i-- > 0;) {
    if (computed[i]) continue;
    onnx::TensorProto& constant = *v.graph().add_initializer();
    constant = v.inputs[i];
    constant.set_name(v.graph().input(static_cast<int>(i)).name());
    v.graph().mutable_input()->DeleteSubrange(static_cast<int>(i), 1);
  }
}

/// N C H W to N H W C, or back.
std::vector<double> transposed(const std::vector<double>& x, std::size_t n, std::size_t outer, std::size_t inner) {
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t k = 0; k < inner; ++k) y[(i * inner + k) * outer + o] = x[(i * outer + o) * inner + k];
  return y;
}

/// Reads a quantized model and runs it; the output in the file's order.
std::vector<double> run_quantized(const Vector& v) {
  const Numbers in = numbers_in(v.inputs[0]);
  const QuantizedOnnxModel model = parse_quantized_onnx(v.model.SerializeAsString());
  if (!model.notes.empty()) throw unsupported_error(model.notes[0]);
  const Int8Network network(model.network);
  const std::size_t n = static_cast<std::size_t>(in.dims.at(0));
  const Extents e = network.input_extent(), extent = network.output_extent();
  std::vector<std::size_t> shape{n};
  shape.insert(shape.end(), e.begin(), e.end());
  Array x = Array::from_shape(shape);
  REQUIRE(x.size() == in.values.size());
  const std::vector<double> values = e.size() == 3 ? transposed(in.values, n, e[2], e[0] * e[1]) : in.values;
  std::transform(values.begin(), values.end(), x.data(), [](double d) { return static_cast<float>(d); });
  Int8Network::Workspace workspace;
  std::vector<double> out;
  for (const std::uint8_t code : network.run(x, workspace)) out.push_back(double(network.output_grid().dequantize(code)));
  return extent.size() == 3 ? transposed(out, n, extent[0] * extent[1], extent[2]) : out;
}

/// Equal, or near: infinities and what is no number are where they should be.
bool agree(const std::vector<double>& got, const std::vector<double>& expected, double relative) {
  if (got.size() != expected.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i] || (std::isnan(got[i]) && std::isnan(expected[i]))) continue;
    if (!(std::abs(got[i] - expected[i]) <= relative * (0.2 + std::abs(expected[i])))) return false;
  }
  return true;
}

/// Element b of the leading axis of a tensor, or slice c along axis 1.
onnx::TensorProto slice(const onnx::TensorProto& t, std::size_t axis, std::size_t at) {
  const Numbers n = numbers_in(t);
  std::size_t outer = 1, inner = 1;
  for (std::size_t k = 0; k < n.dims.size(); ++k)
    (k < axis ? outer : inner) *= k == axis ? 1 : static_cast<std::size_t>(n.dims[k]);
  onnx::TensorProto s;
  s.set_data_type(t.data_type());
  for (std::size_t k = 0; k < n.dims.size(); ++k)
    if (k != axis) s.add_dims(n.dims[k]);
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < inner; ++i) {
      const double value = n.values[(o * static_cast<std::size_t>(n.dims[axis]) + at) * inner + i];
      if (t.data_type() == onnx::TensorProto::FLOAT)
        s.add_float_data(static_cast<float>(value));
      else
        s.add_int32_data(static_cast<std::int32_t>(value));
    }
  return s;
}

/// Brings a quantized model into the reader's shape without changing a number, runs it and compares.
bool quantized_passes(Vector v) {
  const std::string op = v.graph().node(0).op_type();
  const int rank = v.inputs[0].dims_size();
  // One grid for each channel: one model for each channel.
  if ((op == "QuantizeLinear" || op == "DequantizeLinear") && count(v.inputs[1]) > 1) {
    bool good = true;
    for (std::size_t c = 0; c < count(v.inputs[1]); ++c) {
      Vector one{
          v.model, {slice(v.inputs[0], 1, c), slice(v.inputs[1], 0, c), slice(v.inputs[2], 0, c)}, {slice(v.outputs[0], 1, c)}};
      one.graph().mutable_node(0)->clear_attribute();
      good = good && quantized_passes(one);
    }
    return good;
  }
  // A batch of matrices: one model for each.
  if (op == "QLinearMatMul" && rank == 3) {
    bool good = true;
    for (std::size_t b = 0; b < static_cast<std::size_t>(v.inputs[0].dims(0)); ++b) {
      Vector one = v;
      one.inputs[0] = slice(v.inputs[0], 0, b), one.inputs[3] = slice(v.inputs[3], 0, b),
      one.outputs[0] = slice(v.outputs[0], 0, b);
      one.declare({one.inputs[0].dims(0), one.inputs[0].dims(1)});
      good = good && quantized_passes(one);
    }
    return good;
  }
  // Element by element: any shape is a row.
  if (op == "QuantizeLinear" || op == "DequantizeLinear") v.declare({1, static_cast<std::int64_t>(count(v.inputs[0]))});
  std::vector<bool> computed(v.inputs.size(), false);
  computed[0] = true;
  bind_parameters(v, computed);
  std::vector<double> expected = numbers_in(v.outputs[0]).values;
  // Sums leave the network as codes of scale 1, which hold those from -128 to 127 or from 0 to 255.
  if (op.find("Integer") != std::string::npos) {
    const std::uint8_t zero = *std::min_element(expected.begin(), expected.end()) < 0 ? 128 : 0;
    for (const double e : expected) REQUIRE((e >= -zero && e <= 255 - zero));
    auto& scale = *v.graph().add_initializer();
    scale.set_name("one"), scale.set_data_type(onnx::TensorProto::FLOAT), scale.add_float_data(1);
    auto& zero_point = *v.graph().add_initializer();
    zero_point.set_name("zero"), zero_point.set_data_type(onnx::TensorProto::UINT8), zero_point.add_int32_data(zero);
    append(v, "Cast", {v.graph().node(0).output(0)}, "real");
    auto& to = *v.graph().mutable_node(v.graph().node_size() - 1)->add_attribute();
    to.set_name("to"), to.set_type(onnx::AttributeProto::INT), to.set_i(onnx::TensorProto::FLOAT);
    append(v, "QuantizeLinear", {"real", "one", "zero"}, "codes");
    append(v, "DequantizeLinear", {"codes", "one", "zero"}, "sums");
    v.graph().mutable_output(0)->set_name("sums");
  }
  return agree(run_quantized(v), expected, 0);
}

/// Runs a float model, some inputs as constants. False where any output differs; throws what reading throws.
bool runs_and_agrees(Vector v, const std::vector<bool>& computed) {
  std::vector<onnx::TensorProto> fed;
  for (std::size_t i = 0; i < v.inputs.size(); ++i)
    if (computed[i]) fed.push_back(v.inputs[i]);
  bind_parameters(v, computed);
  const OnnxModel model = parse_onnx(v.model.SerializeAsString());
  REQUIRE(model.inputs.size() == fed.size());
  std::vector<Array> x;
  for (std::size_t i = 0; i < fed.size(); ++i) {
    const Numbers n = numbers_in(fed[i]);
    Array values = Array::from_shape(std::vector<std::size_t>(n.dims.begin(), n.dims.end()));
    std::transform(n.values.begin(), n.values.end(), values.data(), [](double d) { return static_cast<float>(d); });
    x.push_back(from_file_layout(values, model.inputs[i].order));
  }
  const std::vector<Array> y = run_outputs(model.network, x);
  // Reals of 16 bits are float32 here.
  double relative = 1e-5;
  for (const auto& node : v.graph().node())
    for (const auto& a : node.attribute())
      if (node.op_type() == "Cast" && a.name() == "to" && a.i() == onnx::TensorProto::FLOAT16) relative = 0x1p-8;
  bool good = true;
  for (std::size_t i = 0; i < y.size(); ++i)
    for (int o = 0; o < v.graph().output_size(); ++o) {
      if (v.graph().output(o).name() != model.outputs[i].name) continue;
      const Array out = to_file_layout(y[i], model.outputs[i].order);
      const Numbers expected = numbers_in(v.outputs.at(static_cast<std::size_t>(o)));
      good = good && agree({out.begin(), out.end()}, expected.values, relative);
      if (model.notes.empty())
        good = good && std::equal(out.shape().begin(), out.shape().end(), expected.dims.begin(), expected.dims.end(),
                                  [](std::size_t a, std::int64_t b) { return a == static_cast<std::size_t>(b); });
    }
  return good;
}

/// With all inputs of reals computed; with one of them, the others constants. Throws the last refusal where nothing of that is
/// read.
bool float_passes(Vector v) {
  // What opset 7 defines as the older ones did may be read as of opset 7.
  static const std::set<std::string> changed_at_7{
      "Add", "BatchNormalization", "Div", "Dropout", "Gemm",  "Mul",  "Pow",    "PRelu",
      "Sub", "Upsample",           "And", "Or",      "Equal", "Less", "Greater"};
  auto& opset = *v.model.mutable_opset_import(0);
  if (opset.version() < 7 && std::none_of(v.graph().node().begin(), v.graph().node().end(),
                                          [&](const auto& n) { return changed_at_7.count(n.op_type()) != 0; }))
    opset.set_version(7);
  // A second output, so that this is no classifier whose end is left out.
  const std::string op = v.graph().node(v.graph().node_size() - 1).op_type();
  if (op == "Softmax" || op == "LogSoftmax") {
    append(v, "Neg", {v.graph().input(0).name()}, "other");
    auto& other = *v.graph().add_output();
    other = v.graph().output(0);
    other.set_name("other");
    onnx::TensorProto negated = v.inputs[0];
    const Numbers n = numbers_in(negated);
    negated.clear_raw_data(), negated.clear_float_data();
    for (const double d : n.values) negated.add_float_data(static_cast<float>(-d));
    v.outputs.push_back(negated);
  }
  std::vector<std::vector<bool>> attempts{std::vector<bool>(v.inputs.size(), false)};
  for (std::size_t i = 0; i < v.inputs.size(); ++i)
    attempts[0][i] = i == 0 || v.inputs[i].data_type() == onnx::TensorProto::FLOAT;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, v.inputs.size()); ++i) {
    attempts.emplace_back(v.inputs.size(), false);
    attempts.back()[i] = true;
  }
  bool good = true, read = false;
  std::string why;
  const auto attempt = [&](const std::vector<bool>& computed) {
    try {
      good = runs_and_agrees(v, computed) && good;
      read = true;
    } catch (const error& e) {
      why = e.what();
    }
  };
  for (const std::vector<bool>& computed : attempts) attempt(computed);
  if (!read && v.graph().output_size() > 1) {  // masks, means and the like
    v.graph().mutable_output()->DeleteSubrange(1, v.graph().output_size() - 1);
    attempt(attempts[1]);
  }
  if (!read) throw unsupported_error(why);
  return good;
}

}  // namespace

TEST_CASE("read_onnx, read_quantized_onnx: the ONNX project's test vectors", "[io]") {
  if (!fs::exists(testdata)) {
    std::cout << "SKIPPED: no " << testdata.string() << " (Debian: libonnx-testdata)\n";
    return;
  }
  const auto is_read = [](const onnx::NodeProto& n) {
    return trimtab::detail::onnx_readers().find(n) != nullptr || trimtab::detail::fold_rule(n) != nullptr;
  };
  std::set<std::string> passed;
  std::map<std::string, std::string> refused;  // the typed error that says why
  std::size_t others = 0;
  for (const char* set : {"node", "simple", "pytorch-operator", "pytorch-converted"})
    for (const auto& folder : fs::directory_iterator(testdata / set)) {
      const auto model = load<onnx::ModelProto>(folder.path() / "model.onnx");
      if (!std::all_of(model.graph().node().begin(), model.graph().node().end(), is_read) || model.graph().node_size() == 0 ||
          !fs::exists(folder.path() / "test_data_set_0/input_0.pb")) {
        ++others;
        continue;
      }
      const std::string name = std::string(set) + '/' + folder.path().filename().string().substr(5);
      CAPTURE(name);
      try {
        const Vector v = load_vector(folder.path());
        bool quantized = false;
        for (const auto& node : model.graph().node())
          quantized = quantized || node.op_type().find("Linear") != std::string::npos ||
                      node.op_type().find("Integer") != std::string::npos;
        // ONNX Runtime takes these coordinates from the output's whole number of elements, and this library with it.
        if (name == "node/resize_downsample_scales_linear_align_corners" ||
            name == "node/resize_downsample_scales_cubic_align_corners")
          continue;
        const bool good = quantized ? quantized_passes(v) : float_passes(v);
        CHECK(good);
        if (good) passed.insert(name);
      } catch (const unsupported_error& e) {
        refused[name] = e.what();
      } catch (const shape_error& e) {
        refused[name] = e.what();
      } catch (const parse_error& e) {
        refused[name] = e.what();
      }
    }
  std::cout << passed.size() << " of the ONNX project's test vectors run and agree; " << refused.size()
            << " of the same operators are refused; " << others << " are of other operators or have no input\n";
  for (const std::string& name : passed) std::cout << "  agrees " << name << '\n';
  for (const auto& [name, why] : refused) std::cout << "  refused " << name << ": " << why << '\n';
  CHECK(passed.size() >= 427);
  for (const char* name :
       {"quantizelinear", "quantizelinear_axis", "dequantizelinear", "dequantizelinear_axis", "qlinearconv", "qlinearmatmul_2D",
        "qlinearmatmul_3D", "convinteger_with_padding", "convinteger_without_padding", "matmulinteger"})
    CHECK(passed.count(std::string("node/") + name) == 1);
}
