// Both files hold the same inline functions and, through the scope below, the same state.
#include <algorithm>
#include <cstdio>

#include "layer.hpp"

int main() {
  const trimtab::Network network = trimtab::small_mobilenet(32, 10);
  trimtab::Array x = trimtab::Array::from_shape({1, 32, 32, 3});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i * 37 % 255) / 127.5F - 1.0F;
  const trimtab::ScopedIsa portable(trimtab::Isa::portable);
  if (isa_of_the_other_file() != trimtab::Isa::portable) {
    std::puts("the instruction set chosen in one file is not seen in the other");
    return 1;
  }
  const trimtab::Array here = trimtab::run(network, x), there = logits_of_the_other_file(network, x);
  if (here.size() != 10 || !std::equal(here.begin(), here.end(), there.begin())) {
    std::puts("the two files compute different logits");
    return 1;
  }
  std::printf("trimtab %s, %d thread(s), first logit %g\n", TRIMTAB_VERSION, trimtab::threads(),
              static_cast<double>(here.data()[0]));
}
