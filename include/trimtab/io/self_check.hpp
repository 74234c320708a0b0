#pragma once
/// \file
/// A test that a model carries: what the network gives for a picture that a formula draws.

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <vector>

namespace trimtab {

/// The key of the test in a model's metadata. Its value is the output's bytes for self_check_picture, two hexadecimal digits
/// each.
inline constexpr const char* self_check_key = "trimtab.self_check";

/// Byte i of the pictures, one after the other and each H W C, is number i of std::mt19937 seeded with 1, shifted right by 24 and
/// clamped to the input's codes; its real value lies at that code exactly, or for an input of reals at (byte - 128) / 64.
inline std::vector<Array> self_check_pictures(const LoweredNetwork& network) {
  std::mt19937 generator(1);
  std::vector<Array> pictures;
  for (const NodeId id : network.inputs) {
    const LoweredNode& input = network.nodes[id];
    const Affine<float> grid = input.holds_codes ? input.grid : Affine<float>{1.0F / 64, 128, unsigned_codes()};
    Array& x = pictures.emplace_back();
    detail::resize_batch(1, input.extent, x);
    for (float& v : x)
      v = grid.dequantize(std::clamp(static_cast<std::int32_t>(generator() >> 24), grid.codes.qmin, grid.codes.qmax));
  }
  return pictures;
}
/// The only one.
inline Array self_check_picture(const LoweredNetwork& network) { return self_check_pictures(network).at(0); }

/// The metadata with the test added. Throws unsupported_error where the network has several outputs, or one of reals.
inline std::map<std::string, std::string> with_self_check(const LoweredNetwork& network,
                                                          std::map<std::string, std::string> metadata = {}) {
  constexpr std::string_view digits = "0123456789abcdef";
  Int8Network::Workspace workspace;
  std::string text;
  for (const std::uint8_t byte : Int8Network(network).run(self_check_pictures(network), workspace)) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  metadata[self_check_key] = std::move(text);
  return metadata;
}

namespace detail {

/// Multiplications of one picture, about.
inline double work_of(const LoweredNetwork& network) {
  double work = 0;
  for (const LoweredNode& node : network.nodes) {
    double taps = 1;
    if (node.layer)
      taps = double(element_count(node.layer->extent)) / double(node.layer->extent[node.op->weighted()->output_axis()]);
    double read = 0;  // every element of the inputs at least once
    for (const LoweredInput& in : node.inputs) read += double(element_count(network.nodes[in.node].extent));
    work += std::max(taps * double(element_count(node.extent)), read);
  }
  return work;
}

/// Bytes that the test's pictures and every node's codes take, at most: nodes share buffers.
inline double memory_of(const LoweredNetwork& network) {
  double bytes = 0;
  for (const NodeId id : network.inputs) bytes += sizeof(float) * double(element_count(network.nodes[id].extent));
  for (const LoweredNode& node : network.nodes)
    bytes += (node.holds_codes ? 1.0 : double(sizeof(float))) * double(element_count(node.extent));
  return bytes;
}

}  // namespace detail

/// Runs the test where the metadata has one. Throws parse_error, naming the first code that differs, when the network gives
/// anything else; unsupported_error when the run would take more than 2^34 multiplications or 2^28 bytes, which a small file may
/// ask for.
inline void self_check(const LoweredNetwork& network, const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find(self_check_key);
  if (found == metadata.end()) return;
  if (detail::work_of(network) > 0x1p34 || detail::memory_of(network) > 0x1p28)
    throw unsupported_error("self_check: this network is too large to be run while it is read");
  const std::string expected = found->second, got = with_self_check(network)[self_check_key];
  if (expected.size() != got.size())
    throw parse_error(
        detail::message("self_check: ", expected.size() / 2, " codes in the metadata, the network gives ", got.size() / 2));
  const auto at = static_cast<std::size_t>(std::mismatch(got.begin(), got.end(), expected.begin()).first - got.begin()) / 2;
  if (got != expected)
    throw parse_error(detail::message("self_check: code ", at, " of the test picture is ", got.substr(2 * at, 2),
                                      ", the metadata says ", expected.substr(2 * at, 2),
                                      " (hexadecimal): the file was damaged or changed"));
}

}  // namespace trimtab
