// Files that nobody wrote so.
#include "../io/damage.hpp"

#include <catch.hpp>
#include <every_operator.hpp>
#include <filesystem>
#include <quantized_small_network.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/field_writer.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <trimtab/io/trimtab/write.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/fold.hpp>

using namespace trimtab;

namespace {

enum class Outcome { read, refused, wrong };

/// Whether the bytes are read, and where that is quick run, or refused by one of the exceptions that read_trimtab documents.
Outcome outcome(const std::string& bytes) {
  TrimtabModel model;
  try {
    model = parse_trimtab(bytes);
  } catch (const parse_error&) {
    return Outcome::refused;
  } catch (const unsupported_error&) {
    return Outcome::refused;
  } catch (...) {
    return Outcome::wrong;
  }
  if (detail::work_of(model.network) > 1e6 || detail::memory_of(model.network) > 1e6) return Outcome::read;
  try {
    Int8Network::Workspace workspace;
    Int8Network(model.network).run_outputs(self_check_pictures(model.network), workspace);
  } catch (const error&) {  // of kernels
  } catch (...) {
    return Outcome::wrong;
  }
  return Outcome::read;
}

/// With the length and the sum that such a file would have.
std::string sealed(std::string bytes) {
  if (bytes.size() >= detail::file_header) detail::FieldWriter::seal(bytes);
  return bytes;
}

LoweredNetwork tiny_network(Requantizer requantizer = Requantizer::float32) {
  std::mt19937 random(2);
  Network n;
  n.add(Input{{3, 3, 2}}, {}, "x");
  n.add(Conv2d{test::random_tensor<4>({3, 2, 2, 2}, random), test::random_tensor<1>({3}, random), {}}, {0}, "conv", relu);
  n.add(Tanh{}, {1}, "tanh");
  n.add(ResizeNearest{{ResizeAxis::to_extent(2, 4), ResizeAxis::to_extent(2, 3), ResizeAxis::to_extent(3, 3)}}, {2}, "resize");
  QuantizationOptions options;
  options.requantizer = requantizer;
  return lower(test::quantized(n, options));
}

/// The bytes with the first `from` that they have replaced by a text as long.
std::string with(std::string bytes, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  const std::size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return sealed(bytes.replace(at, from.size(), to));
}

struct NotInTheList {};

}  // namespace

template <>
struct trimtab::OperatorRules<NotInTheList> : trimtab::Elementwise<NotInTheList> {
  static constexpr const char* name = "NotInTheList";
  static SignRule sign(const NotInTheList&) { return SignRule::any; }
  static Clip bounds(const NotInTheList&) { return no_clip; }
  static double value(const NotInTheList&, double x) { return x; }
  static double derivative(const NotInTheList&, double) { return 1; }
};

TEST_CASE("a .trimtab file that was cut off anywhere, or has one bit changed, is refused", "[file]") {
  for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
    const std::string bytes = serialize_trimtab(trimtab_model(tiny_network(requantizer)));
    REQUIRE(outcome(bytes) == Outcome::read);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      CAPTURE(length);
      REQUIRE(outcome(bytes.substr(0, length)) == Outcome::refused);
    }
    CHECK(outcome(bytes + '\0') == Outcome::refused);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      CAPTURE(bit);
      REQUIRE(outcome(damaged) == Outcome::refused);
    }
  }
}

TEST_CASE("a .trimtab file made to mislead, its checksum right: a network or a typed error", "[file]") {
  const std::string bytes = serialize_trimtab(trimtab_model(tiny_network(Requantizer::fixed_point)));
  std::size_t read = 0;
  for (std::size_t bit = 8 * detail::file_header; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const Outcome o = outcome(sealed(damaged));
    CAPTURE(bit);
    REQUIRE(o != Outcome::wrong);
    read += o == Outcome::read;
  }
  CHECK(read > 100);  // other weights are a network, too
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    REQUIRE(outcome(sealed(bytes.substr(0, length))) == Outcome::refused);
  }

  const Network n = fuse_clips(fold_batch_norm(test::every_operator()));
  std::mt19937 generator(1);
  for (const bool in_float : {false, true}) {
    QuantizationOptions options;
    if (in_float)
      for (const Node& node : n.nodes()) options.keep_float.push_back(node.op->name());
    const std::string every = serialize_trimtab(trimtab_model(lower(test::quantized(n, options))));
    for (int i = 0; i < 1500; ++i) {
      CAPTURE(in_float, i);
      REQUIRE(outcome(sealed(damaged_bytes(every, generator))) != Outcome::wrong);
    }
  }
}

TEST_CASE("read_trimtab says what is wrong, and where", "[file]") {
  const std::string bytes = serialize_trimtab(trimtab_model(tiny_network()));
  const auto unsupported = [](const std::string& file, const std::string& why) {
    CHECK_THROWS_AS(parse_trimtab(file, "a.trimtab"), unsupported_error);
    CHECK_THROWS_WITH(parse_trimtab(file, "a.trimtab"), ContainsSubstring("a.trimtab: ") && ContainsSubstring(why));
  };
  const auto malformed = [](const std::string& file, const std::string& why) {
    CHECK_THROWS_AS(parse_trimtab(file, "a.trimtab"), parse_error);
    CHECK_THROWS_WITH(parse_trimtab(file, "a.trimtab"), ContainsSubstring("a.trimtab: ") && ContainsSubstring(why));
  };
  malformed("", "it does not begin as a .trimtab file does");
  malformed(bytes.substr(0, 20), "in its header");
  malformed(bytes.substr(0, bytes.size() - 1), "it was cut off");
  std::string changed = bytes;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  malformed(changed, "the checksum differs");
  changed = bytes;
  changed[detail::file_version_at] = 2;
  unsupported(changed, "it is of version 2");
  unsupported(with(bytes, "Conv2d", "Konv2d"), "node conv: operator Konv2d is not one that this version knows");
  unsupported(with(bytes, "groups", "troupe"), "node conv: field troupe stands where this version knows groups");
  unsupported(with(bytes, "half_pixel", "half_pixie"), "node resize: field coordinates is 'half_pixie'");
  malformed(with(bytes, std::string("\1\6\0\0\0groups\1\0\0\0\1", 16), std::string("\1\6\0\0\0groups\1\0\0\0\2", 16)),
            "node conv (Conv2d): conv: 2 groups do not divide");

  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  CHECK_THROWS_AS(read_trimtab(folder / "trimtab_no_such_file"), io_error);
  CHECK_THROWS_AS(read_trimtab(folder), io_error);
  CHECK_THROWS_AS(read_trimtab("/dev/null"), io_error);
}

TEST_CASE("write_trimtab refuses, by name, what no reader would take", "[file]") {
  const auto refused = [](const LoweredNetwork& n, const std::string& why) {
    CHECK_THROWS_AS(serialize_trimtab(trimtab_model(n)), unsupported_error);
    CHECK_THROWS_WITH(serialize_trimtab(trimtab_model(n)), ContainsSubstring("write_trimtab: ") && ContainsSubstring(why));
  };
  LoweredNetwork n = tiny_network();
  n.nodes[2].in_float = true;
  n.nodes[2].op = NotInTheList{};
  refused(n, "node tanh: operator NotInTheList has no form");
  n.nodes[2].in_float = false;
  n.nodes[2].op = ArgMax{2, true};
  refused(n, "node tanh (ArgMax)");
  n = tiny_network();
  n.nodes[1].layer->bias.pop_back();
  refused(n, "node conv (Conv2d): 2 numbers in bias for 3 output channels");
  n = tiny_network();
  n.nodes[1].layer.reset();
  refused(n, "node conv (Conv2d): a layer on codes without its integers");
  n = tiny_network();
  n.nodes[2].inputs[0].node = 2;
  refused(n, "node tanh (LookupTable): it is node 2 and reads node 2");
  n = tiny_network();
  n.nodes[2].grid.scale = 0;
  refused(n, "node tanh (LookupTable): its grid has scale 0");
  n = tiny_network();
  n.nodes[0].holds_codes = false;
  refused(n, "input x holds reals");
  n = tiny_network();
  n.nodes[3].extent = {4, 3, 4};
  refused(n, "node resize (ResizeNearest): its extents are [4, 3, 3], and are said to be [4, 3, 4]");
  n = tiny_network();
  n.nodes[3].op = Slice{{{0, 2, 1}, {0, 2, std::ptrdiff_t{1} << 40}, {0, 3, 1}}};
  n.nodes[3].extent = {2, 2, 3};
  refused(n, "resize");
  TrimtabModel model = trimtab_model(tiny_network());
  model.outputs[0].order = {0, 3, 1, 1};
  CHECK_THROWS_AS(serialize_trimtab(model), unsupported_error);
  n = tiny_network(Requantizer::fixed_point);
  n.nodes[1].layer->fixed_point[0] = {5, 0};
  refused(n, "a multiplier of 5 * 2^(0 - 31)");
}
