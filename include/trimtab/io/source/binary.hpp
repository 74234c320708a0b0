#pragma once
/// \file
/// Functions of two tensors in C: Add, Sub, Mul, Max, Min.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <trimtab/int8/broadcast.hpp>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/max.hpp>
#include <trimtab/net/operators/min.hpp>
#include <trimtab/net/operators/mul.hpp>
#include <trimtab/net/operators/sub.hpp>
#include <vector>

namespace trimtab {
namespace detail {

inline constexpr const char* pairs_text = R"(
/* Two tensors that are broadcast against each other: `length` elements along the last axis, and the axes before it; and by how much each input
   moves on along them. */
typedef struct {
  size_t rows, length, a_next, b_next;      /* rows: of all axes but the last; a_next, b_next: along the last one, 0 or 1 */
  size_t rank;                              /* of the axes before the last one */
  const int32_t *extent, *a_step, *b_step;  /* along those */
  int32_t a_zero, b_zero, zero_point, least, most;
} @pairs;

/* Where a row has its first and its second operand. */
static inline void @operands(const @pairs* p, size_t row, size_t* a, size_t* b) {
  *a = *b = 0;
  for (size_t axis = p->rank; axis-- > 0; row /= (size_t)p->extent[axis]) {
    const size_t at = row % (size_t)p->extent[axis];
    *a += at * (size_t)p->a_step[axis];
    *b += at * (size_t)p->b_step[axis];
  }
}
)";
inline const SourceKernel pairs_kernel{"pairs", pairs_text};

// ---- float32 ----

inline constexpr const char* two_terms_text = R"(
/* float(code - zero point) * m in units of 2^-unit, which is exact. */
static inline int64_t @term(int32_t x, uint32_t m, unsigned unit) {
  const uint64_t size = @as_float((uint64_t)(x < 0 ? -x : x) * @mantissa(m)) << (unit - @shift(m));
  return x < 0 ? -(int64_t)size : (int64_t)size;
}
/* The integer next to v / 2^unit, v being rounded to float32 first. */
static inline int32_t @nearest_step(int64_t v, unsigned unit) {
  const int32_t size = @rounded((uint64_t)(v < 0 ? -v : v), unit);
  return v < 0 ? -size : size;
}
)";
inline const SourceKernel two_terms_kernel{"term", two_terms_text, {&clamp_kernel, &float32_kernel, &pairs_kernel}};

/// A loop over all pairs of codes, x and y being their distances from zero: `body` makes `steps` of them.
inline std::string over_pairs(const std::string& name, const std::string& arguments, const std::string& body) {
  return "\nstatic inline void @" + name + "(const uint8_t* a, const uint8_t* b, uint8_t* out, const @pairs* p, " + arguments +
         R"() {
  for (size_t row = 0; row < p->rows; ++row) {
    size_t at_a, at_b;
    @operands(p, row, &at_a, &at_b);
    for (size_t i = 0; i < p->length; ++i, at_a += p->a_next, at_b += p->b_next) {
      const int32_t x = a[at_a] - p->a_zero, y = b[at_b] - p->b_zero;
)" + body +
         R"(      *out++ = @held((int64_t)p->zero_point + steps, p->least, p->most);
    }
  }
}
)";
}

inline SourceKernel of_terms(const std::string& name, const std::string& value) {
  return {name,
          over_pairs(name, "uint32_t a_m, uint32_t b_m, unsigned unit",
                     "      const int64_t v = @term(x, a_m, unit), w = @term(y, b_m, unit);\n"
                     "      const int32_t steps = @nearest_step(" +
                         value + ", unit);\n"),
          {&two_terms_kernel}};
}
inline const SourceKernel add_kernel = of_terms("add", "v + w"), sub_kernel = of_terms("sub", "v - w"),
                          max_kernel = of_terms("max", "v > w ? v : w"), min_kernel = of_terms("min", "v < w ? v : w");
inline const SourceKernel mul_kernel{"mul",
                                     over_pairs("mul", "uint32_t m", "      const int32_t steps = @times(x * y, m);\n"),
                                     {&clamp_kernel, &float32_kernel, &pairs_kernel}};

// ---- fixed point ----

inline const SourceKernel sum_fixed_point_kernel{
    "sum",
    "\n/* Both codes with 20 bits more, on a common scale; sign is 1 or -1. */" +
        over_pairs("sum", "const int32_t* mantissa, const int32_t* exponent, int32_t sign",
                   "      const int32_t v = @multiply_twice(x * ((int32_t)1 << 20), mantissa[0], exponent[0]);\n"
                   "      const int32_t w = @multiply_twice(y * ((int32_t)1 << 20), mantissa[1], exponent[1]);\n"
                   "      const int32_t steps = @multiply_twice(v + sign * w, mantissa[2], exponent[2]);\n"),
    {&clamp_kernel, &multiply_twice_kernel, &pairs_kernel}};
inline const SourceKernel product_fixed_point_kernel{
    "product",
    over_pairs("product", "int32_t mantissa, int32_t exponent",
               "      const int32_t steps = @multiply_twice(x * y, mantissa, exponent);\n"),
    {&clamp_kernel, &multiply_twice_kernel, &pairs_kernel}};

/// The address of the struct "pairs".
inline std::string pairs_parameters(SourceWriter& w) {
  const Extents& y = w.node().extent;
  if (element_count(y) > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    w.refuse("more than 2^31 - 1 elements");
  const auto steps = [&](const Extents& x) {
    std::vector<std::int32_t> step(y.size(), 0);
    std::int32_t distance = 1;
    for (std::size_t a = x.size(); a-- > 0; distance *= static_cast<std::int32_t>(x[a]))
      if (x[a] != 1) step[y.size() - x.size() + a] = distance;
    return step;
  };
  std::vector<std::int32_t> extent(y.begin(), y.end()), a = steps(w.extent_in(0)), b = steps(w.extent_in(1));
  const auto drop = [&](std::size_t axis) {
    for (auto* list : {&extent, &a, &b}) list->erase(list->begin() + static_cast<std::ptrdiff_t>(axis));
  };
  for (std::size_t axis = extent.size(); axis-- > 0;)
    if (extent[axis] == 1) drop(axis);
  // Neighbouring axes along which both inputs go on as one axis would are one.
  for (std::size_t axis = extent.size(); axis-- > 1;) {
    const auto joins = [&](const std::vector<std::int32_t>& s) { return s[axis - 1] == s[axis] * extent[axis]; };
    if (!joins(a) || !joins(b)) continue;
    extent[axis - 1] *= extent[axis], a[axis - 1] = a[axis], b[axis - 1] = b[axis];
    drop(axis);
  }
  std::int32_t length = 1, a_next = 0, b_next = 0;
  if (!extent.empty()) {
    length = extent.back(), a_next = a.back(), b_next = b.back();
    drop(extent.size() - 1);
  }
  const std::string of_extent = w.array_or_null("extent", extent), of_a = w.array_or_null("a_step", a),
                    of_b = w.array_or_null("b_step", b);
  return w.parameters(
      "pairs", message(element_count(y) / static_cast<std::size_t>(length), ", ", length, ", ", a_next, ", ", b_next, ", ",
                       extent.size(), ", ", of_extent, ", ", of_a, ", ", of_b, ",\n    ", w.grid_in(0).zero_point, ", ",
                       w.grid_in(1).zero_point, ", ", w.grid().zero_point, ", ", w.grid().codes.qmin, ", ", w.grid().codes.qmax));
}

/// F with two terms, each brought to steps of the output, in float32.
inline void write_of_terms(SourceWriter& w, const SourceKernel& kernel) {
  const int8::detail::BroadcastFactors m = int8::detail::of_sum(w.grid_in(0).scale, w.grid_in(1).scale, w.grid().scale);
  const auto shift = [](float v) { return 150 - static_cast<int>(std::bit_cast<std::uint32_t>(v) >> 23); };
  const int a = shift(m.a), b = shift(m.b), unit = std::max(a, b);
  // Terms of 32 bits, shifted by their distance, have to stay below 2^54.
  if (std::abs(a - b) > 21 || std::min(a, b) < 1 || unit > 62)
    w.refuse(message("its inputs' scales, ", w.grid_in(0).scale, " and ", w.grid_in(1).scale, ", are too far from each other or ",
                     "from its own, ", w.grid().scale));
  const auto bits = [](float v) { return message(std::bit_cast<std::uint32_t>(v), "U"); };
  w.call(kernel, w.in(0), w.in(1), w.out(), pairs_parameters(w), bits(m.a), bits(m.b), unit);
}
inline void write_sum(SourceWriter& w, const SourceKernel& kernel, std::int32_t sign) {
  if (!w.fixed_point()) return write_of_terms(w, kernel);
  std::vector<std::int32_t> mantissa, exponent;
  for (const FixedPointMultiplier& m : int8::FixedPointSum::multipliers(w.grid_in(0).scale, w.grid_in(1).scale, w.grid().scale)) {
    mantissa.push_back(m.mantissa);
    exponent.push_back(m.exponent);
  }
  const std::string pairs = pairs_parameters(w), first = w.array("mantissa", mantissa), second = w.array("exponent", exponent);
  w.call(sum_fixed_point_kernel, w.in(0), w.in(1), w.out(), pairs, first, second, sign);
}

}  // namespace detail

template <>
struct SourceRules<Add> {
  static void write(detail::SourceWriter& w, const Add&) { detail::write_sum(w, detail::add_kernel, 1); }
};
template <>
struct SourceRules<Sub> {
  static void write(detail::SourceWriter& w, const Sub&) { detail::write_sum(w, detail::sub_kernel, -1); }
};
template <>
struct SourceRules<Max> {
  static void write(detail::SourceWriter& w, const Max&) { detail::write_of_terms(w, detail::max_kernel); }
};
template <>
struct SourceRules<Min> {
  static void write(detail::SourceWriter& w, const Min&) { detail::write_of_terms(w, detail::min_kernel); }
};
template <>
struct SourceRules<Mul> {
  static void write(detail::SourceWriter& w, const Mul&) {
    const float a = w.grid_in(0).scale, b = w.grid_in(1).scale, y = w.grid().scale;
    const std::string pairs = detail::pairs_parameters(w);
    if (w.fixed_point()) {
      const FixedPointMultiplier m = fixed_point(double(a * b / y));
      w.call(detail::product_fixed_point_kernel, w.in(0), w.in(1), w.out(), pairs, m.mantissa, m.exponent);
    } else {
      const float m = int8::detail::factors(binary::Mul(), a, b, y).y;
      w.call(detail::mul_kernel, w.in(0), w.in(1), w.out(), pairs, detail::message(detail::multiplier_bits(m), "U"));
    }
  }
};

}  // namespace trimtab
