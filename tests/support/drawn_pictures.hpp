#pragma once
// A source of random pictures for a network: the same ones for the same indices, however they are put into batches.

#include <small_network.hpp>
#include <span>

namespace trimtab::test {

struct DrawnPictures {
  const Network* network;
  float mean = 0;
  Array operator()(std::span<const std::size_t> indices) const {
    const Extents& e = (*network)[network->input()].extent;
    Array x = Array::from_shape({indices.size(), e[0], e[1], e[2]});
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const Array one = random_pictures(*network, 1, unsigned(indices[i]));
      std::copy(one.begin(), one.end(), x.begin() + std::ptrdiff_t(i * one.size()));
    }
    for (float& v : x) v += mean;
    return x;
  }
};

}  // namespace trimtab::test
