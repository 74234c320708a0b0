#pragma once
/// \file
/// The bytes of a file without a copy of them.

#if defined(_WIN32)
#include <filesystem>
#include <limits>
#include <string_view>
#include <trimtab/io/file_bytes.hpp>
#include <vector>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <trimtab/core/error.hpp>
#endif

namespace trimtab::detail {

#if defined(_WIN32)
/// The bytes of a regular file, read: mapping one would take windows.h, whose macros would reach every user of this header.
class MappedFile {
 public:
  /// Throws io_error, beginning with `what`.
  MappedFile(const std::filesystem::path& path, const char* what)
      : bytes_(read_bytes(path, std::numeric_limits<std::uintmax_t>::max(), what)) {}

  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::vector<unsigned char> bytes_;
};
#else

/// A regular file mapped into memory to be read: pages come from the disk when they are looked at, and the system may drop them
/// again. Nobody may shorten the file meanwhile; files of write_file_atomically are replaced, never changed.
class MappedFile {
 public:
  /// Throws io_error, beginning with `what`.
  MappedFile(const std::filesystem::path& path, const char* what) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) throw io_error(message(what, ": cannot open ", path.string(), ": ", std::strerror(errno)));
    struct stat status {};
    const bool known = fstat(file, &status) == 0;
    const bool regular = known && S_ISREG(status.st_mode);
    void* mapped = nullptr;
    if (regular && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    }
    const int failure = errno;
    close(file);
    if (!regular) throw io_error(message(what, ": ", path.string(), " is not a regular file"));
    if (mapped == MAP_FAILED) throw io_error(message(what, ": cannot read ", path.string(), ": ", std::strerror(failure)));
    data_ = static_cast<const char*>(mapped);
  }
  ~MappedFile() {
    if (size_ > 0) munmap(const_cast<char*>(data_), size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};
#endif

}  // namespace trimtab::detail
