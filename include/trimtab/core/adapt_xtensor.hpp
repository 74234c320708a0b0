#pragma once
/// \file
/// xtensor's containers and strided views as trimtab tensors, without copies. Also the only place that includes xtensor.

#if __has_include(<xtensor/containers/xarray.hpp>)  // since xtensor 0.26
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#endif

#include <trimtab/core/tensor_view.hpp>

namespace trimtab {

/// Containers, adaptors and strided views of xtensor: whatever has data, shape, strides and an offset.
template <class C>
concept XtensorLike = requires(C& c) {
  c.data();
  c.data_offset();
  c.strides();
  c.shape();
  c.dimension();
};

template <XtensorLike C>
struct TensorAccess<C> {
  template <class Container>
  /// Pointer to the first element, extents and strides.
  static auto view(Container& c) {
    using T = std::remove_pointer_t<decltype(c.data())>;
    return TensorView<T>{c.data() + c.data_offset(), Extents(c.shape().begin(), c.shape().end()),
                         Strides(c.strides().begin(), c.strides().end())};
  }
};

}  // namespace trimtab
