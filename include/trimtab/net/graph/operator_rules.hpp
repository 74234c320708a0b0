#pragma once
/// \file
/// What an operator says of itself. `OperatorRules<L>` of a type L holds all of it, in the operator's one header; executors,
/// passes, reports and writers ask these rules and never name an operator. No rule has a default: what is missing is a compile
/// error with a sentence (net/graph/operator.hpp).

#include <algorithm>
#include <any>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/quant/clip.hpp>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/params.hpp>
#include <vector>

namespace trimtab {

/// How many inputs an operator takes.
struct Arity {
  std::size_t least, most;                             ///< both allowed
  static constexpr std::size_t any = ~std::size_t{0};  ///< as `most`: no limit
};

/// Which grid the codes of an operator's output lie on.
enum class GridRule {
  own,              ///< one that is calibrated for it
  of_input,         ///< its first input's
  fixed,            ///< the same one always: fixed_grid()
  shared_by_inputs  ///< its own, which inputs that nothing else reads take too
};

/// What is known of the sign of an operator's output.
enum class SignRule {
  of_inputs,      ///< never negative where no input is
  any,            ///< nothing
  never_negative  ///< whatever the inputs are
};

/// What happens when every channel (index of the last axis) of the only input is multiplied by a positive factor of its own.
enum class ScalingRule {
  commutes,  ///< the output's channels are multiplied by the same factors; index c of the input is index c modulo the channels of the output
  clips,  ///< they are where bounds() do not cut
  stops   ///< anything
};

/// Who makes the integers of an operator's output.
enum class IntegerRule {
  source,  ///< a value that comes from outside, or is constant, is put on a grid
  moves,   ///< every output code is one of the input's, or the code of a constant; nothing is rounded
  rounds,  ///< steps(), then one rounding
  sums,    ///< a layer with weights: exact int32 sums, then one rounding (WeightedRules)
  folded,  ///< nobody: fold_into() or simplified() has to take it away before quantization
  none     ///< nobody: it runs in float between a dequantize and a quantize
};

/// y[..., c] = scale[c] * x[..., c] + offset[c] over the last axis; one number each may stand for all channels.
struct ChannelFactors {
  std::vector<float> scale, offset;
};

/// Inputs of the float forward, the batch as first axis, dense and row-major.
using FloatInputs = std::span<const TensorView<const float>>;

/// An input of the integer forward: bytes, the batch as first axis, and the grid that says what they stand for.
struct CodeInput {
  TensorView<const std::uint8_t> codes;  ///< dense, row-major
  Affine<float> grid;                    ///< real = scale * (byte - zero_point)
};
using CodeInputs = std::span<const CodeInput>;  ///< all of an operator's

/// Where an operator's backward puts the gradients of its inputs.
class InputGradients {
 public:
  virtual ~InputGradients() = default;
  /// Whether anything asks for the gradient of input i.
  virtual bool wanted(std::size_t i) const = 0;
  /// The place of a gradient, and whether it holds something to be added to already.
  struct Claim {
    TensorView<float> grad;  ///< of the input's extents
    GradientMode mode;       ///< assign: what is there has no meaning
  };
  /// The place for input i, which has to be written as its mode says before the next one is claimed: two inputs may be one node.
  virtual Claim claim(std::size_t i) = 0;
  /// The same for those that can only add: zeros at first use.
  TensorView<float> zeros(std::size_t i) {
    const Claim c = claim(i);
    if (c.mode == GradientMode::assign) std::fill_n(c.grad.data, c.grad.size(), 0.0F);
    return c.grad;
  }
};

/// What an operator's float backward gets.
struct FloatBackward {
  FloatInputs x;                   ///< of the forward
  TensorView<const float> y;       ///< what it gave
  TensorView<const float> grad_y;  ///< dloss / dy
  const std::any& cache;           ///< what train_forward left there
  InputGradients& grad_x;          ///< dloss / dx
  std::span<const TensorView<float>>
      grad_parameters;  ///< dloss / dparameter in the order of visit(), to be added to; none: not wanted
};

/// What a tensor among an operator's parameters is.
enum class ParameterKind {
  weight,    ///< trained with weight decay
  bias,      ///< trained without: biases, gammas, betas, slopes
  statistic  ///< measured, not trained
};

/// Gets every parameter of an operator, in a fixed order: for counts, fingerprints, training, printing.
class OperatorVisitor {
 public:
  virtual ~OperatorVisitor() = default;
  virtual void tensor(std::string_view name, const TensorView<float>& values,
                      ParameterKind kind) = 0;                   ///< numbers that may be changed in place
  virtual void number(std::string_view name, double value) = 0;  ///< a setting
  /// Settings that are a list.
  template <class List>
  void numbers(std::string_view name, const List& values) {
    for (const auto v : values) number(name, static_cast<double>(v));
  }
};

/// Specialised for each operator L. See net/graph/operator.hpp for what has to be there, and net/operators/ for all of ours.
template <class L>
struct OperatorRules;

/// Specialised for each operator with weights, one more facet: net/graph/weighted_rules.hpp.
template <class L>
struct WeightedRules;

namespace detail {

/// For messages about a node.
template <class... Parts>
[[noreturn]] void refuse_extents(const std::string& node, const Parts&... parts) {
  throw shape_error(message("Network::add: node ", node, ": ", parts...));
}

/// Extents with the batch in front.
inline Extents with_batch(std::size_t batch, const Extents& extent) {
  Extents e{batch};
  for (const std::size_t n : extent) e.push_back(n);
  return e;
}

/// Puts a gradient where a backward wants it.
inline void add_gradient(const TensorView<const float>& from, const InputGradients::Claim& to) {
  parallel_ranges(from.size(), std::size_t{1} << 16, [&](std::size_t begin, std::size_t end) {
    if (to.mode == GradientMode::assign)
      std::copy(from.data + begin, from.data + end, to.grad.data + begin);
    else
      for (std::size_t i = begin; i < end; ++i) to.grad.data[i] += from.data[i];
  });
}

struct ClampBytes {
  TRIMTAB_LOOP void run(std::uint8_t* y, std::size_t count, std::uint8_t lo, std::uint8_t hi) {
    for (std::size_t i = 0; i < count; ++i) y[i] = y[i] < lo ? lo : y[i] > hi ? hi : y[i];
  }
};

/// Clamps bytes where they are.
inline void clamp_bytes(const TensorView<std::uint8_t>& y, const CodeRange& codes) {
  if (codes.qmin <= 0 && codes.qmax >= 255) return;
  const auto lo = static_cast<std::uint8_t>(codes.qmin), hi = static_cast<std::uint8_t>(codes.qmax);
  parallel_ranges(y.size(), std::size_t{1} << 16,
                  [&](std::size_t begin, std::size_t end) { run_loop<ClampBytes>(y.data + begin, end - begin, lo, hi); });
}

}  // namespace detail
}  // namespace trimtab
