// make_seeds FOLDER: small valid inputs, one folder for each harness.

#include <cstdio>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/onnx/write.hpp>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/write.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <vector>

#include "every_operator.hpp"
#include "fuzzed_run.hpp"
#include "operator_files.hpp"
#include "quantized_small_network.hpp"
#include "stb_image_write.hpp"
#include "without_checksum.hpp"

using namespace trimtab;

namespace {

/// Without the checksums that hide all else from a fuzzer, but for one.
void write_networks(const std::filesystem::path& folder) {
  const auto write = [&](const Network& network, const char* name, const std::map<std::string, std::string>& metadata = {}) {
    write_file_atomically(folder / name, test::without_checksum(serialize_onnx(network, metadata)));
  };
  write(test::small_network(), "every_kind_of_node", {{"preprocessing", "RGB, x/127.5-1"}});
  write(small_mobilenet(8, 2, 1), "mobilenet");
  write_onnx(test::small_network(), folder / "checksum");
  Network linear;
  linear.add(Input{{1, 1, 2}}, {});
  linear.add(Flatten{}, {0});
  linear.add(Linear{xt::xtensor<float, 2>({2, 2}, 1.0F), {}}, {1});
  write(linear, "linear");
  Network norm;
  norm.add(Input{{2, 2, 1}}, {});
  norm.add(BatchNorm{{1.0F}, {0.0F}, {0.0F}, {1.0F}}, {0});
  norm.add(Clip{0, 6}, {1});
  norm.add(GlobalAveragePool{}, {2});
  norm.add(Flatten{}, {3});
  write(norm, "batch_norm");
}

/// A layer of each kind, in both forms, with the test that such a file carries.
void write_quantized_networks(const std::filesystem::path& folder) {
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator}) {
      const LoweredNetwork network = lower(test::quantized(test::small_network(), {WeightMode::vector, scheme}));
      const char* const name = form == OnnxForm::qdq ? "qdq" : "qoperator";
      write_file_atomically(folder / (name + std::string(scheme == Scheme::symmetric ? "_symmetric" : "_asymmetric")),
                            test::without_checksum(serialize_onnx(network, form, with_self_check(network))));
    }
}

void write_tflite_files(const std::filesystem::path& folder) {
  for (const auto& [name, bytes] : test::operator_files()) write_file_atomically(folder / name, bytes);
}

/// Every operator in integers and in float, and a small network in fixed point.
void write_trimtab_files(const std::filesystem::path& folder) {
  const Network every = fuse_clips(fold_batch_norm(test::every_operator()));
  QuantizationOptions in_float, fixed_point;
  for (const Node& node : every.nodes()) in_float.keep_float.push_back(node.op->name());
  fixed_point.requantizer = Requantizer::fixed_point;
  write_trimtab(trimtab_model(lower(test::quantized(every, {}))), folder / "every_operator");
  write_trimtab(trimtab_model(lower(test::quantized(every, in_float))), folder / "in_float");
  write_trimtab(trimtab_model(lower(test::quantized(test::small_network(), fixed_point)), {{"preprocessing", "RGB, x/127.5-1"}}),
                folder / "fixed_point");
}

void write_pictures(const std::filesystem::path& folder) {
  std::mt19937 random(1);
  for (int channels = 1; channels <= 4; ++channels)
    for (const int size : {1, 9, 17}) {
      std::vector<unsigned char> pixels(static_cast<std::size_t>(size * (size + 1) * channels));
      for (unsigned char& p : pixels) p = static_cast<unsigned char>(random() % 256);
      const std::string name = (folder / (std::to_string(channels) + "_" + std::to_string(size))).string();
      stbi_write_png((name + ".png").c_str(), size + 1, size, channels, pixels.data(), (size + 1) * channels);
      stbi_write_jpg((name + ".jpg").c_str(), size + 1, size, channels, pixels.data(), channels * 20);
    }
}

void write_texts(const std::filesystem::path& folder) {
  int number = 0;
  for (const char* text : {"file,class_index\na.jpg,1\nb.png,20\n", "a,0\r\nb,c,1\r\n", "RGB, x/127.5-1", "x/255", "x/2+1 (TF)",
                           "RGB, (x/255-mean)/std, mean .485,.456,.406 std .229,.224,.225", "127.5,127.5", "1,2,3,4,5,6"})
    write_file_atomically(folder / std::to_string(number++), text);
}

/// Without their seals, which the harness adds.
void write_states(const std::filesystem::path& folder) {
  FuzzedRun job;
  const RunDescription description = describe_run(job.q, job.teacher, job.options);
  FineTuning run(job.q, job.teacher, job.options);
  for (int step = 0; step < 3; ++step) {
    const std::string file = serialize_fine_tune_state(description, run.state());
    write_file_atomically(folder / std::to_string(step), file.substr(0, file.size() - detail::state_seal("").size()));
    run.step(job.source());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  const auto folder = [&](const char* name) {
    const std::filesystem::path path = std::filesystem::path(argv[1]) / name;
    std::filesystem::create_directories(path);
    return path;
  };
  write_networks(folder("onnx"));
  write_quantized_networks(folder("onnx"));
  write_tflite_files(folder("tflite"));
  write_trimtab_files(folder("trimtab"));
  write_pictures(folder("image"));
  write_texts(folder("text"));
  write_states(folder("state"));
}
