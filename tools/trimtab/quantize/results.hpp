#pragma once
// What a run found, as a table and as JSON.

#include <cstddef>
#include <optional>
#include <string>
#include <trimtab/net/choose_bits.hpp>
#include <trimtab/net/choose_recipe.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <vector>

#include "../fidelity.hpp"
#include "../report/page.hpp"
#include "arguments.hpp"

namespace program {

/// The quantized network beside the float one.
struct Outcome {
  std::vector<OutputFidelity> outputs;
  std::optional<double> top1;
  std::optional<bool> equal;  // int8 and training executor, where both ran

  /// What one line tells: the first output of classes, or the first.
  const OutputFidelity& main() const;
};

/// What training did.
struct Trained {
  trimtab::FineTuneReport report;
  double learning_rate = 0;
  std::size_t steps = 0;  // done here
  double exchange_ms = 0,
         exchange_bytes = 0;  // of a step between processes: waiting for the others included; what a process received
};

struct Results {
  std::size_t processes = 1, calibrated_on = 0, evaluated_on = 0;  // the latter: pictures
  std::vector<std::string> transforms;
  std::vector<trimtab::RecipeTrial> trials;  // of --recipe auto
  std::optional<trimtab::BitsChoice> bits;   // of --size-budget
  std::size_t weight_bytes = 0;              // packed
  std::optional<double> float_top1, float_ms, int8_ms;
  Outcome before, after;  // training and rounding
  std::optional<Trained> training;
  double seconds_choose = 0, seconds_choose_bits = 0, seconds_calibrate = 0, seconds_round = 0;

  bool codes_equal() const { return *before.equal && *after.equal; }
};

void print(const QuantizeArguments& a, const Results& r);
/// The last lines of what is printed, after reports: files and memory.
void print_written(const QuantizeArguments& a);
/// Whether so few are right that a network which guesses does as well: no more than two standard errors above one of `classes`.
bool is_chance(double top1, std::size_t classes, std::size_t samples);
/// Writes --json.
void write_json(const QuantizeArguments& a, const Results& r);
/// The page of --report, but for the networks.
ReportInput report_page(const QuantizeArguments& a, const Results& r);

}  // namespace program
