#pragma once
/// \file
/// Matrix products over leading axes, as float and int8 share them: extents, and who computes which.

#include <algorithm>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/strided_axes.hpp>

namespace trimtab {

/// Which operands have the last two axes swapped: a is .. K M instead of .. M K, b is .. N K instead of .. K N.
struct MatmulTransposes {
  bool a = false, b = false;  ///< see above
};

namespace detail {

/// The shapes of y = a * b: matrices M x K and K x N, and how the leading axes go together.
struct BatchMatmulShape {
  Extents lead_a, lead_b, lead_y;  // without the last two axes
  std::size_t m = 0, n = 0, k = 0;

  /// Throws shape_error, naming `what`, unless a and b have rank 2 or more, equal K, and leading axes that can be broadcast.
  BatchMatmulShape(const Extents& a, const Extents& b, MatmulTransposes transpose, const char* what) {
    if (a.size() < 2 || b.size() < 2) throw shape_error(message(what, ": expected matrices, got extents ", a, " and ", b));
    lead_a = Extents(a.begin(), a.end() - 2);
    lead_b = Extents(b.begin(), b.end() - 2);
    const std::size_t a0 = a[a.size() - 2], a1 = a.back(), b0 = b[b.size() - 2], b1 = b.back();
    m = transpose.a ? a1 : a0;
    k = transpose.a ? a0 : a1;
    n = transpose.b ? b0 : b1;
    if (k != (transpose.b ? b1 : b0))
      throw shape_error(message(what, ": depths ", k, " and ", transpose.b ? b1 : b0, " of extents ", a,
                                transpose.a ? " transposed" : "", " and ", b, transpose.b ? " transposed" : "", " differ"));
    lead_y = broadcast_extents(lead_a, lead_b, what);
  }

  /// Extents of y.
  Extents output() const {
    Extents y = lead_y;
    y.push_back(m);
    y.push_back(n);
    return y;
  }
  std::size_t matrices() const { return element_count(lead_y); }

  /// The walk through y's matrices; offsets are places of elements in a and b.
  StridedAxes<2> walk() const {
    const auto step_a = broadcast_steps_of(lead_a, lead_y.size()), step_b = broadcast_steps_of(lead_b, lead_y.size());
    StridedAxes<2> axes;
    for (std::size_t axis = 0; axis < lead_y.size(); ++axis)
      axes.push_back(lead_y[axis], {step_a[axis] * m * k, step_b[axis] * k * n});
    return axes;
  }
  /// The same split for the gradient of one operand: kept are the axes of `own`, offsets places in y and in the other operand.
  ReducedAxes<2> reduced(const Extents& own, const Extents& other, std::size_t other_size) const {
    const auto step_own = broadcast_steps_of(own, lead_y.size()), step_other = broadcast_steps_of(other, lead_y.size()),
               step_y = broadcast_steps_of(lead_y, lead_y.size());
    ReducedAxes<2> axes;
    for (std::size_t axis = 0; axis < lead_y.size(); ++axis)
      axes.push_back(lead_y[axis], {step_y[axis] * m * n, step_other[axis] * other_size}, step_own[axis] != 0);
    return axes;
  }
};

/// Calls body(i) for `count` products of `work` multiplications each: one after the other on all threads where they are large,
/// else each on a thread of its own. Either way the bits are the same.
template <class Body>
void for_each_product(std::size_t count, std::size_t work, const Body& body) {
  if (work >= std::size_t{1} << 24)
    for (std::size_t i = 0; i < count; ++i) body(i);
  else
    parallel_ranges(count, (std::size_t{1} << 16) / std::max<std::size_t>(1, work) + 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) body(i);
    });
}

}  // namespace detail
}  // namespace trimtab
