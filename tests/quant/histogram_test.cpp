#include <catch.hpp>
#include <cmath>
#include <random>
#include <trimtab/quant/histogram.hpp>

using namespace trimtab;

TEST_CASE("Histogram: every value lies between the ends of its bin, bins rise with the values", "[quant]") {
  std::mt19937 rng(4);
  std::uniform_real_distribution<float> exponent(-40, 40);
  bool right = true;
  for (int i = 0; i < 20000; ++i) {
    const float x = std::exp2(exponent(rng));
    const std::size_t k = Histogram::bin_of(x) - Histogram::zero_bin;
    right = right && Histogram::near_end(k) <= double(x) && double(x) < Histogram::far_end(k) &&
            Histogram::far_end(k) <= Histogram::near_end(k) * (1 + 1.0 / 256) && Histogram::bin_of(-x) == Histogram::zero_bin - k;
  }
  CHECK(right);
  CHECK(Histogram::bin_of(0.0F) == Histogram::zero_bin);
  CHECK(Histogram::bin_of(-0.0F) == Histogram::zero_bin);
  CHECK(Histogram::bin_of(1e-45F) == Histogram::zero_bin);
  CHECK(Histogram::bin_of(std::nextafter(0x1p-40F, 0.0F)) == Histogram::zero_bin);
  CHECK(Histogram::bin_of(0x1p-40F) == Histogram::zero_bin + 1);
  CHECK(Histogram::bin_of(0x1p40F) == Histogram::bins - 1);
  CHECK(Histogram::bin_of(-0x1p40F) == 0);
}

TEST_CASE("Histogram: counts are whole, the same in any order, split and number of threads", "[quant]") {
  std::mt19937 rng(5);
  std::normal_distribution<float> normal;
  std::vector<float> x(400001);
  for (float& v : x) v = std::max(-0.5F, normal(rng));
  Histogram all;
  {
    const ScopedThreads one(1);
    all.observe(x);
  }
  CHECK(all.total() == x.size());
  CHECK(all.ends().lo == -0.5);
  Histogram parts;
  const ScopedThreads three(3);
  std::reverse(x.begin(), x.end());
  const std::span<const float> whole(x);
  parts.observe(whole.first(123457));
  Histogram rest;
  rest.observe(whole.subspan(123457));
  parts.merge(rest);
  CHECK(parts.counts() == all.counts());
  CHECK(parts.ends().hi == all.ends().hi);
  std::uint64_t sum = 0;
  double last = -1e30;
  for (const auto& s : all.stretches()) {
    CHECK((s.begin >= last && s.begin <= s.end));
    last = s.end;
    sum += s.count;
  }
  CHECK(sum == x.size());
  CHECK(all.stretches().front().begin == -0.5);
}
