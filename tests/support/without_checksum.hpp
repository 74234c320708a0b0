#pragma once
// Files without their checksums, for whoever damages them to see what the readers behind that check make of it.

#include <string>
#include <trimtab/io/crc32.hpp>
#include <trimtab/io/onnx/schema.hpp>

namespace trimtab::test {

inline std::string without_checksum(const std::string& bytes) {
  onnx::ModelProto model;
  model.ParseFromString(bytes);
  auto& metadata = *model.mutable_metadata_props();
  for (int i = metadata.size(); i-- > 0;)
    if (metadata[i].key() == detail::checksum_key) metadata.DeleteSubrange(i, 1);
  return model.SerializeAsString();
}

}  // namespace trimtab::test
