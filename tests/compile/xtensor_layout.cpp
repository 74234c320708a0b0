// A user's file for xtensor 0.26 or newer, whose headers lie in folders. xtensor_layout.sh compiles and runs it.
#include <trimtab/core/adapt_xtensor.hpp>

#if defined(TRIMTAB_STAND_INS) && !defined(TRIMTAB_STAND_IN_INCLUDED)
#error "adapt_xtensor.hpp does not prefer the new places"
#endif

#include <cstdint>
#include <trimtab/ops/quantize.hpp>
#include <vector>
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/views/xstrided_view.hpp>
#include <xtensor/views/xview.hpp>

int main() {
  const trimtab::AdjustableThreshold<float> quantizer(trimtab::signed_codes(8), {1.0F});
  xt::xtensor<float, 2> x{{1.0F, -1.0F}, {0.5F, 0.25F}};
  std::vector<float> memory{1.0F, -1.0F, 0.5F, 0.25F};
  const auto all = [&](const auto& values) {
    xt::xarray<std::int8_t> codes = xt::xarray<std::int8_t>::from_shape({2, 2});
    trimtab::quantize(values, quantizer, codes);
    return codes(0, 0) == 127 && codes(0, 1) == -127 && codes(1, 0) == 64 && codes(1, 1) == 32;
  };
  const auto column = xt::view(x, xt::all(), 1);
  const auto element = xt::strided_view(x, {1, 0});
  const bool views = trimtab::view(column).stride == trimtab::Strides{2} && trimtab::view(element).data[0] == 0.5F;
  return all(x) && all(xt::xarray<float>(x)) && all(xt::adapt(memory, std::vector<std::size_t>{2, 2})) && views ? 0 : 1;
}
