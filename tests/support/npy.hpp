#pragma once
// Arrays of NumPy's .npy files, version 1, little-endian and in C's order.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <trimtab/net/graph/network.hpp>
#include <vector>

namespace test {

inline trimtab::Array read_npy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(10, '\0');
  if (!file.read(head.data(), 10) || head.substr(1, 5) != "NUMPY") throw std::runtime_error("no .npy file: " + path.string());
  std::string text(static_cast<unsigned char>(head[8]) + 256U * static_cast<unsigned char>(head[9]), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::vector<std::size_t> shape;
  const std::size_t open = text.find('('), close = text.find(')');
  for (std::size_t at = open + 1; at < close;) {
    if (text[at] < '0' || text[at] > '9') {
      ++at;
      continue;
    }
    std::size_t length = 0;
    shape.push_back(std::stoul(text.substr(at), &length));
    at += length;
  }
  const std::string type = text.substr(text.find("'descr'") + 10, 3);
  trimtab::Array x = trimtab::Array::from_shape(shape);
  const auto fill = [&]<class T>(T) {
    for (float& v : x) {
      T number;
      file.read(reinterpret_cast<char*>(&number), sizeof(T));
      v = static_cast<float>(number);
    }
  };
  if (type == "<f4")
    fill(float{});
  else if (type == "|u1")
    fill(std::uint8_t{});
  else if (type == "|i1")
    fill(std::int8_t{});
  else if (type == "<i4")
    fill(std::int32_t{});
  else if (type == "<i8")
    fill(std::int64_t{});
  else
    throw std::runtime_error(path.string() + " holds " + type);
  if (!file) throw std::runtime_error("cut off: " + path.string());
  return x;
}

}  // namespace test
