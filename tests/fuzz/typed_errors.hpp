#pragma once
// What every harness asks of a reader: it returns or throws a trimtab::error. Anything else ends the fuzzer's process.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <trimtab/core/error.hpp>

template <class Read>
int only_typed_errors(const Read& read) {
  try {
    read();
  } catch (const trimtab::error&) {
  }
  return 0;
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
