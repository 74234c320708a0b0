// The generated header, included twice, and nothing of include/.
#include <trimtab.hpp>
// again
#include <trimtab.hpp>

int main() {
  const trimtab::Network network = trimtab::small_mobilenet(32, 10);
  trimtab::Array x = trimtab::Array::from_shape({1, 32, 32, 3});
  x.fill(0.5F);
  return trimtab::run(network, x).size() == 10 ? 0 : 1;
}
