#pragma once
/// \file
/// Files that are there whole or not at all: written beside the target, then renamed onto it.

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>

namespace trimtab {

namespace detail {

/// A path in the folder of `target` that no other call, in this process or another, is likely to choose.
inline std::filesystem::path sibling_path(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path sibling = target;
  sibling += message('.', std::hex, std::random_device{}(), '.', counter++, ".tmp");
  return sibling;
}

/// Waits until the disk has what was written to the file; 0 when it has.
inline int synchronize(std::FILE* file) {
#if defined(_WIN32)
  return _commit(_fileno(file));
#else
  return fsync(fileno(file));
#endif
}

/// Writes the bytes, waits for the disk to have them and closes the file; gives errno, 0 when every byte was taken.
inline int write_and_close(std::FILE* file, std::string_view bytes) {
  errno = 0;
  const auto failure = [] { return errno != 0 ? errno : EIO; };
  int status = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fflush(file) != 0 || synchronize(file) != 0)
    status = failure();
  if (std::fclose(file) != 0 && status == 0) status = failure();
  return status;
}

/// Creates `path`, which must not exist, with these bytes; gives errno, 0 when all went well. A file that could not be
/// completed is removed. (Windows' older C library does not know the x and replaces what is there.)
inline int create_file(const std::filesystem::path& path, std::string_view bytes) {
  errno = 0;
  std::FILE* file = std::fopen(path.string().c_str(), "wbx");
  if (file == nullptr) return errno != 0 ? errno : EIO;
  const int status = write_and_close(file, bytes);
  if (status != 0) std::remove(path.string().c_str());
  return status;
}

}  // namespace detail

/// Replaces the content of `path` by `bytes`, or throws io_error and leaves the file, or its absence, as it was: when the
/// folder does not exist or may not be written, when the disk is full, or when `path` is there and is no regular file.
/// A symbolic link stays one: the file it names is replaced. Whatever stops the process or the machine, `path` then holds the old
/// content or the new one; at worst a file `path`.*.tmp stays beside it.
inline void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  std::error_code ignored;
  std::filesystem::path target = path;
  if (std::filesystem::exists(path, ignored)) {
    if (!std::filesystem::is_regular_file(path, ignored))
      throw io_error(detail::message("write_file_atomically: ", path.string(), " is not a regular file"));
    target = std::filesystem::canonical(path, ignored);
    if (ignored) target = path;
  }
  const std::filesystem::path written = detail::sibling_path(target);
  const auto failed = [&](const std::string& why) {
    return io_error(detail::message("write_file_atomically: cannot write ", path.string(), ": ", why));
  };
  if (const int status = detail::create_file(written, bytes); status != 0) throw failed(std::strerror(status));
  std::error_code not_renamed;
  std::filesystem::rename(written, target, not_renamed);
  if (not_renamed) {
    std::filesystem::remove(written, ignored);
    throw failed(not_renamed.message());
  }
}

}  // namespace trimtab
