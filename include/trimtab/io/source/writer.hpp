#pragma once
/// \file
/// A source file under construction: constants, the kernels that it needs, and a call for each node.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/io/source/arithmetic.hpp>
#include <trimtab/io/source/kernel.hpp>
#include <trimtab/io/source/names.hpp>
#include <trimtab/net/execute/node_buffers.hpp>
#include <trimtab/net/execute/tight_arena.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab {

/// C11 and C++17 share the kernels. C puts the network's name and an underscore before each name of the file, C++ has a namespace of that name.
enum class SourceLanguage {
  c,   ///< C11; C++17 compiles it, too
  cpp  ///< C++17, with constexpr arrays
};

/// What a generated file is called and written in.
struct SourceOptions {
  std::string name = "net";                     ///< an identifier, as source_identifier gives it
  SourceLanguage language = SourceLanguage::c;  ///< of the file
};

/// What a node costs on the target.
struct SourceNode {
  std::string name, op;       ///< of the node, and of its operator
  Extents extent;             ///< of the output
  std::size_t constants = 0;  ///< bytes of weights, biases, multipliers, tables
  std::size_t live = 0;       ///< bytes of activations that are alive while it runs
};

/// A source file and what it takes on the target, but for the machine code of its functions.
struct GeneratedSource {
  std::string text;               ///< the file
  std::vector<SourceNode> nodes;  ///< of the network, Clips that went into other nodes left out
  std::size_t constants = 0;      ///< bytes of all constants
  std::size_t arena = 0;          ///< bytes of the arena, inputs and outputs included
};

namespace detail {

/// A float as C11 and C++17 read it back, bit for bit.
inline std::string float_literal(float v) {
  std::array<char, 32> text;
  return {text.data(), static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%af", double(v)))};
}

/// What the rules of operators (io/source/rules.hpp) write with.
class SourceWriter {
 public:
  /// `n` has to live as long.
  SourceWriter(const LoweredNetwork& n, const SourceOptions& options)
      : n_(n), options_(options), prefix_(options.language == SourceLanguage::c ? options.name + "_" : std::string()) {
    plan();
  }

  const LoweredNetwork& network() const { return n_; }
  const LoweredNode& node() const { return n_.nodes[id_]; }
  const Extents& extent_in(std::size_t i = 0) const { return n_.nodes[node().inputs[i].node].extent; }
  Affine<float> grid_in(std::size_t i = 0) const { return node().inputs[i].grid(); }
  const CodeRange& codes_in(std::size_t i = 0) const { return n_.nodes[node().inputs[i].node].grid.codes; }
  const Affine<float>& grid() const { return node().grid; }
  bool fixed_point() const { return n_.requantizer == Requantizer::fixed_point; }

  [[noreturn]] void refuse(const std::string& why) const {
    throw unsupported_error(message("generate: node ", node().name, " (", operator_name(node().op), "): ", why));
  }

  /// Writes an array of the node's. Gives its name.
  template <class T>
  std::string array(const char* suffix, std::span<const T> values) {
    const std::string name = own(suffix);
    constants_ += message(constant(), " ", type_name<T>(), " ", name, "[", values.size(), "] = {");
    std::size_t column = constants_.size() - 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) constants_ += ',';
      if (i == 0 || constants_.size() - column > 116) {
        column = constants_.size() + 1;
        constants_ += "\n   ";
      }
      constants_ += ' ';
      append(values[i]);
    }
    constants_ += "};\n";
    nodes_[id_].constants += values.size() * sizeof(T);
    return name;
  }
  template <class T>
  std::string array(const char* suffix, const std::vector<T>& values) {
    return array(suffix, std::span<const T>(values));
  }
  /// The same, or a null pointer for no values.
  template <class T>
  std::string array_or_null(const char* suffix, const std::vector<T>& values) {
    return values.empty() ? "0" : array(suffix, values);
  }
  /// Writes a struct of one of the kernels' types; `fields` are its values, the first line's indentation left out. Gives its address.
  std::string parameters(const char* type, const std::string& fields) {
    const std::string name = own("parameters");
    constants_ += message(constant(), " ", symbol(type), " ", name, " = {\n    ", fields, "};\n");
    return "&" + name;
  }

  /// Calls a kernel: kernel(arguments joined by commas).
  template <class... Argument>
  void call(const SourceKernel& kernel, const Argument&... arguments) {
    use(kernel);
    std::string joined;
    ((joined += (joined.empty() ? "" : ", ") + message(arguments)), ...);
    calls_ += message("  ", symbol(kernel.name), "(", joined, ");\n");
  }
  /// What takes a layer's sums to codes, as a struct's value.
  std::string codes_of_sums() {
    const LoweredLayer& l = *node().layer;
    const std::size_t channels = l.bias.size();
    const Affine<float>& y = grid();
    if (!fixed_point()) {
      std::vector<std::uint32_t> bits;
      for (std::size_t c = 0; c < channels; ++c) bits.push_back(multiplier_bits(l.multiplier[l.multiplier.size() == 1 ? 0 : c]));
      use(float32_code_kernel);
      return message("{", array("multiplier", bits), ", ", y.zero_point, ", ", y.codes.qmin, ", ", y.codes.qmax, "}");
    }
    std::vector<std::int32_t> mantissa;
    std::vector<std::int8_t> exponent;
    for (std::size_t c = 0; c < channels; ++c) {
      const FixedPointMultiplier& m = l.fixed_point[l.fixed_point.size() == 1 ? 0 : c];
      mantissa.push_back(m.mantissa);
      exponent.push_back(static_cast<std::int8_t>(m.exponent));
    }
    use(fixed_point_code_kernel);
    const std::string first = array("mantissa", mantissa), second = array("exponent", exponent);
    return message("{", first, ", ", second, ", ", l.rounding == FixedPointRounding::twice ? 1 : 0, ", ", y.zero_point, ", ",
                   y.codes.qmin, ", ", y.codes.qmax, "}");
  }

  std::string in(std::size_t i = 0) const { return place_[node().inputs[i].node]; }  ///< where an input's codes are
  std::string out() const { return place_[id_]; }                                    ///< where the node's codes go

 protected:
  std::string symbol(const std::string& name) const { return prefix_ + name; }
  const char* constant() const { return options_.language == SourceLanguage::c ? "static const" : "inline constexpr"; }

  void use(const SourceKernel& kernel) {
    if (!used_.insert(&kernel).second) return;
    for (const SourceKernel* needed : kernel.needs) use(*needed);
    for (const char c : kernel.text) {
      if (c == '@')
        kernels_ += prefix_;
      else
        kernels_ += c;
    }
  }

  /// The node's own name: its number makes it the only one, and no keyword.
  std::string own(const char* suffix) const {
    const std::string part = identifier_part(first_name(node().name), 32);
    return symbol(message("n", id_, part.empty() ? "" : "_", part, "_", suffix));
  }

  /// Outputs of the network are written to where the caller wants them, its inputs read from there; the rest is in the arena.
  void plan() {
    NodeBuffers buffers = node_buffers(n_);
    const std::size_t end = n_.nodes.size(), none = static_cast<std::size_t>(-1);
    std::vector<std::string> place(buffers.lifetimes.size());
    std::vector<std::size_t> input_of(place.size(), none);
    for (std::size_t i = 0; i < n_.inputs.size(); ++i) {
      const std::size_t b = buffers.of[n_.inputs[i]];
      buffers.lifetimes[b].first = 0;
      place[b] = port("in", i, n_.inputs.size());
      input_of[b] = i;
    }
    for (NodeId id = 0; id < end; ++id)
      if (const Lifetime& l = buffers.lifetimes[buffers.of[id]]; is_constant(n_.nodes[id].op) && l.first == id) {
        id_ = id;
        place[buffers.of[id]] = own("codes");
        buffers.lifetimes[buffers.of[id]].bytes = 0;
      }
    std::vector<std::size_t> output_buffer;
    for (std::size_t i = 0; i < n_.outputs.size(); ++i) {
      const std::size_t b = buffers.of[n_.outputs[i]];
      const std::string to = port("out", i, n_.outputs.size());
      if (place[b].empty()) {
        place[b] = to;
        output_buffer.push_back(b);
      } else {  // an input, a constant, another output: copied behind the last node
        const std::size_t bytes = element_count(n_.nodes[n_.outputs[i]].extent);
        copies_.push_back({place[b], to, bytes});
        output_buffer.push_back(buffers.lifetimes.size());
        buffers.lifetimes.push_back({bytes, end, end});
      }
    }
    const ArenaPlan arena = plan_tight_arena(buffers.lifetimes);
    arena_ = arena.bytes;
    for (const NodeId id : n_.inputs) input_offsets_.push_back(arena.offset[buffers.of[id]]);
    for (const std::size_t b : output_buffer) output_offsets_.push_back(arena.offset[b]);
    for (NodeId id = 0; id < end; ++id) {
      const std::size_t b = buffers.of[id];
      place_.push_back(place[b].empty() ? message("arena + ", arena.offset[b]) : place[b]);
      SourceNode& shown = nodes_.emplace_back(SourceNode{n_.nodes[id].name, operator_name(n_.nodes[id].op), n_.nodes[id].extent});
      for (const Lifetime& l : buffers.lifetimes)
        if (l.first <= id && id <= l.last) shown.live += l.bytes;
    }
  }
  static std::string port(const char* name, std::size_t i, std::size_t count) {
    return count == 1 ? std::string(name) : message(name, i);
  }

  template <class T>
  static const char* type_name() {
    if constexpr (std::is_same_v<T, float>) return "float";
    if constexpr (std::is_same_v<T, std::int8_t>) return "int8_t";
    if constexpr (std::is_same_v<T, std::uint8_t>) return "uint8_t";
    if constexpr (std::is_same_v<T, std::int16_t>) return "int16_t";
    if constexpr (std::is_same_v<T, std::int32_t>) return "int32_t";
    if constexpr (std::is_same_v<T, std::uint32_t>) return "uint32_t";
  }
  template <class T>
  void append(T value) {
    if constexpr (std::is_same_v<T, float>) {
      constants_ += float_literal(value);
    } else if constexpr (std::is_same_v<T, std::int32_t>) {
      // The least int32 has no literal of its own.
      constants_ += value == std::numeric_limits<std::int32_t>::min() ? "INT32_MIN" : std::to_string(value);
    } else {
      std::array<char, 32> text;
      const auto end = std::to_chars(text.data(), text.data() + text.size(), std::int64_t{value}).ptr;
      constants_.append(text.data(), end);
      if constexpr (std::is_same_v<T, std::uint32_t>) constants_ += 'U';
    }
  }

  /// An output that lies elsewhere when the last node has run.
  struct Copy {
    std::string from, to;
    std::size_t bytes;
  };

  const LoweredNetwork& n_;
  SourceOptions options_;
  std::string prefix_;
  NodeId id_ = 0;
  std::vector<std::string> place_;  // by node, an expression
  std::vector<SourceNode> nodes_;   // by node
  std::vector<std::size_t> input_offsets_, output_offsets_;
  std::vector<Copy> copies_;
  std::size_t arena_ = 0;
  std::set<const SourceKernel*> used_;
  std::string kernels_, constants_, calls_;
};

}  // namespace detail
}  // namespace trimtab
