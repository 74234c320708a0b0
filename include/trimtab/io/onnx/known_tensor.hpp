#pragma once
/// \file
/// A tensor of an ONNX file whose elements are known before the network runs.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/batch_linear.hpp>
#include <trimtab/io/onnx/element_type.hpp>
#include <trimtab/io/onnx/layout.hpp>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab::detail {

/// How elements are held: float, float16 and bfloat16 as float; double; integers of up to 32 bits and bool as int32; uint32,
/// int64 and uint64 as int64. Each exactly. The last two are integers and reals of which one at least depends on the number of
/// pictures.
using KnownNumbers = std::variant<std::vector<float>, std::vector<double>, std::vector<std::int32_t>, std::vector<std::int64_t>,
                                  std::vector<BatchInteger>, std::vector<BatchReal>>;

/// Copies share the elements, and so do tensors that differ in their extents only.
struct KnownTensor {
  OnnxType type = OnnxType::float32;
  Dims dims;                                    ///< none for a scalar
  std::shared_ptr<const KnownNumbers> numbers;  ///< row-major

  std::size_t count() const { return count_of(dims); }
  bool depends_on_batch() const { return numbers->index() >= 4; }
  /// The same elements with other extents. Throws shape_error when their product is another.
  KnownTensor seen_as(Dims other) const {
    if (count_of(other) != count())
      throw shape_error(message("a tensor of ", count(), " numbers seen as one of ", count_of(other)));
    return {type, std::move(other), numbers};
  }

  /// The elements as floats, where they are held so: weights, without a copy. Throws unsupported_error for another type.
  std::span<const float> floats() const {
    const auto* held = std::get_if<std::vector<float>>(numbers.get());
    if (held == nullptr) throw unsupported_error(message("a tensor of ", type_name(type), "; expected floats"));
    return *held;
  }
  /// The elements as codes: integers of up to 32 bits. Throws unsupported_error for another type.
  std::span<const std::int32_t> codes() const {
    const auto* held = std::get_if<std::vector<std::int32_t>>(numbers.get());
    if (held == nullptr || is_boolean(type))
      throw unsupported_error(message("a tensor of ", type_name(type), "; expected integers of at most 32 bits"));
    return *held;
  }
};

/// One held element as a T: an integer or a real, or one of those up to the number of pictures. Throws unsupported_error when a
/// plain one is asked for and the element depends on the pictures.
template <class T, class Held>
T known_as(const Held& x) {
  if constexpr (is_batch_linear<Held> && is_batch_linear<T>) {
    using Number = decltype(T::fixed);
    return {static_cast<Number>(x.fixed), static_cast<Number>(x.per_picture)};
  } else if constexpr (is_batch_linear<Held>) {
    if (x.per_picture != 0) refuse_batch();
    return static_cast<T>(x.fixed);
  } else if constexpr (is_batch_linear<T>) {
    return {static_cast<decltype(T::fixed)>(x), 0};
  } else {
    return static_cast<T>(x);
  }
}

/// Reads elements one by one as a T, however they are held.
template <class T>
class KnownReader {
 public:
  explicit KnownReader(const KnownTensor& x)
      : read_(std::visit([]<class Held>(const std::vector<Held>&) -> Read { return at<Held>; }, *x.numbers)),
        numbers_(x.numbers.get()) {}
  T operator()(std::int64_t i) const { return read_(*numbers_, static_cast<std::size_t>(i)); }

 private:
  using Read = T (*)(const KnownNumbers&, std::size_t);
  template <class Held>
  static T at(const KnownNumbers& numbers, std::size_t i) {
    return known_as<T>((*std::get_if<std::vector<Held>>(&numbers))[i]);
  }
  Read read_;
  const KnownNumbers* numbers_;
};

/// A number as the element type has it: a real rounded, an integer in its range.
template <class T>
T settle_number(const T& x, OnnxType type) {
  if constexpr (std::is_same_v<T, double>) {
    return round_real(x, type);
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return require_range(x, type);
  } else {
    const T settled{settle_number(x.fixed, type), settle_number(x.per_picture, type)};
    // Rounding would fall elsewhere for another number of pictures.
    if (x.per_picture != 0 && settled != x) refuse_batch();
    return settled;
  }
}

template <class Held, class T, class Next>
KnownTensor held_as(OnnxType type, Dims dims, Next&& next) {
  std::vector<Held> held(count_of(dims));
  for (Held& h : held) h = static_cast<Held>(settle_number<T>(next(), type));
  return {type, std::move(dims), std::make_shared<const KnownNumbers>(std::move(held))};
}

/// The tensor itself, or with its elements held as plain numbers where none of them depends on the pictures.
inline KnownTensor without_needless_batch(KnownTensor x) {
  const auto plain = [&]<class T>(const std::vector<BatchLinear<T>>& numbers) -> KnownTensor {
    for (const auto& n : numbers)
      if (n.per_picture != 0) return x;
    std::size_t i = 0;
    const auto next = [&] { return numbers[i++].fixed; };
    if constexpr (std::is_same_v<T, double>)
      return x.type == OnnxType::float64 ? held_as<double, T>(x.type, x.dims, next) : held_as<float, T>(x.type, x.dims, next);
    else if (type_info(x.type).hi <= std::numeric_limits<std::int32_t>::max())
      return held_as<std::int32_t, T>(x.type, x.dims, next);
    else
      return held_as<std::int64_t, T>(x.type, x.dims, next);
  };
  if (const auto* integers = std::get_if<std::vector<BatchInteger>>(x.numbers.get())) return plain(*integers);
  if (const auto* reals = std::get_if<std::vector<BatchReal>>(x.numbers.get())) return plain(*reals);
  return x;
}

/// A tensor whose elements, in row-major order, are what `next` gives: std::int64_t or BatchInteger for integer types, double or
/// BatchReal for real ones. Throws unsupported_error for an integer beyond the type.
template <class Next>
KnownTensor make_known(OnnxType type, Dims dims, Next&& next) {
  using T = std::decay_t<decltype(next())>;
  if constexpr (is_batch_linear<T>)
    return without_needless_batch(held_as<T, T>(type, std::move(dims), next));
  else if constexpr (std::is_same_v<T, double>)
    return type == OnnxType::float64 ? held_as<double, T>(type, std::move(dims), next)
                                     : held_as<float, T>(type, std::move(dims), next);
  else if (type_info(type).hi <= std::numeric_limits<std::int32_t>::max())
    return held_as<std::int32_t, T>(type, std::move(dims), next);
  else
    return held_as<std::int64_t, T>(type, std::move(dims), next);
}

/// A row of int64 numbers.
template <class T>
KnownTensor known_row(const std::vector<T>& numbers) {
  std::size_t i = 0;
  return make_known(OnnxType::int64, {static_cast<std::int64_t>(numbers.size())}, [&] { return numbers[i++]; });
}

/// All elements as integers: axes, sizes, indices. At most 4096, since nothing that steers a network is longer. Throws
/// unsupported_error for reals, for longer tensors and, unless T is BatchInteger, for what depends on the number of pictures.
template <class T = std::int64_t>
std::vector<T> known_integers(const KnownTensor& x) {
  if (is_real(x.type) || is_boolean(x.type))
    throw unsupported_error(message("a tensor of ", type_name(x.type), "; expected integers"));
  if (x.count() > 4096)
    throw unsupported_error(message("a tensor of ", x.count(), " numbers is too long for axes, sizes or the like"));
  const KnownReader<T> at(x);
  std::vector<T> result;
  for (std::size_t i = 0; i < x.count(); ++i) result.push_back(at(static_cast<std::int64_t>(i)));
  return result;
}
/// The only element. Throws shape_error when there are more or fewer.
template <class T>
T known_number(const KnownTensor& x) {
  if (x.count() != 1) throw shape_error(message("a tensor of ", x.count(), " numbers; expected one"));
  if (is_real(x.type) != (std::is_same_v<T, double> || std::is_same_v<T, BatchReal>))
    throw unsupported_error(message("a number of type ", type_name(x.type)));
  return KnownReader<T>(x)(0);
}

}  // namespace trimtab::detail
