#pragma once
/// \file
/// Numbers that are known up to the number of pictures: fixed + per_picture * N, for every N of 1 or more. What Shape gives of an
/// activation, and what a file computes from that.

#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <trimtab/core/error.hpp>
#include <type_traits>
#include <vector>

namespace trimtab::detail {

/// fixed + per_picture * N. T is std::int64_t or double.
template <class T>
struct BatchLinear {
  T fixed = 0;
  T per_picture = 0;
  friend bool operator==(const BatchLinear&, const BatchLinear&) = default;
  friend std::ostream& operator<<(std::ostream& out, const BatchLinear& x) {
    if (x.per_picture == 0) return out << x.fixed;
    if (x.per_picture != 1) out << x.per_picture << " ";
    out << "N";
    return x.fixed == 0 ? out : out << " + " << x.fixed;
  }
};
using BatchInteger = BatchLinear<std::int64_t>;
using BatchReal = BatchLinear<double>;
/// Extents.
using BatchDims = std::vector<BatchInteger>;

template <class T>
inline constexpr bool is_batch_linear = false;
template <class T>
inline constexpr bool is_batch_linear<BatchLinear<T>> = true;

/// The number of pictures itself.
inline constexpr BatchInteger batch_extent{0, 1};

[[noreturn]] inline void refuse_batch() {
  throw unsupported_error("the result depends on the number of pictures in a way that is not supported");
}
[[noreturn]] inline void refuse_overflow() { throw unsupported_error("integers beyond 64 bits"); }

/// Arithmetic on known numbers, overloaded for std::int64_t, double and BatchLinear of either. Throws unsupported_error where an
/// integer leaves 64 bits, where one is divided by zero, and where a result is not fixed + per_picture * N.
namespace known {

// ---- integers
inline std::int64_t add(std::int64_t a, std::int64_t b) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (b > 0 ? a > Limits::max() - b : a < Limits::min() - b) refuse_overflow();
  return a + b;
}
inline std::int64_t negative(std::int64_t a) {
  if (a == std::numeric_limits<std::int64_t>::min()) refuse_overflow();
  return -a;
}
inline std::int64_t subtract(std::int64_t a, std::int64_t b) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (b < 0 ? a > Limits::max() + b : a < Limits::min() + b) refuse_overflow();
  return a - b;
}
inline std::int64_t multiply(std::int64_t a, std::int64_t b) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (a == 0 || b == 0) return 0;
  if (a == -1 || b == -1) return negative(a == -1 ? b : a);
  if ((a > 0) == (b > 0) ? (a > 0 ? a > Limits::max() / b : a < Limits::max() / b)
                         : (a > 0 ? b < Limits::min() / a : a < Limits::min() / b))
    refuse_overflow();
  return a * b;
}
/// Truncated toward zero.
inline std::int64_t divide(std::int64_t a, std::int64_t b) {
  if (b == 0) throw unsupported_error("an integer is divided by zero");
  return b == -1 ? negative(a) : a / b;
}
/// The remainder with the divisor's sign.
inline std::int64_t modulo(std::int64_t a, std::int64_t b) {
  if (b == 0) throw unsupported_error("an integer is divided by zero");
  if (b == -1) return 0;
  const std::int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
/// The remainder with the dividend's sign.
inline std::int64_t remainder(std::int64_t a, std::int64_t b) {
  if (b == 0) throw unsupported_error("an integer is divided by zero");
  return b == -1 ? 0 : a % b;
}

// ---- reals
inline double add(double a, double b) { return a + b; }
inline double negative(double a) { return -a; }
inline double subtract(double a, double b) { return a - b; }
inline double multiply(double a, double b) { return a * b; }
inline double divide(double a, double b) { return a / b; }
inline double modulo(double, double) { throw unsupported_error("Mod of reals needs fmod 1"); }
inline double remainder(double a, double b) { return std::fmod(a, b); }

template <class T>
concept Plain = std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>;

template <Plain T>
bool less(T a, T b) {
  return a < b;
}
template <Plain T>
bool less_or_equal(T a, T b) {
  return a <= b;
}
template <Plain T>
bool equal(T a, T b) {
  return a == b;
}

// ---- either, up to the number of pictures
template <class T>
BatchLinear<T> add(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  return {add(a.fixed, b.fixed), add(a.per_picture, b.per_picture)};
}
template <class T>
BatchLinear<T> negative(const BatchLinear<T>& a) {
  return {negative(a.fixed), negative(a.per_picture)};
}
template <class T>
BatchLinear<T> subtract(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  return {subtract(a.fixed, b.fixed), subtract(a.per_picture, b.per_picture)};
}
template <class T>
BatchLinear<T> multiply(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  if (a.per_picture != 0 && b.per_picture != 0) refuse_batch();
  const auto& plain = a.per_picture == 0 ? a : b;
  const auto& other = a.per_picture == 0 ? b : a;
  return {multiply(plain.fixed, other.fixed), multiply(plain.fixed, other.per_picture)};
}
template <class T>
BatchLinear<T> divide(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  if (b.per_picture != 0) {  // k N / (m N) = k / m
    if (a.fixed != 0 || b.fixed != 0) refuse_batch();
    return {divide(a.per_picture, b.per_picture), 0};
  }
  if (a.per_picture == 0) return {divide(a.fixed, b.fixed), 0};
  if constexpr (std::is_same_v<T, std::int64_t>)
    if (remainder(a.fixed, b.fixed) != 0 || remainder(a.per_picture, b.fixed) != 0) refuse_batch();
  return {divide(a.fixed, b.fixed), divide(a.per_picture, b.fixed)};
}
template <class T>
BatchLinear<T> modulo(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  if (b.per_picture != 0 || (a.per_picture != 0 && modulo(a.per_picture, b.fixed) != 0)) refuse_batch();
  return {modulo(a.fixed, b.fixed), 0};
}
template <class T>
BatchLinear<T> remainder(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  if (a.per_picture != 0 || b.per_picture != 0) refuse_batch();
  return {remainder(a.fixed, b.fixed), 0};
}

/// Whether a < b for every number of pictures. Throws when it is so for some of them only.
template <class T>
bool less(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  const BatchLinear<T> d = subtract(a, b);  // monotonic in N: its value at N = 1 and its slope tell the rest
  const T first = add(d.fixed, d.per_picture);
  if (first < 0 && d.per_picture <= 0) return true;
  if (first >= 0 && d.per_picture >= 0) return false;
  refuse_batch();
}
/// The same for a == b.
template <class T>
bool equal(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  const BatchLinear<T> d = subtract(a, b);
  if (d.per_picture == 0) return d.fixed == 0;
  const T first = add(d.fixed, d.per_picture);
  if ((first > 0 && d.per_picture > 0) || (first < 0 && d.per_picture < 0)) return false;
  if constexpr (std::is_same_v<T, std::int64_t>)
    if (remainder(d.fixed, d.per_picture) != 0) return false;
  refuse_batch();
}

/// The same for a <= b.
template <class T>
bool less_or_equal(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  const BatchLinear<T> d = subtract(a, b);
  const T first = add(d.fixed, d.per_picture);
  if (first <= 0 && d.per_picture <= 0) return true;
  if (first > 0 && d.per_picture >= 0) return false;
  refuse_batch();
}

/// Not a number, if one of them is none.
template <Plain T>
T minimum(T a, T b) {
  return b < a || b != b ? b : a;
}
template <Plain T>
T maximum(T a, T b) {
  return a < b || b != b ? b : a;
}
/// The one that is never above the other. Throws when each is, for some number of pictures.
template <class T>
BatchLinear<T> minimum(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  const BatchLinear<T> d = subtract(a, b);
  const T first = add(d.fixed, d.per_picture);
  if (first <= 0 && d.per_picture <= 0) return a;
  if (first >= 0 && d.per_picture >= 0) return b;
  refuse_batch();
}
template <class T>
BatchLinear<T> maximum(const BatchLinear<T>& a, const BatchLinear<T>& b) {
  return minimum(a, b) == a ? b : a;
}

}  // namespace known
}  // namespace trimtab::detail
