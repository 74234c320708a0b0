// parse_onnx, and what a converter does with the network next; parse_quantized_onnx, and its self-check where that is quick.

#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/net/passes/fold.hpp>

#include "typed_errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trimtab;
  const std::string_view bytes = text_of(data, size);
  only_typed_errors([&] {
    const OnnxModel model = parse_onnx(bytes);
    fuse_clips(fold_batch_norm(model.network));
  });
  return only_typed_errors([&] {
    detail::parse_model(bytes, "model", [&](const onnx::ModelProto& model) {
      detail::OnnxQuantization quantization;
      const OnnxModel read = detail::import_model(model, bytes.size(), {}, {}, quantization);
      const LoweredNetwork network = fuse_code_clips(detail::OnnxLowering(read.network, quantization, bytes.size()).take());
      if (detail::work_of(network) < 1e5) self_check(network, read.metadata);
      return 0;
    });
  });
}
