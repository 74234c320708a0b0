#pragma once
/// \file
/// What a .trimtab file holds.

#include <map>
#include <string>
#include <trimtab/net/quantize/lowered_network.hpp>
#include <vector>

namespace trimtab {

/// An input or an output as the file calls it.
struct TrimtabPort {
  std::string name;                ///< for messages, and for programs that name inputs
  std::vector<std::size_t> order;  ///< axis i of the tensor outside is axis order[i] of the network's, the batch being 0
};

/// What a .trimtab file holds.
struct TrimtabModel {
  LoweredNetwork network;                       ///< pictures N H W C
  std::vector<TrimtabPort> inputs, outputs;     ///< in the order of LoweredNetwork::inputs and outputs
  std::map<std::string, std::string> metadata;  ///< any text: `preprocessing`, self_check_key, and what users add
};

}  // namespace trimtab
