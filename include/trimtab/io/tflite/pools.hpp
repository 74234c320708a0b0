#pragma once
/// \file
/// AVERAGE_POOL_2D and MAX_POOL_2D.

#include <trimtab/io/tflite/layer.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/max_pool.hpp>

namespace trimtab {
namespace detail {

/// L with the window that the options tell.
template <class L>
void read_pool(const TfliteNode& n) {
  n.require(1, 1);
  L l;
  l.kernel_w = n.count(3, 0, 1), l.kernel_h = n.count(4, 0, 1);
  WindowOptions steps;
  steps.stride_w = n.count(1, 0, 1), steps.stride_h = n.count(2, 0, 1);
  l.window = read_window(n, l.kernel_h, l.kernel_w, steps);
  n.become(std::move(l), {n.node(0)}, n.activation(5));
}

}  // namespace detail

template <>
struct TfliteRules<AveragePool> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::average_pool_2d, detail::read_pool<AveragePool>);
  }
};
template <>
struct TfliteRules<MaxPool> {
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::max_pool_2d, detail::read_pool<MaxPool>); }
};

}  // namespace trimtab
