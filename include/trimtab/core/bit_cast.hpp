#pragma once
/// \file
/// std::bit_cast, also with standard libraries that lack it: libc++ before 14, which the Emscripten of Debian 12 has.

#include <bit>

namespace trimtab {

#if defined(__cpp_lib_bit_cast)
using std::bit_cast;
#else
/// The object of type To with the bits of `from`.
template <class To, class From>
constexpr To bit_cast(const From& from) noexcept {
  return __builtin_bit_cast(To, from);
}
#endif

}  // namespace trimtab
