#pragma once
/// \file
/// The type of an operator of the library's list, for formats that have a function for each.

#include <cstddef>
#include <tuple>
#include <trimtab/net/operators.hpp>
#include <utility>

namespace trimtab::detail {

/// Calls one of several lambdas by the type of their argument.
template <class... Lambdas>
struct Overload : Lambdas... {
  using Lambdas::operator()...;
};
template <class... Lambdas>
Overload(Lambdas...) -> Overload<Lambdas...>;

/// f(layer) with the operator as what it is; false where it is not in the list.
template <class Op, class F, class... L>
bool visit_known(Op& op, const F& f, std::tuple<L...>*) {
  const auto try_one = [&](auto* layer) {
    if (layer == nullptr) return false;
    f(*layer);
    return true;
  };
  return (try_one(op.template get_if<L>()) || ...);
}
template <class Op, class F>
bool visit_known(Op& op, const F& f) {
  return visit_known(op, f, static_cast<Operators*>(nullptr));
}

}  // namespace trimtab::detail
