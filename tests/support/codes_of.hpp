#pragma once
// What a network of integers computes.

#include <cstdint>
#include <trimtab/net/execute/int8_network.hpp>
#include <vector>

namespace trimtab::test {

/// The codes of its output.
inline std::vector<std::uint8_t> codes_of(const LoweredNetwork& network, const Array& x) {
  Int8Network::Workspace workspace;
  const auto codes = Int8Network(network).run(x, workspace);
  return {codes.begin(), codes.end()};
}

}  // namespace trimtab::test
