#pragma once
/// \file
/// std::mdspan and Kokkos' mdspan as trimtab tensors, with whatever strided layout, without copies. Neither is included: whoever
/// has one has its header.

#include <concepts>
#include <trimtab/core/tensor_view.hpp>

namespace trimtab {

/// A strided multidimensional span whose elements are reached through a plain pointer (the default accessor).
template <class C>
concept MdspanLike = std::same_as<typename C::reference, typename C::element_type&> && requires(const C& c, std::size_t axis) {
  { C::rank() } -> std::convertible_to<std::size_t>;
  { c.data_handle() } -> std::convertible_to<typename C::element_type*>;
  { c.extent(axis) } -> std::convertible_to<typename C::index_type>;
  { c.stride(axis) } -> std::convertible_to<typename C::index_type>;
};

/// Mdspans through trimtab's door; rank 0 is one element.
template <MdspanLike C>
struct TensorAccess<C> {
  /// Pointer, extents and strides of the span.
  static TensorView<typename C::element_type> view(const C& c) {
    Extents extent;
    Strides stride;
    for (std::size_t axis = 0; axis < C::rank(); ++axis) {
      extent.push_back(static_cast<std::size_t>(c.extent(axis)));
      stride.push_back(static_cast<std::ptrdiff_t>(c.stride(axis)));
    }
    return {c.data_handle(), extent, stride};
  }
};

}  // namespace trimtab
