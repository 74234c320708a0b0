#pragma once
/// \file
/// The promise, checkable by whoever doubts it: the deployed network computes what the trained one computed.

#include <cstring>
#include <optional>
#include <string>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>

namespace trimtab {

/// Where two executors first disagree.
struct CodeDifference {
  NodeId node = 0;                   ///< the first that differs
  std::string name;                  ///< the node's
  std::size_t position = 0;          ///< flat, batch outermost
  double trained = 0, deployed = 0;  ///< the two codes, or the two reals of a node in float
};

/// Runs x (the batch as first axis) through the deployed network and compares every code of every node, and every real of those
/// in float, with the last forward of the trained one, which was for the same x; nothing when all are equal.
inline std::optional<CodeDifference> compare_codes(const FakeQuantExecutor& trained, const Int8Network& deployed, const Feed& x,
                                                   Int8Network::Workspace& workspace) {
  std::optional<CodeDifference> first;
  deployed.run_nodes(x, workspace, [&](NodeId id, const Int8Network::Output& out) {
    const auto compare = [&](const auto& got, const auto& expected) {
      if (!first && got.size() != expected.size())
        first = CodeDifference{id, deployed.name(id), 0, double(expected.size()), double(got.size())};
      for (std::size_t i = 0; !first && i < got.size(); ++i)
        if (std::memcmp(&got[i], &expected[i], sizeof got[i]) != 0)  // also of what is no number
          first = CodeDifference{id, deployed.name(id), i, double(expected[i]), double(got[i])};
    };
    compare(out.bytes, trained.bytes(id));
    compare(out.reals, trained.reals(id));
  });
  return first;
}

/// Runs x through both executors and compares every code of every node.
inline std::optional<CodeDifference> verify(const QuantizedNetwork& q, const Feed& x) {
  FakeQuantExecutor trained(q);
  trained.forward(x);
  Int8Network::Workspace workspace;
  return compare_codes(trained, Int8Network(q), x, workspace);
}

}  // namespace trimtab
