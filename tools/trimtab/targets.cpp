#include "targets.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iomanip>
#include <trimtab/core/error.hpp>

namespace program {

using namespace trimtab;
namespace fs = std::filesystem;

void require_file(const std::string& option, const std::string& file) {
  if (file.empty()) return;
  std::error_code ignored;
  const fs::path path(file);
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  if (!fs::is_directory(folder, ignored)) throw io_error(detail::message(option, ' ', file, ": there is no folder ", folder));
  if (fs::is_directory(path, ignored)) throw io_error(detail::message(option, ' ', file, " is a folder"));
  // A regular file is replaced, so that its folder has to be writable; others are written to.
  const bool replaced = !fs::exists(path, ignored) || fs::is_regular_file(path, ignored);
  if (access(replaced ? folder.c_str() : file.c_str(), W_OK) != 0)
    throw io_error(detail::message(option, ' ', file, ": cannot be written: ", std::strerror(errno)));
}

void require_folder(const std::string& option, const std::string& folder) {
  if (folder.empty()) return;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw io_error(detail::message(option, ' ', folder, ": ", failed.message()));
  if (access(folder.c_str(), W_OK) != 0)
    throw io_error(detail::message(option, ' ', folder, ": cannot be written: ", std::strerror(errno)));
}

std::string size_text(const std::string& file) {
  std::error_code ignored;
  const double bytes = double(fs::file_size(file, ignored));
  if (ignored) return "?";
  return bytes < 1e5 ? detail::message(bytes, " bytes") : detail::message(std::fixed, std::setprecision(1), bytes / 1e6, " MB");
}

}  // namespace program
