#pragma once
/// \file
/// Operators on each element of constants, with broadcasting: arithmetic, comparisons, choices and casts. Reals are computed in
/// double and rounded to their type once.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <trimtab/io/onnx/fold_node.hpp>
#include <trimtab/io/onnx/fold_views.hpp>
#include <type_traits>
#include <vector>

namespace trimtab::detail {

/// Calls f with a value of the type that x is computed in: BatchReal, BatchInteger, double or std::int64_t.
template <class F>
auto with_number_type(bool real, bool batch, F&& f) {
  if (batch) return real ? f(BatchReal{}) : f(BatchInteger{});
  return real ? f(double{}) : f(std::int64_t{});
}

/// Two tensors of one type; `rule(a, b)` for each pair of elements gives one of `type`, or of their own type where that is null.
template <class Rule>
KnownTensor fold_pairs(const FoldNode& n, const KnownTensor& a, const KnownTensor& b, const OnnxType* type, Rule&& rule) {
  if (a.type != b.type) throw parse_error(message("inputs of ", type_name(a.type), " and ", type_name(b.type)));
  const Dims dims = broadcast(a.dims, b.dims);
  return with_number_type(is_real(a.type), a.depends_on_batch() || b.depends_on_batch(), [&]<class T>(const T&) {
    const KnownReader<T> read_a(a), read_b(b);
    using Out = std::decay_t<decltype(rule(T{}, T{}))>;
    std::vector<Out> results;
    n.charge_result(dims, sizeof(Out));
    results.reserve(count_of(dims));
    walk<2>(dims, {broadcast_strides(a.dims, dims), broadcast_strides(b.dims, dims)}, {0, 0},
            [&](const auto& at) { results.push_back(rule(read_a(at[0]), read_b(at[1]))); });
    std::size_t i = 0;
    return n.make(type == nullptr ? a.type : *type, dims, [&] { return results[i++]; });
  });
}

/// add, subtract, multiply, divide and the like: reals or integers, no bool.
template <class Rule>
Folded fold_arithmetic(const FoldNode& n, Rule&& rule) {
  n.require({});
  n.require_inputs(2, 2);
  if (is_boolean(n.input(0).type)) throw parse_error("inputs of bool");
  return {fold_pairs(n, n.input(0), n.input(1), nullptr, rule)};
}
inline Folded fold_add(const FoldNode& n) {
  return fold_arithmetic(n, [](const auto& a, const auto& b) { return known::add(a, b); });
}
inline Folded fold_sub(const FoldNode& n) {
  return fold_arithmetic(n, [](const auto& a, const auto& b) { return known::subtract(a, b); });
}
inline Folded fold_mul(const FoldNode& n) {
  return fold_arithmetic(n, [](const auto& a, const auto& b) { return known::multiply(a, b); });
}
inline Folded fold_div(const FoldNode& n) {
  return fold_arithmetic(n, [](const auto& a, const auto& b) { return known::divide(a, b); });
}
inline Folded fold_mod(const FoldNode& n) {
  n.require({"fmod"});
  n.require_inputs(2, 2);
  if (n.integer("fmod", 0) != 0)
    return {fold_pairs(n, n.input(0), n.input(1), nullptr, [](const auto& a, const auto& b) { return known::remainder(a, b); })};
  return {fold_pairs(n, n.input(0), n.input(1), nullptr, [](const auto& a, const auto& b) { return known::modulo(a, b); })};
}
/// The exponent may be of another type; an integer base takes integer exponents of 0 or more.
inline Folded fold_pow(const FoldNode& n) {
  n.require({});
  n.require_inputs(2, 2);
  const KnownTensor &base = n.input(0), &exponent = n.input(1);
  if (is_boolean(base.type) || is_boolean(exponent.type)) throw parse_error("inputs of bool");
  const Dims dims = broadcast(base.dims, exponent.dims);
  const auto powers = [&]<class T>(const T&, auto&& rule) {
    const KnownReader<T> a(base), b(exponent);
    std::vector<T> results;
    n.charge_result(dims);
    results.reserve(count_of(dims));
    walk<2>(dims, {broadcast_strides(base.dims, dims), broadcast_strides(exponent.dims, dims)}, {0, 0},
            [&](const auto& at) { results.push_back(rule(a(at[0]), b(at[1]))); });
    std::size_t i = 0;
    return n.make(base.type, dims, [&] { return results[i++]; });
  };
  if (is_real(base.type)) return {powers(double{}, [](double x, double y) { return std::pow(x, y); })};
  if (is_real(exponent.type)) throw unsupported_error("an integer to the power of a real");
  return {powers(std::int64_t{}, [](std::int64_t x, std::int64_t y) {
    if (y < 0) throw unsupported_error(message("an integer to the power of ", y));
    std::int64_t power = 1;
    for (; y > 0; y /= 2) {
      if (y % 2 != 0) power = known::multiply(power, x);
      if (y > 1) x = known::multiply(x, x);
    }
    return power;
  })};
}

/// Of two tensors or more, one after another.
template <class Rule>
Folded fold_several(const FoldNode& n, Rule&& rule) {
  n.require({});
  if (n.inputs.empty()) throw parse_error("has no inputs");
  KnownTensor result = n.input(0);
  if (is_boolean(result.type)) throw parse_error("inputs of bool");
  for (std::size_t i = 1; i < n.inputs.size(); ++i) result = fold_pairs(n, result, n.input(i), nullptr, rule);
  return {result};
}
inline Folded fold_min(const FoldNode& n) {
  return fold_several(n, [](const auto& a, const auto& b) { return known::minimum(a, b); });
}
inline Folded fold_max(const FoldNode& n) {
  return fold_several(n, [](const auto& a, const auto& b) { return known::maximum(a, b); });
}

/// Comparisons give bool.
template <class Rule>
Folded fold_comparison(const FoldNode& n, Rule&& rule) {
  n.require({});
  n.require_inputs(2, 2);
  constexpr OnnxType boolean = OnnxType::boolean;
  return {fold_pairs(n, n.input(0), n.input(1), &boolean,
                     [&](const auto& a, const auto& b) { return std::int64_t{rule(a, b) ? 1 : 0}; })};
}
inline Folded fold_equal(const FoldNode& n) {
  return fold_comparison(n, [](const auto& a, const auto& b) { return known::equal(a, b); });
}
inline Folded fold_less(const FoldNode& n) {
  return fold_comparison(n, [](const auto& a, const auto& b) { return known::less(a, b); });
}
inline Folded fold_greater(const FoldNode& n) {
  return fold_comparison(n, [](const auto& a, const auto& b) { return known::less(b, a); });
}
inline Folded fold_less_or_equal(const FoldNode& n) {
  return fold_comparison(n, [](const auto& a, const auto& b) { return known::less_or_equal(a, b); });
}
inline Folded fold_greater_or_equal(const FoldNode& n) {
  return fold_comparison(n, [](const auto& a, const auto& b) { return known::less_or_equal(b, a); });
}

inline const KnownTensor& boolean_input(const FoldNode& n, std::size_t i) {
  if (!is_boolean(n.input(i).type))
    throw parse_error(message("input ", i, " of ", type_name(n.input(i).type), ", expected bool"));
  return n.input(i);
}
template <class Rule>
Folded fold_logic(const FoldNode& n, Rule&& rule) {
  boolean_input(n, 0);
  boolean_input(n, 1);
  return fold_comparison(n, [&](const auto& a, const auto& b) { return rule(!known::equal(a, {}), !known::equal(b, {})); });
}
inline Folded fold_and(const FoldNode& n) {
  return fold_logic(n, [](bool a, bool b) { return a && b; });
}
inline Folded fold_or(const FoldNode& n) {
  return fold_logic(n, [](bool a, bool b) { return a || b; });
}
inline Folded fold_not(const FoldNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  const KnownTensor& x = boolean_input(n, 0);
  const KnownReader<std::int64_t> at(x);
  std::int64_t i = 0;
  return {n.make(OnnxType::boolean, x.dims, [&] { return std::int64_t{at(i++) == 0 ? 1 : 0}; })};
}

/// The elements of the second input where the first is true, else of the third.
inline Folded fold_where(const FoldNode& n) {
  n.require({});
  n.require_inputs(3, 3);
  const KnownTensor& condition = boolean_input(n, 0);
  const std::vector<KnownTensor> choice = held_alike(n, {n.input(1), n.input(2)});
  const Dims dims = broadcast(condition.dims, broadcast(choice[0].dims, choice[1].dims));
  const KnownReader<std::int64_t> chosen(condition);
  return {n.rearrange(choice[0], dims, [&]<class Held>(const std::vector<Held>& yes, std::vector<Held>& out) {
    const auto& no = std::get<std::vector<Held>>(*choice[1].numbers);
    std::size_t i = 0;
    walk<3>(dims,
            {broadcast_strides(condition.dims, dims), broadcast_strides(choice[0].dims, dims),
             broadcast_strides(choice[1].dims, dims)},
            {0, 0, 0}, [&](const auto& at) {
              out[i++] = chosen(at[0]) != 0 ? yes[static_cast<std::size_t>(at[1])] : no[static_cast<std::size_t>(at[2])];
            });
  })};
}

/// `rule` for each element of a tensor of reals or, where the rule takes them, integers.
template <class Rule>
KnownTensor fold_each(const FoldNode& n, const KnownTensor& x, Rule&& rule) {
  return with_number_type(is_real(x.type), x.depends_on_batch(), [&]<class T>(const T&) -> KnownTensor {
    if constexpr (std::is_invocable_v<Rule, T>) {
      if (!is_boolean(x.type)) {
        const KnownReader<T> at(x);
        std::int64_t i = 0;
        return n.make(x.type, x.dims, [&] { return rule(at(i++)); });
      }
    }
    if constexpr (is_batch_linear<T>) refuse_batch();
    throw unsupported_error(message("an input of ", type_name(x.type)));
  });
}
template <class Rule>
Folded fold_unary(const FoldNode& n, Rule&& rule) {
  n.require({});
  n.require_inputs(1, 1);
  return {fold_each(n, n.input(0), rule)};
}
inline Folded fold_neg(const FoldNode& n) {
  return fold_unary(n, [](const auto& x) { return known::negative(x); });
}
inline Folded fold_abs(const FoldNode& n) {
  return fold_unary(n, []<class T>(const T& x) {
    if constexpr (std::is_same_v<T, double>)
      return std::abs(x);
    else
      return known::less(x, T{}) ? known::negative(x) : x;
  });
}
/// A function of reals only.
template <double (*function)(double)>
Folded fold_real(const FoldNode& n) {
  return fold_unary(n, []<std::same_as<double> T>(T x) { return function(x); });
}
inline double reciprocal_of(double x) { return 1 / x; }
inline double sigmoid_of(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
inline double sqrt_of(double x) { return std::sqrt(x); }
inline double exp_of(double x) { return std::exp(x); }
inline double log_of(double x) { return std::log(x); }

/// Floor, Ceil and Round leave whole numbers as they are, also those that depend on the number of pictures.
template <double (*function)(double)>
Folded fold_whole(const FoldNode& n) {
  const KnownTensor& x = n.input(0);
  if (x.depends_on_batch() && is_real(x.type)) {
    n.require({});
    n.require_inputs(1, 1);
    return {fold_each(n, x, [](const BatchReal& v) -> BatchReal {
      if (v.per_picture == 0) return {function(v.fixed), 0};
      if (std::trunc(v.fixed) != v.fixed || std::trunc(v.per_picture) != v.per_picture) refuse_batch();
      return v;
    })};
  }
  return fold_real<function>(n);
}
inline double floor_of(double x) { return std::floor(x); }
inline double ceil_of(double x) { return std::ceil(x); }
inline double round_of(double x) { return std::nearbyint(x); }

/// min(max(x, lo), hi). Bounds are attributes before opset 11, inputs since.
inline Folded fold_clip(const FoldNode& n) {
  n.require({"min", "max"});
  n.require_inputs(1, n.opset() < 11 ? 1 : 3);
  KnownTensor x = n.input(0);
  const auto bound = [&](std::size_t i, const char* name, auto&& rule) {
    const auto* attribute = find_attribute(n.node, name, ::onnx::AttributeProto::FLOAT);
    if (attribute != nullptr && n.opset() >= 11)
      throw unsupported_error(message(name, " is an input since opset 11, not an attribute"));
    if (attribute != nullptr)
      x = fold_pairs(n, x, make_known(x.type, {}, [&] { return static_cast<double>(attribute->f()); }), nullptr, rule);
    else if (n.has(i))
      x = fold_pairs(n, x, n.input(i).seen_as({}), nullptr, rule);
  };
  if (n.opset() < 11 && !is_real(x.type)) throw parse_error(message("an input of ", type_name(x.type)));
  bound(1, "min", [](const auto& a, const auto& b) { return known::maximum(a, b); });
  bound(2, "max", [](const auto& a, const auto& b) { return known::minimum(a, b); });
  return {x};
}

/// To integers: truncated toward zero from reals, low bits from wider integers. To reals: the nearest. To bool: whether it is not
/// zero.
inline Folded fold_cast(const FoldNode& n) {
  n.require({"to", "saturate"});
  n.require_inputs(1, 1);
  const KnownTensor& x = n.input(0);
  const auto* attribute = find_attribute(n.node, "to", ::onnx::AttributeProto::INT);
  if (attribute == nullptr) throw parse_error("lacks to");
  if (attribute->i() < 0 || attribute->i() > 255) throw unsupported_error(message("a Cast to ONNX type ", attribute->i()));
  const OnnxType to = onnx_type(static_cast<std::int32_t>(attribute->i()));
  if (to == x.type) return {x};
  return {with_number_type(is_real(x.type), x.depends_on_batch(), [&]<class T>(const T&) {
    const KnownReader<T> read(x);
    std::int64_t i = 0;
    if constexpr (is_batch_linear<T>) {
      using Number = decltype(T::fixed);
      const auto each = [&](auto&& convert) {
        return n.make(to, x.dims, [&] {
          const T v = read(i++);
          using Out = std::decay_t<decltype(convert(v.fixed))>;
          if (v.per_picture == 0) return BatchLinear<Out>{convert(v.fixed), 0};
          if (is_boolean(to)) {  // every N is above 0, so that nothing but a difference can be zero
            if (known::equal(v, T{})) refuse_batch();
            return BatchLinear<Out>{1, 0};
          }
          const BatchLinear<Out> out{convert(v.fixed), convert(v.per_picture)};
          if (static_cast<Number>(out.fixed) != v.fixed || static_cast<Number>(out.per_picture) != v.per_picture) refuse_batch();
          return out;
        });
      };
      if (is_real(to)) return each([](Number v) { return static_cast<double>(v); });
      if constexpr (std::is_same_v<Number, double>)
        return each([&](double v) { return truncate_real(v, to); });
      else
        return each([&](std::int64_t v) { return require_range(is_boolean(to) ? std::int64_t{v != 0} : v, to); });
    } else if constexpr (std::is_same_v<T, double>) {
      if (is_real(to)) return n.make(to, x.dims, [&] { return read(i++); });
      return n.make(to, x.dims, [&] { return truncate_real(read(i++), to); });
    } else {
      // int64 to float is one rounding, which double between them would make two.
      if (to == OnnxType::float32) return n.make(to, x.dims, [&] { return static_cast<double>(static_cast<float>(read(i++))); });
      if (is_real(to)) return n.make(to, x.dims, [&] { return static_cast<double>(read(i++)); });
      return n.make(to, x.dims, [&] { return wrap_integer(read(i++), to); });
    }
  })};
}

}  // namespace trimtab::detail
