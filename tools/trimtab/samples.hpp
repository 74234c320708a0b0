#pragma once
// What networks are fed: pictures of 1, 3 or 4 channels and .npy files, from files and folders, for one input or several.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model.hpp"

namespace trimtab {
struct Preprocess;
}

namespace program {

/// How pictures become inputs.
struct PictureArguments {
  std::string preprocess, resize = "crop";
  bool skip_broken = false;
};
/// --preprocess, --resize and --skip-broken.
void describe(CLI::App& app, PictureArguments& a);

/// What the user says, or else the model's metadata. Throws value_error where neither says anything.
trimtab::Preprocess preprocessing(const PictureArguments& a, const Model& model);

/// Says so on standard error where the user's preprocessing replaces another one, of the model's metadata.
void note_preprocessing(const PictureArguments& a, const Model& model);

/// One input's values, in the network's order of axes.
class InputFiles;

/// Samples for all inputs of a network, by number: what trimtab calls a PictureSource. Copies share what was read.
class Samples {
 public:
  std::size_t size() const { return chosen_.size(); }
  /// What a sample is called: its file below the folder that was given, of the first input's, and its number where a file holds
  /// several.
  const std::string& name(std::size_t i) const { return (*names_)[chosen_[i]]; }
  /// An array for each input. Throws as the readers of pictures and .npy files do.
  std::vector<trimtab::Array> operator()(std::span<const std::size_t> indices) const;

  /// Those of these numbers, in this order.
  Samples chosen(std::span<const std::size_t> indices) const;
  /// Up to `count`, drawn with a seed.
  Samples drawn(std::size_t count, std::size_t seed) const;
  /// The same with pictures of another preprocessing, read anew; nothing where no input takes pictures, or it is not for one's
  /// channels.
  std::optional<Samples> preprocessed(const trimtab::Preprocess& preprocess) const;

 private:
  friend Samples open_samples(const Model&, const std::vector<std::string>&, const PictureArguments&, const std::string&);
  std::vector<std::shared_ptr<const InputFiles>> inputs_;
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<std::size_t> chosen_;
};

/// `[NAME=]PATH` for each input: a picture, a .npy file with one sample or several, a folder of either, or one of folders of
/// pictures, a class each. `option` is what messages call them. Heads of .npy files are checked, pictures with --skip-broken
/// alone. Throws value_error, naming the input, where there is nothing for one, samples are not as many for each, or do not fit.
Samples open_samples(const Model& model, const std::vector<std::string>& paths, const PictureArguments& pictures,
                     const std::string& option);

}  // namespace program
