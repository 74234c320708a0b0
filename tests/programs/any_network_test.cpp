// The program on networks that are no classifiers of colour pictures, and its other commands.
#include <algorithm>
#include <catch.hpp>
#include <limits>
#include <program_job.hpp>
#include <random>
#include <small_network.hpp>
#include <trimtab/io/npy.hpp>
#include <trimtab/net/execute/float_executor.hpp>

#include "json_in.hpp"

using namespace trimtab;
using trimtab::test::Job;
using trimtab::test::random_tensor;

namespace {

/// A grey picture and four features give a map and scores of ten classes.
Network two_inputs() {
  std::mt19937 random(7);
  Network n;
  WindowOptions same;
  same.padding = {1, 1, 1, 1};
  const NodeId picture = n.add(Input{{8, 8, 1}}, {}, "picture");
  const NodeId features = n.add(Input{{4}}, {}, "features");
  const NodeId map = n.add(Conv2d{random_tensor<4>({6, 3, 3, 1}, random), random_tensor<1>({6}, random), same}, {picture}, "map");
  const NodeId curve = n.add(Sin{}, {map}, "curve");
  const NodeId pooled = n.add(Flatten{}, {n.add(GlobalAveragePool{}, {curve}, "pool")}, "flatten");
  const NodeId a = n.add(Linear{random_tensor<2>({10, 6}, random), random_tensor<1>({10}, random)}, {pooled}, "of_picture");
  const NodeId b = n.add(Linear{random_tensor<2>({10, 4}, random), random_tensor<1>({10}, random)}, {features}, "of_features");
  const NodeId scores = n.add(Add{}, {a, b}, "scores");
  n.set_outputs({map, scores});
  return n;
}

/// Eight pictures of one channel in pictures/grey, eight rows of features, and the network, on disk.
struct TwoInputs : Job {
  Network network = two_inputs();
  TwoInputs() {
    write_onnx(network, path("two.onnx"), {{"preprocessing", "x/127.5-1"}});
    std::filesystem::create_directory(path("grey"));
    for (int i = 0; i < 8; ++i) {
      std::vector<std::uint8_t> pixels(64);
      for (std::size_t p = 0; p < 64; ++p)
        pixels[p] = static_cast<std::uint8_t>((p * 11 + static_cast<std::size_t>(i) * 29) % 251);
      folder.write_png("grey/g" + std::to_string(i) + ".png", pixels, 8, 8, 1);
    }
    std::mt19937 random(3);
    Array features = Array::from_shape({8, 4});
    std::normal_distribution<float> normal;
    for (float& v : features) v = normal(random);
    write_npy(path("features.npy"), features);
  }
  std::string of(const std::string& option) const {
    return " " + option + " picture=" + path("grey") + " " + option + " features=" + path("features.npy");
  }
  int program(const std::string& arguments) const { return call(TRIMTAB_PROGRAM " " + arguments); }
};

}  // namespace

TEST_CASE("trimtab run: a network of two inputs and two outputs gives what the executor gives, in the file's order of axes",
          "[programs]") {
  const TwoInputs job;
  REQUIRE(job.program("run " + job.path("two.onnx") + job.of("--input") + " --output " + job.path("outputs") + " --json " +
                      job.path("run.json")) == 0);
  std::vector<Array> x{Array::from_shape({8, 8, 8, 1}), read_npy(job.path("features.npy"))};
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t p = 0; p < 64; ++p)
      x[0].data()[i * 64 + p] = static_cast<float>(static_cast<double>((p * 11 + i * 29) % 251) / 127.5 - 1);
  const std::vector<Array> expected = run_outputs(job.network, x);
  std::vector<std::filesystem::path> written;
  for (const auto& entry : std::filesystem::directory_iterator(job.path("outputs"))) written.push_back(entry.path());
  std::sort(written.begin(), written.end());
  REQUIRE(written.size() == 2);
  const Array map = read_npy(written[0]), scores = read_npy(written[1]);
  REQUIRE(view(map).extent == Extents{8, 6, 8, 8});  // N C H W, as the file has it
  REQUIRE(view(scores).extent == Extents{8, 10});
  double worst = 0;
  for (std::size_t n = 0; n < 8; ++n) {
    for (std::size_t c = 0; c < 6; ++c)
      for (std::size_t p = 0; p < 64; ++p)
        worst = std::max(worst,
                         std::abs(double(map.data()[(n * 6 + c) * 64 + p]) - double(expected[0].data()[(n * 64 + p) * 6 + c])));
    for (std::size_t c = 0; c < 10; ++c)
      worst = std::max(worst, std::abs(double(scores.data()[n * 10 + c]) - double(expected[1].data()[n * 10 + c])));
  }
  CHECK(worst < 1e-5);
  const auto json = test::json_in(job, "run.json");
  REQUIRE(json.size() == 8);
  CHECK(json[0]["file"] == "g0.png");
  CHECK(json[0]["outputs"].size() == 1);  // the classes alone
}

TEST_CASE("trimtab quantize: two inputs, two outputs, a float island; the file runs again, and compare agrees with the table",
          "[programs]") {
  const TwoInputs job;
  const std::string quantize =
      "quantize " + job.path("two.onnx") + job.of("--images") + job.of("--calibrate") + " --weights vector --scheme asymmetric";
  REQUIRE(job.program(quantize + " --keep-float of_features --train picture=" + job.path("grey") +
                      " --train features=" + job.path("features.npy") + " --epochs 1 --batch 4 --out " + job.path("int8.onnx") +
                      " --json " + job.path("out.json") + " --report " + job.path("page.html") + " --report-pictures 2") == 0);
  const std::string table = job.text("out");
  CHECK_THAT(table, ContainsSubstring("map") && ContainsSubstring("scores") && ContainsSubstring("wrote") &&
                        ContainsSubstring("int8.onnx"));
  const auto json = test::json_in(job, "out.json");
  CHECK(json["int8_equals_fake_quant"] == true);
  CHECK(json["float_top1"].is_null());
  REQUIRE(json["outputs"].size() == 2);
  CHECK(json["outputs"][0]["agreement"].is_null());
  CHECK(json["outputs"][1]["agreement"] == json["agreement"]);
  CHECK(json["outputs"][0]["sqnr_db"] > 25);
  REQUIRE(job.program("compare " + job.path("two.onnx") + " " + job.path("int8.onnx") + job.of("--input") + " --json " +
                      job.path("compare.json")) == 0);
  const auto compared = test::json_in(job, "compare.json");
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(compared["outputs"][i]["rmse"].get<double>() == Approx(json["outputs"][i]["rmse"].get<double>()).epsilon(1e-3));
  CHECK(compared["samples"] == 8);
  REQUIRE(job.program("compare " + job.path("two.onnx") + " " + job.path("two.onnx") + job.of("--input")) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("100.00"));

  // Without the other output.
  REQUIRE(job.program(quantize + " --cut scores --json " + job.path("out.json")) == 0);
  CHECK_FALSE(test::json_in(job, "out.json").contains("outputs"));
}

TEST_CASE("trimtab quantize: labels by CSV and by folders; what is misspelt or broken is said", "[programs]") {
  const Job job;
  std::filesystem::create_directories(job.path("classes/3"));
  std::filesystem::create_directories(job.path("classes/7"));
  for (int i = 0; i < 12; ++i)
    std::filesystem::copy_file(job.path("pictures/p" + std::to_string(i) + ".png"),
                               job.path(std::string("classes/") + (i < 6 ? "3" : "7") + "/p" + std::to_string(i) + ".png"));
  std::ofstream(job.path("classes/3/._p0.png")) << "no picture";
  const std::string common =
      " --calibrate " + job.path("pictures") + " --weights vector --scheme symmetric --json " + job.path("out.json");
  const std::string model = " " + job.path("net.onnx");
  REQUIRE(job.run(model + " --images " + job.path("classes") + " --labels folders" + common) == 0);
  const auto by_folder = test::json_in(job, "out.json");
  CHECK(by_folder["images"] == 12);
  std::ofstream labels(job.path("bom.csv"));
  labels << "\xEF\xBB\xBF"
         << "file,class_index\nmisspelt.png,1\n";
  for (int i = 0; i < 11; ++i) labels << 'p' << i << ".png," << (i < 6 ? 3 : 7) << '\n';
  labels.close();
  REQUIRE(job.run(model + " --images " + job.path("pictures") + " --labels " + job.path("bom.csv") + common) == 0);
  CHECK(test::json_in(job, "out.json")["images"] == 11);
  CHECK_THAT(job.text("err"), ContainsSubstring("1 of 12 samples have no label") && ContainsSubstring("p11.png") &&
                                  ContainsSubstring("1 of 12 labels are of no sample, as that of misspelt.png"));

  std::ofstream(job.path("pictures/p3.png"), std::ios::trunc) << "no picture";
  CHECK(job.run(model + " --images " + job.path("pictures") + common) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("p3.png") && ContainsSubstring("--skip-broken"));
  REQUIRE(job.run(model + " --images " + job.path("pictures") + common + " --skip-broken") == 0);
  CHECK(test::json_in(job, "out.json")["images"] == 11);
  CHECK_THAT(job.text("err"), ContainsSubstring("left out") && ContainsSubstring("p3.png"));
}

TEST_CASE("trimtab quantize: a float network that guesses is said to, and so is a quantized one", "[programs]") {
  const Job job;
  std::ofstream labels(job.path("wrong.csv"));
  // The network is not trained; where it finds a class by chance, another label.
  REQUIRE(job.call(TRIMTAB_PROGRAM " run " + job.path("net.onnx") + " " + job.path("pictures") + " --top 1 --json " +
                   job.path("run.json")) == 0);
  for (const auto& one : test::json_in(job, "run.json"))
    labels << one["file"].get<std::string>() << ',' << (one["top"][0]["class"].get<int>() + 1) % 10 << '\n';
  labels.close();
  const std::string common =
      " --calibrate " + job.path("pictures") + " --images " + job.path("pictures") + " --weights vector --scheme symmetric";
  REQUIRE(job.run(" " + job.path("net.onnx") + common + " --labels " + job.path("wrong.csv") + " --out " +
                  job.path("int8.onnx")) == 0);
  CHECK_THAT(job.text("err"), ContainsSubstring("no better than chance"));
  CHECK(job.run(" " + job.path("int8.onnx") + common) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("is quantized already") && ContainsSubstring("trimtab run"));
}

TEST_CASE("trimtab quantize: warns where another preprocessing makes the float network right", "[programs]") {
  const Job job;
  // Two classes by brightness: 0 below 115 of 255, 1 above, where bytes stay as they are.
  Network n;
  const NodeId x = n.add(Input{{8, 8, 3}}, {}, "x");
  const NodeId mean = n.add(Flatten{}, {n.add(GlobalAveragePool{}, {x}, "pool")}, "mean");
  n.add(Linear{xt::xtensor<float, 2>{{0, 0, 0}, {0, 1, 0}}, xt::xtensor<float, 1>{0, -115}}, {mean}, "scores");
  write_onnx(n, job.path("bright.onnx"));
  std::filesystem::create_directory(job.path("levels"));
  std::ofstream labels(job.path("levels.csv"));
  for (int i = 0; i < 24; ++i) {
    const std::string name = "l" + std::to_string(i) + ".png";
    job.folder.write_png("levels/" + name, std::vector<std::uint8_t>(8 * 8 * 3, static_cast<std::uint8_t>(10 * i)), 8, 8, 3);
    labels << name << ',' << (i < 12 ? 0 : 1) << '\n';
  }
  labels.close();
  const std::string common = " " + job.path("bright.onnx") + " --images " + job.path("levels") + " --calibrate " +
                             job.path("levels") + " --labels " + job.path("levels.csv");
  REQUIRE(job.run(common + " --preprocess tf") == 0);
  CHECK_THAT(job.text("err"),
             ContainsSubstring("warning: of 24 samples the float network is right for 12; with --preprocess byte "
                               "it would be for 24"));
  REQUIRE(job.run(common + " --preprocess byte") == 0);
  CHECK(job.text("err").find("warning") == std::string::npos);
}

TEST_CASE("trimtab quantize: a TFLite file has TFLite's integers, unless others are asked for", "[programs]") {
  const Job job;
  const std::string common = job.inputs() + " --limit 4 --quiet --json " + job.path("out.json") + " --out ";
  const int status = job.run(common + job.path("int8.tflite"));
  if (job.text("err").find("built without TFLite's writer") != std::string::npos) {
    WARN("SKIPPED: this program was built without TFLite's writer");
    return;
  }
  REQUIRE(status == 0);
  CHECK(test::json_in(job, "out.json")["requantize"] == "fixed-point");
  REQUIRE(job.run(common + job.path("int8.onnx")) == 0);
  CHECK(test::json_in(job, "out.json")["requantize"] == "float");
}

TEST_CASE("trimtab show: nodes, work, grids, and why a node stays in float", "[programs]") {
  const TwoInputs job;
  REQUIRE(job.program("show " + job.path("two.onnx") + " --keep-float Add") == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("float: --keep-float") && ContainsSubstring("N,1,8,8"));
  REQUIRE(job.program("show " + job.path("two.onnx") + " --json") == 0);
  const auto shown = test::json_in(job, "out");
  CHECK(shown["quantized"] == false);
  CHECK(shown["inputs"][0]["extents"] == "N,1,8,8");
  double macs = 0;
  for (const auto& node : shown["nodes"]) macs += node["macs"].get<double>();
  CHECK(macs == 64 * 6 * 9 + 60 + 40);

  REQUIRE(job.program("quantize " + job.path("two.onnx") + job.of("--images") + job.of("--calibrate") +
                      " --weights vector --scheme asymmetric --quiet --out " + job.path("int8.onnx")) == 0);
  REQUIRE(job.program("show " + job.path("int8.onnx") + " --json") == 0);
  const auto quantized = test::json_in(job, "out");
  CHECK(quantized["quantized"] == true);
  double quantized_macs = 0;
  std::size_t grids = 0;
  for (const auto& node : quantized["nodes"]) {
    quantized_macs += node["macs"].get<double>();
    if (!node["grid"].is_null()) ++grids;
  }
  CHECK(quantized_macs == macs);
  CHECK(grids > 5);
  CHECK(quantized["nodes"].back()["grid"]["scale"] < 1);  // an output's, which is known
  REQUIRE(job.program("show " + job.path("int8.onnx")) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("a quantized network"));
}

TEST_CASE("trimtab: what cannot be is one line that says why, and exit code 1", "[programs]") {
  const TwoInputs job;
  write_npy(job.path("wrong.npy"), Array::from_shape({8, 5}));
  write_npy(job.path("few.npy"), Array::from_shape({3, 4}));
  std::ofstream(job.path("net.tflite")) << "TFL3";
  Array odd = Array::from_shape({2, 4});
  odd.fill(std::numeric_limits<float>::quiet_NaN());
  write_npy(job.path("nan.npy"), odd);
  odd.fill(0);
  write_npy(job.path("zero.npy"), odd);
  Network n;
  n.add(Reciprocal{}, {n.add(Input{{4}}, {}, "x")}, "y");
  const std::string inverse = job.path("inverse.onnx");
  write_onnx(n, inverse);
  CHECK(job.program("run " + inverse + " " + job.path("zero.npy")) == 0);
  CHECK_THAT(job.text("err"), ContainsSubstring("zero.npy:1: 4 of 4 numbers of output 'logits' are nan or infinite"));
  CHECK(job.text("out").find('%') == std::string::npos);
  const std::string grey = " --input picture=" + job.path("grey"), two = job.path("two.onnx");
  const std::pair<std::string, std::string> refused[] = {
      {"run " + two + grey, "nothing for input 'features'"},
      {"run " + two + grey + " --input features=" + job.path("wrong.npy"), "takes N,4"},
      {"run " + two + grey + " --input features=" + job.path("few.npy"), "8 samples for input 'picture' and 3"},
      {"run " + inverse + " " + job.path("nan.npy"), "nan.npy: nan among its numbers"},
      {"run " + two + grey + " --input features=" + job.path("grey"), "takes no pictures"},
      {"run " + two + " " + job.path("grey"), "say NAME="},
      {"run " + job.path("net.onnx") + " --input nobody=x.npy", "the input is 'input'"},
      {"quantize " + two + job.of("--images") + job.of("--calibrate") + " --quiet --keep-float Gemm",
       "the operators are Add, Conv2d"},
      {"run " + two + job.of("--input") + " --output " + two, "--output"},
      {"run " + two + job.of("--input") + " --preprocess imagenet", "1 channel,"},
      {"run " + two + job.of("--input") + " --cut nowhere", "nowhere"},
      {"show " + two + " --input-shape other=1,2", "other"},
      {"show " + job.path("net.tflite"), "net.tflite"},
      {"compare " + two + " " + job.path("net.onnx") + job.of("--input"), "no input called 'picture'"},
  };
  for (const auto& [arguments, why] : refused) {
    CAPTURE(arguments);
    CHECK(job.program(arguments) == 1);
    const std::string said = job.text("err");
    CAPTURE(said);
    CHECK_THAT(said, ContainsSubstring(why));
    const bool noted = said.starts_with("note: --preprocess imagenet replaces the model's own");
    CHECK(std::count(said.begin(), said.end(), '\n') == (noted ? 2 : 1));
  }
  for (const char* wrong : {"", "fly", "run", "run x.onnx", "compare a.onnx b.onnx", "show"}) {
    CAPTURE(wrong);
    CHECK(job.program(wrong) == 2);
  }
  CHECK(job.program("quantise " + two) == 2);
  CHECK_THAT(job.text("err"), ContainsSubstring("quantise is no command; the commands are quantize, run, show"));
  CHECK(job.program("quantize " + two + job.of("--images") + job.of("--calibrate") + " --classes x.csv") == 2);
  for (const char* help : {"--help", "run --help", "show --help", "compare --help", "quantize --help"})
    CHECK(job.program(help) == 0);
}

TEST_CASE("trimtab: pictures whose size a file leaves open are of 224 x 224, and a note says so", "[programs]") {
  const TwoInputs job;
  const auto leave_open = [&](const std::string& name) {
    onnx::ModelProto model;
    REQUIRE(model.ParseFromString(job.text(name)));
    model.clear_metadata_props();  // with the checksum of what is changed here
    auto* shape = model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (const int axis : {2, 3}) shape->mutable_dim(axis)->set_dim_param("size");
    model.clear_ir_version();
    model.set_ir_version(7);
    std::ofstream(job.path("open.onnx"), std::ios::binary) << model.SerializeAsString();
  };
  leave_open("net.onnx");
  REQUIRE(job.program("show " + job.path("open.onnx")) == 0);
  CHECK_THAT(job.text("err"), ContainsSubstring("224 x 224 is taken; --input-shape input=1,3,?,? sets another"));
  CHECK_THAT(job.text("out"), ContainsSubstring("224"));
  REQUIRE(job.program("show " + job.path("open.onnx") + " --input-shape input=1,3,32,32") == 0);
  CHECK(job.text("err").find("224") == std::string::npos);

  std::mt19937 random(7);
  Network fixed;
  const NodeId flat = fixed.add(Flatten{}, {fixed.add(Input{{4, 4, 3}}, {}, "x")}, "flat");
  fixed.add(Linear{random_tensor<2>({2, 48}, random), random_tensor<1>({2}, random)}, {flat}, "y");
  write_onnx(fixed, job.path("fixed.onnx"));
  leave_open("fixed.onnx");
  CHECK(job.program("show " + job.path("open.onnx")) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("--input-shape input=1,3,?,?") && ContainsSubstring("224 x 224 does not do: "));
  CHECK(job.program("show " + job.path("open.onnx") + " --input-shape input=1,3,4,4") == 0);
}
