#include "results.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/io/atomic_file.hpp>

#include "../targets.hpp"

namespace program {

using namespace trimtab;
using Json = nlohmann::ordered_json;

namespace {

template <class T>
Json or_null(const std::optional<T>& x) {
  return x ? Json(*x) : Json();
}

Json outcome_json(const Outcome& o) {
  const OutputFidelity& f = o.main();
  Json json{{"quantized_top1", or_null(o.top1)},
            {"agreement", or_null(f.agreement)},
            {"logit_rmse", f.rmse},
            {"logit_sqnr_db", f.sqnr_db}};
  if (o.outputs.size() > 1)
    for (const OutputFidelity& one : o.outputs)
      json["outputs"].push_back(
          {{"name", one.name}, {"agreement", or_null(one.agreement)}, {"rmse", one.rmse}, {"sqnr_db", one.sqnr_db}});
  return json;
}

/// The process's largest resident memory so far.
double peak_memory_megabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

std::string percent(const std::optional<double>& p, std::size_t n) { return p ? percent_text(*p, n) : "-"; }

/// A line for each output, top-1 in the first of classes.
void print_row(const char* name, const Outcome& o, std::size_t n) {
  for (const OutputFidelity& f : o.outputs) {
    const std::string top = percent(&f == &o.main() ? o.top1 : std::nullopt, n), agreement = percent(f.agreement, n);
    // A UTF-8 sign of two bytes takes one column.
    const int wide = 16 + (top.size() > 1 ? 1 : 0), wider = 16 + (agreement.size() > 1 ? 1 : 0);
    std::printf("  %-22s %*s %*s %12.4f %10.2f%s%s\n", name, wide, top.c_str(), wider, agreement.c_str(), f.rmse, f.sqnr_db,
                o.outputs.size() > 1 ? "  " : "", o.outputs.size() > 1 ? f.name.c_str() : "");
  }
}

/// What the row after training is called; nothing where there is none.
const char* second_row(const QuantizeArguments& a, const Results& r) {
  return r.training ? "quantized, trained" : (a.learn_rounding ? "quantized, rounded" : nullptr);
}

void print_training(const Results& r) {
  const FineTuneReport& t = r.training->report;
  std::printf("  %zu factors trained in %.1f s, %.1f pictures/s; RMSE on the training pictures %.3f -> %.3f\n",
              t.trained_parameters, t.seconds, t.pictures_per_second, t.loss_before, t.loss_after);
  if (r.processes > 1 && r.training->steps > 0)
    std::printf("  %zu processes; of a step's %.1f ms, exchange took %.2f ms and brought each process %.1f KB\n", r.processes,
                1e3 * t.seconds / double(r.training->steps), r.training->exchange_ms, r.training->exchange_bytes / 1e3);
  if (!t.kept)
    std::printf("  training raised that RMSE and was undone; try another --learning-rate or --recipe, or more samples\n");
}

std::string bits(const QuantizeArguments& a) {
  const auto [w, x] = std::pair(a.quantization.weight_bits, a.quantization.activation_bits);
  std::string text = w == x ? detail::message(x, " bits") : detail::message(w, " bits for weights and ", x, " for activations");
  for (const LayerBits& one : a.quantization.bits_of) {
    text += ", " + one.layer + ' ';
    if (one.weights) text += detail::message('W', *one.weights);
    if (one.activations) text += detail::message('A', *one.activations);
  }
  return text;
}

/// How many layers got how many bits, and what is expected of that.
std::string describe_bits(const BitsChoice& choice) {
  std::map<int, std::size_t, std::greater<>> layers;
  for (const LayerBits& one : choice.bits_of) ++layers[*one.weights];
  std::string text;
  for (const auto& [bits, count] : layers) text += detail::message(text.empty() ? "" : ", ", count, " of ", bits, " bits");
  const SizeStep& taken = choice.curve[choice.taken];
  return detail::message("layers: ", text, "; weights ", taken.bytes, " bytes of ", choice.curve.front().bytes,
                         "; RMSE that they alone should bring: ", std::fixed, std::setprecision(3), taken.rmse);
}

/// What was tried, the best first, each behind `before`.
std::string describe_trials(std::vector<RecipeTrial> trials, const char* before) {
  std::ranges::stable_sort(trials, {}, &RecipeTrial::rmse);
  std::string text;
  for (const RecipeTrial& t : trials)
    text += detail::message(before, std::fixed, std::setprecision(3), t.rmse, ' ', t.name, text.empty() ? " (taken)" : "");
  return text;
}

}  // namespace

void print(const QuantizeArguments& a, const Results& r) {
  std::printf("\n%s, %s %s thresholds, %s, %zu samples\n", a.model.c_str(), a.weights_name(), a.scheme_name(), bits(a).c_str(),
              r.evaluated_on);
  if (!r.trials.empty())
    std::printf("  recipe auto, in %.1f s: RMSE of each on calibration samples held back%s\n", r.seconds_choose,
                describe_trials(r.trials, "\n    ").c_str());
  if (r.bits) std::printf("  size budget, in %.1f s: %s\n", r.seconds_choose_bits, describe_bits(*r.bits).c_str());
  std::string transforms;
  for (const std::string& t : r.transforms) transforms += (transforms.empty() ? "" : "; ") + t;
  std::printf("  transforms: %s", transforms.empty() ? "none" : transforms.c_str());
  const std::size_t n = r.evaluated_on;
  std::printf("\n  %-22s %16s %16s %12s %10s%s\n", "", "top-1 %", "agreement %", "RMSE", "SQNR dB",
              r.before.outputs.size() > 1 ? "  output" : "");
  if (r.float_top1) std::printf("  %-22s %17s\n", "float", percent(r.float_top1, n).c_str());
  const char* second = second_row(a, r);
  print_row(second ? "quantized, untrained" : "quantized", r.before, n);
  if (second) print_row(second, r.after, n);
  if (r.training) print_training(r);
  if (r.int8_ms) {
    std::printf("  int8 network: %.2f ms a sample on one thread (%s), float network %.2f ms", *r.int8_ms, name(active_isa()),
                r.float_ms.value_or(0));
    if (r.after.equal) std::printf("; its codes %s those of training", r.codes_equal() ? "equal" : "DIFFER FROM");
    std::printf("\n");
  }
}

void print_written(const QuantizeArguments& a) {
  for (const std::string& file : {a.report.html, a.report.layers, a.json, a.state})
    if (!file.empty()) std::printf("  wrote %s, %s\n", file.c_str(), size_text(file).c_str());
  if (!a.out.empty())
    std::printf("  wrote %s, %s; %s has %s\n", a.out.c_str(), size_text(a.out).c_str(), a.model.c_str(),
                size_text(a.model).c_str());
  std::printf("  peak memory %.0f MB\n", peak_memory_megabytes());
}

const OutputFidelity& Outcome::main() const {
  const auto found =
      std::find_if(outputs.begin(), outputs.end(), [](const OutputFidelity& f) { return f.agreement.has_value(); });
  return found == outputs.end() ? outputs.at(0) : *found;
}

bool is_chance(double top1, std::size_t classes, std::size_t samples) {
  const double chance = 100.0 / double(classes);
  return top1 <= chance + 2 * standard_error(chance, samples);
}

namespace {

/// As the page shows it.
Fidelity page_fidelity(const Outcome& o) {
  const OutputFidelity& f = o.main();
  return {f.agreement.value_or(std::numeric_limits<double>::quiet_NaN()), f.rmse, f.sqnr_db};
}

}  // namespace

ReportInput report_page(const QuantizeArguments& a, const Results& r) {
  ReportInput page;
  page.title = detail::message(std::filesystem::path(a.model).filename().string(), ", ", a.weights_name(), ' ', a.scheme_name(),
                               ", ", bits(a));
  page.facts = {{"evaluated on", detail::message(r.evaluated_on, " pictures")},
                {"calibrated on", detail::message(r.calibrated_on, " pictures")}};
  if (!r.trials.empty())
    page.facts.emplace_back("recipe auto", "RMSE on calibration samples held back" + describe_trials(r.trials, "; "));
  if (r.bits) page.facts.emplace_back("size budget", describe_bits(*r.bits));
  for (const std::string& t : r.transforms) page.facts.emplace_back("transform", t);
  page.outcomes = {{"float", r.float_top1, std::nullopt}, {"quantized", r.before.top1, page_fidelity(r.before)}};
  if (const char* second = second_row(a, r)) page.outcomes.push_back({second, r.after.top1, page_fidelity(r.after)});
  if (r.training) {
    const FineTuneReport& t = r.training->report;
    page.facts.emplace_back("trained", detail::message(t.trained_parameters, " factors, ", a.fine_tune.epochs, " epochs"));
    page.loss = t.loss;
    page.learning_rate = t.learning_rate;
  }
  return page;
}

void write_json(const QuantizeArguments& a, const Results& r) {
  const bool trained = r.training.has_value();
  const Trained training = r.training.value_or(Trained{});
  const FineTuneReport& t = training.report;
  Json out{{"model", a.model},
           {"weights", a.weights_name()},
           {"scheme", a.scheme_name()},
           {"bits", a.quantization.activation_bits},
           {"weight_bits", a.quantization.weight_bits},
           {"requantize", a.quantization.requantizer == Requantizer::fixed_point ? "fixed-point" : "float"},
           {"images", r.evaluated_on},
           {"float_top1", or_null(r.float_top1)}};
  out.update(outcome_json(r.after));
  out["untrained"] = outcome_json(r.before);
  out["int8_top1"] = a.execute != Execute::fake ? or_null(r.after.top1) : Json();
  out["int8_equals_fake_quant"] = r.after.equal ? Json(r.codes_equal()) : Json();
  out["int8_ms_per_image_1_thread"] = or_null(r.int8_ms);
  out["float_ms_per_image_1_thread"] = or_null(r.float_ms);
  out["isa"] = name(active_isa());
  out["peak_memory_mb"] = peak_memory_megabytes();
  out["recipe"] = a.recipe;
  Json trials = Json::array();
  for (const RecipeTrial& one : r.trials) trials.push_back({{"name", one.name}, {"rmse", one.rmse}});
  out["trials"] = trials;
  out["seconds_choose"] = r.seconds_choose;
  out["weight_bytes_packed"] = r.weight_bytes;
  Json bits_of = Json::object(), curve = Json::array();
  if (r.bits) {
    for (const LayerBits& one : r.bits->bits_of) bits_of[one.layer] = *one.weights;
    for (const SizeStep& step : r.bits->curve) curve.push_back({{"bytes", step.bytes}, {"rmse", step.rmse}});
  }
  out["weight_bits_of"] = bits_of;
  out["size_curve"] = curve;
  out["seconds_choose_bits"] = r.seconds_choose_bits;
  out["transforms"] = r.transforms;
  out["seconds_calibrate"] = r.seconds_calibrate;
  out["seconds_round"] = r.seconds_round;
  out["seconds_train"] = t.seconds;
  out["learning_rate"] = trained ? Json(training.learning_rate) : Json();
  out["images_per_second_train"] = trained ? Json(t.pictures_per_second) : Json();
  out["processes"] = r.processes;
  out["steps_train"] = training.steps;
  out["exchange_ms_per_step"] = training.exchange_ms;
  out["exchange_bytes_per_step"] = training.exchange_bytes;
  out["trained_parameters"] = t.trained_parameters;
  out["training_kept"] = trained ? Json(t.kept) : Json();
  out["loss_before"] = trained ? Json(t.loss_before) : Json();
  out["loss_after"] = trained ? Json(t.loss_after) : Json();
  write_file_atomically(a.json, out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace program
