// Prints a checksum of each part's codes; fails when two parts differ. TRIMTAB_PARTS(P) is P(part) for each part.
#include <cstdint>
#include <cstdio>
#include <vector>

#define TRIMTAB_DECLARE(part) std::vector<std::uint8_t> part();
TRIMTAB_PARTS(TRIMTAB_DECLARE)

int main() {
  std::vector<std::uint8_t> first;
  bool equal = true;
  const auto compare = [&](const char* name, const std::vector<std::uint8_t>& codes) {
    if (first.empty()) first = codes;
    equal = equal && codes == first && !codes.empty();
    unsigned sum = 1, sums = 0;  // Adler-32
    for (const std::uint8_t c : codes) sum = (sum + c) % 65521, sums = (sums + sum) % 65521;
    std::printf("%-10s %zu codes, checksum %08x %s\n", name, codes.size(), sums << 16 | sum, codes == first ? "" : "DIFFERS");
  };
#define TRIMTAB_COMPARE(part) compare(#part, part());
  TRIMTAB_PARTS(TRIMTAB_COMPARE)
  return equal ? 0 : 1;
}
