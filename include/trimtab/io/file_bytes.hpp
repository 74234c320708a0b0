#pragma once
/// \file
/// Whole files as bytes.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <trimtab/core/error.hpp>
#include <vector>

namespace trimtab::detail {

/// The bytes of a regular file of at most `limit` bytes. Throws io_error.
inline std::vector<unsigned char> read_bytes(const std::filesystem::path& path, std::uintmax_t limit, const char* what) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) throw io_error(message(what, ": no file ", path.string()));
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  if (failed) throw io_error(message(what, ": cannot read ", path.string(), ": ", failed.message()));
  if (size > limit) throw io_error(message(what, ": ", path.string(), " has ", size, " bytes, more than ", limit));
  std::vector<unsigned char> bytes(static_cast<std::size_t>(size));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file || static_cast<std::uintmax_t>(file.gcount()) != size) throw io_error(message(what, ": cannot read ", path.string()));
  return bytes;
}

}  // namespace trimtab::detail
