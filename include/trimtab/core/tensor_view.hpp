#pragma once
/// \file
/// The door through which every container enters: `view(x)` gives pointer, extents and strides. A new container
/// is one `TensorAccess` specialisation; the loops behind the door are the same for all.

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <numeric>
#include <ostream>
#include <span>
#include <trimtab/core/error.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

/// The largest rank a tensor may have.
inline constexpr std::size_t max_rank = 8;

/// Up to `max_rank` numbers, one per axis, held in place.
template <class Int>
class PerAxis {
 public:
  constexpr PerAxis() = default;
  /// Throws shape_error when there are more than `max_rank` of them.
  constexpr PerAxis(std::initializer_list<Int> values) : PerAxis(values.begin(), values.end()) {}
  /// The numbers of a range; throws as above.
  template <class Iterator>
  constexpr PerAxis(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(static_cast<Int>(*first));
  }

  /// Appends a number; throws shape_error when there are `max_rank` already.
  constexpr void push_back(Int value) {
    if (size_ == max_rank) throw shape_error(detail::message("trimtab: a tensor has at most ", max_rank, " axes"));
    values_[size_++] = value;
  }
  constexpr std::size_t size() const { return size_; }                               ///< number of axes
  constexpr Int& operator[](std::size_t axis) { return values_[axis]; }              ///< unchecked
  constexpr const Int& operator[](std::size_t axis) const { return values_[axis]; }  ///< unchecked
  constexpr Int* begin() { return values_.data(); }                                  ///< the first
  constexpr Int* end() { return values_.data() + size_; }                            ///< behind the last
  constexpr const Int* begin() const { return values_.data(); }                      ///< the first
  constexpr const Int* end() const { return values_.data() + size_; }                ///< behind the last
  constexpr Int back() const { return values_[size_ - 1]; }                          ///< the last axis; there has to be one

  /// The same numbers, as many.
  friend constexpr bool operator==(const PerAxis& a, const PerAxis& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  /// Prints as [2, 3, 4].
  friend std::ostream& operator<<(std::ostream& out, const PerAxis& a) {
    out << '[';
    for (std::size_t i = 0; i < a.size(); ++i) out << (i == 0 ? "" : ", ") << a[i];
    return out << ']';
  }

 private:
  std::array<Int, max_rank> values_{};
  std::size_t size_ = 0;
};

/// Length of each axis.
using Extents = PerAxis<std::size_t>;
/// Distance in elements between neighbours along each axis.
using Strides = PerAxis<std::ptrdiff_t>;

/// Number of elements: the product of the extents, 1 for rank 0.
constexpr std::size_t element_count(const Extents& extent) {
  return std::accumulate(extent.begin(), extent.end(), std::size_t{1}, std::multiplies<>());
}

/// Strides of a dense tensor whose last axis varies fastest.
constexpr Strides row_major_strides(const Extents& extent) {
  Strides stride(extent.begin(), extent.end());
  std::ptrdiff_t step = 1;
  for (std::size_t axis = extent.size(); axis-- > 0;) {
    stride[axis] = step;
    step *= static_cast<std::ptrdiff_t>(extent[axis]);
  }
  return stride;
}

/// Somebody else's elements: where they start and how they lie. Owns nothing.
template <class T>
struct TensorView {
  T* data = nullptr;  ///< element 0, 0, ...
  Extents extent;     ///< length of each axis
  Strides stride;     ///< in elements, may be negative

  TensorView() = default;
  /// A dense row-major view.
  TensorView(T* data_, const Extents& extent_) : data(data_), extent(extent_), stride(row_major_strides(extent_)) {}
  /// Elements that lie as `stride_` says.
  TensorView(T* data_, const Extents& extent_, const Strides& stride_) : data(data_), extent(extent_), stride(stride_) {}

  std::size_t rank() const { return extent.size(); }          ///< number of axes
  std::size_t size() const { return element_count(extent); }  ///< number of elements
  /// A view may be looked through and not written.
  operator TensorView<const T>() const requires(!std::is_const_v<T>) { return {data, extent, stride}; }
};

/// How to look into a container of type C; specialise it to let C through trimtab's door. A specialisation has
/// `static TensorView<T> view(C&)` and, where C may be const, `static TensorView<const T> view(const C&)`.
template <class C>
struct TensorAccess;

/// A view is its own door.
template <class T>
struct TensorAccess<TensorView<T>> {
  static TensorView<T> view(const TensorView<T>& v) { return v; }  ///< itself
};
/// Spans have rank 1.
template <class T, std::size_t N>
struct TensorAccess<std::span<T, N>> {
  static TensorView<T> view(const std::span<T, N>& s) { return {s.data(), {s.size()}}; }  ///< its elements
};
/// Vectors have rank 1.
template <class T, class Allocator>
struct TensorAccess<std::vector<T, Allocator>> {
  static TensorView<T> view(std::vector<T, Allocator>& v) { return {v.data(), {v.size()}}; }              ///< its elements
  static TensorView<const T> view(const std::vector<T, Allocator>& v) { return {v.data(), {v.size()}}; }  ///< its elements
};

/// Anything that `TensorAccess` can look into.
template <class C>
concept Tensor = requires(C& c) {
  TensorAccess<std::remove_cvref_t<C>>::view(c).data;
};

/// Pointer, extents and strides of any tensor; axes of extent 1 are given the stride a dense layout would have,
/// so that equal layouts compare equal whatever container they come from.
template <Tensor C>
auto view(C& c) {
  auto v = TensorAccess<std::remove_cvref_t<C>>::view(c);
  const Strides row_major = row_major_strides(v.extent);
  for (std::size_t axis = 0; axis < v.rank(); ++axis)
    if (v.extent[axis] <= 1) v.stride[axis] = row_major[axis];
  return v;
}

/// The element type of a tensor, without const.
template <Tensor C>
using value_t = std::remove_const_t<std::remove_pointer_t<decltype(view(std::declval<C&>()).data)>>;

namespace detail {

/// True when the elements fill size() consecutive places, in whatever order of the axes.
template <class T>
bool is_dense(const TensorView<T>& v) {
  std::size_t covered = 1;  // elements that the axes found so far lay side by side
  for (std::size_t found = 0; found < v.rank(); ++found)
    for (std::size_t axis = 0; axis < v.rank(); ++axis)
      if (v.extent[axis] > 1 && v.stride[axis] == static_cast<std::ptrdiff_t>(covered)) {
        covered *= v.extent[axis];
        break;
      }
  return v.size() <= 1 || covered == v.size();
}

template <class T>
bool is_row_major(const TensorView<T>& v) {
  const Strides dense = row_major_strides(v.extent);
  for (std::size_t axis = 0; axis < v.rank(); ++axis)
    if (v.extent[axis] > 1 && v.stride[axis] != dense[axis]) return v.size() == 0;
  return true;
}

/// A view of `c` that is known to be dense, row-major and of the given rank; throws shape_error naming `what`.
template <Tensor C>
auto dense_view(C& c, std::size_t rank, const char* what) {
  auto v = view(c);
  if (v.rank() != rank) throw shape_error(message(what, ": expected rank ", rank, ", got extents ", v.extent));
  if (!is_row_major(v)) throw shape_error(message(what, ": expected a dense row-major tensor, got strides ", v.stride));
  return v;
}

/// Throws shape_error unless the extents are as wanted.
inline void require_extents(const Extents& got, const Extents& wanted, const char* what) {
  if (got != wanted) throw shape_error(message(what, ": expected extents ", wanted, ", got ", got));
}

}  // namespace detail
}  // namespace trimtab
