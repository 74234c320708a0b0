// Checksums in written files: no changed byte changes a number unnoticed.
#include <algorithm>
#include <catch.hpp>
#include <quantized_small_network.hpp>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <without_checksum.hpp>

using namespace trimtab;

namespace {

onnx::ModelProto model_in(const std::string& bytes) {
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(bytes));
  return model;
}

LoweredNetwork quantized_network() {
  return lower(test::quantized(test::small_network(), {WeightMode::vector, Scheme::asymmetric}));
}

std::string& checksum_in(onnx::ModelProto& model) {
  for (auto& entry : *model.mutable_metadata_props())
    if (entry.key() == detail::checksum_key) return *entry.mutable_value();
  throw value_error("no checksum");
}

template <class Read>
void check_every_byte_of_tensors(const std::string& bytes, const Read& read) {
  onnx::ModelProto model = model_in(bytes);
  REQUIRE_NOTHROW(read(bytes));
  std::size_t changed = 0;
  for (auto& tensor : *model.mutable_graph()->mutable_initializer())
    for (char& byte : *tensor.mutable_raw_data()) {
      byte = static_cast<char>(byte ^ (1 << (changed++ % 8)));
      CAPTURE(tensor.name(), changed);
      try {
        read(model.SerializeAsString());
        FAIL("a changed byte went unnoticed");
      } catch (const parse_error& e) {
        REQUIRE(std::string(e.what()).find("checksum: tensor '" + tensor.name() + "' is not what was written") !=
                std::string::npos);
      }
      byte = static_cast<char>(byte ^ (1 << ((changed - 1) % 8)));
    }
  CHECK(changed > 1000);
}

const auto read_quantized = [](const std::string& bytes) { return parse_quantized_onnx(bytes); };
const auto read_float = [](const std::string& bytes) { return parse_onnx(bytes); };

}  // namespace

TEST_CASE("Crc32: the sum that zlib, PNG and Ethernet have", "[io]") {
  CHECK(detail::Crc32().bytes("123456789").digits() == "cbf43926");
  CHECK(detail::Crc32().digits() == "00000000");
  CHECK(detail::Crc32().number(0x0807060504030201).digits() == detail::Crc32().bytes("\1\2\3\4\5\6\7\x08").digits());
}

TEST_CASE("checksum: every changed byte of a tensor is found, and the tensor named", "[io]") {
  for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qoperator})
    check_every_byte_of_tensors(serialize_onnx(quantized_network(), form), read_quantized);
  check_every_byte_of_tensors(serialize_onnx(test::small_network()), read_float);
}

TEST_CASE("checksum: a changed byte of the entry itself is refused or noted, whatever it becomes", "[io]") {
  const std::string bytes = serialize_onnx(test::small_network());
  const std::size_t key = bytes.find(detail::checksum_key), behind = key + std::string_view(detail::checksum_key).size();
  REQUIRE(parse_onnx(bytes).notes.empty());
  const std::size_t first = key - 5, last = behind + 3;  // from the entry's tag to the length of its value
  REQUIRE(bytes[first] == 0x72);
  std::size_t noted = 0;
  for (std::size_t at = first; at < last; ++at)
    for (int difference = 1; difference < 256; ++difference) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ difference);
      CAPTURE(at - first, difference);
      try {
        const OnnxModel read = parse_onnx(changed);
        REQUIRE(read.notes == std::vector<std::string>{detail::unchecked_note});
        REQUIRE((at < key || at >= behind));
        ++noted;
      } catch (const parse_error&) {
      }
    }
  CHECK(noted > 0);
}

TEST_CASE("checksum: files of others need none", "[io]") {
  onnx::ModelProto model = model_in(test::without_checksum(serialize_onnx(test::small_network())));
  CHECK(parse_onnx(model.SerializeAsString()).notes == std::vector<std::string>{detail::unchecked_note});
  model.set_producer_name("pytorch");
  model.mutable_graph()->set_name("main_graph");
  auto& entry = *model.add_metadata_props();
  entry.set_key("somebody's entry");
  CHECK(parse_onnx(model.SerializeAsString()).notes.empty());
}

TEST_CASE("checksum: no changed byte of a file changes its codes unnoticed", "[io]") {
  const LoweredNetwork lowered = quantized_network();
  const Array x = test::random_pictures(test::small_network(), 1, 5);
  const auto codes_of = [&](const LoweredNetwork& network) {
    Int8Network::Workspace workspace;
    return Int8Network(network).run_outputs(x, workspace);
  };
  const std::vector<Array> expected = codes_of(lowered);
  const std::string bytes = serialize_onnx(lowered, OnnxForm::qoperator, {{"preprocessing", "x/127.5-1"}});
  std::size_t read = 0, refused = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at / 2 % 8)));
    CAPTURE(at);
    try {
      const QuantizedOnnxModel model = parse_quantized_onnx(changed);
      REQUIRE(codes_of(model.network) == expected);
      REQUIRE(model.metadata.at("preprocessing") == "x/127.5-1");
      ++read;  // the producer's name, and the like
    } catch (const parse_error&) {
      ++refused;
    } catch (const unsupported_error&) {
      ++refused;
    }
  }
  CHECK(refused > 20 * read);
}

TEST_CASE(
    "checksum: nodes, attributes, opsets, extents and preprocessing are in it, other metadata and protobuf's encoding are not",
    "[io]") {
  const std::string bytes =
      serialize_onnx(quantized_network(), OnnxForm::qdq, {{"preprocessing", "x/127.5-1"}, {"author", "unknown"}});
  onnx::ModelProto model = model_in(bytes);
  auto& graph = *model.mutable_graph();
  const auto refused = [&] {
    CHECK_THROWS_AS(parse_quantized_onnx(model.SerializeAsString()), parse_error);
    CHECK_THROWS_WITH(parse_quantized_onnx(model.SerializeAsString()),
                      ContainsSubstring("checksum: the graph is not what was written") && ContainsSubstring("trimtab.checksum"));
  };
  SECTION("a node's input") {
    graph.mutable_node(3)->add_input("input");
    refused();
  }
  SECTION("an attribute") {
    for (auto& node : *graph.mutable_node())
      for (auto& attribute : *node.mutable_attribute())
        if (attribute.name() == "strides") attribute.set_ints(0, attribute.ints(0) + 1);
    refused();
  }
  SECTION("an opset") {
    model.mutable_opset_import(0)->set_version(14);
    refused();
  }
  SECTION("an input's extent") {
    auto& rows = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(2);
    rows.set_dim_value(rows.dim_value() + 1);
    refused();
  }
  SECTION("preprocessing") {
    for (auto& entry : *model.mutable_metadata_props())
      if (entry.key() == "preprocessing") entry.set_value("x/127.4-1");
    refused();
  }
  SECTION("a tensor that is not there any more") {
    graph.mutable_initializer()->RemoveLast();
    CHECK_THROWS_WITH(parse_quantized_onnx(model.SerializeAsString()), ContainsSubstring("checksum: "));
  }
  SECTION("the sums themselves") {
    checksum_in(model)[9] = checksum_in(model)[9] == '0' ? '1' : '0';
    CHECK_THROWS_WITH(parse_quantized_onnx(model.SerializeAsString()), ContainsSubstring("checksum: tensor '"));
    checksum_in(model).pop_back();
    CHECK_THROWS_WITH(parse_quantized_onnx(model.SerializeAsString()), ContainsSubstring("checksum: "));
  }
  SECTION("other metadata, and numbers in typed fields") {
    model.mutable_metadata_props(0)->set_value("somebody");
    std::size_t moved = 0;
    for (auto& tensor : *graph.mutable_initializer()) {
      const std::string raw = tensor.raw_data();
      if (tensor.data_type() == onnx::TensorProto::UINT8) {
        for (const char c : raw) tensor.add_int32_data(static_cast<unsigned char>(c));
      } else if (tensor.data_type() == onnx::TensorProto::FLOAT) {
        for (std::size_t i = 0; i < raw.size(); i += 4) {
          float v = 0;
          std::copy_n(raw.data() + i, 4, reinterpret_cast<char*>(&v));
          tensor.add_float_data(v);
        }
      } else {
        continue;
      }
      tensor.clear_raw_data();
      ++moved;
    }
    CHECK(moved > 10);
    CHECK_NOTHROW(parse_quantized_onnx(model.SerializeAsString()));
  }
  SECTION("without it the file is read as it is, with a note") {
    char& first = graph.mutable_initializer(0)->mutable_raw_data()->front();
    first = static_cast<char>(first ^ 1);
    CHECK(parse_quantized_onnx(test::without_checksum(model.SerializeAsString())).notes ==
          std::vector<std::string>{detail::unchecked_note});
  }
  SECTION("it is checked, not kept, and what is read and written again has its own") {
    const QuantizedOnnxModel read = parse_quantized_onnx(bytes);
    CHECK(read.metadata.size() == 2);
    auto metadata = read.metadata;
    metadata[detail::checksum_key] = "old";
    CHECK_NOTHROW(parse_quantized_onnx(serialize_onnx(read.network, OnnxForm::qdq, metadata)));
  }
}
