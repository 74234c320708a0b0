#pragma once
// A node by its name, and the names of all operators.

#include <string>
#include <trimtab/net/graph/network.hpp>

namespace trimtab::test {

/// The first node of that name. Throws value_error where there is none.
inline NodeId node_named(const Network& n, const std::string& name) {
  for (NodeId id = 0; id < n.size(); ++id)
    if (n[id].name == name) return id;
  throw value_error("no node " + name);
}

/// The operators of a network but for its inputs, in order, with blanks between them.
inline std::string operator_names(const Network& n) {
  std::string all;
  for (const Node& node : n.nodes())
    if (!node.op->is_fed()) all += (all.empty() ? "" : " ") + std::string(node.op->name());
  return all;
}

}  // namespace trimtab::test
