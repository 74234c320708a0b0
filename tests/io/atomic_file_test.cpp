#include <catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <trimtab/io/atomic_file.hpp>

using namespace trimtab;
namespace fs = std::filesystem;

namespace {

/// An empty folder that goes away at the end of the scope.
struct Folder {
  fs::path path = fs::temp_directory_path() / "trimtab_atomic_file_test";
  Folder() {
    fs::remove_all(path);
    fs::create_directory(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::ptrdiff_t files() const { return std::distance(fs::directory_iterator(path), {}); }
};

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("write_file_atomically: writes and replaces, and leaves nothing beside the file", "[io]") {
  const Folder folder;
  write_file_atomically(folder.path / "a", std::string("one\0two", 7));
  CHECK(content(folder.path / "a") == std::string("one\0two", 7));
  write_file_atomically(folder.path / "a", "");
  CHECK(content(folder.path / "a").empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("write_file_atomically: a link stays a link to the file that is replaced", "[io]") {
  const Folder folder;
  write_file_atomically(folder.path / "real", "old");
  fs::create_symlink("real", folder.path / "link");
  write_file_atomically(folder.path / "link", "new");
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(content(folder.path / "real") == "new");
}

TEST_CASE("write_file_atomically: no folder, a folder in the way, or a device is an io_error", "[io]") {
  const Folder folder;
  CHECK_THROWS_AS(write_file_atomically(folder.path / "absent" / "a", "x"), io_error);
  fs::create_directory(folder.path / "a");
  CHECK_THROWS_AS(write_file_atomically(folder.path / "a", "x"), io_error);
  CHECK_THROWS_AS(write_file_atomically("/dev/null", "x"), io_error);
  CHECK(folder.files() == 1);
}

TEST_CASE("write_file_atomically: when the disk is full the old content stays", "[io]") {
  // /dev/full refuses every byte; the writer of the temporary file is what meets it.
  if (!fs::exists("/dev/full")) return;
  const Folder folder;
  write_file_atomically(folder.path / "a", "old");
  std::FILE* full = std::fopen("/dev/full", "wb");
  REQUIRE(full != nullptr);
  CHECK(detail::write_and_close(full, "x") == ENOSPC);
  CHECK(content(folder.path / "a") == "old");
}
