// parse_onnx, and what a converter does with the network next.

#include "typed_errors.hpp"
#include <trimtab/io/onnx_read.hpp>
#include <trimtab/net/passes.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return only_typed_errors([&] {
    const trimtab::OnnxModel model = trimtab::parse_onnx(text_of(data, size));
    trimtab::fuse_clips(trimtab::fold_batch_norm(model.network));
  });
}
