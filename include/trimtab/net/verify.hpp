#pragma once
/// \file
/// The promise, checkable by whoever doubts it: the deployed network computes what the trained one computed.

#include <optional>
#include <string>

#include <trimtab/net/fake_quant_executor.hpp>
#include <trimtab/net/int8_network.hpp>

namespace trimtab {

/// Where two executors first disagree.
struct CodeDifference {
  NodeId node = 0;  ///< the first that differs
  std::string name;  ///< the node's
  std::size_t position = 0;  ///< flat, batch outermost
  int trained = 0, deployed = 0;  ///< the two codes
};

/// Runs x (N H W C) through the deployed network and compares every code of every node with the last forward of the trained one, which was
/// for the same x; nothing when all are equal.
inline std::optional<CodeDifference> compare_codes(const FakeQuantExecutor& trained, const Int8Network& deployed, const Array& x,
                                                   Int8Network::Workspace& workspace) {
  std::optional<CodeDifference> first;
  deployed.run(x, workspace, [&](NodeId id, std::span<const std::uint8_t> bytes) {
    const std::span<const std::uint8_t> expected = trained.bytes(id);
    for (std::size_t i = 0; !first && i < bytes.size(); ++i)
      if (bytes[i] != expected[i]) first = CodeDifference{id, deployed.name(id), i, expected[i], bytes[i]};
  });
  return first;
}

/// Runs x through both executors and compares every code of every node.
inline std::optional<CodeDifference> verify(const QuantizedNetwork& q, const Array& x) {
  FakeQuantExecutor trained(q);
  trained.forward(x);
  Int8Network::Workspace workspace;
  return compare_codes(trained, Int8Network(q), x, workspace);
}

}  // namespace trimtab
