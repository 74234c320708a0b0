// parse_tflite and parse_quantized_tflite.

#include <trimtab/io/tflite/read_quantized.hpp>

#include "typed_errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trimtab;
  const std::string_view bytes = text_of(data, size);
  only_typed_errors([&] { parse_tflite(bytes); });
  return only_typed_errors([&] { parse_quantized_tflite(bytes); });
}
