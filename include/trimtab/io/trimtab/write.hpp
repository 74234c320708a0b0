#pragma once
/// \file
/// Writes a quantized network as a .trimtab file: docs/file.md.

#include <filesystem>
#include <map>
#include <numeric>
#include <string>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/trimtab/model.hpp>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/trimtab/check.hpp>
#include <trimtab/io/trimtab/network.hpp>
#endif
#include <utility>
#include <vector>

namespace trimtab {

/// A network whose inputs and outputs are called as its nodes are, in the network's order of axes.
inline TrimtabModel trimtab_model(LoweredNetwork network, std::map<std::string, std::string> metadata = {}) {
  TrimtabModel model{std::move(network), {}, {}, std::move(metadata)};
  const auto ports = [&](const std::vector<NodeId>& ids, std::vector<TrimtabPort>& to) {
    for (const NodeId id : ids) {
      TrimtabPort& port = to.emplace_back(TrimtabPort{model.network.nodes[id].name, {}});
      port.order.resize(model.network.nodes[id].extent.size() + 1);
      std::iota(port.order.begin(), port.order.end(), std::size_t{0});
    }
  };
  ports(model.network.inputs, model.inputs);
  ports(model.network.outputs, model.outputs);
  return model;
}

/// The bytes of the file that write_trimtab writes.
TRIMTAB_FILES_INLINE std::string serialize_trimtab(const TrimtabModel& model);

#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE std::string serialize_trimtab(const TrimtabModel& model) {
  const LoweredNetwork& n = model.network;
  try {
    detail::check_model(model);
  } catch (const error& e) {
    throw unsupported_error(detail::message("write_trimtab: ", e.what()));
  }
  std::vector<detail::FileOutput> outputs;
  for (std::size_t i = 0; i < n.outputs.size(); ++i) outputs.push_back({n.outputs[i], model.outputs[i], n.output_grids[i]});
  detail::FieldWriter writer;
  writer.whole_record([&] { detail::file_fields(writer, n, model.inputs, outputs, model.metadata); });
  return std::move(writer).take();
}
#endif

/// Writes it to a file, which is there whole or not at all. What read_trimtab gives of it is the same network, number for number.
/// Throws unsupported_error, naming the node, for an operator that is not the library's and for what no reader would take;
/// io_error when the file cannot be written.
inline void write_trimtab(const TrimtabModel& model, const std::filesystem::path& path) {
  write_file_atomically(path, serialize_trimtab(model));
}

}  // namespace trimtab
