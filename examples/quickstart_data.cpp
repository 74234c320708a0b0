// Makes what the quickstart works on, with nothing to download: a labelled set of drawn pictures, and a float network that is
// trained on it by the library's own layers and written as ONNX. Seeded: the same files at every run, on any number of threads.

#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <trimtab/net/train/float_training.hpp>
#include <vector>

#include "drawn_pictures.hpp"
#include "stb_image_write.hpp"

namespace {

using namespace trimtab;

/// Draws `count` pictures and writes them with their labels.csv into `folder`.
PictureSet draw_set(const std::filesystem::path& folder, std::uint64_t seed, std::size_t count) {
  std::filesystem::create_directories(folder);
  std::vector<Picture> pictures(count);
  std::vector<std::string> names(count);
  constexpr std::size_t together = 100;
  ProgressBar bar("draw " + folder.filename().string());
  for (std::size_t done = 0; done < count; done += together) {
    const std::size_t some = std::min(together, count - done);
    parallel_for(some, [&](std::size_t i) {
      const std::size_t index = done + i;
      pictures[index] = drawn::picture(seed, index);
      char name[16];
      std::snprintf(name, sizeof name, "%05zu.png", index);
      names[index] = name;
      const int side = static_cast<int>(drawn::extent);
      if (stbi_write_png((folder / name).string().c_str(), side, side, 3, pictures[index].data(), side * 3) == 0)
        throw io_error("cannot write " + (folder / name).string());
    });
    bar.show(done + some, count);
  }
  PictureSet set(drawn::extent, drawn::extent);
  std::string labels = "file,class_index\n";
  for (std::size_t i = 0; i < count; ++i) {
    set.add(pictures[i], names[i], drawn::label(i));
    labels += names[i] + "," + std::to_string(drawn::label(i)) + "\n";
  }
  write_file_atomically(folder / "labels.csv", labels);
  return set;
}

/// Trained MobileNets have depthwise channels whose folded filters differ in range by one or two powers of ten, and that is what
/// a single threshold for all filters suffers from. A few epochs do not take a small network so far, so the gammas of its
/// depthwise batch norms start log-normal, exp(deviation * n) with n of mean 0 and variance 1, instead of 1, and training goes on
/// from there. No weight is touched after training.
void spread_depthwise_gammas(Network& network, float deviation, std::uint64_t seed) {
  RandomSource random(seed);
  for (NodeId id = 0; id < network.size(); ++id) {
    BatchNorm* bn = network[id].op.get_if<BatchNorm>();
    if (bn == nullptr || !network[network[id].inputs[0]].op.is<DepthwiseConv2d>()) continue;
    for (float& gamma : bn->gamma) gamma = std::exp(deviation * random.normal());
  }
}

double top1(const Network& network, const PictureSet& set) {
  std::vector<std::size_t> labels;
  for (std::size_t i = 0; i < set.size(); ++i) labels.push_back(set.label(i));
  const auto source = [&](std::span<const std::size_t> indices) { return set.batch(indices, {}); };
  return top1_percent(teacher_outputs(network, source, set.size()), labels);
}

void make(const std::filesystem::path& folder) {
  constexpr std::size_t train_count = 6000, evaluate_count = 1000;
  const PictureSet train = draw_set(folder / "train", 1, train_count);
  const PictureSet evaluate = draw_set(folder / "evaluate", 2, evaluate_count);

  Network network = small_mobilenet(drawn::extent, drawn::class_names.size(), 1);
  constexpr float gamma_deviation = 1.2F;
  spread_depthwise_gammas(network, gamma_deviation, 5);
  std::vector<int> labels;
  for (std::size_t i = 0; i < train.size(); ++i) labels.push_back(static_cast<int>(train.label(i)));
  FloatTrainingOptions options;
  options.epochs = 8;
  ProgressBar bar("train float network");
  const FloatTrainingReport report = train_float(
      network, [&](std::span<const std::size_t> i) { return train.batch(i, {}); }, labels, options, bar);
  write_onnx(network, folder / "small_mobilenet.onnx", {{"preprocessing", "RGB, x/127.5-1"}});

  std::printf("%zu + %zu pictures of %zu shapes, %zu x %zu pixels\n", train_count, evaluate_count, drawn::class_names.size(),
              drawn::extent, drawn::extent);
  std::printf("small MobileNet-v2: %zu parameters, %.2f million multiply-accumulates, trained in %.1f s (%.0f pictures/s)\n",
              network.parameter_count(), network.macs() / 1e6, report.seconds, report.pictures_per_second);
  std::printf("float top-1 %.1f %% on evaluate/ (%.1f %% on train/)\n", top1(network, evaluate), top1(network, train));
  std::printf(
      "Its depthwise batch norms started with log-normal gammas, so that their filters differ in range as those of\n"
      "large trained MobileNets do; the weights are as training left them.\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: quickstart_data FOLDER\n");
    return 2;
  }
  try {
    make(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quickstart_data: %s\n", e.what());
    return 1;
  }
  return 0;
}
