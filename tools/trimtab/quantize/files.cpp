#include "files.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/write.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <unordered_map>
#ifdef TRIMTAB_WITH_TFLITE
#include <trimtab/io/tflite/write.hpp>
#endif

#include "../classes.hpp"
#include "layer_report.hpp"

namespace program {

using namespace trimtab;

std::optional<std::size_t> FloatModel::classes_output() const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < file.outputs.size(); ++i) {
    if (!is_classes(file.outputs[i])) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

FloatModel read_float_model(const QuantizeArguments& a) {
  Model file = read_model(a.model, a.reading);
  if (file.is_quantized()) throw value_error(a.model + " is quantized already; `trimtab run` and `trimtab show` take it");
  if (!a.quiet) {
    print_notes(file);
    note_preprocessing(a.pictures, file);
  }
  Network network = simplify(std::get<Network>(file.network));
  if (!a.report.layer.empty()) layer_named(network, a.report.layer);  // fails early
  return {std::move(file), std::move(network)};
}

namespace {

/// What `folders` stands for: the class of a folder is what --classes says of its name; or else its number among all of them in
/// order, which are as many as the classes, or its name where all are numbers.
std::map<std::string, std::size_t> folder_classes(const Samples& samples, const std::string& classes_file, std::size_t classes) {
  std::map<std::string, std::size_t> number;
  bool numbers = true;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::filesystem::path name(samples.name(i));
    if (!name.has_parent_path()) throw value_error("--labels folders: " + name.string() + " is in no folder of a class");
    const std::string folder = name.parent_path().string();
    numbers = numbers && folder.size() < 9 && folder.find_first_not_of("0123456789") == std::string::npos;
    number[folder] = 0;
  }
  if (!classes_file.empty()) {
    const std::map<std::string, std::size_t> known = read_class_numbers(classes_file, classes);
    for (auto& [folder, n] : number) {
      const auto found = known.find(folder);
      if (found == known.end())
        throw value_error(detail::message("--labels folders: ", classes_file, " has no class called ", folder, ", or several"));
      n = found->second;
    }
    return number;
  }
  if (!numbers && number.size() != classes)
    throw value_error(
        detail::message("--labels folders: ", number.size(), " folders for ", classes,
                        " classes, so that their order says nothing; call them by number, say with --classes what they "
                        "are called, or give a CSV"));
  std::size_t next = 0;
  for (auto& [folder, n] : number) n = numbers ? std::stoul(folder) : next++;
  return number;
}

/// The label of each sample, no_label where the file has none.
std::vector<std::size_t> labels_of(const Samples& samples, const std::string& labels, const std::string& classes_file,
                                   std::size_t classes, bool quiet) {
  std::vector<std::size_t> result(samples.size(), PictureSet::no_label);
  if (labels == "folders") {
    const auto number = folder_classes(samples, classes_file, classes);
    for (std::size_t i = 0; i < samples.size(); ++i)
      result[i] = number.at(std::filesystem::path(samples.name(i)).parent_path().string());
    return result;
  }
  const std::unordered_map<std::string, std::size_t> given = read_labels(labels);
  std::set<std::string> used;
  std::size_t without = 0, first_without = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::string name = samples.name(i), base = std::filesystem::path(name).filename().string();
    const auto found = given.contains(name) ? given.find(name) : given.find(base);
    if (found != given.end()) {
      result[i] = found->second;
      used.insert(found->first);
    } else if (without++ == 0) {
      first_without = i;
    }
  }
  if (quiet) return result;
  if (without > 0)
    std::fprintf(stderr, "note: %zu of %zu samples have no label and are left out, the first is %s\n", without, samples.size(),
                 samples.name(first_without).c_str());
  std::vector<std::string> missing;
  for (const auto& [name, label] : given)
    if (!used.contains(name)) missing.push_back(name);
  if (!missing.empty())
    std::fprintf(stderr, "note: %zu of %zu labels are of no sample, as that of %s\n", missing.size(), given.size(),
                 std::min_element(missing.begin(), missing.end())->c_str());
  return result;
}

}  // namespace

Labelled labelled(Samples samples, const std::string& labels, const char* option, const FloatModel& model,
                  const QuantizeArguments& a) {
  Labelled result{std::move(samples), {}};
  if (labels.empty()) return result;
  const auto output = model.classes_output();
  if (!output) throw value_error(detail::message(option, ": the network has no output of classes, or several; --cut keeps one"));
  const std::size_t classes = element_count(model.file.outputs[*output].extent);
  const std::vector<std::size_t> found = labels_of(result.samples, labels, a.classes, classes, a.quiet);
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == PictureSet::no_label) continue;
    if (found[i] >= classes)
      throw value_error(detail::message(option, ": ", result.samples.name(i), " has class ", found[i], " of ", classes));
    chosen.push_back(i);
    result.labels.push_back(found[i]);
  }
  if (chosen.empty()) throw value_error(detail::message(option, ": no sample has a label"));
  result.samples = result.samples.chosen(chosen);
  return result;
}

Labelled evaluation_samples(const QuantizeArguments& a, const FloatModel& model) {
  Labelled result = labelled(open_samples(model.file, a.images, a.pictures, "--images"), a.labels, "--labels", model, a);
  if (a.limit > 0 && result.samples.size() > a.limit) {
    std::vector<std::size_t> first(a.limit);
    for (std::size_t i = 0; i < first.size(); ++i) first[i] = i;
    result.samples = result.samples.chosen(first);
    if (!result.labels.empty()) result.labels.resize(a.limit);
  }
  return result;
}

namespace {

std::string ending(const std::string& file) { return std::filesystem::path(file).extension().string(); }

/// Inputs and outputs as the float file has them.
std::vector<TrimtabPort> trimtab_ports(const std::vector<Port>& ports) {
  std::vector<TrimtabPort> result;
  for (const Port& port : ports) result.push_back({port.name, port.order});
  return result;
}

/// The bytes of --out.
std::string serialized(const QuantizeArguments& a, const QuantizedNetwork& q, const FloatModel& model,
                       const std::map<std::string, std::string>& metadata) {
#ifdef TRIMTAB_WITH_TFLITE
  if (ending(a.out) == ".tflite") return serialize_tflite(q);
#endif
  if (ending(a.out) == ".trimtab")
    return serialize_trimtab({lower(q), trimtab_ports(model.file.inputs), trimtab_ports(model.file.outputs), metadata});
  return serialize_onnx(lower(q), a.format, metadata);
}

/// Throws unsupported_error for a format that is not written, or holds another arithmetic.
void require_format(const std::string& file, Requantizer requantizer) {
  if (ending(file) == ".trimtab" || (ending(file) == ".onnx" && requantizer == Requantizer::float32)) return;
  if (ending(file) == ".onnx")
    throw unsupported_error("--out: ONNX requantizes in float; --requantize fixed-point goes into .tflite and .trimtab files");
#ifdef TRIMTAB_WITH_TFLITE
  if (ending(file) == ".tflite") return;
  throw unsupported_error(detail::message("--out ", file, ": a model's name ends in .onnx, .tflite or .trimtab"));
#else
  throw unsupported_error(detail::message(
      "--out ", file, ": a model's name ends in .onnx or .trimtab; this program was built without TFLite's writer"));
#endif
}

}  // namespace

namespace {

/// Throws value_error where what stays in float has no place.
void require_place_for_float(const QuantizeArguments& a) {
  if (a.quantization.keep_float.empty()) return;
  if (ending(a.out) == ".tflite")
    throw value_error(
        "--keep-float: a .tflite file holds integers alone; --out to a .onnx or .trimtab file holds parts in float");
  if (a.quantization.requantizer == Requantizer::fixed_point)
    throw value_error(
        "--keep-float: --requantize fixed-point computes with integers alone; --requantize float has parts in float");
}

/// Throws value_error for a budget below what the fewest bits take: whatever the ranges are.
void require_reachable(const QuantizeArguments& a, const Network& network, const std::vector<Range<float>>& ranges) {
  const auto bytes_at = [&](int bits) {
    QuantizationOptions o = a.quantization;
    o.weight_bits = bits;
    return packed_bytes(quantize(network, ranges, o));
  };
  const std::size_t least = bytes_at(bits_to_try.back());
  if (const double allowed = a.size_budget->bytes(bytes_at(bits_to_try.front())); double(least) > allowed)
    throw value_error(detail::message("--size-budget: at ", bits_to_try.back(),
                                      " bits, the fewest that are tried, the weights take ", least,
                                      " bytes, above the budget of ", std::size_t(allowed)));
}

}  // namespace

void rehearse(const QuantizeArguments& a, const FloatModel& model) {
  require_place_for_float(a);
  if (!a.out.empty()) require_format(a.out, a.quantization.requantizer);
  const std::vector<Range<float>> ranges(model.network.size(), Range<float>{-1, 1});
  try {
    if (a.size_budget) require_reachable(a, model.network, ranges);
    const QuantizedNetwork q = quantize(model.network, ranges, a.quantization);
    if (!a.out.empty()) serialized(a, q, model, {});
  } catch (const quantization_range_error&) {
    // Real ranges may do.
  }
}

void write_quantized(const QuantizeArguments& a, const QuantizedNetwork& q, const FloatModel& model) {
  std::map<std::string, std::string> metadata = model.file.metadata;
  if (!a.pictures.preprocess.empty()) metadata["preprocessing"] = preprocessing_text(parse_mean_scale(a.pictures.preprocess));
  const std::vector<NodeId> outputs = q.network.outputs();
  if (ending(a.out) != ".tflite" && outputs.size() == 1 && q.holds_codes(outputs[0]))
    metadata = with_self_check(lower(q), std::move(metadata));
  write_file_atomically(a.out, serialized(a, q, model, metadata));
}

}  // namespace program
