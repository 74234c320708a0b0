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

Numbers numbers_of(const onnx::TensorProto& t) {
  Numbers n;
  for (const std::int64_t d : t.dims()) n.dims.push_back(d);
  if (t.data_type() == onnx::TensorProto::INT8 || t.data_type() == onnx::TensorProto::UINT8 || t.data_type() == onnx::TensorProto::INT32)
    for (const std::int32_t v : trimtab::detail::read_codes(t)) n.values.push_back(v);
  else
    for (const float v : trimtab::detail::read_floats(t).values) n.values.push_back(double(v));
  return n;
}

/// A test: a model and its tensors, input 0 being the data.
struct Vector {
  onnx::ModelProto model;
  std::vector<onnx::TensorProto> inputs;
  onnx::TensorProto output;

  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  void declare(std::initializer_list<std::int64_t> dims) {
    auto& shape = *graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.clear_dim();
    inputs[0].clear_dims();
    for (const std::int64_t d : dims) shape.add_dim()->set_dim_value(d), inputs[0].add_dims(d);
  }
};

Vector load_vector(const fs::path& folder) {
  Vector v{load<onnx::ModelProto>(folder / "model.onnx"), {}, load<onnx::TensorProto>(folder / "test_data_set_0/output_0.pb")};
  for (int i = 0; fs::exists(folder / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb")); ++i)
    v.inputs.push_back(load<onnx::TensorProto>(folder / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb")));
  return v;
}

std::size_t count(const onnx::TensorProto& t) {
  return std::accumulate(t.dims().begin(), t.dims().end(), std::size_t{1}, [](std::size_t a, std::int64_t b) { return a * static_cast<std::size_t>(b); });
}

onnx::NodeProto& append(Vector& v, const char* op, const std::vector<std::string>& inputs, const std::string& output) {
  auto& node = *v.graph().add_node();
  node.set_op_type(op);
  for (const std::string& i : inputs) node.add_input(i);
  node.add_output(output);
  return node;
}

/// Parameters of the operator become constants: the reader takes one input.
void bind_parameters(Vector& v) {
  for (std::size_t i = 1; i < v.inputs.size(); ++i) {
    onnx::TensorProto& constant = *v.graph().add_initializer();
    constant = v.inputs[i];
    constant.set_name(v.graph().input(static_cast<int>(i)).name());
  }
}

/// Two inputs of equal shape, or of which the last axis differs, become columns of one, each picked by a MatMul with ones and zeros.
void join_inputs(Vector& v, std::size_t rows) {
  const std::size_t a = count(v.inputs[0]) / rows, b = count(v.inputs[1]) / rows;
  const Numbers x[] = {numbers_of(v.inputs[0]), numbers_of(v.inputs[1])};
  onnx::TensorProto both;
  both.set_data_type(onnx::TensorProto::FLOAT);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < a; ++i) both.add_float_data(static_cast<float>(x[0].values[r * a + i]));
    for (std::size_t i = 0; i < b; ++i) both.add_float_data(static_cast<float>(x[1].values[r * b + i]));
  }
  const onnx::NodeProto node = v.graph().node(0);
  const std::string names[] = {v.graph().input(0).name(), v.graph().input(1).name()};
  v.graph().clear_node();
  v.graph().mutable_input()->RemoveLast();
  v.graph().mutable_input(0)->set_name("joined");
  for (int which : {0, 1}) {
    const std::size_t width = which == 0 ? a : b, from = which == 0 ? 0 : a;
    auto& pick = *v.graph().add_initializer();
    pick.set_name(names[which] + "/pick");
    pick.set_data_type(onnx::TensorProto::FLOAT);
    pick.add_dims(static_cast<std::int64_t>(a + b)), pick.add_dims(static_cast<std::int64_t>(width));
    for (std::size_t i = 0; i < a + b; ++i)
      for (std::size_t j = 0; j < width; ++j) pick.add_float_data(i == from + j ? 1.0F : 0.0F);
    append(v, "MatMul", {"joined", pick.name()}, names[which]);
  }
  *v.graph().add_node() = node;
  v.inputs = {both};
  v.declare({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(a + b)});
}

/// N C H W to N H W C, or back.
std::vector<double> transposed(const std::vector<double>& x, std::size_t n, std::size_t outer, std::size_t inner) {
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t k = 0; k < inner; ++k) y[(i * inner + k) * outer + o] = x[(i * outer + o) * inner + k];
  return y;
}

/// Reads the model and runs it; the output in the file's order.
std::vector<double> run_vector(const Vector& v) {
  const Numbers in = numbers_of(v.inputs[0]);
  const std::string bytes = v.model.SerializeAsString();
  const auto is_code = [](const onnx::ValueInfoProto& value) { return trimtab::detail::is_code_type(value.type().tensor_type().elem_type()); };
  bool quantized = is_code(v.model.graph().input(0));
  for (const auto& node : v.model.graph().node()) quantized |= node.op_type().find("Linear") != std::string::npos;
  const std::size_t n = static_cast<std::size_t>(in.dims.at(0));
  const auto batch = [&](const Extents& e) {
    std::vector<std::size_t> shape{n};
    shape.insert(shape.end(), e.begin(), e.end());
    Array x = Array::from_shape(shape);
    REQUIRE(x.size() == in.values.size());
    const std::vector<double> values = e.size() == 3 ? transposed(in.values, n, e[2], e[0] * e[1]) : in.values;
    std::transform(values.begin(), values.end(), x.data(), [](double d) { return static_cast<float>(d); });
    return x;
  };
  std::vector<double> out;
  Extents extent;
  if (quantized) {
    const QuantizedOnnxModel model = parse_quantized_onnx(bytes);
    if (!model.notes.empty()) throw unsupported_error(model.notes[0]);
    const Int8Network network(model.network);
    Int8Network::Workspace workspace;
    for (const std::uint8_t code : network.run(batch(network.input_extent()), workspace)) out.push_back(double(network.output_grid().dequantize(code)));
    extent = network.output_extent();
  } else {
    const OnnxModel model = parse_onnx(bytes);
    if (!model.notes.empty()) throw unsupported_error(model.notes[0]);
    const Network& network = model.network;
    const Array y = run(network, batch(network[network.input()].extent));
    out.assign(y.begin(), y.end());
    extent = network[network.output()].extent;
  }
  return extent.size() == 3 ? transposed(out, n, extent[0] * extent[1], extent[2]) : out;
}

bool agree(const std::vector<double>& got, const std::vector<double>& expected, bool exact) {
  if (got.size() != expected.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(std::abs(got[i] - expected[i]) <= (exact ? 0 : 1e-6 + 1e-5 * std::abs(expected[i])))) return false;
  return true;
}

/// Element b of the leading axis of a tensor, or slice c along axis 1.
onnx::TensorProto slice(const onnx::TensorProto& t, std::size_t axis, std::size_t at) {
  const Numbers n = numbers_of(t);
  std::size_t outer = 1, inner = 1;
  for (std::size_t k = 0; k < n.dims.size(); ++k) (k < axis ? outer : inner) *= k == axis ? 1 : static_cast<std::size_t>(n.dims[k]);
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

/// Brings a model into the reader's shape without changing a number, runs it and compares.
bool passes(Vector v) {
  const std::string op = v.graph().node(0).op_type();
  const bool exact = op.find("Linear") != std::string::npos || op.find("Integer") != std::string::npos;
  const int rank = v.inputs[0].dims_size();
  // What opset 7 defines as the older ones did may be read as of opset 7.
  const std::set<std::string> unchanged{"AveragePool", "Conv", "GlobalAveragePool", "MaxPool", "Relu"};
  auto& opset = *v.model.mutable_opset_import(0);
  if (opset.version() < 7 && std::all_of(v.graph().node().begin(), v.graph().node().end(), [&](const auto& n) { return unchanged.count(n.op_type()) != 0; }))
    opset.set_version(7);
  const std::set<std::string> elementwise{"Relu", "Clip", "Identity", "Dropout", "QuantizeLinear", "DequantizeLinear"};
  // One grid for each channel: one model for each channel.
  if ((op == "QuantizeLinear" || op == "DequantizeLinear") && count(v.inputs[1]) > 1) {
    bool good = true;
    for (std::size_t c = 0; c < count(v.inputs[1]); ++c) {
      Vector one{v.model, {slice(v.inputs[0], 1, c), slice(v.inputs[1], 0, c), slice(v.inputs[2], 0, c)}, slice(v.output, 1, c)};
      one.graph().mutable_node(0)->clear_attribute();
      good = good && passes(one);
    }
    return good;
  }
  // A batch of matrices: one model for each.
  if (op == "QLinearMatMul" && rank == 3) {
    bool good = true;
    for (std::size_t b = 0; b < static_cast<std::size_t>(v.inputs[0].dims(0)); ++b) {
      Vector one = v;
      one.inputs[0] = slice(v.inputs[0], 0, b), one.inputs[3] = slice(v.inputs[3], 0, b), one.output = slice(v.output, 0, b);
      one.declare({one.inputs[0].dims(0), one.inputs[0].dims(1)});
      good = good && passes(one);
    }
    return good;
  }
  // Element by element: any shape is a row.
  if (v.graph().node_size() == 1 && elementwise.count(op) != 0) v.declare({1, static_cast<std::int64_t>(count(v.inputs[0]))});
  const auto dims_of = [](const onnx::TensorProto& t) { return std::vector<std::int64_t>(t.dims().begin(), t.dims().end()); };
  if (v.graph().node_size() == 1 && op == "Add" && v.inputs.size() == 2 && dims_of(v.inputs[0]) == dims_of(v.inputs[1]))
    join_inputs(v, 1);
  else if (v.graph().node_size() == 1 && op == "Concat" && v.inputs.size() == 2 && rank == 2)
    join_inputs(v, static_cast<std::size_t>(v.inputs[0].dims(0)));
  else
    bind_parameters(v);
  std::vector<double> expected = numbers_of(v.output).values;
  // Sums leave the network as codes of scale 1, which hold those from -128 to 127 or from 0 to 255.
  if (op.find("Integer") != std::string::npos) {
    const std::uint8_t zero = *std::min_element(expected.begin(), expected.end()) < 0 ? 128 : 0;
    for (const double e : expected) REQUIRE((e >= -zero && e <= 255 - zero));
    auto& scale = *v.graph().add_initializer();
    scale.set_name("one"), scale.set_data_type(onnx::TensorProto::FLOAT), scale.add_float_data(1);
    auto& zero_point = *v.graph().add_initializer();
    zero_point.set_name("zero"), zero_point.set_data_type(onnx::TensorProto::UINT8), zero_point.add_int32_data(zero);
    append(v, "QuantizeLinear", {v.graph().node(0).output(0), "one", "zero"}, "codes");
    append(v, "DequantizeLinear", {"codes", "one", "zero"}, "sums");
    v.graph().mutable_output(0)->set_name("sums");
  }
  return agree(run_vector(v), expected, exact);
}

}  // namespace

TEST_CASE("read_onnx, read_quantized_onnx: the ONNX project's test vectors", "[io]") {
  if (!fs::exists(testdata)) {
    std::cout << "SKIPPED: no " << testdata.string() << " (Debian: libonnx-testdata)\n";
    return;
  }
  const std::set<std::string> known{
      "Add",    "AveragePool",   "BatchNormalization", "Cast", "Clip",        "Concat",        "Constant",       "Conv",       "ConvInteger",
      "Dropout", "DequantizeLinear", "Flatten",        "Gather", "Gemm",      "GlobalAveragePool", "Identity",   "LogSoftmax", "MatMul",
      "MatMulInteger", "MaxPool", "Mul",               "Pad",  "QLinearConv", "QLinearMatMul", "QuantizeLinear", "ReduceMean", "Relu",
      "Reshape", "Shape",        "Softmax",            "Squeeze", "Sub",      "Transpose",     "Unsqueeze"};
  std::set<std::string> passed;
  std::map<std::string, std::string> refused;  // the typed error that says why
  std::size_t others = 0;
  for (const char* set : {"node", "simple", "pytorch-operator", "pytorch-converted"})
    for (const auto& folder : fs::directory_iterator(testdata / set)) {
      const auto model = load<onnx::ModelProto>(folder.path() / "model.onnx");
      if (!std::all_of(model.graph().node().begin(), model.graph().node().end(), [&](const auto& n) { return known.count(n.op_type()) != 0; }) ||
          model.graph().node_size() == 0 || !fs::exists(folder.path() / "test_data_set_0/input_0.pb")) {
        ++others;
        continue;
      }
      const std::string name = std::string(set) + '/' + folder.path().filename().string().substr(5);
      CAPTURE(name);
      try {
        const bool good = passes(load_vector(folder.path()));
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
  std::cout << passed.size() << " of the ONNX project's test vectors run and agree; " << refused.size() << " of the same operators are refused; " << others
            << " are of other operators or have no input\n";
  for (const std::string& name : passed) std::cout << "  agrees " << name << '\n';
  for (const auto& [name, why] : refused) std::cout << "  refused " << name << ": " << why << '\n';
  CHECK(passed.size() >= 88);
  for (const char* name : {"quantizelinear", "quantizelinear_axis", "dequantizelinear", "dequantizelinear_axis", "qlinearconv", "qlinearmatmul_2D",
                           "qlinearmatmul_3D", "convinteger_with_padding", "convinteger_without_padding", "matmulinteger"})
    CHECK(passed.count(std::string("node/") + name) == 1);
}
