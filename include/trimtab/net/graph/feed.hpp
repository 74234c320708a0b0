#pragma once
/// \file
/// What a network reads: the values of its inputs for one batch.

#include <trimtab/net/graph/network.hpp>
#include <vector>

namespace trimtab {

/// The arrays of a network's inputs, in the order of Network::inputs(), the batch as first axis. They are the caller's and have
/// to outlive the call that they are handed to. A network of one input takes its array as it is.
class Feed {
 public:
  Feed(const Array& only) : arrays_{&only} {}  ///< of a network with one input
  Feed(const std::vector<Array>& all) {        ///< one for each input
    for (const Array& x : all) arrays_.push_back(&x);
  }
  std::size_t size() const { return arrays_.size(); }                   ///< arrays
  const Array& operator[](std::size_t i) const { return *arrays_[i]; }  ///< of input i
  /// Elements of the batch. Throws shape_error, naming `what`, unless the arrays have these extents (batch excluded) and one
  /// batch size.
  std::size_t batch(std::span<const Extents> extents, const char* what) const {
    if (arrays_.size() != extents.size())
      throw shape_error(detail::message(what, ": ", arrays_.size(), " arrays for ", extents.size(), " inputs"));
    const std::size_t n = arrays_.empty() || arrays_[0]->dimension() == 0 ? 0 : arrays_[0]->shape(0);
    for (std::size_t i = 0; i < arrays_.size(); ++i)
      detail::require_extents(view(*arrays_[i]).extent, detail::with_batch(n, extents[i]),
                              arrays_.size() == 1 ? what : detail::message(what, " ", i).c_str());
    return n;
  }

 private:
  std::vector<const Array*> arrays_;
};

namespace detail {

/// Extents of a network's inputs, batch excluded.
inline std::vector<Extents> fed_extents(const Network& network) {
  std::vector<Extents> extents;
  for (const NodeId id : network.inputs()) extents.push_back(network[id].extent);
  return extents;
}

/// An array of such extents for a batch of n; `y` keeps its memory where that is large enough.
inline void resize_batch(std::size_t n, const Extents& extent, Array& y) {
  std::vector<std::size_t> shape{n};
  shape.insert(shape.end(), extent.begin(), extent.end());
  y.resize(shape);
}

}  // namespace detail
}  // namespace trimtab
