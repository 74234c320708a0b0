// An Eigen matrix on an 8-bit grid: one threshold for all of it, then one for each row.

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/quantize.hpp>
#include <trimtab/quant/fit.hpp>

using namespace trimtab;

/// Root mean square error of the narrow rows 0 to 2.
double quantized_rmse(const Eigen::MatrixXf& w, const AdjustableThreshold<float>& quantizer) {
  Eigen::MatrixXf y(w.rows(), w.cols());
  fake_quantize_forward(w, quantizer, y);
  return std::sqrt(double((y - w).topRows(3).array().square().mean()));
}

int main() {
  std::srand(1);  // Eigen's Random draws from it
  Eigen::MatrixXf w = Eigen::MatrixXf::Random(4, 256);
  w.row(3) *= 40;  // one filter is 40 times as wide as the others

  const auto scalar = fit_threshold(w, signed_codes()), vector = fit_threshold(w, signed_codes(), per_channel(0));
  std::printf("one threshold:       RMSE of the narrow rows %.5f, scale %.5f\n", quantized_rmse(w, scalar),
              double(scalar.grid(0).scale));
  std::printf("one threshold a row: RMSE of the narrow rows %.5f, scales %.5f .. %.5f\n", quantized_rmse(w, vector),
              double(vector.grid(0).scale), double(vector.grid(3).scale));

  Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic> codes(w.rows(), w.cols());
  quantize(w, vector, codes);
  Eigen::MatrixXf back(w.rows(), w.cols());
  dequantize(codes, vector, back);
  std::printf("w(0, 0) = %.5f has code %d, which stands for %.5f\n", double(w(0, 0)), int(codes(0, 0)), double(back(0, 0)));
  return 10 * quantized_rmse(w, vector) < quantized_rmse(w, scalar) ? 0 : 1;
}
