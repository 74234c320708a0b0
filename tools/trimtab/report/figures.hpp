#pragma once
// The figures of a report, each an svg element.

#include <cstddef>
#include <span>
#include <string>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/report/analyze.hpp>
#include <vector>

namespace trimtab {
struct BitsChoice;
}

namespace program {

/// The id of a quantizer's row in the page's table, which points of figures lead to. `i`: its place in the analysis.
std::string row_id(std::size_t i);

/// The logit RMSE that each quantizer alone brings about, along the network.
std::string sensitivity_figure(const trimtab::Network& network, const trimtab::Analysis& analysis);

/// SQNR of the outputs along the network: of each rounding alone, and of the int8 network's values against the float network's.
std::string sqnr_figure(const trimtab::Network& network, const trimtab::Analysis& analysis);

/// Weights of a layer before (the paper's figure 1) and after quantization (figure 2): all of them with counts on a logarithmic
/// axis, and below, the inner nine tenths with counts on a linear one.
std::string weight_histograms(std::span<const float> before, std::span<const float> after);

/// The largest |w| of each living filter, sorted: before rescaling, after it, and what the quantizer's grid spans.
std::string filter_thresholds(const std::vector<double>& original, const std::vector<double>& rescaled,
                              const trimtab::AnyQuantizer& quantizer);

/// Loss and learning rate of each training step.
std::string training_curve(std::span<const double> loss, std::span<const double> learning_rate);

/// Size of the weights against the RMSE that they should bring, and which choice was taken.
std::string size_curve_figure(const trimtab::BitsChoice& choice);

/// Scale of each quantizer as a share of where it starts, before and after training; of several filters the median, smallest and
/// largest.
std::string threshold_changes(const trimtab::QuantizedNetwork& before, const trimtab::QuantizedNetwork& after);

}  // namespace program
