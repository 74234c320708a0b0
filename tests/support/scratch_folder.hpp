#pragma once
// A folder that lives as long as the object, and pictures written into it.

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <trimtab/io/image_file.hpp>
#include <vector>

#include "stb_image_write.hpp"

class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> counter{0};
    path_ =
        std::filesystem::temp_directory_path() / ("trimtab_test_" + std::to_string(getpid()) + "_" + std::to_string(counter++));
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  void write(const std::string& name, const std::string& bytes) const { std::ofstream(path_ / name, std::ios::binary) << bytes; }
  std::string read(const std::string& name) const {
    std::ostringstream all;
    all << std::ifstream(path_ / name, std::ios::binary).rdbuf();
    return all.str();
  }
  void write_png(const std::string& name, const std::vector<std::uint8_t>& bytes, int h, int w, int channels) const {
    stbi_write_png((path_ / name).c_str(), w, h, channels, bytes.data(), w * channels);
  }
  void write_png(const std::string& name, const trimtab::Picture& p) const {
    write_png(name, std::vector<std::uint8_t>(p.begin(), p.end()), int(p.shape(0)), int(p.shape(1)), 3);
  }
  void write_jpg(const std::string& name, const trimtab::Picture& p) const {
    stbi_write_jpg((path_ / name).c_str(), int(p.shape(1)), int(p.shape(0)), 3, p.data(), 95);
  }

 private:
  std::filesystem::path path_;
};
