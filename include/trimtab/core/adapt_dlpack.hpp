#pragma once
/// \file
/// Tensors of other frameworks by DLPack (github.com/dmlc/dlpack), without copies: DLTensor, DLManagedTensor and, from DLPack 1.0
/// on, DLManagedTensorVersioned. Its header is not included: whoever has a DLPack tensor has dlpack.h.

#include <concepts>
#include <cstdint>
#include <limits>
#include <trimtab/core/tensor_view.hpp>
#include <type_traits>

namespace trimtab {

/// DLTensor.
template <class T>
concept DlpackTensor = requires(const T& t) {
  t.data;
  t.device.device_type;
  t.ndim;
  t.dtype.code;
  t.dtype.bits;
  t.dtype.lanes;
  t.shape[0];
  t.strides[0];
  t.byte_offset;
};

/// DLManagedTensor and DLManagedTensorVersioned.
template <class M>
concept DlpackManagedTensor = requires(const M& m) {
  { m.dl_tensor } -> DlpackTensor;
};

namespace detail {

/// DLPack's type code of T: kDLInt 0, kDLUInt 1, kDLFloat 2.
template <class T>
inline constexpr int dlpack_code = std::is_floating_point_v<T> ? 2
                                   : std::is_signed_v<T>       ? 0
                                                               : 1;

}  // namespace detail

/// The elements of a DLPack tensor in the CPU's memory, as a view that owns nothing: the producer's deleter stays with the
/// caller, who calls it when the view is no longer used. No strides mean dense row-major ones; byte_offset is added. Throws
/// unsupported_error when the elements are not of type T or lie on a device, shape_error for a rank beyond max_rank or a negative
/// extent, value_error when data is null or not aligned for T.
template <class T, DlpackTensor D>
TensorView<T> from_dlpack(const D& t) {
  using Value = std::remove_const_t<T>;
  static_assert(std::is_arithmetic_v<Value>, "trimtab: from_dlpack<T> takes an arithmetic T, the tensor's element type");
  const auto refuse = [](const auto&... why) -> unsupported_error {
    return unsupported_error(detail::message("from_dlpack: ", why...));
  };
  if (int(t.dtype.code) != detail::dlpack_code<Value> || int(t.dtype.bits) != 8 * int(sizeof(Value)) || t.dtype.lanes != 1)
    throw refuse("elements of code ", int(t.dtype.code), " with ", int(t.dtype.bits), " bits and ", int(t.dtype.lanes),
                 " lanes; expected code ", detail::dlpack_code<Value>, " with ", 8 * sizeof(Value), " bits and 1 lane");
  // kDLCPU 1, kDLCUDAHost 3, kDLROCMHost 11: memory that the CPU reads.
  const int device = static_cast<int>(t.device.device_type);
  if (device != 1 && device != 3 && device != 11)
    throw refuse("the tensor lies on device type ", device, "; copy it to the CPU first");
  if (t.ndim < 0 || static_cast<std::size_t>(t.ndim) > max_rank)
    throw shape_error(detail::message("from_dlpack: rank ", t.ndim, "; expected 0 to ", max_rank));
  Extents extent;
  Strides stride;
  for (int axis = 0; axis < int(t.ndim); ++axis) {
    if (t.shape[axis] < 0) throw shape_error(detail::message("from_dlpack: axis ", axis, " has extent ", t.shape[axis]));
    extent.push_back(static_cast<std::size_t>(t.shape[axis]));
    if (t.strides != nullptr) stride.push_back(static_cast<std::ptrdiff_t>(t.strides[axis]));
  }
  if (t.strides == nullptr) stride = row_major_strides(extent);
  if (element_count(extent) == 0) return {nullptr, extent, stride};
  char* const first = static_cast<char*>(t.data) + t.byte_offset;
  if (t.data == nullptr) throw value_error(detail::message("from_dlpack: data is null for extents ", extent));
  if (reinterpret_cast<std::uintptr_t>(first) % alignof(Value) != 0)
    throw value_error(
        detail::message("from_dlpack: data + byte_offset ", t.byte_offset, " is not aligned to ", alignof(Value), " bytes"));
  return {reinterpret_cast<T*>(first), extent, stride};
}

/// The same of a managed tensor. Throws unsupported_error, too, when its major version is beyond 1, or when it is flagged
/// read-only and T is not const.
template <class T, DlpackManagedTensor M>
TensorView<T> from_dlpack(const M& m) {
  if constexpr (requires {
                  m.version.major;
                  m.flags;
                }) {
    if (m.version.major != 1)
      throw unsupported_error(
          detail::message("from_dlpack: DLPack version ", m.version.major, ".", m.version.minor, "; known is 1"));
    constexpr std::uint64_t read_only = 1;  // DLPACK_FLAG_BITMASK_READ_ONLY
    if (!std::is_const_v<T> && (m.flags & read_only) != 0)
      throw unsupported_error("from_dlpack: the tensor is read-only; ask for from_dlpack<const T>");
  }
  return from_dlpack<T>(m.dl_tensor);
}

}  // namespace trimtab
