#pragma once
/// \file
/// Sums, means, maxima and minima along axes in C.

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <trimtab/int8/reduce.hpp>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/net/operators/reduce_max.hpp>
#include <trimtab/net/operators/reduce_mean.hpp>
#include <trimtab/net/operators/reduce_min.hpp>
#include <trimtab/net/operators/reduce_sum.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// A loop over all results, of `length` codes each, `inner` apart: `each` takes a code, `code` makes the result.
inline std::string over_reduced(const std::string& name, const std::string& arguments, const std::string& first,
                                const std::string& each, const std::string& code) {
  return "\nstatic inline void @" + name +
         "(const uint8_t* in, uint8_t* out, size_t outer, size_t length, size_t inner, int32_t least, int32_t most" + arguments +
         R"() {
  for (size_t o = 0; o < outer; ++o)
    for (size_t i = 0; i < inner; ++i) {
      int32_t result = )" +
         first + R"(;
      for (size_t k = 0; k < length; ++k) {
        const int32_t code = in[(o * length + k) * inner + i];
        )" +
         each + R"(
      }
      *out++ = @held()" +
         code + R"(, least, most);
    }
}
)";
}

inline const SourceKernel reduce_sum_kernel{"reduce_sum",
                                            over_reduced("reduce_sum", ", int32_t zero, int32_t out_zero, uint32_t m", "0",
                                                         "result += code - zero;", "out_zero + @times(result, m)"),
                                            {&float32_kernel}};
inline const SourceKernel mean_over_picture_kernel{
    "mean_over_picture",
    over_reduced("mean_over_picture", ", int32_t origin, int32_t offset, int32_t mantissa, int32_t exponent", "0",
                 "result += code - origin;", "(int64_t)offset + @multiply_twice(result, mantissa, exponent)"),
    {&clamp_kernel, &multiply_twice_kernel}};
inline const SourceKernel truncated_mean_kernel{
    "truncated_mean",
    over_reduced("truncated_mean", ", int32_t origin", "0", "result += code - origin;", "origin + result / (int32_t)length"),
    {&clamp_kernel}};
inline const SourceKernel reduce_max_kernel{
    "reduce_max", over_reduced("reduce_max", "", "0", "if (code > result) result = code;", "result"), {&clamp_kernel}};
inline const SourceKernel reduce_min_kernel{
    "reduce_min", over_reduced("reduce_min", "", "255", "if (code < result) result = code;", "result"), {&clamp_kernel}};

/// x as outer x length x inner, `length` being the reduced axes.
struct ReducedBlock {
  std::size_t outer = 1, length = 1, inner = 1;

  ReducedBlock(const SourceWriter& w, const std::vector<std::size_t>& axes) {
    const Extents& x = w.extent_in();
    std::array<bool, max_rank> reduced{};
    for (const std::size_t a : axes) reduced[a] = true;
    bool behind = false;
    for (std::size_t a = 0; a < x.size(); ++a) {
      if (x[a] == 1) continue;
      if (reduced[a] && behind) w.refuse("reduced axes that do not lie side by side");
      behind = behind || (!reduced[a] && length > 1);
      (reduced[a] ? length : behind ? inner : outer) *= x[a];
    }
    if (length > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 255))
      w.refuse(message("the sum of ", length, " codes may leave int32"));
  }
};

template <class... Argument>
void write_reduction(SourceWriter& w, const SourceKernel& kernel, const ReducedBlock& r, const Argument&... arguments) {
  w.call(kernel, w.in(), w.out(), r.outer, r.length, r.inner, w.grid().codes.qmin, w.grid().codes.qmax, arguments...);
}
template <class F>
void write_reduced_sum(SourceWriter& w, F f, const std::vector<std::size_t>& axes) {
  const ReducedBlock r(w, axes);
  const float m = int8::detail::reduce_factor(f, w.grid_in().scale, w.grid().scale, r.length);
  write_reduction(w, reduce_sum_kernel, r, w.grid_in().zero_point, w.grid().zero_point, message(multiplier_bits(m), "U"));
}

}  // namespace detail

template <>
struct SourceRules<ReduceSum> {
  static void write(detail::SourceWriter& w, const ReduceSum& l) { detail::write_reduced_sum(w, reduction::Sum(), l.axes); }
};
template <>
struct SourceRules<ReduceMean> {
  static void write(detail::SourceWriter& w, const ReduceMean& l) {
    if (!w.fixed_point()) return detail::write_reduced_sum(w, reduction::Mean(), l.axes);
    const detail::ReducedBlock r(w, l.axes);
    const std::int32_t origin = w.network().code_origin;
    const Affine<float> x = w.grid_in();
    const Affine<float>& y = w.grid();
    if (OperatorRules<ReduceMean>::over_picture(l, w.extent_in())) {
      const int8::detail::MeanOverPicture m(x, origin, y, r.length);
      detail::write_reduction(w, detail::mean_over_picture_kernel, r, origin, origin + m.offset, m.multiplier.mantissa,
                              m.multiplier.exponent);
    } else if (x.scale == y.scale && x.zero_point == y.zero_point) {
      detail::write_reduction(w, detail::truncated_mean_kernel, r, origin);
    } else {
      w.refuse("a mean that TFLite computes in floating point, since its output has another grid than its input");
    }
  }
};
template <>
struct SourceRules<ReduceMax> {
  static void write(detail::SourceWriter& w, const ReduceMax& l) {
    detail::write_reduction(w, detail::reduce_max_kernel, detail::ReducedBlock(w, l.axes));
  }
};
template <>
struct SourceRules<ReduceMin> {
  static void write(detail::SourceWriter& w, const ReduceMin& l) {
    detail::write_reduction(w, detail::reduce_min_kernel, detail::ReducedBlock(w, l.axes));
  }
};

}  // namespace trimtab
