// Float and int8, node by node, and what is found before the work.
#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <fstream>
#include <program_job.hpp>
#include <trimtab/io/npy.hpp>
#include <trimtab/trimtab.hpp>

#include "json_in.hpp"

using namespace trimtab;
using trimtab::test::Job;

namespace {

int program(const Job& job, const std::string& arguments) { return job.call(TRIMTAB_PROGRAM " " + arguments); }
Array output_in(const Job& job, const std::string& folder) {
  const auto file = std::filesystem::directory_iterator(job.path(folder))->path();
  return read_npy(file);
}

}  // namespace

TEST_CASE("trimtab run --execute: a quantized file in float gives its codes up to a step, a float file is not run in integers",
          "[programs]") {
  const Job job;
  const std::string pictures = " " + job.path("pictures"), net = "run " + job.path("net.onnx") + pictures;
  for (const char* form : {" --format qdq", " --format qoperator", " --scheme asymmetric"}) {
    CAPTURE(form);
    REQUIRE(job.run(job.inputs() + " --quiet --out " + job.path("int8.onnx") + form) == 0);
    const std::string run = "run " + job.path("int8.onnx") + pictures;
    REQUIRE(program(job, run + " --output " + job.path("default")) == 0);
    REQUIRE(program(job, run + " --execute int8 --output " + job.path("integers")) == 0);
    REQUIRE(program(job, run + " --execute float --output " + job.path("reals")) == 0);
    REQUIRE(program(job, "show " + job.path("int8.onnx") + " --json") == 0);
    const double step = test::json_in(job, "out")["nodes"].back()["grid"]["scale"];
    const Array integers = output_in(job, "integers"), reals = output_in(job, "reals");
    CHECK((output_in(job, "default") == integers));
    REQUIRE(reals.shape() == integers.shape());
    std::size_t differ = 0;
    for (std::size_t i = 0; i < reals.size(); ++i) {
      const double off = std::abs(double(reals.data()[i]) - double(integers.data()[i]));
      differ += off > 0.5 * step;
      CHECK(off < 1.5 * step);
      const double codes = double(reals.data()[i]) / step;  // each is on the file's grid
      CHECK(std::abs(codes - std::round(codes)) < 1e-2);
    }
    CHECK(differ <= reals.size() / 20);
  }
  REQUIRE(program(job, net + " --output " + job.path("a")) == 0);
  REQUIRE(program(job, net + " --execute float --output " + job.path("b")) == 0);
  CHECK((output_in(job, "a") == output_in(job, "b")));
  CHECK(program(job, net + " --execute int8") == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("is a float network") && ContainsSubstring("trimtab quantize"));
  CHECK(program(job, net + " --execute fast") == 2);
}

TEST_CASE("trimtab compare: a line for each node of the same name, and the first large drop is where the networks part",
          "[programs]") {
  const Job job;
  const std::string a = job.path("net.onnx"), input = " --input " + job.path("pictures"),
                    json = " --json " + job.path("compare.json");
  REQUIRE(program(job, "compare " + a + " " + a + input + json) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("equal") && !ContainsSubstring("first large drop"));
  const std::size_t all = test::json_in(job, "compare.json")["nodes"].size();
  CHECK(all > 8);
  const auto same = test::json_in(job, "compare.json")["nodes"];
  for (const auto& node : same) CHECK(node["sqnr_db"].is_null());

  // Every second filter of one layer turned around.
  Network network = simplify(read_onnx(a).network);
  NodeId turned = 0;
  std::size_t layers = 0;
  for (NodeId id = 0; id < network.size(); ++id) {
    WeightedLayer* layer = network[id].op->weighted();
    if (layer == nullptr || ++layers != 4) continue;
    turned = id;
    const TensorView<float> w = layer->weight();
    for (std::size_t i = 0; i < w.size(); i += 2) w.data[i] = -w.data[i];
  }
  write_onnx(network, job.path("turned.onnx"));
  REQUIRE(program(job, "compare " + a + " " + job.path("turned.onnx") + input + json) == 0);
  const auto nodes = test::json_in(job, "compare.json")["nodes"];
  REQUIRE(nodes.size() == all);
  const auto first = std::find_if(nodes.begin(), nodes.end(), [](const auto& node) { return node["large_drop"] == true; });
  REQUIRE(first != nodes.end());
  CHECK((*first)["name"] == network[turned].name);
  for (auto node = nodes.begin(); node != first; ++node) CHECK(((*node)["sqnr_db"].is_null() || (*node)["sqnr_db"] > 80));
  const std::string table = job.text("out");
  const std::size_t mark = table.find("<- first large drop"), line = table.rfind('\n', mark) + 1;
  CHECK(table.substr(line, mark - line).find(network[turned].name + " ") != std::string::npos);

  // Quantized, in all forms: layers keep their names, and where scales are not told they are compared up to a factor. Channels
  // that a recipe evened out could not be compared.
  for (const char* form : {" --format qdq", " --format qoperator", " --scheme asymmetric", " --scheme asymmetric --format qdq"}) {
    CAPTURE(form);
    REQUIRE(job.run(job.inputs() + " --recipe none --quiet --out " + job.path("int8.onnx") + form) == 0);
    REQUIRE(program(job, "compare " + a + " " + job.path("int8.onnx") + input + json) == 0);
    std::size_t compared = 0;
    const auto quantized = test::json_in(job, "compare.json")["nodes"];
    for (const auto& node : quantized) {
      CAPTURE(node["name"].get<std::string>());
      CHECK(node["sqnr_db"] > 15);
      ++compared;
    }
    CHECK(compared == all);
  }
}

TEST_CASE("trimtab quantize: what would fail in the end is found before the work", "[programs]") {
  const Job job;
  const auto refused = [&](const std::string& arguments, const std::string& why) {
    CAPTURE(arguments);
    CHECK(job.run(arguments) == 1);
    const std::string said = job.text("err");
    CAPTURE(said);
    CHECK_THAT(said, ContainsSubstring(why) && !ContainsSubstring("float network  "));
    CHECK(job.text("out").empty());
  };
  refused(job.inputs() + " --out /dev/null", "/dev/null is not a regular file");
  refused(job.inputs() + " --out /proc/int8.onnx", "--out /proc/int8.onnx: cannot be written");
  refused(job.inputs() + " --report /nowhere/page.html", "there is no folder /nowhere");
  // Nothing that is read is written over, by whatever name.
  const std::string before = job.text("net.onnx");
  refused(job.inputs() + " --out " + job.path("net.onnx"), "net.onnx is read by this command");
  refused(job.inputs() + " --out " + job.path("pictures/../net.onnx"), "net.onnx is read by this command");
  refused(job.inputs() + " --json " + job.path("pictures/p0.png"), "p0.png is read by this command");
  refused(job.inputs() + " --labels " + job.path("labels.csv") + " --layers " + job.path("labels.csv"),
          "is read by this command");
  refused(job.inputs() + " --json " + job.path("a.json") + " --layers " + job.path("a.json"), "is what --json writes, too");
  CHECK(program(job, "run " + job.path("net.onnx") + " " + job.path("pictures") + " --json " + job.path("net.onnx")) == 1);
  CHECK(program(job, "compare " + job.path("net.onnx") + " " + job.path("net.onnx") + " --input " + job.path("pictures") +
                         " --json " + job.path("net.onnx")) == 1);
  CHECK(job.text("net.onnx") == before);
  // What else lies beside the pictures is not read.
  for (int time = 0; time < 2; ++time) CHECK(job.run(job.inputs() + " --json " + job.path("pictures/out.json")) == 0);
  std::filesystem::create_directory(job.path("broken"));
  std::filesystem::copy_file(job.path("pictures/p0.png"), job.path("broken/a.png"));
  std::string half = job.text("pictures/p1.png");
  half.resize(half.size() / 2);
  std::ofstream(job.path("broken/b.png"), std::ios::binary) << half;
  const std::string net = " " + job.path("net.onnx");
  for (const char* option : {" --calibrate ", " --train "})
    refused(net + " --images " + job.path("pictures") +
                (option == std::string(" --train ") ? " --calibrate " + job.path("pictures") : "") + option + job.path("broken"),
            "b.png: ends early");
  CHECK(job.run(job.inputs() + " --preprocess rgb") == 2);
  CHECK_THAT(job.text("err"), ContainsSubstring("--preprocess: rgb is none of"));
  REQUIRE(job.run(job.inputs() + " --preprocess 0,1 --json " + job.path("out.json")) == 0);
  CHECK_THAT(job.text("err"), ContainsSubstring("note: --preprocess 0,1 replaces the model's own"));
  REQUIRE(job.run(job.inputs() + " --preprocess tf") == 0);
  CHECK_THAT(job.text("err"), !ContainsSubstring("replaces"));
  // What the granularity and the scheme are where nothing is said.
  CHECK(test::json_in(job, "out.json")["weights"] == "vector");
  CHECK(test::json_in(job, "out.json")["scheme"] == "symmetric");

  // Learned rounding holds a thousand samples of 2^26 numbers.
  Network wide;
  wide.add(Input{{1, 1, 1}}, {}, "x");
  wide.add(Tile{{8192, 8192, 1}}, {0}, "wide");
  wide.add(GlobalAveragePool{}, {1}, "pool");
  wide.add(Flatten{}, {2}, "flat");
  wide.add(Linear{xt::xtensor<float, 2>({4, 1}, 1.0F), {}}, {3}, "scores");
  write_onnx(wide, job.path("wide.onnx"));
  Array ones = Array::from_shape({1000, 1, 1, 1});
  std::fill(ones.begin(), ones.end(), 1.0F);
  write_npy(job.path("x.npy"), ones);
  refused(" " + job.path("wide.onnx") + " --images " + job.path("x.npy") + " --limit 1 --calibrate " + job.path("x.npy") +
              " --calibrate-count 1000 --recipe best",
          "--calibrate-count ");
}

TEST_CASE("trimtab quantize: folders called by synset or name are labels with --classes", "[programs]") {
  const Job job;
  std::ofstream(job.path("classes.csv")) << "\xEF\xBB\xBF"
                                            "class_index,synset,name\n3,n03,three\n7,n07,seven\n8,n08,twice\n9,n09,twice\n";
  for (const char* folder : {"n03", "seven"}) std::filesystem::create_directories(job.path(std::string("byname/") + folder));
  for (int i = 0; i < 6; ++i)
    std::filesystem::copy_file(job.path("pictures/p" + std::to_string(i) + ".png"),
                               job.path(std::string("byname/") + (i < 3 ? "n03" : "seven") + "/p" + std::to_string(i) + ".png"));
  const std::string common = " " + job.path("net.onnx") + " --images " + job.path("byname") + " --labels folders --calibrate " +
                             job.path("pictures") + " --json " + job.path("out.json");
  REQUIRE(job.run(common + " --classes " + job.path("classes.csv")) == 0);
  const auto by_name = test::json_in(job, "out.json");
  std::ofstream labels(job.path("same.csv"));
  for (int i = 0; i < 6; ++i) labels << 'p' << i << ".png," << (i < 3 ? 3 : 7) << '\n';
  labels.close();
  REQUIRE(job.run(" " + job.path("net.onnx") + " --images " + job.path("byname") + " --calibrate " + job.path("pictures") +
                  " --json " + job.path("out.json") + " --labels " + job.path("same.csv")) == 0);
  CHECK(by_name["float_top1"] == test::json_in(job, "out.json")["float_top1"]);
  CHECK(by_name["images"] == 6);
  CHECK(job.run(common) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("--classes"));
  std::filesystem::rename(job.path("byname/seven"), job.path("byname/twice"));
  CHECK(job.run(common + " --classes " + job.path("classes.csv")) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("has no class called twice, or several"));
}

TEST_CASE("a .trimtab file: quantize writes it, and run, show, compare and generate take it as they take the ONNX file",
          "[programs]") {
  const Job job;
  const std::string onnx = job.path("int8.onnx"), own = job.path("int8.trimtab"), pictures = " " + job.path("pictures");
  REQUIRE(job.run(job.inputs() + " --quiet --out " + onnx) == 0);
  REQUIRE(job.run(job.inputs() + " --quiet --out " + own) == 0);
  REQUIRE(program(job, "run " + onnx + pictures + " --output " + job.path("a")) == 0);
  REQUIRE(program(job, "run " + own + pictures + " --output " + job.path("b")) == 0);
  CHECK((output_in(job, "a") == output_in(job, "b")));
  CHECK(std::filesystem::directory_iterator(job.path("a"))->path().filename() ==
        std::filesystem::directory_iterator(job.path("b"))->path().filename());
  REQUIRE(program(job, "compare " + onnx + " " + own + " --input" + pictures) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("equal"));
  REQUIRE(program(job, "show " + own) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("DepthwiseConv2d"));
  REQUIRE(program(job, "generate " + own + " --name net --out " + job.path("own.h")) == 0);
  REQUIRE(program(job, "generate " + onnx + " --name net --out " + job.path("onnx.h")) == 0);

  // Fixed point, which ONNX does not have.
  REQUIRE(job.run(job.inputs() + " --quiet --requantize fixed-point --out " + own) == 0);
  CHECK(program(job, "run " + own + pictures) == 0);
  CHECK(program(job, "run " + own + pictures + " --cut nothing") == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("--cut: "));
  std::string bytes = job.text("int8.trimtab");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(own, std::ios::binary) << bytes;
  CHECK(program(job, "show " + own) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("the checksum differs"));
}
