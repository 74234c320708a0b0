#pragma once
/// \file
/// Any quantizer as one value: the library's or a user's.

#include <concepts>
#include <memory>
#include <span>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/net/graph/operator_rules.hpp>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/transform/search_threshold.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab {

/// What a network asks of a quantizer beside the Quantizer concept.
template <class Q>
concept NetworkQuantizer = Quantizer<Q> && std::copyable<Q> && requires(const Q& q, Q& changed, std::size_t i) {
  { q.granularity() } -> std::convertible_to<Granularity>;
  { q.bounds(i) } -> std::convertible_to<Bounds<float>>;
  { q.start(i) } -> std::convertible_to<float>;                   // where factor i begins
  { q.calibrated() } -> std::convertible_to<std::vector<float>>;  // the numbers that the factors move: for fingerprints
  { Q::is_symmetric() } -> std::convertible_to<bool>;             // whether zero points are always 0
};

/// A grid without factors: what is fixed by definition, such as a Sigmoid's 1/256.
class FixedGrid {
 public:
  using value_type = float;                                                       ///< of tensors
  static constexpr bool is_symmetric() { return true; }                           ///< as far as weights are concerned
  explicit FixedGrid(Affine<float> grid) : grid_(grid) {}                         ///< the grid
  std::size_t channels() const { return 1; }                                      ///< one for the whole tensor
  Granularity granularity() const { return per_tensor; }                          ///< one for the whole tensor
  Affine<float> grid(std::size_t) const { return grid_; }                         ///< always the same
  std::span<float> factors() { return {}; }                                       ///< none
  std::span<const float> factors() const { return {}; }                           ///< none
  Bounds<float> bounds(std::size_t) const { return {1, 1}; }                      ///< of no factor
  float start(std::size_t) const { return 1; }                                    ///< of no factor
  std::vector<float> calibrated() const { return {grid_.scale}; }                 ///< the scale
  void add_gradient(std::size_t, const GridGradient&, std::span<float>) const {}  ///< nothing is trained

 private:
  Affine<float> grid_;
};

/// Holds any quantizer Q with NetworkQuantizer<Q>.
class AnyQuantizer {
 public:
  using value_type = float;  ///< of tensors and factors

  /// Takes AdjustableThreshold, AdjustableRange, FixedGrid, or a type of one's own.
  template <class Q>
  requires(!std::is_same_v<std::remove_cvref_t<Q>, AnyQuantizer>) AnyQuantizer(Q&& q)
      : model_(std::make_unique<Model<std::remove_cvref_t<Q>>>(std::forward<Q>(q))) {}
  AnyQuantizer(const AnyQuantizer& other) : model_(other.model_->copy()) {}  ///< deep
  AnyQuantizer(AnyQuantizer&&) noexcept = default;                           ///< leaves nothing behind
  AnyQuantizer& operator=(const AnyQuantizer& other) {                       ///< deep
    model_ = other.model_->copy();
    return *this;
  }
  AnyQuantizer& operator=(AnyQuantizer&&) noexcept = default;  ///< leaves nothing behind

  /// See AdjustableThreshold, here and below.
  std::size_t channels() const { return model_->channels(); }
  Granularity granularity() const { return model_->granularity(); }                    ///< what a channel is
  Affine<float> grid(std::size_t c) const { return model_->grid(c); }                  ///< of channel c
  std::span<float> factors() { return model_->factors(); }                             ///< trained
  std::span<const float> factors() const { return std::as_const(*model_).factors(); }  ///< the same, to read
  Bounds<float> bounds(std::size_t i) const { return model_->bounds(i); }              ///< of factor i
  float start(std::size_t i) const { return model_->start(i); }                        ///< where factor i begins
  std::vector<float> calibrated() const { return model_->calibrated(); }               ///< the numbers that the factors move
  bool is_symmetric() const { return model_->is_symmetric(); }                         ///< whether zero points are always 0
  /// The factors' gradients.
  void add_gradient(std::size_t c, const GridGradient& g, std::span<float> grad_factors) const {
    model_->add_gradient(c, g, grad_factors);
  }
  /// Moves it to where rounding and clipping of these weights cost the least squared error (search_threshold). Throws
  /// unsupported_error where there is no search_threshold for its type.
  void search(const TensorView<const float>& weight) { model_->search(weight); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual std::unique_ptr<Interface> copy() const = 0;
    virtual std::size_t channels() const = 0;
    virtual Granularity granularity() const = 0;
    virtual Affine<float> grid(std::size_t c) const = 0;
    virtual std::span<float> factors() = 0;
    virtual std::span<const float> factors() const = 0;
    virtual Bounds<float> bounds(std::size_t i) const = 0;
    virtual float start(std::size_t i) const = 0;
    virtual std::vector<float> calibrated() const = 0;
    virtual bool is_symmetric() const = 0;
    virtual void add_gradient(std::size_t c, const GridGradient& g, std::span<float> grad_factors) const = 0;
    virtual void search(const TensorView<const float>& weight) = 0;
  };
  template <class Q>
  struct Model final : Interface {
    static_assert(NetworkQuantizer<Q>,
                  "trimtab: a quantizer in a network needs channels(), granularity(), grid(c), factors(), bounds(i), start(i), "
                  "calibrated(), "
                  "add_gradient(c, GridGradient, span) and `static constexpr bool is_symmetric()`; see FixedGrid in "
                  "net/quantize/any_quantizer.hpp");
    Q q;
    explicit Model(Q from) : q(std::move(from)) {}
    std::unique_ptr<Interface> copy() const override { return std::make_unique<Model>(q); }
    std::size_t channels() const override { return q.channels(); }
    Granularity granularity() const override { return q.granularity(); }
    Affine<float> grid(std::size_t c) const override { return q.grid(c); }
    std::span<float> factors() override { return q.factors(); }
    std::span<const float> factors() const override { return q.factors(); }
    Bounds<float> bounds(std::size_t i) const override { return q.bounds(i); }
    float start(std::size_t i) const override { return q.start(i); }
    std::vector<float> calibrated() const override { return q.calibrated(); }
    bool is_symmetric() const override { return Q::is_symmetric(); }
    void add_gradient(std::size_t c, const GridGradient& g, std::span<float> grad_factors) const override {
      q.add_gradient(c, g, grad_factors);
    }
    void search(const TensorView<const float>& weight) override {
      if constexpr (requires { search_threshold(weight, q); })
        search_threshold(weight, q);
      else
        throw unsupported_error("AnyQuantizer::search: this quantizer has no search_threshold");
    }
  };

  std::unique_ptr<Interface> model_;
};
static_assert(Quantizer<AnyQuantizer>);

}  // namespace trimtab
