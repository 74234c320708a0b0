#pragma once
// What the quantized network puts out, how long it takes, and which layers lose accuracy.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <trimtab/io/images.hpp>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/report/analyze.hpp>
#include <vector>

#include "arguments.hpp"
#include "world.hpp"

namespace quantize_onnx {

using namespace trimtab;

struct Evaluation {
  Array logits;               // of the int8 network where it ran, else of the training executor
  std::optional<bool> equal;  // every final code of every picture, where both ran
};

inline Evaluation run_quantized(const QuantizedNetwork& q, Execute execute, const PictureFiles& pictures, std::size_t classes,
                                const Progress& progress, const World& world) {
  std::vector<float> logits;
  std::vector<char> equal{1};
  std::optional<FakeQuantExecutor> trained;
  std::optional<Int8Network> deployed;
  if (execute != Execute::int8) trained.emplace(q);
  if (execute != Execute::fake) deployed.emplace(q);
  Int8Network::Workspace workspace;
  detail::for_each_shared_batch(pictures.size(), 8, progress, world, [&](std::span<const std::size_t> some) {
    const Array x = pictures(some);
    if (trained) trained->forward(x);
    const NodeId out = q.network.output();
    const std::span<const std::uint8_t> codes = deployed ? deployed->run(x, workspace) : trained->bytes(out);
    if (execute == Execute::both && !std::ranges::equal(codes, trained->bytes(out))) equal[0] = 0;
    logits.resize(logits.size() + codes.size());
    bytes_to_reals(codes.data(), codes.size(), byte_grid(q, out), logits.data() + logits.size() - codes.size());
  });
  logits = world.gather(std::move(logits));
  equal = world.gather(std::move(equal));
  Evaluation result{Array::from_shape({pictures.size(), classes}), std::nullopt};
  std::copy(logits.begin(), logits.end(), result.logits.data());
  if (execute == Execute::both) result.equal = std::ranges::count(equal, 0) == 0;
  return result;
}

/// Median milliseconds that the int8 network takes for the first picture on one thread.
inline double milliseconds_per_image(const QuantizedNetwork& q, const PictureFiles& pictures) {
  const ScopedThreads one(1);
  const Int8Network network(q);
  const std::size_t first = 0;
  const Array x = pictures(std::span(&first, 1));
  Int8Network::Workspace workspace;
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const auto start = std::chrono::steady_clock::now();
    network.run(x, workspace);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + 25, times.end());
  return times[25];
}

/// Errors and sensitivities of all quantizers, on --report-pictures of the pictures, spread evenly.
inline Analysis analyze_layers(const Arguments& a, const Network& reference, const QuantizedNetwork& q,
                               const PictureFiles& pictures) {
  const std::size_t available = pictures.size(), count = std::min(a.report.pictures, available);
  const auto spread = [&](std::span<const std::size_t> indices) {
    std::vector<std::size_t> some;
    for (const std::size_t i : indices) some.push_back(i * available / count);
    return pictures(std::span<const std::size_t>(some));
  };
  ProgressBar bar("switch quantizers", a.quiet);
  return analyze(reference, q, spread, count, bar);
}

}  // namespace quantize_onnx
