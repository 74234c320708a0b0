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
#include <trimtab/net/graph/network.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trimtab {

/// The .jpg, .jpeg and .png files of a folder (letter case ignored; subfolders and names that begin with a dot, such as macOS
/// leaves, left out), sorted by name. Throws io_error.
inline std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::string extension = entry->path().extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::error_code unreadable;
    if ((extension == ".jpg" || extension == ".jpeg" || extension == ".png") &&
        !entry->path().filename().string().starts_with('.') && entry->is_regular_file(unreadable))
      files.push_back(entry->path());
  }
  if (failed) throw io_error(detail::message("list_images: cannot list ", folder.string(), ": ", failed.message()));
  std::sort(files.begin(), files.end());
  return files;
}

/// Lines `file,class_index`, the file's name without folders; a first line of these two words is skipped. Throws parse_error with
/// `name` and the line's number for a malformed line or a file that is named twice.
inline std::unordered_map<std::string, std::size_t> parse_labels(std::string_view text, const std::string& name) {
  std::unordered_map<std::string, std::size_t> labels;
  std::size_t number = 0;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte-order mark
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (number == 1 && line == "file,class_index")) continue;
    const auto refuse = [&](const char* why) {
      throw parse_error(detail::message("read_labels: ", name, ":", number, ": ", why));
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

/// The labels in a file. Throws io_error when it cannot be read, else as parse_labels.
inline std::unordered_map<std::string, std::size_t> read_labels(const std::filesystem::path& csv) {
  const std::vector<unsigned char> bytes = detail::read_bytes(csv, std::uintmax_t{1} << 28, "read_labels");
  return parse_labels({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, csv.string());
}

namespace detail {

/// The class of a picture by its name. Throws value_error, naming it, when it is not among the labels or has a class of `classes`
/// or more.
inline std::size_t label_of(const std::string& name, const std::unordered_map<std::string, std::size_t>& labels,
                            std::size_t classes) {
  const auto found = labels.find(name);
  if (found == labels.end()) throw value_error(message("no label for picture ", name));
  if (found->second >= classes) throw value_error(message("picture ", name, " has class ", found->second, " of ", classes));
  return found->second;
}

/// A picture of a file, fitted. Throws as load_image, and value_error with the file's name for a picture too long and thin.
inline Picture load_fitted(const std::filesystem::path& file, const Fit& fit, std::size_t channels = 3) {
  const Picture picture = load_image(file, channels);
  try {
    return fit_image(picture, fit);
  } catch (const value_error& e) {
    throw value_error(file.string() + ": " + e.what());
  }
}

/// Pictures as floats N H W C; bytes_of(n) are those of the n-th. Throws value_error where the preprocessing is of other
/// channels.
template <class BytesOf>
Array to_floats(std::size_t count, const Extents& picture, const Preprocess& preprocess, const BytesOf& bytes_of) {
  const std::size_t channels = picture[2];
  if (!preprocess.fits(channels))
    throw value_error(message("the preprocessing (", preprocessing_text(preprocess), ") is not for pictures of ", channels,
                              channels == 1 ? " channel" : " channels"));
  std::vector<std::array<float, 256>> value(channels);
  std::vector<std::size_t> from(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t x = 0; x < 256; ++x) value[c][x] = preprocess(c, x);
    from[c] = preprocess.bgr && c < 3 ? 2 - c : c;
  }
  Array y = Array::from_shape({count, picture[0], picture[1], channels});
  parallel_for(count, [&](std::size_t n) {
    const std::span<const std::uint8_t> in = bytes_of(n);
    float* out = y.data() + n * in.size();
    for (std::size_t i = 0; i < in.size(); i += channels)
      for (std::size_t c = 0; c < channels; ++c) out[i + c] = value[c][in[i + from[c]]];
  });
  return y;
}

}  // namespace detail

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
        const Picture picture = detail::load_fitted(files[done + i], fit);
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
    for (std::size_t i = 0; i < size(); ++i) labels_[i] = detail::label_of(names_[i], labels, classes);
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
    return detail::to_floats(indices.size(), {h_, w_, 3}, preprocess, [&](std::size_t n) { return bytes(indices[n]); });
  }

 private:
  std::size_t picture_size() const { return h_ * w_ * 3; }

  std::size_t h_, w_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::string> names_;
  std::vector<std::size_t> labels_;
};

/// Pictures of files, each read when a batch first asks for it, and kept as bytes: of several processes each reads only what it
/// works on. A PictureSource; not to be called by two threads at once.
class PictureFiles {
 public:
  /// Reads nothing yet. Pictures will have so many channels: 1, 3 or 4.
  PictureFiles(std::vector<std::filesystem::path> files, const Fit& fit, const Preprocess& preprocess, std::size_t channels = 3)
      : files_(std::move(files)), fit_(fit), preprocess_(preprocess), channels_(channels), pictures_(files_.size()) {}

  /// Number of files.
  std::size_t size() const { return files_.size(); }

  /// The pictures `indices` as floats N H W C. Throws value_error for an index beyond the files and for preprocessing of other
  /// channels, and as PictureSet::load.
  Array operator()(std::span<const std::size_t> indices) const {
    for (const std::size_t i : indices)
      if (i >= size()) throw value_error(detail::message("PictureFiles: picture ", i, " of ", size()));
    std::vector<std::size_t> missing;
    for (const std::size_t i : indices)
      if (pictures_[i].size() == 0 && std::find(missing.begin(), missing.end(), i) == missing.end()) missing.push_back(i);
    parallel_for(missing.size(),
                 [&](std::size_t n) { pictures_[missing[n]] = detail::load_fitted(files_[missing[n]], fit_, channels_); });
    return detail::to_floats(indices.size(), {fit_.h, fit_.w, channels_}, preprocess_, [&](std::size_t n) {
      const Picture& picture = pictures_[indices[n]];
      return std::span<const std::uint8_t>(picture.data(), picture.size());
    });
  }

 private:
  std::vector<std::filesystem::path> files_;
  Fit fit_;
  Preprocess preprocess_;
  std::size_t channels_;
  mutable std::vector<Picture> pictures_;
};

}  // namespace trimtab
