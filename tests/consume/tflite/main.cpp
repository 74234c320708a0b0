#include <cstdio>
#include <trimtab/io/tflite/write.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/input.hpp>

int main() {
  trimtab::Network network;
  network.add(trimtab::Clip{trimtab::relu}, {network.add(trimtab::Input{{2, 2, 1}}, {})});
  const std::string bytes =
      trimtab::serialize_tflite(trimtab::quantize(network, std::vector<trimtab::Range<float>>(2, {-1.0F, 1.0F}), {}));
  std::printf("%zu bytes, %.4s\n", bytes.size(), bytes.data() + 4);
  return bytes.compare(4, 4, "TFL3") == 0 ? 0 : 1;
}
