#include <cstdint>
#include <cstdio>
#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/quantize.hpp>

static_assert(TRIMTAB_VERSION_MAJOR == 0 && TRIMTAB_VERSION_MINOR == 1);
#ifndef EIGEN_DONT_PARALLELIZE
#error "the target, the pkg-config file and the documented compiler line define EIGEN_DONT_PARALLELIZE"
#endif

int main() {
  Eigen::MatrixXf x(2, 2);
  x << 1.0F, -1.0F, 0.5F, 0.25F;
  auto codes = xt::xtensor<std::int8_t, 2, xt::layout_type::column_major>::from_shape({2, 2});
  trimtab::quantize(x, trimtab::AdjustableThreshold<float>(trimtab::signed_codes(8), {1.0F}), codes);
  std::printf("trimtab %s, %d thread(s), codes %d %d %d %d\n", TRIMTAB_VERSION, trimtab::threads(), codes(0, 0), codes(0, 1),
              codes(1, 0), codes(1, 1));
  return codes(0, 0) == 127 && codes(0, 1) == -127 && codes(1, 0) == 64 && codes(1, 1) == 32 ? 0 : 1;
}
