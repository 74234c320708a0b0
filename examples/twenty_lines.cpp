// The program of README.md.
#include <cstdio>
#include <trimtab/trimtab.hpp>
using namespace trimtab;

int main() {
  const Network teacher = simplify(mobilenet_v2(0.5, 64, 10));
  const auto pictures = [](std::span<const std::size_t> indices) {  // yours: any function from indices to N H W C
    Array x = Array::from_shape({indices.size(), 64, 64, 3});
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = float((i * 37 + indices[0] * 11) % 255) / 127.5F - 1.0F;
    return x;
  };
  const auto ranges = calibrate(teacher, pictures, 16, MinMaxObserver<float>());
  QuantizedNetwork q = quantize(teacher, ranges, {WeightMode::vector, Scheme::symmetric});
  FineTuneOptions options;
  options.epochs = 2;
  const FineTuneReport report = fine_tune(q, teacher_outputs(teacher, pictures, 32), pictures, options);
  const Int8Network int8(q);  // packed weights, one arena; share it between threads, give each a workspace
  Int8Network::Workspace workspace;
  const std::size_t first = 0;
  const std::span<const std::uint8_t> codes = int8.run(pictures(std::span(&first, 1)), workspace);
  std::printf("RMSE %.4f -> %.4f, %zu codes\n", report.loss_before, report.loss_after, codes.size());
}
