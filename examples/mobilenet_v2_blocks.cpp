// A whole MobileNet-v2, block by block: what each block holds, and how far the int8 network has drifted from the float one after
// it. The weights are drawn, not trained, and so are the pictures; mobilenet_v2_blocks 1.0 224 is the full size.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <trimtab/trimtab.hpp>

using namespace trimtab;

int main(int argc, char** argv) {
  const double width = argc > 1 ? std::atof(argv[1]) : 0.35;
  const std::size_t resolution = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 64;
  const Network network = simplify(mobilenet_v2(width, resolution, 100));

  const auto pictures = [&](std::span<const std::size_t> indices) {
    Array x = Array::from_shape({indices.size(), resolution, resolution, 3});
    std::mt19937 random(static_cast<unsigned>(indices[0]));
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    for (float& v : x) v = uniform(random);
    return x;
  };
  const auto ranges = calibrate(network, pictures, 16, MinMaxObserver<float>());
  const QuantizedNetwork q = quantize(network, ranges, {WeightMode::vector, Scheme::symmetric});
  const Int8Network int8(q);

  // Relative error after each node, on a picture that calibration has not seen.
  const std::size_t unseen = 1000;
  const Array x = pictures(std::span(&unseen, 1));
  std::vector<std::vector<float>> wanted(network.size());
  run(network, x, [&](NodeId id, const Array& y) { wanted[id].assign(y.begin(), y.end()); });
  std::vector<double> error(network.size());
  Int8Network::Workspace workspace;
  int8.run(x, workspace, [&](NodeId id, std::span<const std::uint8_t> bytes) {
    const Affine<float> grid = byte_grid(q, id);
    double squares = 0, difference = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      squares += std::pow(double(wanted[id][i]), 2);
      difference += std::pow(double(grid.dequantize(bytes[i])) - double(wanted[id][i]), 2);
    }
    error[id] = squares > 0 ? std::sqrt(difference / squares) : 0;
  });

  const auto block_of = [&](NodeId id) {
    const std::string& name = network[id].name;
    return name.substr(0, name.find('.'));
  };
  std::printf("%-10s %6s %16s %9s %10s %9s\n", "block", "layers", "output", "weights", "threshold", "error");
  std::size_t total = 0, blocks = 0;
  double worst = 0;
  for (NodeId id = 0; id < network.size();) {
    const std::string block = block_of(id);
    std::size_t layers = 0, weights = 0;
    NodeId last = id;
    for (; id < network.size() && block_of(id) == block; last = id++)
      if (q.weight[id]) {
        ++layers;
        weights += network[id].op->weighted()->weight().size();
      }
    std::ostringstream extent;
    extent << network[last].extent;
    const Affine<float> grid = q.output_grid(last);
    std::printf("%-10s %6zu %16s %9zu %10.4f %8.2f%%\n", block.c_str(), layers, extent.str().c_str(), weights,
                double(grid.scale * grid.highest()), 100 * error[last]);
    total += weights, worst = std::max(worst, error[last]), blocks += block.starts_with("block");
  }
  std::printf("%zu weights in %zu blocks; %zu bytes of activations; largest error %.2f %%\n", total, blocks, int8.arena_bytes(),
              100 * worst);
  return blocks == 17 && worst < 0.5 ? 0 : 1;
}
