#include "targets.hpp"

#include <cstring>
#include <filesystem>
#include <iomanip>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>

namespace program {

using namespace trimtab;
namespace fs = std::filesystem;

namespace {

/// Files are written beside their targets, then renamed: tries one in the folder.
void require_room(const std::string& option, const std::string& target, const std::string& folder) {
  const fs::path probe = detail::sibling_path(fs::path(folder) / "trimtab");
  if (const int status = detail::create_file(probe, ""); status != 0)
    throw io_error(detail::message(option, ' ', target, ": cannot be written: ", std::strerror(status)));
  std::error_code ignored;
  fs::remove(probe, ignored);
}

}  // namespace

void require_file(const std::string& option, const std::string& file) {
  if (file.empty()) return;
  std::error_code ignored;
  const fs::path path(file);
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  if (!fs::is_directory(folder, ignored)) throw io_error(detail::message(option, ' ', file, ": there is no folder ", folder));
  if (fs::is_directory(path, ignored)) throw io_error(detail::message(option, ' ', file, " is a folder"));
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    throw io_error(detail::message(option, ' ', file, " is not a regular file"));
  require_room(option, file, folder);
}

void require_folder(const std::string& option, const std::string& folder) {
  if (folder.empty()) return;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw io_error(detail::message(option, ' ', folder, ": ", failed.message()));
  require_room(option, folder, folder);
}

std::string size_text(const std::string& file) {
  std::error_code ignored;
  const double bytes = double(fs::file_size(file, ignored));
  if (ignored) return "?";
  if (bytes < 1e4) return detail::message(bytes, " bytes");
  return detail::message(std::fixed, std::setprecision(1), bytes < 1e6 ? bytes / 1e3 : bytes / 1e6, bytes < 1e6 ? " kB" : " MB");
}

}  // namespace program
