#include "samples.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <random>
#include <trimtab/io/images.hpp>
#include <trimtab/io/npy.hpp>
#include <trimtab/net/graph/feed.hpp>

namespace program {

using namespace trimtab;
namespace fs = std::filesystem;

/// A file and, where it holds several samples, which of them.
struct InputItem {
  fs::path file;
  std::string name;
  std::size_t row = 0;
};

namespace {

bool ends_in_npy(const fs::path& file) { return file.extension() == ".npy"; }

/// A picture is what has 1, 3 or 4 channels last, in the network's order of axes.
bool may_be_picture(const Port& input) {
  return input.extent.size() == 3 && (input.extent[2] == 1 || input.extent[2] == 3 || input.extent[2] == 4);
}

/// The axis of a .npy file that counts samples; nothing where the file holds one sample without such an axis.
std::optional<std::size_t> sample_axis(const Port& input, const NpyHeader& head, const fs::path& file) {
  const auto batch = static_cast<std::size_t>(std::find(input.order.begin(), input.order.end(), 0U) - input.order.begin());
  const bool several = head.extent.size() == input.order.size();
  bool fits = several || head.extent.size() + 1 == input.order.size();
  for (std::size_t i = 0, at = 0; fits && i < input.order.size(); ++i) {
    if (i == batch && !several) continue;
    fits = i == batch || head.extent[at] == input.extent[input.order[i] - 1];
    ++at;
  }
  if (!fits)
    throw shape_error(detail::message(file.string(), " has extents ", head.extent, "; input '", input.name, "' takes ",
                                      extents_in_file(input), ", or the same without N"));
  return several ? std::optional(batch) : std::nullopt;
}

/// The samples of one path: files of pictures, or .npy files row by row.
void add_items(const Port& input, const fs::path& path, const std::string& option, std::vector<InputItem>& items) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    throw io_error(
        detail::message(option, ": no file or folder ", path.string(),
                        path.string().find('=') == std::string::npos ? std::string() : "; the input is '" + input.name + "'"));
  std::vector<std::pair<fs::path, std::string>> files;  // and their names
  if (!fs::is_directory(path, ignored)) {
    files.emplace_back(path, path.filename().string());
  } else {
    std::vector<fs::path> arrays, folders;
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      if (entry.is_directory(ignored)) folders.push_back(entry.path());
      if (ends_in_npy(entry.path())) arrays.push_back(entry.path());
    }
    std::vector<fs::path> pictures = list_images(path);
    if (!pictures.empty() && !arrays.empty())
      throw value_error(detail::message(option, ": ", path.string(), " holds pictures and .npy files; give one kind"));
    std::sort(arrays.begin(), arrays.end());
    std::sort(folders.begin(), folders.end());
    for (const fs::path& file : arrays.empty() ? pictures : arrays) files.emplace_back(file, file.filename().string());
    if (files.empty())
      for (const fs::path& folder : folders)
        for (const fs::path& file : list_images(folder))
          files.emplace_back(file, (folder.filename() / file.filename()).generic_string());
    if (files.empty()) throw value_error(detail::message(option, ": no pictures and no .npy files in ", path.string()));
  }
  for (const auto& [file, name] : files) {
    if (!ends_in_npy(file)) {
      if (!may_be_picture(input))
        throw value_error(detail::message(option, ": ", file.string(), " is no .npy file, and input '", input.name, "' (",
                                          extents_in_file(input), ") takes no pictures of 1, 3 or 4 channels"));
      items.push_back({file, name});
      continue;
    }
    const NpyHeader head = read_npy_header(file);
    const auto axis = sample_axis(input, head, file);
    const std::size_t rows = axis ? head.extent[*axis] : 1;
    for (std::size_t row = 0; row < rows; ++row)
      items.push_back({file, rows == 1 ? name : name + ":" + std::to_string(row), row});
  }
}

}  // namespace

class InputFiles {
 public:
  InputFiles(Port port, std::vector<InputItem> items, const Fit& fit, const Preprocess& preprocess)
      : port_(std::move(port)), items_(std::move(items)), fit_(fit) {
    std::vector<fs::path> files;
    for (const InputItem& item : items_) {
      picture_of_.push_back(files.size());
      if (!ends_in_npy(item.file)) files.push_back(item.file);
    }
    if (!files.empty()) pictures_.emplace(std::move(files), fit, preprocess, port_.extent[2]);
  }

  const Port& port() const { return port_; }
  const std::vector<InputItem>& items() const { return items_; }
  const Fit& fit() const { return fit_; }
  bool has_pictures() const { return pictures_.has_value(); }

  Array operator()(std::span<const std::size_t> indices) const {
    const bool all_pictures =
        std::none_of(indices.begin(), indices.end(), [&](std::size_t i) { return ends_in_npy(items_[i].file); });
    std::vector<std::size_t> numbers;
    for (const std::size_t i : indices) numbers.push_back(picture_of_[i]);
    if (all_pictures && !indices.empty()) return (*pictures_)(numbers);
    Array batch;
    detail::resize_batch(indices.size(), port_.extent, batch);
    float* to = batch.data();
    for (std::size_t n = 0; n < indices.size(); ++n) {
      const Array one = ends_in_npy(items_[indices[n]].file) ? row_of(items_[indices[n]])
                                                             : (*pictures_)(std::span<const std::size_t>(&numbers[n], 1));
      to = std::copy(one.begin(), one.end(), to);
    }
    return batch;
  }

 private:
  /// A sample of a .npy file, N = 1. Where samples are a file's first axis, the others are not read.
  Array row_of(const InputItem& item) const {
    const NpyHeader head = read_npy_header(item.file);
    const auto axis = sample_axis(port_, head, item.file);
    const std::size_t rows = axis ? head.extent[*axis] : 1, count = element_count(port_.extent);
    if (item.row >= rows) throw value_error(item.file.string() + " has changed");
    const bool whole = axis && *axis != 0;
    std::vector<std::size_t> shape;
    for (const std::size_t a : port_.order) shape.push_back(a == 0 ? (whole ? rows : 1) : port_.extent[a - 1]);
    const std::vector<float> numbers = read_npy_numbers(item.file, whole ? 0 : item.row * count, whole ? rows * count : count);
    if (std::any_of(numbers.begin(), numbers.end(), [](float v) { return std::isnan(v); }))
      throw parse_error(item.file.string() + ": nan among its numbers");
    Array x = Array::from_shape(shape);
    std::copy(numbers.begin(), numbers.end(), x.data());
    x = from_file(x, port_);
    if (!whole) return x;
    Array one;
    detail::resize_batch(1, port_.extent, one);
    std::copy_n(x.data() + item.row * count, count, one.data());
    return one;
  }

  Port port_;
  std::vector<InputItem> items_;
  Fit fit_;                              // of pictures
  std::vector<std::size_t> picture_of_;  // number among the pictures
  std::optional<PictureFiles> pictures_;
};

void describe(CLI::App& app, PictureArguments& a) {
  app.add_option(
         "--preprocess", a.preprocess,
         "What a picture's bytes become: tf, imagenet, byte, or MEAN,SCALE: (byte - MEAN) / SCALE, in units of bytes, for all "
         "channels or a mean for each and then a scale for each; BGR, in front: blue first; default: the model's metadata")
      ->check([](const std::string& text) {
        try {
          parse_mean_scale(text);
          return std::string();
        } catch (const parse_error&) {
          return text + " is none of tf, imagenet, byte and MEAN,SCALE (or a mean and then a scale for each channel), no scale 0";
        }
      });
  app.add_option("--resize", a.resize,
                 "crop: the short side becomes 256/224 of the input's longer side, the middle is cut out; stretch: both sides "
                 "become the input's; "
                 "or the short side's pixels before the cut")
      ->capture_default_str()
      ->check([](const std::string& text) {
        const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos && text.size() < 7;
        return text == "crop" || text == "stretch" || (number && std::stoul(text) > 0)
                   ? std::string()
                   : std::string("expected crop, stretch or a number of pixels");
      });
  app.add_flag("--skip-broken", a.skip_broken, "Leave out pictures that cannot be read, and name them");
}

Preprocess preprocessing(const PictureArguments& a, const Model& model) {
  if (!a.preprocess.empty()) return parse_mean_scale(a.preprocess);
  const auto told = model.metadata.find("preprocessing");
  if (told == model.metadata.end())
    throw value_error("the model says nothing of its preprocessing; give --preprocess, such as imagenet, tf, byte or MEAN,SCALE");
  return parse_preprocessing(told->second);
}

void note_preprocessing(const PictureArguments& a, const Model& model) {
  const auto told = model.metadata.find("preprocessing");
  if (a.preprocess.empty() || told == model.metadata.end()) return;
  const Preprocess given = parse_mean_scale(a.preprocess);
  Preprocess own;
  try {
    own = parse_preprocessing(told->second);
  } catch (const parse_error&) {
    return;  // written in words of somebody else
  }
  bool same = given.bgr == own.bgr;
  for (const std::size_t c : {0U, 1U, 2U})
    for (const std::size_t byte : {0U, 255U})
      same = same && std::abs(given(c, byte) - own(c, byte)) <= 1e-4F * std::abs(own(c, byte));
  if (!same)
    std::fprintf(stderr, "note: --preprocess %s replaces the model's own: %s\n", a.preprocess.c_str(), told->second.c_str());
}

std::vector<Array> Samples::operator()(std::span<const std::size_t> indices) const {
  std::vector<std::size_t> numbers;
  for (const std::size_t i : indices) numbers.push_back(chosen_.at(i));
  std::vector<Array> batch;
  try {
    for (const auto& input : inputs_) batch.push_back((*input)(numbers));
  } catch (const parse_error& e) {
    if (inputs_.size() > 1) throw;
    throw parse_error(std::string(e.what()) + "; --skip-broken leaves out what cannot be read");
  }
  return batch;
}

Samples Samples::chosen(std::span<const std::size_t> indices) const {
  Samples result = *this;
  result.chosen_.clear();
  for (const std::size_t i : indices) result.chosen_.push_back(chosen_.at(i));
  return result;
}

Samples Samples::drawn(std::size_t count, std::size_t seed) const {
  std::vector<std::size_t> order(size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  order.resize(std::min(count, order.size()));
  return chosen(order);
}

std::optional<Samples> Samples::preprocessed(const Preprocess& preprocess) const {
  Samples result = *this;
  bool any = false;
  for (auto& input : result.inputs_) {
    if (!input->has_pictures()) continue;
    if (!preprocess.fits(input->port().extent[2])) return std::nullopt;
    input = std::make_shared<InputFiles>(input->port(), input->items(), input->fit(), preprocess);
    any = true;
  }
  return any ? std::optional(result) : std::nullopt;
}

namespace {

std::string names_of(const std::vector<Port>& ports) {
  std::string names;
  for (const Port& port : ports) names += (names.empty() ? "'" : ", '") + port.name + "'";
  return names;
}

/// The pictures that can be read; the others are named.
std::vector<std::size_t> readable(const InputFiles& input) {
  std::vector<std::size_t> good;
  for (std::size_t i = 0; i < input.items().size(); ++i) {
    try {
      input(std::span<const std::size_t>(&i, 1));
      good.push_back(i);
    } catch (const parse_error& e) {
      std::fprintf(stderr, "note: left out: %s\n", e.what());
    } catch (const io_error& e) {
      std::fprintf(stderr, "note: left out: %s\n", e.what());
    } catch (const value_error& e) {  // too long and thin
      std::fprintf(stderr, "note: left out: %s\n", e.what());
    }
  }
  return good;
}

}  // namespace

Samples open_samples(const Model& model, const std::vector<std::string>& paths, const PictureArguments& pictures,
                     const std::string& option) {
  std::vector<std::vector<InputItem>> items(model.inputs.size());
  for (const std::string& text : paths) {
    std::size_t which = 0;
    std::string path = text;
    for (std::size_t i = 0; i < model.inputs.size(); ++i)
      if (text.starts_with(model.inputs[i].name + "=")) which = i, path = text.substr(model.inputs[i].name.size() + 1);
    if (path == text && model.inputs.size() > 1)
      throw value_error(
          detail::message(option, " ", text, ": the network has inputs ", names_of(model.inputs), "; say NAME=", text));
    add_items(model.inputs[which], path, option, items[which]);
  }
  Samples samples;
  const std::size_t count = items[0].size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Port& input = model.inputs[i];
    if (items[i].empty()) throw value_error(detail::message(option, ": nothing for input '", input.name, "'"));
    if (items[i].size() != count)
      throw value_error(detail::message(option, ": ", count, " samples for input '", model.inputs[0].name, "' and ",
                                        items[i].size(), " for '", input.name, "'"));
    Fit fit;
    Preprocess preprocess;
    if (std::any_of(items[i].begin(), items[i].end(), [](const InputItem& item) { return !ends_in_npy(item.file); })) {
      preprocess = preprocessing(pictures, model);
      if (!preprocess.fits(input.extent[2]))
        throw value_error(detail::message("input '", input.name, "' has ", input.extent[2],
                                          input.extent[2] == 1 ? " channel" : " channels", ", for which the preprocessing (",
                                          preprocessing_text(preprocess), ") is not"));
      fit = fit_to(input.extent[0], input.extent[1]);
      if (pictures.resize == "stretch") fit.short_side = 0;
      if (pictures.resize != "stretch" && pictures.resize != "crop") fit.short_side = std::stoul(pictures.resize);
      if (fit.short_side != 0 && fit.short_side < std::max(fit.h, fit.w))
        throw value_error(detail::message("--resize ", pictures.resize, ": input '", input.name, "' takes ", fit.h, " x ", fit.w,
                                          " pixels, more than the short side has"));
    }
    samples.inputs_.push_back(std::make_shared<InputFiles>(input, std::move(items[i]), fit, preprocess));
  }
  std::vector<std::string> names;
  for (const InputItem& item : samples.inputs_[0]->items()) names.push_back(item.name);
  samples.names_ = std::make_shared<std::vector<std::string>>(std::move(names));
  samples.chosen_.resize(count);
  std::iota(samples.chosen_.begin(), samples.chosen_.end(), std::size_t{0});
  if (pictures.skip_broken) {
    if (samples.inputs_.size() > 1) throw value_error("--skip-broken is for networks of one input");
    samples.chosen_ = readable(*samples.inputs_[0]);
    if (samples.chosen_.empty()) throw value_error(detail::message(option, ": no picture of ", count, " can be read"));
  }
  return samples;
}

}  // namespace program
