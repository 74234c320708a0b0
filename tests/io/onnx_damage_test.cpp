#include <catch.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <without_checksum.hpp>

#include "damage.hpp"
#include "onnx_cases.hpp"
#include "onnx_networks.hpp"

using namespace trimtab;

namespace {

enum class Outcome { read, refused, wrong };

/// Whether the bytes are read, or refused by one of the exceptions that read_onnx documents, or anything else happens.
Outcome outcome(const std::string& bytes) {
  try {
    parse_onnx(bytes);
    return Outcome::read;
  } catch (const parse_error&) {
  } catch (const unsupported_error&) {
  } catch (const shape_error&) {
  } catch (...) {
    return Outcome::wrong;
  }
  return Outcome::refused;
}

/// A model that is refused with Error, in a message that contains `part`.
template <class Error>
void check_refused(const OnnxBuilder& b, const std::string& part) {
  CHECK_THROWS_AS(b.read(), Error);
  CHECK_THROWS_WITH(b.read(), ContainsSubstring(part));
}

OnnxBuilder one_conv() {
  OnnxBuilder b;
  b.random("w", {2, 3, 3, 3});
  b.node("Conv", {"x", "w"}, "y");
  return b;
}

}  // namespace

TEST_CASE("read_onnx: a file cut off anywhere is refused", "[io]") {
  const std::string bytes = serialize_onnx(every_operator_network());
  REQUIRE(outcome(bytes) == Outcome::read);
  // Cuts between two fields of the model leave a valid protobuf message; what is missing is found all the same.
  std::size_t read = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Outcome o = outcome(bytes.substr(0, length));
    REQUIRE(o != Outcome::wrong);
    if (o == Outcome::read) ++read;
  }
  CHECK(read == 1);  // where nothing but the checksum, all of it, is lost
}

TEST_CASE("read_onnx: a changed byte gives a network or a typed error, wherever it is", "[io]") {
  const std::string bytes = test::without_checksum(serialize_onnx(every_operator_network()));
  std::mt19937 generator(1);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1 + generator() % 255));
    const Outcome o = outcome(damaged);
    CAPTURE(at);
    REQUIRE(o != Outcome::wrong);
    if (o == Outcome::refused) ++refused;
  }
  CHECK(refused > 500);
}

TEST_CASE("read_onnx: every variant survives changed, lost and doubled bytes", "[io]") {
  std::mt19937 generator(2);
  for (const OnnxCase& c : onnx_cases()) {
    CAPTURE(c.name);
    const std::string bytes = c.builder.bytes();
    for (int round = 0; round < 400; ++round) {
      REQUIRE(outcome(damaged_bytes(bytes, generator)) != Outcome::wrong);
    }
  }
}

TEST_CASE("read_onnx: random bytes and empty files are refused", "[io]") {
  CHECK(outcome("") == Outcome::refused);
  std::mt19937 generator(3);
  for (std::size_t length = 1; length < 2000; length += 7) {
    std::string noise(length, '\0');
    for (char& c : noise) c = static_cast<char>(generator());
    REQUIRE(outcome(noise) == Outcome::refused);
  }
}

TEST_CASE("read_onnx: declared extents are held against the numbers that are there", "[io]") {
  OnnxBuilder b = one_conv();
  auto& w = *b.graph().mutable_initializer(0);
  SECTION("negative") {
    w.set_dims(0, -2);
    check_refused<parse_error>(b, "impossible extent");
  }
  SECTION("a product that overflows 64 bits") {
    for (int i = 0; i < 4; ++i) w.set_dims(i, std::int64_t{1} << 16);
    check_refused<parse_error>(b, "impossible extent");
  }
  SECTION("2^31 numbers, of which 54 are there") {
    w.set_dims(0, std::int64_t{1} << 31);
    for (int i = 1; i < 4; ++i) w.set_dims(i, 1);
    CHECK(outcome(b.bytes()) == Outcome::refused);
  }
  SECTION("none at all in a long tensor") {
    w.set_dims(0, std::int64_t{1} << 30);
    w.set_dims(1, 0);
    w.clear_raw_data();
    check_refused<shape_error>(b, "empty");
  }
  SECTION("one byte too many") {
    w.mutable_raw_data()->push_back('\0');
    check_refused<parse_error>(b, "declares 54");
  }
  SECTION("of another type") {
    w.set_data_type(onnx::TensorProto::INT8);
    check_refused<parse_error>(b, "of int8");
  }
  SECTION("not a number among them") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    w.mutable_raw_data()->replace(8, 4, reinterpret_cast<const char*>(&nan), 4);
    check_refused<parse_error>(b, "not finite");
  }
}

TEST_CASE("read_onnx: names have one definition, before their use", "[io]") {
  SECTION("a missing initializer") {
    OnnxBuilder b = one_conv();
    b.graph().clear_initializer();
    check_refused<parse_error>(b, "'w'");
  }
  SECTION("a cycle") {
    OnnxBuilder b;
    b.node("Add", {"x", "b"}, "a");
    b.node("Relu", {"a"}, "b");
    b.node("Relu", {"b"}, "y");
    check_refused<parse_error>(b, "reads 'b'");
  }
  SECTION("a node that reads itself") {
    OnnxBuilder b;
    b.node("Add", {"x", "y"}, "y");
    check_refused<parse_error>(b, "reads 'y'");
  }
  SECTION("two nodes give one value") {
    OnnxBuilder b;
    b.node("Relu", {"x"}, "y");
    b.node("Relu", {"x"}, "y");
    check_refused<parse_error>(b, "is there already");
  }
  SECTION("two initializers, or one without a name") {
    OnnxBuilder b = one_conv();
    b.random(GENERATE("w", ""), {1});
    check_refused<parse_error>(b, "initializer");
  }
  SECTION("a node without output") {
    OnnxBuilder b = one_conv();
    b.node("Relu", {"y"}, "");
    check_refused<parse_error>(b, "has no output");
  }
  SECTION("an output that nothing gives") {
    OnnxBuilder b = one_conv();
    b.graph().mutable_output(0)->set_name("z");
    check_refused<parse_error>(b, "'z'");
  }
  SECTION("an input left out where one is needed") {
    OnnxBuilder b = one_conv();
    b.graph().mutable_node(0)->set_input(1, "");
    check_refused<parse_error>(b, "lacks input 1");
  }
  SECTION("no input, two inputs that disagree on the batch") {
    OnnxBuilder b;
    b.node("Relu", {"x"}, "y");
    *b.graph().add_input() = b.graph().input(0);
    b.graph().mutable_input(1)->set_name("x2");
    CHECK(outcome(b.bytes()) == Outcome::read);
    b.graph().mutable_input(1)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_value(5);
    check_refused<unsupported_error>(b, "first axis of 5");
    b.graph().clear_input();
    CHECK(outcome(b.bytes()) == Outcome::refused);
  }
}

TEST_CASE("read_onnx: attributes of the wrong type or beyond reason are refused", "[io]") {
  OnnxBuilder b = one_conv();
  auto& node = *b.graph().mutable_node(0);
  SECTION("type") {
    set_text(node, "strides", "two");
    check_refused<parse_error>(b, "'strides' is of type");
  }
  SECTION("stride 0") {
    set(node, "strides", {0, 1});
    check_refused<unsupported_error>(b, "strides holds 0");
  }
  SECTION("negative padding") {
    set(node, "pads", {0, -1, 0, 0});
    check_refused<unsupported_error>(b, "pads holds -1");
  }
  SECTION("an output of 2^48 pixels") {
    set(node, "pads", {1 << 24, 1 << 24, 1 << 24, 1 << 24});
    CHECK(outcome(b.bytes()) == Outcome::refused);
  }
  SECTION("an output of 2^45 pixels that a legal window gives") {
    set(node, "pads", {1 << 23, 1 << 22, 0, 0});
    check_refused<unsupported_error>(b, "too large");
  }
  SECTION("groups of nothing") {
    set(node, "group", GENERATE(as<std::int64_t>{}, 0, -1, 2, std::numeric_limits<std::int64_t>::min()));
    check_refused<shape_error>(b, "groups");
  }
  SECTION("a kernel that does not fit") {
    set(node, "dilations", {4, 1});
    check_refused<shape_error>(b, "does not fit");
  }
}

TEST_CASE("read_onnx: a small file cannot ask for much memory", "[io]") {
  SECTION("one tensor that two thousand nodes share") {
    OnnxBuilder b(13, {0, 256, 4, 4});
    b.random("w", {256, 256, 1, 1});
    std::string last = "x";
    for (int i = 0; i < 2000; ++i) {
      const std::string next = i == 1999 ? "y" : std::to_string(i);
      b.node("Conv", {last, "w"}, next);
      last = next;
    }
    check_refused<unsupported_error>(b, "shared too many times");
  }
  SECTION("a shape that doubles a hundred times") {
    OnnxBuilder b;
    b.integers("s", {1});
    std::string last = "s";
    for (int i = 0; i < 100; ++i) {
      const std::string next = std::to_string(i);
      set(b.node("Concat", {last, last}, next), "axis", 0);
      last = next;
    }
    b.node("Reshape", {"x", last}, "y");
    check_refused<unsupported_error>(b, "beyond what a file of this size may ask for");
  }
  SECTION("a value that doubles forty times") {
    OnnxBuilder b;
    std::string last = "x";
    for (int i = 0; i < 40; ++i) {
      const std::string next = i == 39 ? "y" : std::to_string(i);
      set(b.node("Concat", {last, last}, next), "axis", 1);
      last = next;
    }
    check_refused<unsupported_error>(b, "too large");
  }
}

TEST_CASE("read_onnx: the published networks survive damage", "[real]") {
  const std::filesystem::path path = std::filesystem::path(TRIMTAB_SHARED_DATA) / "models/squeezenet_1.1_224.onnx";
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::cout << "SKIPPED: no " << path << "\n";
    return;
  }
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::mt19937 generator(4);
  for (std::size_t length = 0; length < bytes.size(); length += bytes.size() / 100)
    REQUIRE(outcome(bytes.substr(0, length)) == Outcome::refused);
  for (int round = 0; round < 200; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 1000; ++i) damaged[generator() % damaged.size()] = static_cast<char>(generator());
    REQUIRE(outcome(damaged) != Outcome::wrong);
  }
}
