#pragma once
/// \file
/// Reads a quantized network from a .trimtab file: docs/file.md. Needs nothing beyond the library itself.

#include <filesystem>
#include <string>
#include <string_view>
#include <trimtab/io/mapped_file.hpp>
#include <trimtab/io/trimtab/model.hpp>
#if TRIMTAB_FILES_HERE
#include <trimtab/io/trimtab/check.hpp>
#include <trimtab/io/trimtab/network.hpp>
#endif
#include <utility>
#include <vector>

namespace trimtab {

/// The network in the bytes of a .trimtab file; `name` is what messages call it. See read_trimtab.
TRIMTAB_FILES_INLINE TrimtabModel parse_trimtab(std::string_view bytes, const std::string& name = "model");

#if TRIMTAB_FILES_HERE
TRIMTAB_FILES_INLINE TrimtabModel parse_trimtab(std::string_view bytes, const std::string& name) {
  detail::FieldReader reader(bytes, name);
  TrimtabModel model;
  LoweredNetwork& n = model.network;
  std::vector<detail::FileOutput> outputs;
  reader.whole_record([&] { detail::file_fields(reader, n, model.inputs, outputs, model.metadata); });
  reader.require_end();
  for (NodeId id = 0; id < n.nodes.size(); ++id)
    if (n.nodes[id].op->is_fed()) n.inputs.push_back(id);
  for (detail::FileOutput& output : outputs) {
    n.outputs.push_back(output.node);
    n.output_grids.push_back(output.grid);
    model.outputs.push_back(std::move(output.port));
  }
  try {
    detail::check_model(model);
  } catch (const error& e) {
    reader.refuse(e.what());
  }
  return model;
}
#endif

/// Reads a file that write_trimtab wrote, on any machine. Its checksum is compared, every number of it checked, and nothing that
/// it holds runs before that; memory is a small multiple of the file's size. Throws io_error when it cannot be read; parse_error
/// when it is malformed, cut off or changed; unsupported_error when a newer version wrote it, naming what this one does not know.
inline TrimtabModel read_trimtab(const std::filesystem::path& path) {
  const detail::MappedFile file(path, "read_trimtab");
  return parse_trimtab(file.bytes(), path.string());
}

}  // namespace trimtab
