#include "fidelity.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <map>
#include <set>
#include <trimtab/net/report/evaluate.hpp>
#include <utility>

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

void NodeGauge::add(std::span<const float> reference, std::span<const float> other) {
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double r = double(reference[i]), o = double(other[i]);
    signal_ += r * r;
    other_ += o * o;
    product_ += r * o;
    noise_ += (o - r) * (o - r);
  }
}

double NodeGauge::sqnr_db(bool up_to_factor) const {
  // |r - a o|^2 is least at a = r o / |o|^2, where it is |r|^2 - (r o)^2 / |o|^2.
  const double noise = up_to_factor && other_ > 0 ? std::max(0.0, signal_ - product_ * product_ / other_) : noise_;
  return trimtab::sqnr_db(signal_, noise);
}

namespace {

/// Numbers of the nodes by name, of those names that one node has. Constants are left out.
std::map<std::string, NodeId> by_name(const std::vector<RunNode>& nodes) {
  std::map<std::string, NodeId> found;
  std::set<std::string> several;
  for (NodeId id = 0; id < nodes.size(); ++id)
    if (!found.try_emplace(nodes[id].name, id).second) several.insert(nodes[id].name);
  for (const std::string& name : several) found.erase(name);
  std::erase_if(found, [&](const auto& entry) { return nodes[entry.second].op == "Constant"; });
  return found;
}

}  // namespace

NodesFidelity::NodesFidelity(const Runner& first, const Runner& second)
    : nodes_(first.nodes()), pair_of_first_(first.nodes().size()), pair_of_second_(second.nodes().size()) {
  const std::map<std::string, NodeId> own = by_name(nodes_), others = by_name(second.nodes());
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    const auto found = others.find(nodes_[id].name);
    if (found == others.end() || !own.contains(nodes_[id].name)) continue;
    const RunNode& other = second.nodes()[found->second];
    if (other.extent != nodes_[id].extent) continue;
    pair_of_first_[id] = pair_of_second_[found->second] = pairs_.size();
    pairs_.push_back({!nodes_[id].scale_known || !other.scale_known, {}, {}});
  }
}

std::pair<std::vector<Array>, std::vector<Array>> NodesFidelity::run(Runner& first, const std::vector<Array>& x, Runner& second,
                                                                     const std::vector<Array>& other_x) {
  std::vector<Array> y = first(x, [&](NodeId id, std::span<const float> values) {
    if (pair_of_first_[id]) pairs_[*pair_of_first_[id]].values.assign(values.begin(), values.end());
  });
  std::vector<Array> other_y = second(other_x, [&](NodeId id, std::span<const float> values) {
    if (pair_of_second_[id]) pairs_[*pair_of_second_[id]].gauge.add(pairs_[*pair_of_second_[id]].values, values);
  });
  return {std::move(y), std::move(other_y)};
}

std::vector<NodeFidelity> NodesFidelity::result() const {
  constexpr double nothing = std::numeric_limits<double>::infinity();
  std::vector<NodeFidelity> list;
  std::vector<double> reached(nodes_.size(), nothing);  // by node: its own, or the lowest before it
  std::vector<bool> compared(nodes_.size());            // it, or one before it
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    for (const NodeId in : nodes_[id].inputs) {
      reached[id] = std::min(reached[id], reached[in]);
      compared[id] = compared[id] || compared[in];
    }
    if (!pair_of_first_[id]) continue;
    const Pair& pair = pairs_[*pair_of_first_[id]];
    NodeFidelity f{nodes_[id].name, nodes_[id].op, pair.gauge.sqnr_db(pair.up_to_factor), std::nullopt, pair.up_to_factor};
    if (compared[id]) f.drop_db = std::max(0.0, std::min(reached[id], NodeFidelity::of_8_bits) - f.sqnr_db);
    reached[id] = f.sqnr_db;
    compared[id] = true;
    list.push_back(std::move(f));
  }
  return list;
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
