// Labels, preprocessing in words and in numbers.

#include <trimtab/io/images.hpp>

#include "typed_errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  only_typed_errors([&] { trimtab::parse_labels(text, "labels"); });
  only_typed_errors([&] { trimtab::parse_preprocessing(text); });
  return only_typed_errors([&] { trimtab::parse_mean_scale(text); });
}
