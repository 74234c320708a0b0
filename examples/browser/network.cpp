// The page's network: what index.html calls, compiled to WebAssembly by build.sh. Every function returns nullptr, or what went wrong.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <trimtab/io/images.hpp>
#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <vector>

namespace {

struct Loaded {
  trimtab::Int8Network network;
  trimtab::Preprocess preprocess;
  bool has_self_check;
};
std::unique_ptr<Loaded> loaded;
trimtab::Int8Network::Workspace workspace;
std::vector<float> scores;
double milliseconds = 0;

template <class F>
const char* complaint_of(const F& f) {
  static std::string complaint;
  try {
    f();
    return nullptr;
  } catch (const std::exception& e) {
    complaint = e.what();
    return complaint.c_str();
  }
}

}  // namespace

extern "C" {

/// Takes the bytes of a .trimtab file for a network of pictures, and runs its self-check: a wrong code is an error.
const char* load_network(const char* bytes, std::size_t size) {
  return complaint_of([&] {
    loaded.reset();
    const trimtab::TrimtabModel model = trimtab::parse_trimtab({bytes, size}, "the file");
    trimtab::self_check(model.network, model.metadata);
    const auto told = model.metadata.find("preprocessing");
    if (told == model.metadata.end()) throw trimtab::value_error("the file says nothing of how pictures become inputs");
    if (model.network.inputs.size() != 1 || model.network.outputs.size() != 1 ||
        model.network.nodes[model.network.inputs[0]].extent.size() != 3)
      throw trimtab::unsupported_error("this page takes networks of one picture and one output");
    loaded = std::make_unique<Loaded>(Loaded{trimtab::Int8Network(model.network), trimtab::parse_preprocessing(told->second),
                                             model.metadata.contains(trimtab::self_check_key)});
  });
}

/// Runs the bytes of a JPEG or PNG through it, cropped and resized as `trimtab run` does.
const char* run_picture(const unsigned char* bytes, std::size_t size) {
  return complaint_of([&] {
    if (!loaded) throw trimtab::value_error("there is no network yet");
    const trimtab::Extents& extent = loaded->network.input_extent();
    const trimtab::Picture picture =
        trimtab::fit_image(trimtab::decode_image({bytes, size}, "the picture", extent[2]), trimtab::fit_to(extent[0], extent[1]));
    const trimtab::Array x = trimtab::detail::to_floats(1, extent, loaded->preprocess,
                                                        [&](std::size_t) { return std::span(picture.data(), picture.size()); });
    const auto begin = std::chrono::steady_clock::now();
    const trimtab::Array y = std::move(loaded->network.run_outputs(x, workspace)[0]);
    milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    scores.assign(y.begin(), y.end());
  });
}

/// Whether the file carries a self-check, which load_network has run.
int has_self_check() { return loaded && loaded->has_self_check; }
/// Of the last picture: a score for each class, how many, and how long the network ran.
const float* score_data() { return scores.data(); }
std::size_t score_count() { return scores.size(); }
double run_milliseconds() { return milliseconds; }
}
