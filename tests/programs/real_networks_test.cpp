// The main job on the real networks and photos, where they are.
#include <catch.hpp>
#include <cstdio>
#include <filesystem>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx.hpp>
#include <trimtab/trimtab.hpp>

using namespace trimtab;

namespace {

const std::filesystem::path shared_data = TRIMTAB_SHARED_DATA;

bool data_is_here() {
  if (std::filesystem::exists(shared_data / "models")) return true;
  std::printf("SKIPPED: no %s\n", shared_data.string().c_str());
  return false;
}

std::vector<std::filesystem::path> some_images(const char* folder, std::size_t count, std::size_t step) {
  const auto all = list_images(shared_data / "images" / folder);
  std::vector<std::filesystem::path> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(all.at(i * step));
  return some;
}

}  // namespace

TEST_CASE("MobileNet-v2: scalar collapses, vector does not, and deployed codes equal trained codes in all modes", "[real]") {
  if (!data_is_here()) return;
  const OnnxModel model = read_onnx(shared_data / "models" / "mobilenet_v2_1.0_224.onnx");
  const Network teacher = fuse_clips(fold_batch_norm(model.network));
  const Preprocess preprocess = parse_preprocessing(model.metadata.at("preprocessing"));
  const PictureSet calibration = PictureSet::load(some_images("train", 30, 16), Fit{});
  const PictureSet evaluation = PictureSet::load(some_images("evaluate", 40, 21), Fit{});
  const auto source = [&](const PictureSet& set) {
    return [&](std::span<const std::size_t> indices) { return set.batch(indices, preprocess); };
  };
  const auto ranges = calibrate(teacher, source(calibration), calibration.size(), MinMaxObserver<float>{});
  const Array float_logits = teacher_outputs(teacher, source(evaluation), evaluation.size());
  const Array two = source(evaluation)(detail::first_indices(2));
  for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector})
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      const QuantizedNetwork q = quantize(teacher, ranges, {weights, scheme});
      CAPTURE(int(weights), int(scheme));
      CHECK_FALSE(verify(q, two).has_value());
      FakeQuantExecutor executor(q);
      const Array logits = executor.forward(source(evaluation)(detail::first_indices(evaluation.size())));
      const Fidelity f = compare_outputs(float_logits, logits);
      CAPTURE(f.agreement, f.rmse, f.sqnr_db);
      if (weights == WeightMode::scalar) {
        CHECK(f.agreement < 35);
        CHECK(f.sqnr_db < 0);
      } else {
        CHECK(f.agreement > 75);
        CHECK(f.rmse < 0.4);
      }
    }
}

TEST_CASE("every real network: threshold training lowers the RMSE on pictures it has not seen", "[real][long]") {
  if (!data_is_here()) return;
  for (const char* name : {"mobilenet_v2_1.0_224.onnx", "mobilenet_v1_0.75_224.onnx", "squeezenet_1.1_224.onnx"}) {
    const OnnxModel model = read_onnx(shared_data / "models" / name);
    const Network teacher = fuse_clips(fold_batch_norm(model.network));
    const Preprocess preprocess = parse_preprocessing(model.metadata.at("preprocessing"));
    const PictureSet training = PictureSet::load(some_images("train", 96, 5), Fit{});
    const PictureSet evaluation = PictureSet::load(some_images("evaluate", 60, 14), Fit{});
    const auto source = [&](const PictureSet& set) {
      return [&](std::span<const std::size_t> indices) { return set.batch(indices, preprocess); };
    };
    const auto ranges = calibrate(teacher, source(training), 40, MinMaxObserver<float>{});
    const Array targets = teacher_outputs(teacher, source(training), training.size());
    const Array held_out = teacher_outputs(teacher, source(evaluation), evaluation.size());
    for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
      QuantizedNetwork q = quantize(teacher, ranges, {WeightMode::vector, scheme});
      FakeQuantExecutor before(q);
      const double rmse_before = distillation_loss(before, held_out, source(evaluation));
      FineTuneOptions options;
      options.epochs = 2;
      const FineTuneReport report = fine_tune(q, targets, source(training), options);
      FakeQuantExecutor after(q);
      CAPTURE(name, int(scheme));
      CHECK(report.loss_after < report.loss_before);
      CHECK(distillation_loss(after, held_out, source(evaluation)) < rmse_before);
    }
  }
}
