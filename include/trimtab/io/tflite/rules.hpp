#pragma once
/// \file
/// Which function reads which operator of TFLite, and which writes it.

#include <algorithm>
#include <map>
#include <string>
#include <trimtab/io/tflite/node.hpp>
#include <trimtab/io/tflite/writer.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// What an operator is written on. Reals stand between a DEQUANTIZE of its inputs and a QUANTIZE, also where the network has it
/// on codes.
enum class TfliteForm { codes, reals, both };

/// What an operator is in TFLite. Specialised in io/tflite/ for an operator L, or for a name that stands for a family of
/// TFLite's operators, with
///   static void read(detail::TfliteReaders&)                     adds a reader for each of TFLite's operators that may become an L
///   static std::int32_t write(detail::TfliteWriter&, const L&)   adds operators that give the writer's node; their tensor
///   static constexpr TfliteForm form                             beside it; or form(const detail::TfliteWriter&, const L&)
/// and listed in io/tflite/operators.hpp. Reading or writing may be left out: the format then refuses the operator by name.
template <class L>
struct TfliteRules;

namespace detail {

/// Of an operator that takes any number.
inline constexpr std::size_t max_tflite_inputs = std::size_t{1} << 20;

/// Makes nodes and values of one of the file's operators.
using TfliteReader = void (*)(const TfliteNode&);

class TfliteReaders {
 public:
  /// `data`: how many of the inputs, from the first one, hold what is computed with; those behind are constants that tell how.
  void add(tflite::OperatorCode code, TfliteReader reader, std::size_t data = 1) {
    readers_[{static_cast<std::int32_t>(code), ""}] = {reader, data};
  }
  /// An operator outside the format, by its name.
  void add(const char* custom, TfliteReader reader, std::size_t data = 1) {
    readers_[{static_cast<std::int32_t>(tflite::OperatorCode::custom), custom}] = {reader, data};
  }
  struct Entry {
    TfliteReader reader = nullptr;  ///< null where nothing reads it
    std::size_t data = 0;           ///< see add
  };
  Entry find(const tflite::FileOperation& o) const {
    const auto found = readers_.find({o.code, o.custom});
    return found == readers_.end() ? Entry{} : found->second;
  }
  /// The operators, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [key, entry] : readers_) all.push_back(key.second.empty() ? tflite::operator_name(key.first) : key.second);
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  std::map<std::pair<std::int32_t, std::string>, Entry> readers_;
};

}  // namespace detail
}  // namespace trimtab
