#include "fidelity.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <trimtab/net/report/evaluate.hpp>

namespace program {

using namespace trimtab;

void FidelityGauge::add(const float* reference, const float* other, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const double d = double(other[i]) - double(reference[i]);
    signal_ += double(reference[i]) * double(reference[i]);
    noise_ += d * d;
    largest_ = std::abs(d) <= largest_ ? largest_ : std::abs(d);  // NaN stays
  }
  if (classes_) same_ += std::size_t{arg_max(reference, size) == arg_max(other, size)};
  ++samples_;
  numbers_ += size;
}

OutputFidelity FidelityGauge::result() const {
  if (numbers_ == 0) throw value_error("no sample was compared");
  OutputFidelity f{name_, std::sqrt(noise_ / double(numbers_)), sqnr_db(signal_, noise_), largest_, std::nullopt};
  if (classes_) f.agreement = 100.0 * double(same_) / double(samples_);
  return f;
}

std::vector<OutputFidelity> compare_rows(const std::vector<Port>& outputs, const Array& reference, const Array& other) {
  std::vector<OutputFidelity> result;
  const std::size_t columns = reference.shape(1);
  std::size_t first = 0;
  for (const Port& port : outputs) {
    const std::size_t own = element_count(port.extent);
    FidelityGauge gauge(port.name, is_classes(port));
    for (std::size_t n = 0; n < reference.shape(0); ++n)
      gauge.add(reference.data() + n * columns + first, other.data() + n * columns + first, own);
    result.push_back(gauge.result());
    first += own;
  }
  return result;
}

double standard_error(double percent, std::size_t n) {
  const double p = (percent * double(n) + 200) / double(n + 4);
  return std::sqrt(p * (100 - p) / double(n + 4));
}

std::string percent_text(double percent, std::size_t n) {
  return detail::message(std::fixed, std::setprecision(2), percent, " ± ", standard_error(percent, n));
}

}  // namespace program
