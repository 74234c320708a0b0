#include "layer.hpp"

trimtab::Array logits_of_the_other_file(const trimtab::Network& network, const trimtab::Array& x) {
  return trimtab::run(network, x);
}
trimtab::Isa isa_of_the_other_file() { return trimtab::active_isa(); }
