#pragma once
/// \file
/// Folders of pictures, their labels, and many pictures in memory as bytes, given out as batches of floats.

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/progress.hpp>
#include <trimtab/io/image_file.hpp>
#include <trimtab/io/preprocess.hpp>
#include <trimtab/net/network.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trimtab {

/// The .jpg, .jpeg and .png files of a folder (letter case ignored, subfolders left out), sorted by name. Throws io_error.
inline std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::string extension = entry->path().extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::error_code unreadable;
    if ((extension == ".jpg" || extension == ".jpeg" || extension == ".png") && entry->is_regular_file(unreadable))
      files.push_back(entry->path());
  }
  if (failed) throw io_error(detail::message("list_images: cannot list ", folder.string(), ": ", failed.message()));
  std::sort(files.begin(), files.end());
  return files;
}

/// A file of lines `file,class_index`, the file's name without folders; a first line of these two words is skipped. Throws
/// io_error, or parse_error with the line's number for a malformed line or a file that is named twice.
inline std::unordered_map<std::string, std::size_t> read_labels(const std::filesystem::path& csv) {
  const std::vector<unsigned char> bytes = detail::read_bytes(csv, std::uintmax_t{1} << 28, "read_labels");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::unordered_map<std::string, std::size_t> labels;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (number == 1 && line == "file,class_index")) continue;
    const auto refuse = [&](const char* why) {
      throw parse_error(detail::message("read_labels: ", csv.string(), ":", number, ": ", why));
    };
    const std::size_t comma = line.rfind(',');
    if (comma == std::string_view::npos || comma == 0) refuse("expected file,class_index");
    std::size_t label = 0;
    const char* const last = line.data() + line.size();
    const auto [stop, status] = std::from_chars(line.data() + comma + 1, last, label);
    if (status != std::errc() || stop != last) refuse("the class index is not a number of 0 or more");
    if (!labels.emplace(line.substr(0, comma), label).second) refuse("this file has been named before");
  }
  return labels;
}

/// N pictures of equal extents as bytes N H W 3, with their names and, where known, their classes.
class PictureSet {
 public:
  /// The class of a picture that has none.
  static constexpr std::size_t no_label = std::numeric_limits<std::size_t>::max();

  /// Throws value_error when an extent is 0.
  PictureSet(std::size_t h, std::size_t w) : h_(h), w_(w) {
    if (h < 1 || w < 1) throw value_error(detail::message("PictureSet: expected pictures of 1 x 1 or more, got ", h, " x ", w));
  }

  /// Decodes and fits `files` on several threads; calls progress after every few of them. Throws as load_image, and value_error
  /// with the file's name for a picture too long and thin to be fitted.
  static PictureSet load(const std::vector<std::filesystem::path>& files, const Fit& fit, const Progress& progress = {}) {
    PictureSet set(fit.h, fit.w);
    set.bytes_.resize(files.size() * set.picture_size());
    set.labels_.assign(files.size(), no_label);
    for (const std::filesystem::path& file : files) set.names_.push_back(file.filename().string());
    constexpr std::size_t together = 32;
    for (std::size_t done = 0; done < files.size();) {
      const std::size_t count = std::min(together, files.size() - done);
      parallel_for(count, [&](std::size_t i) {
        const Picture picture = load_fitted(files[done + i], fit);
        std::copy_n(picture.data(), set.picture_size(), set.bytes_.data() + (done + i) * set.picture_size());
      });
      done += count;
      if (progress) progress(done, files.size());
    }
    return set;
  }

  /// Appends a picture. Throws shape_error when its extents are not the set's.
  void add(const Picture& picture, std::string name = {}, std::size_t label = no_label) {
    detail::require_extents(view(picture).extent, {h_, w_, 3}, "PictureSet::add");
    bytes_.insert(bytes_.end(), picture.data(), picture.data() + picture.size());
    names_.push_back(std::move(name));
    labels_.push_back(label);
  }

  /// Gives each picture its class by its name. Throws value_error, naming it, when a picture is not among them or has a class of
  /// `classes` or more.
  void set_labels(const std::unordered_map<std::string, std::size_t>& labels, std::size_t classes) {
    for (std::size_t i = 0; i < size(); ++i) {
      const auto found = labels.find(names_[i]);
      if (found == labels.end()) throw value_error(detail::message("PictureSet::set_labels: no label for ", names_[i]));
      if (found->second >= classes)
        throw value_error(detail::message("PictureSet::set_labels: ", names_[i], " has class ", found->second, " of ", classes));
      labels_[i] = found->second;
    }
  }

  std::size_t size() const { return names_.size(); }                  ///< number of pictures
  std::size_t height() const { return h_; }                           ///< of each
  std::size_t width() const { return w_; }                            ///< of each
  const std::string& name(std::size_t i) const { return names_[i]; }  ///< the file's, without folders
  /// no_label where it is not known.
  std::size_t label(std::size_t i) const { return labels_[i]; }
  /// Picture i, H W 3.
  std::span<const std::uint8_t> bytes(std::size_t i) const { return {bytes_.data() + i * picture_size(), picture_size()}; }

  /// The pictures `indices` as floats N H W 3. Throws value_error for an index beyond the set.
  Array batch(std::span<const std::size_t> indices, const Preprocess& preprocess) const {
    for (const std::size_t i : indices)
      if (i >= size()) throw value_error(detail::message("PictureSet::batch: picture ", i, " of ", size()));
    std::array<std::array<float, 256>, 3> value;
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t x = 0; x < 256; ++x)
        value[c][x] = static_cast<float>((static_cast<double>(x) - preprocess.mean[c]) / preprocess.scale[c]);
    Array y = Array::from_shape({indices.size(), h_, w_, 3});
    parallel_for(indices.size(), [&](std::size_t n) {
      const std::span<const std::uint8_t> in = bytes(indices[n]);
      float* out = y.data() + n * picture_size();
      for (std::size_t i = 0; i < in.size(); i += 3)
        for (std::size_t c = 0; c < 3; ++c) out[i + c] = value[c][in[i + c]];
    });
    return y;
  }

 private:
  static Picture load_fitted(const std::filesystem::path& file, const Fit& fit) {
    const Picture picture = load_image(file);
    try {
      return fit_image(picture, fit);
    } catch (const value_error& e) {
      throw value_error(file.string() + ": " + e.what());
    }
  }

  std::size_t picture_size() const { return h_ * w_ * 3; }

  std::size_t h_, w_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::string> names_;
  std::vector<std::size_t> labels_;
};

}  // namespace trimtab
