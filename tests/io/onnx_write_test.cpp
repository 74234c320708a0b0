#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/passes/fold.hpp>

#include "onnx_cases.hpp"
#include "onnx_networks.hpp"

using namespace trimtab;

namespace {

/// Names, inputs, clips, extents and every number of every operator.
/// Every number of an operator, in the order of its visit().
std::vector<double> parameters(Operator op) {
  struct All final : OperatorVisitor {
    std::vector<double> numbers;
    void tensor(std::string_view, const TensorView<float>& values, ParameterKind) override {
      numbers.insert(numbers.end(), values.data, values.data + values.size());
    }
    void number(std::string_view, double value) override { numbers.push_back(value); }
  } all;
  op->visit(all);
  return all.numbers;
}

void require_equal(const Network& a, const Network& b) {
  REQUIRE(a.size() == b.size());
  CHECK(a.output() == b.output());
  for (NodeId id = 0; id < a.size(); ++id) {
    CAPTURE(id, a[id].name, b[id].name, operator_name(a[id].op), operator_name(b[id].op));
    CHECK(a[id].name == b[id].name);
    CHECK(a[id].inputs == b[id].inputs);
    CHECK(a[id].extent == b[id].extent);
    CHECK(a[id].clip == b[id].clip);
    REQUIRE(a[id].op.same_type(b[id].op));
    CHECK(parameters(a[id].op) == parameters(b[id].op));
  }
}

}  // namespace

TEST_CASE("write_onnx: reading a written network gives the same network", "[io]") {
  const Network network = every_operator_network();
  const OnnxModel model = parse_onnx(serialize_onnx(network, {{"preprocessing", "x/127.5-1"}, {"empty", ""}}));
  require_equal(fuse_clips(model.network), network);
  CHECK(model.metadata == std::map<std::string, std::string>{{"preprocessing", "x/127.5-1"}, {"empty", ""}});
  CHECK(model.notes.empty());
}

TEST_CASE("write_onnx: what read_onnx gives is written so that it reads the same again", "[io]") {
  for (const OnnxCase& c : onnx_cases()) {
    CAPTURE(c.name);
    const OnnxModel model = c.builder.read();
    // A node of three axes is written as a picture; where the file has them in another order, other nodes come back.
    if (model.outputs[0].order == std::vector<std::size_t>{0, 1, 2, 3}) continue;
    Network first = model.network;
    first[first.input()].name = "input";
    require_equal(parse_onnx(serialize_onnx(first)).network, first);
  }
}

TEST_CASE("write_onnx: every operator gives the same numbers when it is read back", "[io]") {
  const Network network = further_operators_network();
  const OnnxModel model = parse_onnx(serialize_onnx(network));
  Array x = Array::from_shape({2, 4, 6, 8});
  std::mt19937 generator(3);
  for (float& v : x) v = static_cast<float>(generator() >> 8) / 16777216.0F - 0.5F;
  std::vector<Array> expected = run_outputs(network, x), y = run_outputs(model.network, x);
  REQUIRE(y.size() == expected.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    CAPTURE(network[network.outputs()[i]].name);
    CHECK(model.outputs[i].name == network[network.outputs()[i]].name);
    y[i] = to_file_layout(y[i], model.outputs[i].order);
    if (expected[i].dimension() == 4) expected[i] = to_file_layout(expected[i], {0, 3, 1, 2});
    REQUIRE(y[i].shape() == expected[i].shape());
    double largest = 0, off = 0;
    for (std::size_t k = 0; k < y[i].size(); ++k) {
      largest = std::max(largest, std::abs(double(expected[i].data()[k])));
      off = std::max(off, std::abs(double(y[i].data()[k]) - double(expected[i].data()[k])));
    }
    CHECK(off <= 1e-5 * largest);
  }
}

TEST_CASE("write_onnx: names that repeat, or are the file's own, still give a readable file", "[io]") {
  Network network;
  NodeId x = network.add(Input{{4, 4, 2}}, {}, "logits");
  x = network.add(relu, {x}, "input");
  x = network.add(Add{}, {x, x}, "input");
  x = network.add(GlobalAveragePool{}, {x}, "logits", relu6);
  const std::string bytes = serialize_onnx(network);
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(bytes));
  std::set<std::string> names;
  for (const auto& node : model.graph().node()) CHECK(names.insert(node.name()).second);
  const Network again = parse_onnx(bytes).network;
  REQUIRE(again.size() == 5);
  CHECK(again[4].op.is<Clip>());
  CHECK(again[again.output()].extent == Extents{1, 1, 2});
}

TEST_CASE("write_onnx: a network that is only its input, or has a dead end, or an output in the middle", "[io]") {
  Network network;
  NodeId x = network.add(Input{{4, 4, 2}}, {}, "input");
  CHECK(parse_onnx(serialize_onnx(network)).network.size() == 1);
  x = network.add(GlobalAveragePool{}, {x}, "kept");
  network.add(relu, {x}, "dead end");
  network.set_output(x);
  const OnnxModel model = parse_onnx(serialize_onnx(network));
  CHECK(model.network.size() == 2);
  CHECK(model.notes.size() == 1);
}

TEST_CASE("write_onnx: a file that cannot be written is an io_error and leaves nothing behind", "[io]") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "trimtab_write_onnx_test";
  std::filesystem::remove_all(folder);
  CHECK_THROWS_AS(write_onnx(every_operator_network(), folder / "model.onnx"), io_error);
  std::filesystem::create_directory(folder);
  write_onnx(every_operator_network(), folder / "model.onnx");
  require_equal(fuse_clips(read_onnx(folder / "model.onnx").network), every_operator_network());
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  CHECK_THROWS_AS(read_onnx(folder), io_error);
  CHECK_THROWS_AS(read_onnx(folder / "other.onnx"), io_error);
  std::filesystem::remove_all(folder);
}
