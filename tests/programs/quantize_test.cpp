#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <program_job.hpp>

#include "json_in.hpp"

using namespace trimtab;
using trimtab::test::Job;

TEST_CASE("trimtab quantize: trains, prints a table and writes every promised number", "[programs]") {
  const Job job;
  REQUIRE(job.run(job.inputs() + " --labels " + job.path("labels.csv") + " --train " + job.path("pictures") +
                  " --epochs 2 --batch 4 --weights vector --scheme asymmetric --json " + job.path("out.json")) == 0);
  const auto json = nlohmann::json::parse(job.text("out.json"));
  for (const char* key : {"model",
                          "weights",
                          "scheme",
                          "bits",
                          "images",
                          "float_top1",
                          "quantized_top1",
                          "agreement",
                          "logit_rmse",
                          "logit_sqnr_db",
                          "seconds_calibrate",
                          "seconds_train",
                          "images_per_second_train",
                          "trained_parameters",
                          "loss_before",
                          "loss_after",
                          "int8_top1",
                          "int8_equals_fake_quant",
                          "int8_ms_per_image_1_thread",
                          "isa"}) {
    CAPTURE(key);
    CHECK(json.contains(key));
    CHECK_FALSE(json[key].is_null());
  }
  CHECK(json["images"] == 12);
  CHECK(json["int8_equals_fake_quant"] == true);
  CHECK(json["quantized_top1"] == json["int8_top1"]);
  CHECK_THAT(job.text("out"), ContainsSubstring("agreement") && ContainsSubstring("quantized, trained"));
}

TEST_CASE("trimtab quantize: without labels the accuracies are null, and --quiet says nothing", "[programs]") {
  const Job job;
  REQUIRE(job.run(job.inputs() + " --weights scalar --scheme symmetric --bits 4 --limit 5 --execute fake --quiet --json " +
                  job.path("out.json")) == 0);
  const auto json = nlohmann::json::parse(job.text("out.json"));
  CHECK(json["float_top1"].is_null());
  CHECK(json["quantized_top1"].is_null());
  CHECK(json["int8_equals_fake_quant"].is_null());
  CHECK(json["images"] == 5);
  CHECK(json["bits"] == 4);
  CHECK(json["weight_bits"] == 4);
  CHECK(job.text("out").empty());
  CHECK(job.text("err").empty());
}

TEST_CASE("trimtab quantize: weights of fewer bits than activations, scales that are powers of two", "[programs]") {
  const Job job;
  const std::string coarse = job.inputs() +
                             " --weights depthwise --scheme power-of-two --limit 5 --weight-bits 4 --mse-weights --json " +
                             job.path("out.json");
  REQUIRE(job.run(coarse) == 0);
  const auto json = nlohmann::json::parse(job.text("out.json"));
  CHECK(json["bits"] == 8);
  CHECK(json["weight_bits"] == 4);
  CHECK(json["int8_equals_fake_quant"] == true);
  CHECK_THAT(job.text("out"), ContainsSubstring("4 bits for weights and 8 for activations") && ContainsSubstring("mse_weights"));
}

TEST_CASE("trimtab quantize: bits of single layers", "[programs]") {
  const Job job;
  const std::string all = job.inputs() + " --recipe none --limit 5 --json " + job.path("out.json");
  REQUIRE(job.run(all) == 0);
  const std::size_t whole = test::json_in(job, "out.json")["weight_bytes_packed"];
  REQUIRE(job.run(all + " --weight-bits 4") == 0);
  const std::size_t half = test::json_in(job, "out.json")["weight_bytes_packed"];
  REQUIRE(job.run(all + " --weight-bits 4 --bits-of first=W8A8 --bits-of last=W8") == 0);
  const auto json = test::json_in(job, "out.json");
  CHECK(json["weight_bytes_packed"] > half);
  CHECK(json["weight_bytes_packed"] < whole);
  CHECK(json["int8_equals_fake_quant"] == true);
  CHECK_THAT(job.text("out"), ContainsSubstring("4 bits for weights and 8 for activations, first W8A8, last W8"));
  for (const char* wrong : {"first", "first=", "first=W9", "first=W1", "first=W4A", "first=A8W4", "first=W44", "first=8"}) {
    CAPTURE(wrong);
    CHECK(job.run(all + " --bits-of " + wrong) == 2);
    CHECK_THAT(job.text("err"), ContainsSubstring("is not NAME=W4A8, NAME=W4 or NAME=A8"));
  }
  CHECK(job.run(all + " --bits-of nobody=W4") == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("nobody"));
}

TEST_CASE("trimtab quantize: bits for a size, told in the table, in JSON and on the page", "[programs]") {
  const Job job;
  const std::string all = job.inputs() + " --recipe none --limit 5 --json " + job.path("out.json");
  REQUIRE(job.run(all + " --size-budget 60% --report-pictures 2 --report " + job.path("page.html")) == 0);
  const auto json = test::json_in(job, "out.json");
  const std::size_t taken = json["weight_bytes_packed"], whole = json["size_curve"][0]["bytes"];
  CHECK(10 * taken <= 6 * whole);
  CHECK(json["weight_bits_of"].size() > 3);
  CHECK(json["int8_equals_fake_quant"] == true);
  CHECK_THAT(job.text("out"), ContainsSubstring(std::to_string(taken) + " bytes of " + std::to_string(whole)));
  CHECK_THAT(job.text("page.html"), ContainsSubstring("Bits of each layer"));
  REQUIRE(job.run(all + " --size-budget " + std::to_string(taken)) == 0);
  CHECK(test::json_in(job, "out.json")["weight_bits_of"] == json["weight_bits_of"]);

  for (const char* wrong : {"0", "-1", "half", "%", "5k"}) {
    CAPTURE(wrong);
    CHECK(job.run(all + " --size-budget " + wrong) == 2);
    CHECK_THAT(job.text("err"), ContainsSubstring("is neither a share of 8 bits, as 50%, nor a number of bytes"));
  }
  CHECK(job.run(all + " --size-budget 60% --calibrate-count 7") == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("7, expected 8 or more"));
  CHECK(job.run(all + " --size-budget 1%") == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("--size-budget: at 3 bits, the fewest that are tried, the weights take"));
}

TEST_CASE("trimtab quantize: tells which layers lost it, as a table, CSV, JSON and a page", "[programs]") {
  const Job job;
  const std::string mode = job.inputs() + " --weights scalar --scheme symmetric --execute fake --rescale-dws --report-pictures 5";
  REQUIRE(job.run(mode + " --layers " + job.path("layers.json") + " --report " + job.path("page.html")) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("RMSE alone"));
  const auto layers = nlohmann::json::parse(job.text("layers.json"));
  REQUIRE(layers.size() > 10);
  CHECK(layers[0]["rmse_alone"] >= layers[1]["rmse_alone"]);
  for (const char* key : {"layer", "operator", "tensor", "rmse_without", "sqnr_db", "rounding_error", "clipping_error",
                          "saturated_percent", "unused_codes_percent", "calibrated_high", "adjusted_high", "factors_at_upper"})
    CHECK(layers[0].contains(key));
  const std::string page = job.text("page.html");
  CHECK_THAT(page, ContainsSubstring("transform") && ContainsSubstring("rescale_dws"));
  CHECK(page.ends_with("</html>\n"));

  const std::string layer = layers.back()["layer"];
  REQUIRE(job.run(mode + " --quiet --layers " + job.path("layers.csv")) == 0);
  CHECK(job.text("out").empty());
  CHECK_THAT(job.text("layers.csv"), ContainsSubstring("layer,operator,tensor,rmse_alone") && ContainsSubstring(layer));

  CHECK(job.run(mode + " --layers " + job.path("layers.txt")) == 2);
  CHECK(job.run(mode + " --report " + job.path("page.html") + " --report-pictures 0") == 2);
  CHECK(job.run(mode + " --report " + job.path("page.html") + " --report-layer nowhere") == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("nowhere"));
}

TEST_CASE("trimtab quantize: bad input is one line and exit code 1, a bad command line exit code 2", "[programs]") {
  const Job job;
  const std::string mode = " --weights vector --scheme symmetric";
  std::ofstream(job.path("broken.onnx")) << "not a network";
  std::filesystem::create_directory(job.path("empty"));
  std::ofstream(job.path("wrong.csv")) << "file,class_index\np0.png,99\n";
  const std::string bad[] = {
      " " + job.path("missing.onnx") + " --images " + job.path("pictures") + " --calibrate " + job.path("pictures") + mode,
      " " + job.path("broken.onnx") + " --images " + job.path("pictures") + " --calibrate " + job.path("pictures") + mode,
      " " + job.path("net.onnx") + " --images " + job.path("empty") + " --calibrate " + job.path("pictures") + mode,
      " " + job.path("net.onnx") + " --images " + job.path("pictures") + " --calibrate " + job.path("empty") + mode,
      job.inputs() + mode + " --labels " + job.path("wrong.csv"),
      job.inputs() + mode + " --json " + job.path("nowhere") + "/out.json",
      job.inputs() + mode + " --out " + job.path("pictures"),
      job.inputs() + mode + " --out " + job.path("int8.lite"),
      job.inputs() + mode + " --requantize fixed-point --out " + job.path("int8.onnx"),
      job.inputs() + mode + " --requantize fixed-point --keep-float logits",
      job.inputs() + mode + " --requantize float --keep-float logits --out " + job.path("net.tflite"),
      job.inputs() + mode + " --keep-float nobody",
      job.inputs() + mode + " --train " + job.path("nowhere"),
      job.inputs() + mode + " --resize 8",
  };
  for (const std::string& arguments : bad) {
    CAPTURE(arguments);
    CHECK(job.run(arguments + " --quiet") == 1);
    const std::string said = job.text("err");
    CAPTURE(said);
    CHECK(said.starts_with("trimtab quantize: "));
    CHECK(std::count(said.begin(), said.end(), '\n') == 1);
  }
  for (const char* refused :
       {" --bits 9", " --limit -5", " --calibrate-count 0", " --epochs 3", " --recipe paper", " --state x", " --threads -1"}) {
    CAPTURE(refused);
    CHECK(job.run(job.inputs() + mode + refused) == 2);
  }
  CHECK(job.run(job.inputs() + mode + " --train " + job.path("pictures") + " --epochs 0") == 2);
  CHECK(job.run(job.inputs() + mode + " --preprocess 1,zero") == 2);
  CHECK(job.run("") == 2);
  CHECK(job.run(job.inputs() + " --weights diagonal --scheme symmetric") == 2);
  CHECK(job.run(job.inputs() + mode + " --no-such-option") == 2);
  CHECK(job.run(" --help") == 0);
}

TEST_CASE("trimtab quantize: granularity by layer, pairs and margins, losses, labels and bounds are options", "[programs]") {
  const Job job;
  const std::string train = job.inputs() + " --scheme symmetric --limit 4 --epochs 1 --batch 4 --train " + job.path("pictures") +
                            " --quiet --json " + job.path("out.json");
  const auto result = [&](const std::string& arguments) {
    REQUIRE(job.run(train + arguments) == 0);
    return nlohmann::json::parse(job.text("out.json"));
  };
  const int scalar = result(" --weights scalar")["trained_parameters"],
            depthwise = result(" --weights depthwise")["trained_parameters"],
            vector = result(" --weights vector")["trained_parameters"];
  CHECK(scalar < depthwise);
  CHECK(depthwise < vector);
  CHECK(result(" --weights vector --weights-of Conv2d=scalar --weights-of Linear=scalar --alpha 0.5 1.3")["trained_parameters"] ==
        depthwise);
  CHECK(result(" --weights scalar --loss charbonnier --rescale-dws=all --lock-share 0.9 --rescale-reach 0.9")["weights"] ==
        "scalar");
  const std::string labels = " --weights vector --train-labels " + job.path("labels.csv");
  CHECK(result(labels + " --loss-weights 0 1 0")["loss_before"].get<double>() > 0);
  CHECK(job.run(train + labels) == 1);  // that no weight asks for
  CHECK(job.run(train + " --weights vector --weights-of nobody=scalar") == 1);
  for (const char* wrong :
       {" --weights-of Linear=both", " --rescale-dws=some", " --alpha 0.5", " --loss l2", " --loss-weights 1"}) {
    CAPTURE(wrong);
    CHECK(job.run(train + " --weights vector" + wrong) == 2);
  }
}

TEST_CASE("trimtab quantize --out, trimtab run: the file that one writes the other runs, in either form", "[programs]") {
  const Job job;
  std::ofstream(job.path("classes.csv")) << "class_index,synset,name\n0,n0,zero\n7,n7,\"seven, or so\"\n";
  const std::string pictures = ' ' + job.path("pictures/p0.png") + ' ' + job.path("pictures/p5.png");
  std::string first;
  for (const std::string form : {"qdq", "qoperator"}) {
    REQUIRE(job.run(job.inputs() + " --weights vector --scheme asymmetric --quiet --format " + form + " --out " +
                    job.path("int8.onnx")) == 0);
    REQUIRE(job.call(TRIMTAB_PROGRAM " run" + std::string(' ' + job.path("int8.onnx") + pictures + " --top 10 --classes " +
                                                          job.path("classes.csv") + " --json " + job.path("run.json"))) == 0);
    const auto json = nlohmann::json::parse(job.text("run.json"));
    REQUIRE(json.size() == 2);
    REQUIRE(json[0]["top"].size() == 10);
    double sum = 0;
    for (const auto& one : json[0]["top"]) {
      sum += one["probability"].get<double>();
      if (one["class"] == 7) CHECK(one["name"] == "\"seven, or so\"");
      if (one["class"] == 1) CHECK(one["name"] == "class 1");
    }
    CHECK(std::abs(sum - 1) < 1e-9);
    CHECK_THAT(job.text("out"), ContainsSubstring("p5.png") && ContainsSubstring("zero"));
    CHECK((first.empty() || first == job.text("run.json")));
    first = job.text("run.json");
  }
  // Changed weights: the file's own test notices.
  std::string bytes = job.text("int8.onnx");
  for (std::size_t i = 0; i < 64; ++i) bytes[bytes.size() / 2 + i] = static_cast<char>(bytes[bytes.size() / 2 + i] ^ 0x40);
  std::ofstream(job.path("changed.onnx"), std::ios::binary) << bytes;
  const std::string bad[] = {job.path("changed.onnx") + pictures, job.path("missing.onnx") + pictures,
                             job.path("int8.onnx") + ' ' + job.path("labels.csv"),
                             job.path("int8.onnx") + pictures + " --classes " + job.path("net.onnx")};
  for (const std::string& arguments : bad) {
    CAPTURE(arguments);
    CHECK(job.call(TRIMTAB_PROGRAM " run" + std::string(' ' + arguments)) == 1);
    CHECK(job.text("err").starts_with("trimtab run: "));
  }
  CHECK(job.call(TRIMTAB_PROGRAM " run" + std::string(' ' + job.path("int8.onnx") + pictures + " --preprocess 1")) == 2);
  CHECK(job.call(TRIMTAB_PROGRAM " run" + std::string("")) == 2);
  CHECK(job.call(TRIMTAB_PROGRAM " run" + std::string(' ' + job.path("int8.onnx") + pictures + " --top 0")) == 2);
  CHECK(job.call(TRIMTAB_PROGRAM " run" + std::string(" --help")) == 0);
}

TEST_CASE("trimtab quantize: a recipe sets choices, and options beside it replace them", "[programs]") {
  const Job job;
  const auto transforms = [&](const std::string& arguments) {
    REQUIRE(job.run(job.inputs() + " --scheme symmetric --limit 4 --quiet --json " + job.path("out.json") + arguments) == 0);
    const auto json = nlohmann::json::parse(job.text("out.json"));
    std::vector<std::string> first_words;
    for (const std::string text : json["transforms"]) first_words.push_back(text.substr(0, text.find(' ')));
    first_words.push_back(std::to_string(json["trained_parameters"].get<int>() > 0));
    CHECK(json["int8_equals_fake_quant"] == true);
    return first_words;
  };
  using Words = std::vector<std::string>;
  const std::string train = " --epochs 1 --batch 4 --train " + job.path("pictures");
  CHECK(transforms(" --weights vector --recipe none") == Words{"fold_batch_norm", "0"});
  CHECK(transforms(" --weights vector --recipe fast" + train) == Words{"fold_batch_norm", "mse_ranges", "correct_bias", "0"});
  CHECK(transforms(" --weights scalar --recipe best --train-thresholds activations" + train) ==
        Words{"fold_batch_norm", "equalize", "mse_ranges", "correct_bias", "learn_rounding", "1"});
  CHECK(transforms(" --recipe paper --weights scalar" + train) == Words{"fold_batch_norm", "rescale_dws", "pointwise", "1"});
  CHECK(transforms(" --no-rescale-dws --recipe paper --weights scalar --no-pointwise --learn-rounding" + train) ==
        Words{"fold_batch_norm", "learn_rounding", "0"});
  // Without a recipe a few are tried, and said; an option beside it is no longer tried.
  const Words chosen = transforms("");
  CHECK(std::ranges::find(chosen, "correct_bias") != chosen.end());
  const auto json = nlohmann::json::parse(job.text("out.json"));
  CHECK(json["recipe"] == "auto");
  CHECK(json["trials"].size() == 5);
  const Words equalized = transforms(" --equalize");
  CHECK(equalized[1] == "equalize");
  CHECK(nlohmann::json::parse(job.text("out.json"))["trials"].size() == 2);
  REQUIRE(job.run(job.inputs() + " --limit 4") == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("recipe auto, in ") && ContainsSubstring(" (taken)\n"));
  CHECK(job.run(job.inputs() + " --weights vector --scheme symmetric --recipe soup") == 2);
}
