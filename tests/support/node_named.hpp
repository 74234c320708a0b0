#pragma once
// A node by its name.

#include <string>
#include <trimtab/net/graph/network.hpp>

namespace trimtab::test {

/// The first node of that name. Throws value_error where there is none.
inline NodeId node_named(const Network& n, const std::string& name) {
  for (NodeId id = 0; id < n.size(); ++id)
    if (n[id].name == name) return id;
  throw value_error("no node " + name);
}

}  // namespace trimtab::test
