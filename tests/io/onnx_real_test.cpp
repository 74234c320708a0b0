#include <catch.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <trimtab/io/onnx.hpp>

using namespace trimtab;

namespace {

std::map<std::string, int> operator_counts(const Network& network) {
  std::map<std::string, int> counts;
  for (const Node& node : network.nodes()) ++counts[operator_name(node.op)];
  return counts;
}

struct RealNetwork {
  std::string file;
  std::size_t parameters;  ///< weights, biases, gammas and betas
  double macs;
  std::map<std::string, int> counts;
};

}  // namespace

TEST_CASE("read_onnx: the published networks have their published layers and parameters", "[real]") {
  const std::filesystem::path models = std::filesystem::path(TRIMTAB_SHARED_DATA) / "models";
  if (!std::filesystem::exists(models)) {
    std::cout << "SKIPPED: no networks in " << models << "\n";
    return;
  }
  // Parameters and multiply-accumulates as published: arXiv 1801.04381 (3.5 M, 300 M), arXiv 1704.04861 (2.6 M, 325 M), and
  // 1,235,496 for SqueezeNet 1.1 in the model zoos.
  const RealNetwork wanted = GENERATE(values<RealNetwork>({
      {"mobilenet_v2_1.0_224.onnx",
       3504872,
       300.8e6,
       {{"Add", 10},
        {"BatchNorm", 52},
        {"Clip", 35},
        {"Conv2d", 35},
        {"DepthwiseConv2d", 17},
        {"Flatten", 1},
        {"GlobalAveragePool", 1},
        {"Input", 1},
        {"Linear", 1}}},
      {"mobilenet_v1_0.75_224.onnx",
       2585560,
       325.4e6,
       {{"BatchNorm", 27},
        {"Clip", 27},
        {"Conv2d", 14},
        {"DepthwiseConv2d", 13},
        {"Flatten", 1},
        {"GlobalAveragePool", 1},
        {"Input", 1},
        {"Linear", 1}}},
      {"squeezenet_1.1_224.onnx",
       1235496,
       349.2e6,
       {{"Clip", 26}, {"Concat", 8}, {"Conv2d", 26}, {"Flatten", 1}, {"GlobalAveragePool", 1}, {"Input", 1}, {"MaxPool", 3}}},
  }));
  CAPTURE(wanted.file);
  const OnnxModel model = read_onnx(models / wanted.file);
  const Network& network = model.network;
  CHECK(network.parameter_count() == wanted.parameters);
  CHECK(std::abs(network.macs() / wanted.macs - 1) < 1e-3);
  CHECK(operator_counts(network) == wanted.counts);
  CHECK(network[network.input()].extent == Extents{224, 224, 3});
  CHECK(network[network.output()].extent == Extents{1000});
  CHECK(model.metadata.at("preprocessing").substr(0, 5) == "RGB, ");
  CHECK(model.notes.empty());
}
