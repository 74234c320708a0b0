#pragma once
// small_network, quantized and analyzed.

#include <quantized_small_network.hpp>
#include <span>
#include <string>
#include <trimtab/net/report/analyze.hpp>

namespace trimtab::test {

struct SmallAnalysis {
  Network network = small_network();
  QuantizedNetwork before, after;
  Analysis analysis;

  /// `name`: of the depthwise layer.
  explicit SmallAnalysis(const std::string& name = "dw",
                         const QuantizationOptions& options = {WeightMode::scalar, Scheme::symmetric})
      : before(named(name, options)), after(before) {
    scramble_factors(after, 3);
    const auto pictures = [&](std::span<const std::size_t> some) {
      return random_pictures(network, some.size(), unsigned(some[0]));
    };
    analysis = analyze(before.network, after, pictures, 2);
  }

 private:
  QuantizedNetwork named(const std::string& name, const QuantizationOptions& options) {
    network[2].name = name;
    return quantized(network, options);
  }
};

}  // namespace trimtab::test
