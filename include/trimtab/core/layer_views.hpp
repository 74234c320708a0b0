#pragma once
/// \file
/// What the entries of float layers have in common: one element type, and vectors with one number a channel.

#include <concepts>
#include <cstddef>
#include <span>
#include <trimtab/core/tensor_view.hpp>
#include <type_traits>

namespace trimtab {

/// What a backward does with the gradient that it gives: adds to what is there, or writes it anew, which saves its only user the
/// zeros.
enum class GradientMode { add, assign };

/// A layer's bias that is not there: `linear_forward(x, weight, no_bias, y)`, and so everywhere a bias is asked for, of whatever
/// type.
struct NoBias {
  /// No numbers.
  template <class T>
  operator std::span<const T>() const {
    return {};
  }
};
inline constexpr NoBias no_bias{};  ///< the one of them

/// No elements; layers of doubles take it, too.
template <>
struct TensorAccess<NoBias> {
  static TensorView<const float> view(const NoBias&) { return {nullptr, {0}}; }  ///< nothing
};

namespace detail {

/// The element type that all of the tensors share; a NoBias has none.
template <class First, class... Others>
struct SharedReal {
  using type = value_t<First>;
  static_assert(std::floating_point<type> &&
                    ((std::is_same_v<type, value_t<Others>> || std::is_same_v<std::remove_cvref_t<Others>, NoBias>)&&...),
                "trimtab: float layers take tensors of one floating-point type; dequantize or convert first");
};
template <class... Tensors>
using shared_real = typename SharedReal<Tensors...>::type;

/// A dense tensor of whatever rank from 1, its last axis being the channels.
template <Tensor C>
auto channels_last_view(C& c, const char* what) {
  auto v = view(c);
  if (v.rank() == 0) throw shape_error(message(what, ": expected a last axis of channels, got rank 0"));
  return dense_view(c, v.rank(), what);
}

/// The numbers of a tensor of extents [count].
template <Tensor C>
auto* vector_data(C& c, std::size_t count, const char* what) {
  const auto v = dense_view(c, 1, what);
  require_extents(v.extent, {count}, what);
  return v.data;
}

/// The same, or a null pointer for an empty tensor.
inline std::nullptr_t optional_vector_data(const NoBias&, std::size_t, const char*) { return nullptr; }
template <Tensor C>
auto* optional_vector_data(C& c, std::size_t count, const char* what) {
  const auto v = view(c);
  return v.size() == 0 ? nullptr : vector_data(c, count, what);
}

}  // namespace detail
}  // namespace trimtab
