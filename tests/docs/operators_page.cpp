// Prints docs/operators.md: every operator of the list, asked for what it says of itself. The CTest docs.operators compares them.

#include <algorithm>
#include <cstdio>
#include <every_operator.hpp>
#include <map>
#include <string>
#include <trimtab/io/onnx/operators.hpp>
#include <trimtab/io/tflite/operators.hpp>
#include <trimtab/net/operators.hpp>
#include <vector>

namespace {

using namespace trimtab;

const char* integers_of(const OperatorInterface& op) {
  switch (op.integers()) {
    case IntegerRule::source:
      return "codes of what comes in";
    case IntegerRule::moves:
      return "codes are moved";
    case IntegerRule::rounds:
      return "one rounding";
    case IntegerRule::sums:
      return "exact sums, one rounding";
    case IntegerRule::folded:
      return "folded before";
    default:
      return "none: runs in float";
  }
}
const char* grid_of(const OperatorInterface& op, Requantizer r) {
  switch (op.grid(r)) {
    case GridRule::own:
      return "own";
    case GridRule::of_input:
      return "its input's";
    case GridRule::fixed:
      return "fixed";
    default:
      return "shared with its inputs";
  }
}

/// What a format calls it, where files are read: Rules<L> adds its readers to Readers.
template <template <class> class Rules, class Readers, class L>
std::string format_names() {
  std::string names;
  if constexpr (requires(Readers & r) { Rules<L>::read(r); }) {
    Readers readers;
    Rules<L>::read(readers);
    for (const std::string& name : readers.names()) names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

/// By operator.
template <template <class> class Rules, class Readers>
std::map<std::string, std::string> all_names() {
  std::map<std::string, std::string> names;
  [&]<class... L>(std::tuple<L...>*) {
    ((names[OperatorRules<L>::name] = format_names<Rules, Readers, L>()), ...);
  }(static_cast<Operators*>(nullptr));
  return names;
}

}  // namespace

int main() {
  std::printf(
      "# Operators: what runs in integers, and what files call it\n"
      "\n"
      "Each operator has a float forward and backward. All but those that run in float have an integer definition, too, which\n"
      "training and deployment share. This page is written by `build/tests/docs/operators_page`, which asks the operators; a\n"
      "test fails when it is stale. Words are explained in the [glossary](glossary.md).\n"
      "\n"
      "- **integers**: who makes its codes. *One rounding*: exact integers or float32 in a stated order, rounded once. *None*:\n"
      "  a dequantize before it, a quantize behind it, the same code in training and deployment.\n"
      "- **grid**: where its codes lie; `fixed_point` only where it differs. **fixed point**: whether\n"
      "  `Requantizer::fixed_point` is defined.\n"
      "- **signs**: *kept*: never negative where no input is. **channel factors**: whether equalization and rescaling go\n"
      "  through it.\n"
      "- **ONNX**, **TFLite**: what it is read from. Others of their operators are read as several of these, or folded at\n"
      "  import.\n"
      "\n"
      "| operator | inputs | integers | grid | fixed point | signs | channel factors | ONNX | TFLite "
      "|\n|---|---|---|---|---|---|---|---|---|\n");
  const std::map<std::string, std::string> onnx = all_names<OnnxRules, detail::OnnxReaders>();
  const std::map<std::string, std::string> tflite = all_names<TfliteRules, detail::TfliteReaders>();
  std::map<std::string, std::string> rows;
  const Network network = test::every_operator();
  for (NodeId id = 0; id < network.size(); ++id) {
    const OperatorInterface& op = *network[id].op.operator->();
    const std::vector<Extents> in = network.input_extents(id);
    std::string grid = grid_of(op, Requantizer::float32);
    if (const std::string fixed = grid_of(op, Requantizer::fixed_point); fixed != grid) grid += "; fixed_point: " + fixed;
    const SignRule sign = op.sign();
    const ScalingRule scaling = op.scaling(in);
    const Arity arity = op.arity();
    rows.emplace(op.name(), std::string("| ") + op.name() + " | " + std::to_string(arity.least) +
                                (arity.most == Arity::any ? " or more" : "") + " | " + integers_of(op) + " | " + grid + " | " +
                                (op.integers() == IntegerRule::none ? "-"
                                 : op.has_fixed_point(in)           ? "yes"
                                                                    : "no") +
                                " | " +
                                (sign == SignRule::any         ? "any"
                                 : sign == SignRule::of_inputs ? "kept"
                                                               : "never negative") +
                                " | " +
                                (scaling == ScalingRule::stops   ? "stop"
                                 : scaling == ScalingRule::clips ? "pass within its bounds"
                                                                 : "pass") +
                                " | " + onnx.at(op.name()) + " | " + tflite.at(op.name()) + " |");
  }
  for (const auto& [name, row] : rows) std::printf("%s\n", row.c_str());
  std::printf(
      "\n"
      "BatchNorm (ONNX: %s) is folded into the layer before it or becomes a ChannelAffine. LookupTable and\n"
      "SoftmaxTable stand for elementwise functions and Softmax in networks of integers: tables travel with the network, so\n"
      "that another C library's `exp` cannot change a code.\n",
      onnx.at("BatchNorm").c_str());
  return 0;
}
