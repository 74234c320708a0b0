#include "targets.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iomanip>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <vector>

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

/// Whether both names are of one file that is there, or will be.
bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code failed;
  if (fs::equivalent(a, b, failed)) return true;
  const fs::path one = fs::weakly_canonical(a, failed);
  return !failed && one == fs::weakly_canonical(b, failed);
}
/// Whether a picture or .npy file that is there lies in such a folder, or in a folder of it.
bool is_sample_of(const fs::path& file, const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed) || !fs::is_regular_file(file, failed)) return false;
  const fs::path whole = fs::canonical(file, failed), own = whole.parent_path(), outer = fs::canonical(folder, failed);
  if (own != outer && own.parent_path() != outer) return false;
  const std::vector<fs::path> pictures = list_images(own);
  return whole.extension() == ".npy" || std::find(pictures.begin(), pictures.end(), whole) != pictures.end();
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

void require_apart(const std::vector<std::string>& read, const std::vector<Target>& targets) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto& [option, file] = targets[i];
    if (file.empty()) continue;
    for (const std::string& path : read)
      for (const std::string& name : {path, path.substr(path.find('=') + 1)})
        if (!name.empty() && (same_file(file, name) || is_sample_of(file, name)))
          throw value_error(detail::message(option, ' ', file, " is read by this command, and would be lost; give another name"));
    for (std::size_t k = 0; k < i; ++k)
      if (!targets[k].file.empty() && same_file(file, targets[k].file))
        throw value_error(detail::message(option, ' ', file, " is what ", targets[k].option, " writes, too; give another name"));
  }
}

std::string size_text(const std::string& file) {
  std::error_code ignored;
  const double bytes = double(fs::file_size(file, ignored));
  if (ignored) return "?";
  if (bytes < 1e4) return detail::message(bytes, " bytes");
  return detail::message(std::fixed, std::setprecision(1), bytes < 1e6 ? bytes / 1e3 : bytes / 1e6, bytes < 1e6 ? " kB" : " MB");
}

}  // namespace program
