#pragma once
/// \file
/// Numbers that stay with their owner, kept by a struct that is used later.

#include <concepts>
#include <span>
#include <type_traits>

namespace trimtab {

/// std::span<const T> that does not take the numbers of a temporary, which would be gone when they are read.
template <class T>
class BorrowedSpan : public std::span<const T> {
 public:
  BorrowedSpan() = default;
  /// From whatever a span is made of and outlives the expression: a named container, or a span.
  template <std::convertible_to<std::span<const T>> Numbers>
  BorrowedSpan(Numbers&& numbers) : std::span<const T>(numbers) {
    static_assert(std::is_lvalue_reference_v<Numbers> || std::ranges::enable_borrowed_range<std::remove_cvref_t<Numbers>>,
                  "trimtab: these numbers are a temporary's and gone when they are read; give their owner a name first");
  }
};

}  // namespace trimtab

/// \cond a span of a span outlives it
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<trimtab::BorrowedSpan<T>> = true;
/// \endcond
