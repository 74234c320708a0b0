// Small files that go wrong in one reader or another, against the numbers that ONNX Runtime gives for them. They are not part of
// this repository: without them the test says so and passes.
#include <catch.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <string>
#include <trimtab/io/npy.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>

using namespace trimtab;

namespace {

struct Result {
  Array y;
  float step = 0;  // of the output's codes; 0 for reals
};

Result result_of(const std::filesystem::path& model, const Array& x) {
  Int8Network::Workspace workspace;
  try {
    const QuantizedOnnxModel q = read_quantized_onnx(model);
    const Int8Network network(q.network);
    const float step = q.network.nodes[q.network.outputs[0]].holds_codes ? q.network.output_grids[0].scale : 0;
    return {to_file_layout(network.run_outputs({from_file_layout(x, q.inputs[0].order)}, workspace)[0], q.outputs[0].order),
            step};
  } catch (const unsupported_error& e) {
    if (std::string(e.what()).find("read_onnx reads it") == std::string::npos) throw;
    const OnnxModel m = read_onnx(model);
    return {to_file_layout(run(m.network, from_file_layout(x, m.inputs[0].order)), m.outputs[0].order), 0};
  }
}

}  // namespace

TEST_CASE("read_onnx and read_quantized_onnx: files of many tools give ONNX Runtime's numbers", "[io]") {
  const std::filesystem::path folder = std::filesystem::path(TRIMTAB_SHARED_DATA) / "faults";
  if (!std::filesystem::is_directory(folder)) {
    std::cout << "skipped: no files in " << folder << '\n';
    return;
  }
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().filename().string());
    ++count;
    const Array expected = read_npy(entry.path() / "output.npy");
    Result got;
    REQUIRE_NOTHROW(got = result_of(entry.path() / "model.onnx", read_npy(entry.path() / "input.npy")));
    REQUIRE(got.y.shape() == expected.shape());
    float largest = 0;
    std::size_t ties = 0;
    for (const float v : expected) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const float off = std::abs(got.y.data()[i] - expected.data()[i]);
      if (got.step == 0 || off < 0.01F * got.step) {
        if (off > 1e-5F * largest) CHECK(got.y.data()[i] == expected.data()[i]);
      } else {
        // One code beside it. From steps of 0.03 to 0.024, 5 / 4 codes for one: where those read are 2 more than a multiple of 4,
        // the result lies between two codes, and the last bit of the quotient decides.
        ++ties;
        if (off > 1.01F * got.step) CHECK(got.y.data()[i] == expected.data()[i]);
        const float middle = (got.y.data()[i] + expected.data()[i]) / 2 / got.step;
        CHECK(std::abs(std::remainder(middle - 2.5F, 5.0F)) < 0.01F);
      }
    }
    if (ties > 0) CHECK(entry.path().filename() == "conv_maxpool_other_grid");
  }
  CHECK(count >= 24);
}
