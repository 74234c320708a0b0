// Every call below is one that trimtab refuses when it is compiled, with the sentence after "refused:". Without TRIMTAB_WRONG the
// file compiles.
#include <cstdint>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/ops/add.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/fixed_point.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/quant/requantize.hpp>
#include <trimtab/transform/equalize.hpp>
#include <trimtab/transform/lower.hpp>
#include <vector>

using namespace trimtab;

void right(const Eigen::MatrixXf& x, const AdjustableThreshold<float>& quantizer, Eigen::MatrixXf& y,
           std::vector<std::int8_t>& codes) {
  fake_quantize_forward(x, quantizer, y);
  quantize(std::span(x.data(), codes.size()), quantizer, codes);
  MinMaxObserver<float>().observe(x);
  add_forward(x, x, y);
  const std::vector<float> multipliers{0.5F};
  static_cast<void>(Requantize{multipliers, 0, 0, 255});
  std::vector<float> bias;
  rescale_dws(y, bias, y, multipliers, 6);
  equalize(y, bias, y, multipliers, no_upper_bound);
}

#ifdef TRIMTAB_WRONG
void wrong(const Eigen::MatrixXf& x, const Eigen::MatrixXd& d, const AdjustableThreshold<float>& quantizer, Eigen::MatrixXf& y,
           std::vector<short>& shorts, std::vector<std::int8_t>& codes) {
  // refused: trimtab: quantize works in the tensor's own floating-point type; use a quantizer of that type
  quantize(d, quantizer, codes);
  // refused: trimtab: codes are int8_t, uint8_t or int32_t
  quantize(x, quantizer, shorts);
  // refused: trimtab: dequantize works in the tensor's own floating-point type; use a quantizer of that type
  dequantize(codes, quantizer, d);
  // refused: trimtab: fake_quantize works in the tensor's own floating-point type; dequantize integer codes first
  fake_quantize_forward(codes, quantizer, codes);
  // refused: trimtab: an observer sees tensors of its own floating-point type
  MinMaxObserver<float>().observe(d);
  // refused: trimtab: float layers take tensors of one floating-point type; dequantize or convert first
  add_forward(x, d, y);
  // refused: trimtab: these numbers are a temporary's and gone when they are read; give their owner a name first
  static_cast<void>(Requantize{std::vector<float>{0.5F}, 0, 0, 255});
  static_cast<void>(FixedPointRequantize{std::vector<FixedPointMultiplier>(1)});
  // refused: trimtab: rescale_dws needs to know where the activation clips: 6 for ReLU6, no_upper_bound for ReLU and for none
  rescale_dws(y, shorts, y, shorts);
  // refused: trimtab: equalize needs to know where the activation clips: 6 for ReLU6, no_upper_bound for ReLU and for none
  equalize(y, shorts, y, shorts);
  // refused: trimtab: lower takes float weights and biases
  lower(d, no_bias, {}, quantizer, {});
  // refused: deleted
  lower(x, no_bias, {}, quantizer, {}).requantize({});
  // refused: no matching function for call to
  rescale_dws(y, 0, y, y, 1, x, 6);  // axes have a name, ChannelAxis{0}
}
#endif
