#pragma once
/// \file
/// Eigen's Matrix, Array, Map, Ref and Tensor as trimtab tensors, in both storage orders, without copies.

#include <Eigen/Core>
#include <trimtab/core/tensor_view.hpp>

namespace trimtab {

/// Eigen's matrices, arrays and maps with direct access to their elements. A vector has rank 1.
template <class C>
concept EigenDense = std::is_base_of_v<Eigen::DenseBase<C>, C> && requires(C& c) {
  c.data();
  c.innerStride();
  c.outerStride();
};

template <EigenDense C>
struct TensorAccess<C> {
  /// Pointer, extents and strides in the container's own storage order.
  template <class Container>
  static auto view(Container& c) {
    using T = std::remove_pointer_t<decltype(c.data())>;
    const auto extent = [](Eigen::Index n) { return static_cast<std::size_t>(n); };
    if constexpr (C::IsVectorAtCompileTime)
      return TensorView<T>{c.data(), {extent(c.size())}, {c.innerStride()}};
    else
      return TensorView<T>{c.data(),
                           {extent(c.rows()), extent(c.cols())},
                           C::IsRowMajor ? Strides{c.outerStride(), c.innerStride()} : Strides{c.innerStride(), c.outerStride()}};
  }
};

/// Eigen::Tensor and Eigen::TensorMap (unsupported/Eigen/CXX11/Tensor, which the user includes).
template <class C>
concept EigenTensor = !EigenDense<C> && requires(C & c) {
  c.data();
  c.dimensions();
  C::NumDimensions;
  C::Layout;
};

template <EigenTensor C>
struct TensorAccess<C> {
  /// Pointer, extents and strides in the container's own storage order.
  template <class Container>
  static auto view(Container& c) {
    using T = std::remove_pointer_t<decltype(c.data())>;
    const auto& dims = c.dimensions();
    const Extents extent(dims.begin(), dims.end());
    Strides stride = row_major_strides(extent);
    if (static_cast<int>(C::Layout) == static_cast<int>(Eigen::ColMajor)) {
      std::ptrdiff_t step = 1;
      for (std::size_t axis = 0; axis < extent.size(); ++axis) {
        stride[axis] = step;
        step *= static_cast<std::ptrdiff_t>(extent[axis]);
      }
    }
    return TensorView<T>{c.data(), extent, stride};
  }
};

}  // namespace trimtab
