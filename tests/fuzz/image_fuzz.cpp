// decode_image and fit_image.

#include <trimtab/io/image_file.hpp>

#include "typed_errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return only_typed_errors([&] { trimtab::fit_image(trimtab::decode_image({data, size}, "picture"), {16, 16, 18}); });
}
