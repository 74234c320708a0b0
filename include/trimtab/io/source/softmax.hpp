#pragma once
/// \file
/// Softmax in C, in float32: the only floating point of a generated file.

#include <string>
#include <string_view>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/net/operators/softmax.hpp>

namespace trimtab {
namespace detail {

inline constexpr const char* softmax_text = R"(
#if defined(__FAST_MATH__) || FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD > 1
#error "softmax: every operation has to be rounded to float32; compile without -ffast-math, and on x87 with -msse2 -mfpmath=sse"
#endif

/* Rows of `length` codes, `inner` apart. table[d] is the exponential of -d steps of the input. */
typedef struct {
  size_t outer, length, inner;
  const float* table;
  float scale; /* of the output */
  int32_t zero_point, least, most;
} @softmax_layer;

/* The integer next to v, 0 <= v <= 512; of two the even one, or the larger one. No sum of floats, which a compiler could fuse. */
static inline int32_t @nearest(float v, int even) {
  const float twice = v * 2.0f;
  const int32_t halves = (int32_t)twice, whole = halves / 2;
  if (halves % 2 == 0) return whole;
  return even != 0 && twice <= (float)halves ? whole + whole % 2 : whole + 1;
}

static inline void @softmax(const uint8_t* in, uint8_t* out, const @softmax_layer* l) {
  for (size_t o = 0; o < l->outer; ++o)
    for (size_t i = 0; i < l->inner; ++i) {
      const size_t first = o * l->length * l->inner + i;
      const uint8_t* const x = in + first;
      uint8_t* const y = out + first;
      uint8_t largest = 0;
      float sum = 0.0f;
      for (size_t k = 0; k < l->length; ++k)
        if (x[k * l->inner] > largest) largest = x[k * l->inner];
      for (size_t k = 0; k < l->length; ++k) sum += l->table[largest - x[k * l->inner]];
      @SHARE
      for (size_t k = 0; k < l->length; ++k) {
        const float steps = l->table[largest - x[k * l->inner]] @STEPS;
        y[k * l->inner] = @held(l->zero_point + @nearest(steps < 512.0f ? steps : 512.0f, @EVEN), l->least, l->most);
      }
    }
}
)";

/// The same with its last operations in it: TFLite's multiply by the inverse, and round ties up.
inline SourceKernel softmax_with(std::string_view share, std::string_view steps, std::string_view even) {
  SourceKernel kernel{"softmax", softmax_text, {&clamp_kernel}};
  const auto put = [&](std::string_view mark, std::string_view by) {
    kernel.text.replace(kernel.text.find(mark), mark.size(), by);
  };
  put("@SHARE", share), put("@STEPS", steps), put("@EVEN", even);
  return kernel;
}
inline const SourceKernel softmax_kernel = softmax_with("const float divisor = sum * l->scale;", "/ divisor", "1"),
                          softmax_fixed_point_kernel =
                              softmax_with("const float divisor = sum * l->scale, inverse = 1.0f / divisor;", "* inverse", "0");

template <class L>
void write_softmax(SourceWriter& w, const L& l) {
  const int8::SoftmaxTable table = OperatorRules<L>::table(l, w.grid_in());
  const Extents& x = w.extent_in();
  std::size_t outer = 1, inner = 1;
  for (std::size_t a = 0; a < x.size(); ++a) (a < l.axis ? outer : inner) *= a == l.axis ? 1 : x[a];
  const std::string of_table = w.array("exponentials", std::span<const float>(table));
  const std::string fields = message(outer, ", ", x[l.axis], ", ", inner, ", ", of_table, ", ", float_literal(w.grid().scale),
                                     ", ", w.grid().zero_point, ", ", w.grid().codes.qmin, ", ", w.grid().codes.qmax);
  w.call(w.fixed_point() ? softmax_fixed_point_kernel : softmax_kernel, w.in(), w.out(), w.parameters("softmax_layer", fields));
}

}  // namespace detail

template <>
struct SourceRules<Softmax> {
  static void write(detail::SourceWriter& w, const Softmax& l) { detail::write_softmax(w, l); }
};
template <>
struct SourceRules<SoftmaxTable> {
  static void write(detail::SourceWriter& w, const SoftmaxTable& l) { detail::write_softmax(w, l); }
};

}  // namespace trimtab
