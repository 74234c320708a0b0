#pragma once
// Generated files, compiled by the system's compilers and run.

#include <sys/wait.h>

#include <algorithm>
#include <catch.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <scratch_folder.hpp>
#include <string>
#include <trimtab/io/source/write.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <utility>
#include <vector>

namespace trimtab::test {

using Bytes = std::vector<std::uint8_t>;

/// What generated files have to compile with, warnings being errors.
inline const std::string c_compiler = "cc -std=c11 -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror";
inline const std::string cpp_compiler = "c++ -std=c++17 -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror";

inline int exit_code(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline bool has_compilers() {
  if (exit_code("cc --version >/dev/null 2>&1") == 0 && exit_code("c++ --version >/dev/null 2>&1") == 0) return true;
  std::printf("SKIPPED: no cc or no c++\n");
  return false;
}

/// Numbers between -1 and 1 for every input of a network.
inline std::vector<Array> drawn_inputs(const Network& n, std::size_t batch) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  std::vector<Array> fed;
  for (const NodeId id : n.inputs()) {
    Array& x = fed.emplace_back();
    trimtab::detail::resize_batch(batch, n[id].extent, x);
    for (float& v : x) v = uniform(random);
  }
  return fed;
}

/// A network with ranges of its own, of drawn inputs.
inline LoweredNetwork lowered(const Network& n, const QuantizationOptions& options, std::size_t batch = 8) {
  const std::vector<Array> fed = drawn_inputs(n, batch);
  std::vector<Range<float>> ranges(n.size());
  run_outputs(n, fed, [&](NodeId id, const Array& y) {
    for (const float v : y) ranges[id] = {std::min(ranges[id].left, v), std::max(ranges[id].right, v)};
  });
  return lower(quantize(n, ranges, options));
}

/// A folder with a generated file and a program around it, which reads inputs one after the other and writes the outputs; its exit code is
/// the self-check's.
class GeneratedProgram {
 public:
  explicit GeneratedProgram(const LoweredNetwork& network, const SourceOptions& options = {}) : options_(options) {
    const bool is_c = options.language == SourceLanguage::c;
    source_ = generate_source(network, options);
    const std::string prefix = options.name + (is_c ? "_" : "::");
    std::string buffers, reads, writes, arguments;
    const auto port = [&](const char* name, std::size_t i, std::size_t count) {
      return name + (count == 1 ? std::string() : std::to_string(i));
    };
    for (std::size_t i = 0; i < network.inputs.size(); ++i) {
      const std::string one = port("input", i, network.inputs.size());
      buffers += "static uint8_t " + one + "[" + prefix + one + "_bytes];\n";
      reads += "    if (fread(" + one + ", 1, sizeof " + one + ", stdin) != sizeof " + one + ") return " + prefix +
               "self_check(arena);\n";
      arguments += one + ", ";
    }
    for (std::size_t i = 0; i < network.outputs.size(); ++i) {
      const std::string one = port("output", i, network.outputs.size());
      buffers += "static uint8_t " + one + "[" + prefix + one + "_bytes];\n";
      writes += "    if (fwrite(" + one + ", 1, sizeof " + one + ", stdout) != sizeof " + one + ") return 9;\n";
      arguments += one + ", ";
    }
    folder_.write("main", "#include <stdio.h>\n#include \"net.h\"\nstatic uint8_t arena[" + prefix + "arena_bytes + 1];\n" +
                              buffers + "int main(void) {\n  for (;;) {\n" + reads + "    " + prefix + "run(" + arguments +
                              "arena);\n" + writes + "  }\n}\n");
    folder_.write("net.h", source_.text);
  }

  const GeneratedSource& source() const { return source_; }
  /// Puts another text in place of the generated one.
  void replace(const std::string& text) const { folder_.write("net.h", text); }

  /// Compiles; the compiler's output is part of a failure.
  void compile(const std::string& more = "-O1") const {
    const bool is_c = options_.language == SourceLanguage::c;
    const int failed = exit_code((is_c ? c_compiler : cpp_compiler) + " " + more + (is_c ? " -x c " : " -x c++ ") + path("main") +
                                 " -o " + path("program") + " 2>" + path("errors"));
    INFO(folder_.read("errors"));
    REQUIRE(failed == 0);
  }
  /// Gives the outputs of all inputs, and the self-check's result.
  std::pair<std::string, int> run(const std::string& inputs) const {
    folder_.write("in", inputs);
    const int code = exit_code(path("program") + " <" + path("in") + " >" + path("out"));
    return {folder_.read("out"), code};
  }

 private:
  std::string path(const char* name) const { return (folder_.path() / name).string(); }

  ScratchFolder folder_;
  SourceOptions options_;
  GeneratedSource source_;
};

/// `count` times drawn codes for all inputs, and what Int8Network makes of them.
struct DrawnRun {
  std::string inputs, outputs;

  DrawnRun(const LoweredNetwork& n, std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    const Int8Network network(n);
    Int8Network::Workspace workspace;
    for (std::size_t picture = 0; picture < count; ++picture) {
      std::vector<Array> fed;
      for (const NodeId id : n.inputs) {
        const Affine<float>& grid = n.nodes[id].grid;
        Array& x = fed.emplace_back();
        trimtab::detail::resize_batch(1, n.nodes[id].extent, x);
        for (float& v : x) {
          const std::int32_t code = std::uniform_int_distribution<std::int32_t>(grid.codes.qmin, grid.codes.qmax)(random);
          v = grid.dequantize(code);
          inputs += static_cast<char>(code);
        }
      }
      std::vector<std::string> given(n.outputs.size());
      network.run_nodes(fed, workspace, [&](NodeId id, const Int8Network::Output& y) {
        for (std::size_t i = 0; i < given.size(); ++i)
          if (n.outputs[i] == id) given[i].assign(y.bytes.begin(), y.bytes.end());
      });
      for (const std::string& one : given) outputs += one;
    }
  }
};

/// A network's codes in C, or C++, and Int8Network's are the same; and the self-check says so.
inline void check_generated(const LoweredNetwork& n, std::size_t count = 3, const SourceOptions& options = {},
                            const std::string& flags = "-O1") {
  const GeneratedProgram program(n, options);
  program.compile(flags);
  const DrawnRun expected(n, count, 5);
  const auto [outputs, check] = program.run(expected.inputs);
  CHECK(check == 0);
  REQUIRE(outputs.size() == expected.outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(i);
    REQUIRE(int(static_cast<std::uint8_t>(outputs[i])) == int(static_cast<std::uint8_t>(expected.outputs[i])));
  }
}

}  // namespace trimtab::test
