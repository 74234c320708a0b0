#pragma once
/// \file
/// A quantized network as one source file that needs no library: C11, or C++17.

#include <cstdint>
#include <filesystem>
#include <string>
#include <trimtab/core/config.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/source/operators.hpp>
#include <trimtab/io/source/ports.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/quantize/fuse_code_clips.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

inline constexpr const char* self_check_text = R"(
/* The bytes that the self-check feeds: the upper ones of a xorshift generator, held within the input's codes. */
static inline void @draw(uint32_t* state, uint8_t* to, size_t count, int32_t least, int32_t most) {
  for (size_t i = 0; i < count; ++i) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    to[i] = @held((int64_t)(*state >> 24), least, most);
  }
}

/* The hash FNV-1a, continued. */
static inline uint32_t @hashed(uint32_t hash, const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 16777619U;
  return hash;
}
)";
inline const SourceKernel self_check_kernel{"self_check", self_check_text, {&clamp_kernel}};

/// What the functions of self_check_text compute, here.
struct SourceCheck {
  std::uint32_t state = 1, hash = 2166136261U;

  std::int32_t draw(const CodeRange& codes) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return std::clamp(static_cast<std::int32_t>(state >> 24), codes.qmin, codes.qmax);
  }
  void take(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t b : bytes) hash = (hash ^ b) * 16777619U;
  }
};

/// The hash of the codes that the network gives for the bytes that the self-check draws.
inline std::uint32_t expected_hash(const LoweredNetwork& n) {
  SourceCheck check;
  std::vector<Array> fed;
  for (const NodeId id : n.inputs) {
    Array& x = fed.emplace_back();
    resize_batch(1, n.nodes[id].extent, x);
    for (float& v : x) v = n.nodes[id].grid.dequantize(check.draw(n.nodes[id].grid.codes));
  }
  std::vector<std::vector<std::uint8_t>> outputs(n.outputs.size());
  Int8Network::Workspace workspace;
  Int8Network(n).run_nodes(fed, workspace, [&](NodeId id, const Int8Network::Output& y) {
    for (std::size_t i = 0; i < n.outputs.size(); ++i)
      if (n.outputs[i] == id) outputs[i].assign(y.bytes.begin(), y.bytes.end());
  });
  for (const auto& bytes : outputs) check.take(bytes);
  return check.hash;
}

/// Puts the pieces together.
class SourceExport : public SourceWriter {
 public:
  using SourceWriter::SourceWriter;

  /// hash: of the codes that the self-check expects.
  GeneratedSource take(std::uint32_t hash) {
    for (id_ = 0; id_ < n_.nodes.size(); ++id_) write_node();
    use(self_check_kernel);
    GeneratedSource result{std::string(), {}, 0, arena_};
    result.text =
        head() + kernels_ + "\n/* ---- the network's numbers ---- */\n" + constants_ + sizes() + run() + check(hash) + foot();
    for (const SourceNode& node : nodes_) result.constants += node.constants;
    result.nodes = std::move(nodes_);
    return result;
  }

 private:
  bool is_c() const { return options_.language == SourceLanguage::c; }

  void write_node() {
    if (!node().holds_codes || node().in_float)
      refuse(node().op->is_fed() ? "an input of reals, which no node alone quantizes"
                                 : "it runs in float, and a generated file has integers alone");
    const std::string title =
        message("/* ", comment_text(first_name(node().name)), ": ", operator_name(node().op), ", ", node().extent, " */\n");
    if (is_constant(node().op)) {
      constants_ += "\n" + title;
      std::vector<std::uint8_t> codes;
      for (const float v : constant_values(node().op, node().extent))
        codes.push_back(static_cast<std::uint8_t>(grid().quantize(v)));
      array("codes", codes);
    } else if (!node().op->is_fed() && !(node().inputs.size() == 1 && out() == in())) {
      const std::size_t before = constants_.size();
      calls_ += "  " + title;
      write_source_node(*this);
      if (constants_.size() > before) constants_.insert(before, "\n" + title);
    }
  }

  std::string head() const {
    std::string text = message("/* ", comment_text(options_.name), ": a quantized network, written by trimtab ", TRIMTAB_VERSION,
                               ". It needs no library and no heap.\n\n");
    text += message("   ", symbol("run"), " reads and writes codes, bytes whose real value is scale * (byte - zero point):\n");
    const auto ports = [&](const char* name, const std::vector<NodeId>& ids, auto grid_of) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const Affine<float> g = grid_of(i);
        text += message("     ", port(name, i, ids.size()), "  ", comment_text(first_name(n_.nodes[ids[i]].name)), ", ",
                        n_.nodes[ids[i]].extent, ", scale ", g.scale, ", zero point ", g.zero_point, ", codes ", g.codes.qmin,
                        " to ", g.codes.qmax, "\n");
      }
    };
    ports("in", n_.inputs, [&](std::size_t i) { return n_.nodes[n_.inputs[i]].grid; });
    ports("out", n_.outputs, [&](std::size_t i) {
      Affine<float> g = n_.output_grids[i];
      g.codes = n_.nodes[n_.outputs[i]].grid.codes;
      return g;
    });
    text += message(
        "   Pictures are rows of pixels, a pixel's channels side by side. Where a TFLite file has int8, a byte is its code + "
        "128.\n",
        "   Inputs may lie in the arena, at their offsets; then the run overwrites them. So may outputs. Nothing else may "
        "overlap.\n",
        "   ", symbol("self_check"), " gives 0 where the codes are right. Include this file in one file of a program. */\n\n");
    const std::string guard = message("TRIMTAB_GENERATED_", options_.name);
    text += message("#ifndef ", guard, "\n#define ", guard, "\n\n#include <float.h>\n#include <stddef.h>\n#include <stdint.h>\n");
    if (!is_c()) text += message("\nnamespace ", options_.name, " {\n");
    return text;
  }
  std::string foot() const { return message(is_c() ? "" : message("\n}  // namespace ", options_.name, "\n"), "\n#endif\n"); }

  std::string size_constant(const std::string& name, std::size_t value) const {
    return is_c() ? message("enum { ", symbol(name), " = ", value, " };\n")
                  : message("inline constexpr size_t ", name, " = ", value, ";\n");
  }
  /// "input_bytes", or "input0_bytes" and so on.
  std::string sizes() const {
    std::string text = "\n/* ---- sizes in bytes ---- */\n" + size_constant("arena_bytes", arena_);
    const auto ports = [&](const char* name, const std::vector<NodeId>& ids, const std::vector<std::size_t>& offsets) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::string one = port(name, i, ids.size());
        text += size_constant(one + "_bytes", element_count(n_.nodes[ids[i]].extent));
        text += size_constant(one + "_offset", offsets[i]);
      }
    };
    ports("input", n_.inputs, input_offsets_);
    ports("output", n_.outputs, output_offsets_);
    return text;
  }

  std::string run() const {
    std::string parameters, body = calls_;
    for (std::size_t i = 0; i < n_.inputs.size(); ++i)
      parameters += message("const uint8_t* ", port("in", i, n_.inputs.size()), ", ");
    for (std::size_t i = 0; i < n_.outputs.size(); ++i)
      parameters += message("uint8_t* ", port("out", i, n_.outputs.size()), ", ");
    for (const Copy& c : copies_)
      body += message("  for (size_t i = 0; i < ", c.bytes, "; ++i) (", c.to, ")[i] = (", c.from, ")[i];\n");
    if (body.find("arena") == std::string::npos) body += "  (void)arena;\n";
    for (std::size_t i = 0; i < n_.inputs.size(); ++i)
      if (const std::string in = port("in", i, n_.inputs.size());
          body.find("(" + in) == std::string::npos && body.find(", " + in) == std::string::npos)
        body += message("  (void)", in, ";\n");
    return message("\nstatic inline void ", symbol("run"), "(", parameters, "uint8_t* arena) {\n", body, "}\n");
  }

  std::string check(std::uint32_t hash) const {
    std::string text =
        message("\nstatic inline int ", symbol("self_check"), "(uint8_t* arena) {\n  uint32_t state = 1, hash = 2166136261U;\n");
    std::string arguments;
    for (std::size_t i = 0; i < n_.inputs.size(); ++i) {
      const LoweredNode& input = n_.nodes[n_.inputs[i]];
      const std::string place = message("arena + ", input_offsets_[i]);
      text += message("  ", symbol("draw"), "(&state, ", place, ", ", element_count(input.extent), ", ", input.grid.codes.qmin,
                      ", ", input.grid.codes.qmax, ");\n");
      arguments += place + ", ";
    }
    for (const std::size_t offset : output_offsets_) arguments += message("arena + ", offset, ", ");
    text += message("  ", symbol("run"), "(", arguments, "arena);\n");
    for (std::size_t i = 0; i < n_.outputs.size(); ++i)
      text += message("  hash = ", symbol("hashed"), "(hash, arena + ", output_offsets_[i], ", ",
                      element_count(n_.nodes[n_.outputs[i]].extent), ");\n");
    return text + message("  return hash == ", hash, "U ? 0 : 1;\n}\n");
  }
};

}  // namespace detail

/// The network as one source file. It has, each behind the name and an underscore in C, in a namespace of that name in C++:
///   void run(in .., out .., uint8_t* arena)   the codes of Int8Network, byte for byte, of one picture
///   int self_check(uint8_t* arena)            0 where the codes of a drawn input have the hash that Int8Network's have here
///   arena_bytes                               of the arena; input_bytes, input_offset, output_bytes, output_offset of its ports
/// Ports of reals are codes where that is only a quantization less (codes_at_ports). Arithmetic is that of the network's requantizer, in integers
/// whichever it is; softmax alone needs float32. Throws value_error where the name is no identifier; unsupported_error, naming the node, for
/// what runs in float and for operators without rules; and as Int8Network does.
inline GeneratedSource generate_source(const LoweredNetwork& network, const SourceOptions& options = {}) {
  if (source_identifier(options.name) != options.name)
    throw value_error(detail::message("generate: the name \"", options.name, "\" is no identifier; \"",
                                      source_identifier(options.name), "\" is one"));
  const LoweredNetwork codes = codes_at_ports(network), fused = fuse_code_clips(codes);
  return detail::SourceExport(fused, options).take(detail::expected_hash(codes));
}

/// Writes it to a file, which is there whole or not at all. Gives what it takes. Throws as generate_source does, and io_error.
inline GeneratedSource write_source(const LoweredNetwork& network, const std::filesystem::path& path,
                                    const SourceOptions& options = {}) {
  GeneratedSource source = generate_source(network, options);
  write_file_atomically(path, source.text);
  return source;
}

}  // namespace trimtab
