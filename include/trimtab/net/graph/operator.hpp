#pragma once
/// \file
/// What a node computes, as one value: any type L for which OperatorRules<L> says all there is to say, ours or a user's.

#include <any>
#include <memory>
#include <optional>
#include <string>
#include <trimtab/net/graph/operator_rules.hpp>
#include <trimtab/net/graph/require_rules.hpp>
#include <trimtab/net/graph/weighted_rules.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/grid_steps.hpp>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace trimtab {

class Operator;

/// The rules of some operator, asked at run time. What each is, see operator_rules.hpp.
class OperatorInterface {
 public:
  virtual ~OperatorInterface() = default;

  virtual const char* name() const = 0;                      ///< for messages, reports and files
  virtual Arity arity() const = 0;                           ///< how many inputs
  virtual bool is_fed() const = 0;                           ///< an Input: its values come from the caller
  virtual IntegerRule integers() const = 0;                  ///< who makes its codes
  virtual GridRule grid(Requantizer requantizer) const = 0;  ///< where its codes lie
  /// The grid where that is GridRule::fixed; bytes, zero point included.
  virtual Affine<float> fixed_grid() const = 0;
  virtual bool has_fixed_point(
      std::span<const Extents> in) const = 0;  ///< whether Requantizer::fixed_point is defined for such inputs
  virtual SignRule sign() const = 0;           ///< of the output
  virtual ScalingRule scaling(std::span<const Extents> in) const = 0;  ///< of channels
  virtual Clip bounds() const = 0;  ///< no output leaves this interval, by definition; no_clip where nothing is known
  /// Whether, for such inputs, the output's elements are the input's in memory's order: it may be the same memory.
  virtual bool keeps_order(std::span<const Extents> in) const = 0;
  /// Of an operator that may move codes: the number that it puts where no element of such inputs comes from; nothing where all
  /// come from there, and of other operators.
  virtual std::optional<float> fill(std::span<const Extents> in) const = 0;
  virtual bool homogeneous() const = 0;  ///< op(s * x0, x1, ...) is s * op(x0, x1, ...) for s > 0; false where nothing is known
  virtual bool reads_bytes() const = 0;  ///< takes codes as the numbers that they are, whatever they stand for, and gives such
  /// Itself as an affine function of each channel, where it is one.
  virtual std::optional<ChannelFactors> affine() const = 0;

  /// Of the output, batch excluded. Throws shape_error, naming `node`.
  virtual Extents extent(std::span<const Extents> in, const std::string& node) const = 0;
  virtual double macs(std::span<const Extents> in, const Extents& out) const = 0;  ///< multiply-accumulates of one batch element
  virtual void visit(OperatorVisitor& visitor) = 0;                                ///< all parameters

  /// Multiplies itself into the layer that it alone reads, so that the layer computes both; false, and nothing is changed, where
  /// it cannot.
  virtual bool fold_into(WeightedLayer& before) const = 0;
  /// An equal operator for inference, of one that is IntegerRule::folded; else itself.
  virtual Operator simplified() const = 0;

  /// y = op(x) in float.
  virtual void forward(FloatInputs x, const TensorView<float>& y) const = 0;
  /// The same when a backward follows; `cache` is for it. Batch norm takes the batch's statistics, and moves its own towards them
  /// at `statistics_rate`.
  virtual void train_forward(FloatInputs x, const TensorView<float>& y, std::any& cache, float statistics_rate) = 0;
  virtual void backward(const FloatBackward& b) const = 0;  ///< of train_forward

  /// The output in steps of grid_y, real / scale, before clamp and rounding: IntegerRule::rounds.
  virtual void steps(CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) const = 0;
  /// The output's bytes on grid_y, clamped to its codes. Equal to the rounded steps where there are any.
  virtual void codes(CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) const = 0;
  /// The same in the arithmetic of TFLite's kernels, integers but where those are not: where has_fixed_point(). code_origin: the
  /// byte that stands for TFLite's code 0.
  virtual void fixed_point_codes(CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                                 const TensorView<std::uint8_t>& y) const = 0;
  /// Straight through: grad_y, dloss / doutput where neither clip nor grid cut, to the inputs.
  virtual void codes_backward(CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                              InputGradients& grad_x) const = 0;
  /// What stands for it in a network of integers, whose grids are known: itself, or a table.
  virtual Operator lowered(std::span<const Affine<float>> grids_x, const Affine<float>& grid_y) const = 0;

  virtual WeightedLayer* weighted() = 0;              ///< its facet of weights, or null
  virtual const WeightedLayer* weighted() const = 0;  ///< the same, to read

  virtual std::unique_ptr<OperatorInterface> copy() const = 0;  ///< a deep one
  virtual const std::type_info& type() const = 0;               ///< of L
  virtual const void* layer() const = 0;                        ///< the L
};

namespace detail {
template <class L>
class OperatorModel;
}

/// A value of any operator type.
class Operator {
 public:
  /// Takes any type L with OperatorRules<L>.
  template <class L>
  requires(!std::is_same_v<std::remove_cvref_t<L>, Operator>) Operator(L&& layer);
  Operator(const Operator& other) : model_(other.model_->copy()) {}  ///< deep
  Operator(Operator&&) noexcept = default;                           ///< leaves nothing behind
  Operator& operator=(const Operator& other) {                       ///< deep
    model_ = other.model_->copy();
    return *this;
  }
  Operator& operator=(Operator&&) noexcept = default;  ///< leaves nothing behind

  OperatorInterface* operator->() { return model_.get(); }              ///< its rules
  const OperatorInterface* operator->() const { return model_.get(); }  ///< its rules

  /// The L, or null when it is of another type.
  template <class L>
  const L* get_if() const {
    return model_->type() == typeid(L) ? static_cast<const L*>(model_->layer()) : nullptr;
  }
  template <class L>
  L* get_if() {  ///< the same
    return const_cast<L*>(std::as_const(*this).template get_if<L>());
  }
  /// The L. Throws value_error when it is of another type.
  template <class L>
  const L& get() const {
    const L* found = get_if<L>();
    if (found == nullptr)
      throw value_error(detail::message("Operator::get: this is ", model_->name(), ", not ", OperatorRules<L>::name));
    return *found;
  }
  template <class L>
  L& get() {  ///< the same
    return const_cast<L&>(std::as_const(*this).template get<L>());
  }
  /// Whether it is an L.
  template <class L>
  bool is() const {
    return get_if<L>() != nullptr;
  }
  /// Whether two are of one type.
  bool same_type(const Operator& other) const { return model_->type() == other.model_->type(); }

 private:
  std::unique_ptr<OperatorInterface> model_;
};

/// Whether its values are the same for every picture: a source that is not fed.
inline bool is_constant(const Operator& op) { return op->integers() == IntegerRule::source && !op->is_fed(); }
/// What a constant of these extents holds.
inline std::vector<float> constant_values(const Operator& op, const Extents& extent) {
  std::vector<float> values(element_count(extent));
  op->forward({}, TensorView<float>(values.data(), detail::with_batch(1, extent)));
  return values;
}
/// Whether it lines up its inputs' codes, each brought to the grid that they share.
inline bool joins_inputs(const Operator& op) { return op->grid(Requantizer::float32) == GridRule::shared_by_inputs; }

/// The operator's name, as messages and reports print it.
inline const char* operator_name(const Operator& op) { return op->name(); }

namespace detail {

/// The facet of L's weights.
template <class L>
class WeightedModel : public WeightedLayer {
  using R = WeightedRules<L>;
  using Packed = typename R::Packed;
  static const Packed& packed_of(const void* packed) { return *static_cast<const Packed*>(packed); }

 public:
  explicit WeightedModel(L& layer) : l_(&layer) {}

  TensorView<float> weight() override { return view(l_->weight); }
  TensorView<const float> weight() const override { return view(std::as_const(l_->weight)); }
  std::span<float> bias() override { return {l_->bias.data(), l_->bias.size()}; }
  std::span<const float> bias() const override { return {l_->bias.data(), l_->bias.size()}; }
  void set_bias(std::span<const float> bias) override {
    l_->bias = decltype(l_->bias)::from_shape({bias.size()});
    std::copy(bias.begin(), bias.end(), l_->bias.data());
  }
  void drop_weights() override {
    l_->weight = decltype(l_->weight)::from_shape({});
    set_bias({});
  }
  void set_weight(const TensorView<const float>& weight) override {
    l_->weight = decltype(l_->weight)::from_shape(std::vector<std::size_t>(weight.extent.begin(), weight.extent.end()));
    std::copy_n(weight.data, weight.size(), l_->weight.data());
  }
  Extents extent(const Extents& weight, std::span<const Extents> in, const std::string& node) const override {
    if (weight.size() != l_->weight.dimension())
      refuse_extents(node, "a weight of extents ", weight, ", expected ", l_->weight.dimension(), " axes");
    return R::extent(*l_, weight, in, node);
  }
  std::size_t output_axis() const override { return R::output_axis; }
  std::size_t input_axis() const override { return R::input_axis; }
  std::size_t groups() const override { return R::groups(*l_); }
  double reach() const override { return R::reach(*l_); }
  FixedPointProduct fixed_point_product() const override { return R::fixed_point_product; }
  std::string mixes_channels() const override { return R::mixes_channels(*l_); }
  ChannelWeight by_input_channel(std::size_t channels) override { return R::by_input_channel(*l_, channels); }

  void pack(const TensorView<const std::int8_t>& codes, std::span<const std::int32_t> zero_point,
            std::shared_ptr<void>& packed) const override {
    if (!packed) packed = std::make_shared<Packed>();
    R::pack(*l_, codes, zero_point, *static_cast<Packed*>(packed.get()));
  }
  std::int32_t bias_limit(const void* packed, std::size_t o) const override { return packed_of(packed).bias_limit(o); }
  void run(const void* packed, const CodeInput& x, std::span<const std::int32_t> bias, const TensorView<std::int32_t>& y,
           int8::Workspace& workspace) const override {
    R::run(*l_, packed_of(packed), x, bias, workspace, y);
  }
  void run(const void* packed, const CodeInput& x, std::span<const std::int32_t> bias, std::span<const float> multiplier,
           const TensorView<float>& y, int8::Workspace& workspace) const override {
    R::run(*l_, packed_of(packed), x, bias, workspace, multiplier, y);
  }
  void run(const void* packed, const CodeInput& x, std::span<const std::int32_t> bias, const Requantize& requantize,
           const TensorView<std::uint8_t>& y, int8::Workspace& workspace) const override {
    R::run(*l_, packed_of(packed), x, bias, workspace, requantize, y);
  }

  void forward(const TensorView<const float>& x, const TensorView<float>& y, const LayerRun& run) const override {
    if constexpr (requires { R::forward(*l_, x, y, run); }) {
      R::forward(*l_, x, y, run);
    } else {
      OperatorRules<L>::forward(*l_, FloatInputs(&x, 1), y);
      if (run.clip != no_clip) clip_forward(y, run.clip.lo, run.clip.hi, y);
    }
  }
  void backward_weight(const TensorView<const float>& grad_y, const TensorView<const float>& x,
                       const TensorView<float>& grad_weight) const override {
    R::backward_weight(*l_, grad_y, x, grad_weight);
  }
  void backward_input(const TensorView<const float>& grad_y, const TensorView<const float>& weight,
                      const TensorView<float>& grad_x, GradientMode mode) const override {
    R::backward_input(*l_, grad_y, weight, grad_x, mode);
  }
  bool int16_products() const override { return R::int16_products(*l_); }
  WindowGeometry int16_geometry(const Extents& x) const override { return R::int16_geometry(*l_, x); }
  OutputMoments moments() const override { return R::moments(*l_); }
  void add_products(const TensorView<const float>& x, const TensorView<const float>& y, OutputMoments& m) const override {
    R::add_products(*l_, x, y, m);
  }

 private:
  L* l_;
};

struct NoWeights {
  explicit NoWeights(const auto&) {}
};

template <class L>
class OperatorModel final : public OperatorInterface {
  using R = OperatorRules<L>;
  static constexpr bool has_weights = may_be<L>(IntegerRule::sums);
  static constexpr bool on_codes = may_be<L>(IntegerRule::moves) || may_be<L>(IntegerRule::rounds);

  [[noreturn]] static void no_codes(const char* what) { throw value_error(message(R::name, " has no ", what)); }

 public:
  explicit OperatorModel(L layer) : l_(std::move(layer)), weighted_(l_) { require_rules<L>(); }

  const char* name() const override { return R::name; }
  Arity arity() const override { return R::arity; }
  bool is_fed() const override {
    if constexpr (may_be<L>(IntegerRule::source))
      return R::is_fed(l_);
    else
      return false;
  }
  IntegerRule integers() const override {
    if constexpr (requires { IntegerRule(R::integers(l_)); })
      return R::integers(l_);
    else
      return R::integers;
  }
  GridRule grid(Requantizer requantizer) const override { return R::grid(l_, requantizer); }
  Affine<float> fixed_grid() const override {
    if constexpr (requires { R::fixed_grid(l_); })
      return R::fixed_grid(l_);
    else
      no_codes("fixed grid");
  }
  bool has_fixed_point([[maybe_unused]] std::span<const Extents> in) const override {
    if constexpr (requires { bool(R::has_fixed_point(l_, in)); })
      return R::has_fixed_point(l_, in);
    else if constexpr (may_be<L>(IntegerRule::rounds))
      return R::has_fixed_point || integers() == IntegerRule::moves;
    else
      return true;
  }
  SignRule sign() const override { return R::sign(l_); }
  ScalingRule scaling([[maybe_unused]] std::span<const Extents> in) const override {
    if constexpr (requires { R::scaling(l_, in); })
      return R::scaling(l_, in);
    else
      return R::scaling(l_);
  }
  Clip bounds() const override { return R::bounds(l_); }
  bool keeps_order(std::span<const Extents> in) const override {
    if constexpr (may_be<L>(IntegerRule::moves))
      return R::keeps_order(l_, in);
    else
      return false;
  }
  std::optional<float> fill([[maybe_unused]] std::span<const Extents> in) const override {
    if constexpr (may_be<L>(IntegerRule::moves))
      return R::fill(l_, in);
    else
      return std::nullopt;
  }
  bool homogeneous() const override {
    if constexpr (requires { bool(R::homogeneous); })
      return R::homogeneous;
    else
      return false;
  }
  bool reads_bytes() const override {
    if constexpr (requires { bool(R::reads_bytes); })
      return R::reads_bytes;
    else
      return false;
  }
  std::optional<ChannelFactors> affine() const override {
    if constexpr (requires { ChannelFactors(R::affine(l_)); })
      return R::affine(l_);
    else
      return std::nullopt;
  }
  Extents extent(std::span<const Extents> in, const std::string& node) const override { return R::extent(l_, in, node); }
  double macs(std::span<const Extents> in, const Extents& out) const override { return R::macs(l_, in, out); }
  void visit(OperatorVisitor& visitor) override { R::visit(l_, visitor); }

  bool fold_into(WeightedLayer& before) const override { return R::fold_into(l_, before); }
  Operator simplified() const override;

  void forward(FloatInputs x, const TensorView<float>& y) const override { R::forward(l_, x, y); }
  void train_forward(FloatInputs x, const TensorView<float>& y, std::any& cache, float statistics_rate) override {
    R::train_forward(l_, x, y, cache, statistics_rate);
  }
  void backward(const FloatBackward& b) const override { R::backward(l_, b); }

  void steps(CodeInputs x, const Affine<float>& grid_y, const TensorView<float>& steps) const override {
    if constexpr (may_be<L>(IntegerRule::rounds))
      R::steps(l_, x, grid_y, steps);
    else
      no_codes("steps");
  }
  void codes(CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) const override {
    if constexpr (on_codes)
      R::codes(l_, x, grid_y, y);
    else
      no_codes("codes of inputs' codes alone");
  }
  void fixed_point_codes(CodeInputs x, const Affine<float>& grid_y, std::int32_t code_origin,
                         const TensorView<std::uint8_t>& y) const override {
    if constexpr (requires { R::fixed_point_codes(l_, x, grid_y, code_origin, y); })
      R::fixed_point_codes(l_, x, grid_y, code_origin, y);
    else
      no_codes("definition in fixed point");
  }
  void codes_backward(CodeInputs x, const Affine<float>& grid_y, const TensorView<const float>& grad_y,
                      InputGradients& grad_x) const override {
    if constexpr (on_codes)
      R::codes_backward(l_, x, grid_y, grad_y, grad_x);
    else
      no_codes("backward on codes");
  }
  Operator lowered(std::span<const Affine<float>> grids_x, const Affine<float>& grid_y) const override;

  WeightedLayer* weighted() override {
    if constexpr (has_weights)
      return &weighted_;
    else
      return nullptr;
  }
  const WeightedLayer* weighted() const override {
    if constexpr (has_weights)
      return &weighted_;
    else
      return nullptr;
  }
  std::unique_ptr<OperatorInterface> copy() const override { return std::make_unique<OperatorModel>(l_); }
  const std::type_info& type() const override { return typeid(L); }
  const void* layer() const override { return &l_; }

 private:
  template <bool weights, class T>
  struct Facet {
    using type = NoWeights;
  };
  template <class T>
  struct Facet<true, T> {
    using type = WeightedModel<T>;
  };

  L l_;
  typename Facet<has_weights, L>::type weighted_;
};

template <class L>
Operator OperatorModel<L>::lowered(std::span<const Affine<float>> grids_x, const Affine<float>& grid_y) const {
  if constexpr (on_codes) {
    return R::lowered(l_, grids_x, grid_y);
  } else {
    static_cast<void>(grids_x), static_cast<void>(grid_y);
    return l_;
  }
}

template <class L>
Operator OperatorModel<L>::simplified() const {
  if constexpr (may_be<L>(IntegerRule::folded))
    return R::simplified(l_);
  else
    return l_;
}

}  // namespace detail

template <class L>
requires(!std::is_same_v<std::remove_cvref_t<L>, Operator>) Operator::Operator(L&& layer)
    : model_(std::make_unique<detail::OperatorModel<std::remove_cvref_t<L>>>(std::forward<L>(layer))) {}

/// Base of OperatorRules<L> for operators that only look at their inputs: no multiply-accumulates worth counting; training runs
/// it as everything else does; a layer before it stays by itself; in a network of integers it is the same.
template <class L>
struct SimpleRules {
  static double macs(const L&, std::span<const Extents>, const Extents&) { return 0; }
  static void train_forward(L& l, FloatInputs x, const TensorView<float>& y, std::any&, float) {
    OperatorRules<L>::forward(l, x, y);
  }
  static bool fold_into(const L&, WeightedLayer&) { return false; }
  static Operator lowered(const L& l, std::span<const Affine<float>>, const Affine<float>&) { return l; }
};

/// Base of OperatorRules<L> for operators whose codes are their steps, rounded: steps() is the definition, in training and in
/// deployment.
template <class L>
struct RoundsSteps {
  static constexpr IntegerRule integers = IntegerRule::rounds;
  static void codes(const L& l, CodeInputs x, const Affine<float>& grid_y, const TensorView<std::uint8_t>& y) {
    const auto steps = std::make_unique_for_overwrite<float[]>(y.size());
    OperatorRules<L>::steps(l, x, grid_y, TensorView<float>(steps.get(), y.extent));
    steps_to_bytes(steps.get(), y.size(), grid_y, y.data);
  }
};

/// Base of OperatorRules<L> for operators whose backward on codes is that of floats, at what the inputs' codes stand for.
/// `by_output`: whether it looks at the output or at a cache, which have to be computed again.
template <class L, bool by_output>
struct BackwardOfReals {
  /// Adds the gradients of the inputs to grad_x.
  static void codes_backward(const L& l, CodeInputs x, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    std::vector<std::vector<float>> reals(x.size() + 1);
    std::vector<TensorView<const float>> in;
    for (std::size_t i = 0; i < x.size(); ++i) {
      reals[i].resize(x[i].codes.size());
      bytes_to_reals(x[i].codes.data, reals[i].size(), x[i].grid, reals[i].data());
      in.emplace_back(reals[i].data(), x[i].codes.extent);
    }
    TensorView<float> y;
    std::any cache;
    if constexpr (by_output) {
      reals.back().resize(grad_y.size());
      y = TensorView<float>(reals.back().data(), grad_y.extent);
      L copy = l;  // which a forward in training may change
      OperatorRules<L>::train_forward(copy, in, y, cache, 0.0F);
    }
    OperatorRules<L>::backward(l, {in, y, grad_y, cache, grad_x, {}});
  }
};

}  // namespace trimtab

/// The last line of an operator's header, in namespace trimtab: with TRIMTAB_EXTERN_KERNELS its model is compiled once, and
/// not in every file that puts it into a network (core/config.hpp).
#ifdef TRIMTAB_OPERATORS_TEMPLATE
#define TRIMTAB_OPERATOR_MODEL(L) TRIMTAB_OPERATORS_TEMPLATE class detail::OperatorModel<L>;
#define TRIMTAB_WEIGHTED_OPERATOR_MODEL(L)                   \
  TRIMTAB_OPERATORS_TEMPLATE class detail::WeightedModel<L>; \
  TRIMTAB_OPERATOR_MODEL(L)
#else
#define TRIMTAB_OPERATOR_MODEL(L)
/// The same for an operator with WeightedRules.
#define TRIMTAB_WEIGHTED_OPERATOR_MODEL(L)
#endif
