#pragma once
// A run on a network of a few factors, whose state is small.

#include <trimtab/io/fine_tune_state.hpp>

struct FuzzedRun {
  trimtab::QuantizedNetwork q;
  trimtab::Array pictures = trimtab::Array::from_shape({2, 2, 2, 1}), teacher;
  trimtab::FineTuneOptions options;

  auto source() const {
    return [this](std::span<const std::size_t>) { return pictures; };
  }

  FuzzedRun() {
    using namespace trimtab;
    Network network;
    network.add(Input{{2, 2, 1}}, {});
    network.add(Conv2d{xt::xtensor<float, 4>({2, 1, 1, 1}, 0.5F), {}, {}}, {0}, "conv", relu);
    network.add(Flatten{}, {1});
    for (std::size_t i = 0; i < pictures.size(); ++i) pictures.data()[i] = static_cast<float>(i) / 8;
    teacher = run(network, pictures);
    q = quantize(network, calibrate(network, source(), 2, MinMaxObserver<float>()), {});
    options.epochs = 3;
  }
};
