#pragma once
/// \file
/// Outputs that share memory with inputs. The rule for every operator of the library: an output shares no memory with an input,
/// unless the operator's comment says that they may be the same tensor. What breaks the rule is refused before anything is
/// written.

#include <cstddef>
#include <functional>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>

namespace trimtab::detail {

/// The bytes between a tensor's first and last element, gaps included; empty for a tensor without elements.
struct MemoryRange {
  const std::byte *begin = nullptr, *end = nullptr;

  template <class T>
  explicit MemoryRange(const TensorView<T>& v) {
    if (v.size() == 0 || v.data == nullptr) return;
    std::ptrdiff_t lowest = 0, highest = 0;
    for (std::size_t axis = 0; axis < v.rank(); ++axis) {
      const std::ptrdiff_t reach = v.stride[axis] * (static_cast<std::ptrdiff_t>(v.extent[axis]) - 1);
      (reach < 0 ? lowest : highest) += reach;
    }
    begin = reinterpret_cast<const std::byte*>(v.data + lowest);
    end = reinterpret_cast<const std::byte*>(v.data + highest + 1);
  }
  bool overlaps(const MemoryRange& o) const {
    const std::less<const std::byte*> before;
    return before(begin, o.end) && before(o.begin, end);
  }
};

/// Whether element i of both is at one place, for every i.
template <class A, class B>
bool same_elements(const TensorView<A>& a, const TensorView<B>& b) {
  return static_cast<const void*>(a.data) == static_cast<const void*>(b.data) && sizeof(A) == sizeof(B) && a.size() == b.size() &&
         ((a.extent == b.extent && a.stride == b.stride) || (is_row_major(a) && is_row_major(b)));
}

[[noreturn]] inline void refuse_shared_memory(const char* what) {
  throw value_error(message(
      what,
      ": the output shares memory with an input, which is still read while the output is written; give it memory of its own"));
}

/// Throws value_error, naming `what`, when the output shares memory with an input.
template <class Y, class... X>
void require_apart(const char* what, const TensorView<Y>& output, const TensorView<X>&... inputs) {
  const MemoryRange y(output);
  if ((y.overlaps(MemoryRange(inputs)) || ...)) refuse_shared_memory(what);
}

/// The same for functions of single elements, whose output may be an input itself.
template <class Y, class... X>
void require_apart_or_same(const char* what, const TensorView<Y>& output, const TensorView<X>&... inputs) {
  const MemoryRange y(output);
  if (((y.overlaps(MemoryRange(inputs)) && !same_elements(output, inputs)) || ...)) refuse_shared_memory(what);
}

/// require_apart for plain arrays.
template <class Y, class X>
void require_apart(const char* what, const Y* output, std::size_t output_size, const X* input, std::size_t input_size) {
  require_apart(what, TensorView<const Y>(output, {output_size}), TensorView<const X>(input, {input_size}));
}

}  // namespace trimtab::detail
