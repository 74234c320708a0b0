#pragma once
/// \file
/// Between the axes of the file and those of the network: other axes for the same value, and nodes with the axes that an operator
/// wants.

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <trimtab/io/onnx/fold_views.hpp>
#include <trimtab/io/onnx/import.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <trimtab/net/operators/transpose.hpp>
#include <vector>

namespace trimtab::detail {

[[noreturn]] inline void refuse_joined_batch() { throw unsupported_error("does not keep the elements of a batch apart"); }

/// x with zeros or lowest numbers that wait for a window as a node of their own.
inline OnnxActivation settled(OnnxImport& import, OnnxActivation x) {
  if (!x.padded()) return x;
  const Padding& p = x.padding.pixels;
  const auto side = [](std::size_t pixels) { return static_cast<std::ptrdiff_t>(pixels); };
  x.node = import.add(*x.padding.name,
                      Pad{{side(p.top), side(p.left), 0}, {side(p.bottom), side(p.right), 0}, PadMode::constant, x.padding.value},
                      {x.node});
  x.padding = {};
  return x;
}

/// Makes file axis i the batch, alone. Throws unsupported_error where it is another one and the file does not set it to 1.
inline void place_batch(const OnnxImport& import, OnnxActivation& x, std::size_t i) {
  if (x.axes[i] == NodeAxes{0}) return;
  if (!import.batch_is_one() || import.dims(x)[i] != import.batch) refuse_joined_batch();
  for (NodeAxes& group : x.axes) std::erase(group, std::size_t{0});
  x.axes[i] = {0};
}

/// File axes by their place in the node, the batch first; those without one behind the axis before them.
inline std::vector<std::size_t> node_order(const OnnxActivation& x) {
  std::vector<std::size_t> order(x.rank()), place(x.rank());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i < x.rank(); ++i)
    place[i] = x.axes[i].empty() ? (i == 0 ? 0 : place[i - 1]) : *std::min_element(x.axes[i].begin(), x.axes[i].end());
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return place[a] < place[b]; });
  const std::size_t batch = batch_axis(x);
  const auto at = std::find(order.begin(), order.end(), batch);
  if (at != order.end()) std::rotate(order.begin(), at, at + 1);
  return order;
}

/// x in a node whose axis j is axis order[j] of the file, order[0] the batch. A Transpose is added where elements have to move, a
/// Reshape or Flatten where extents differ; each once for a node.
inline OnnxActivation arranged(OnnxImport& import, OnnxActivation x, const std::vector<std::size_t>& order) {
  x = settled(import, std::move(x));
  place_batch(import, x, order[0]);
  const Extents from = import.extent(x);
  // Axes of extent 1 that the file does not see serve those of the file that have none.
  std::vector<bool> seen(from.size() + 1, false);
  for (const NodeAxes& group : x.axes)
    for (const std::size_t axis : group) seen[axis] = true;
  std::size_t spare = 1;
  for (std::size_t j = 1; j < order.size(); ++j) {
    while (spare <= from.size() && seen[spare]) ++spare;
    if (x.axes[order[j]].empty() && spare <= from.size()) {
      x.axes[order[j]] = {spare};
      seen[spare] = true;
    }
  }
  Extents wanted;
  std::vector<std::size_t> sequence;
  for (std::size_t j = 1; j < order.size(); ++j) {
    std::size_t length = 1;
    for (const std::size_t axis : x.axes[order[j]]) {
      if (axis == 0) refuse_joined_batch();
      length *= from[axis - 1];
      sequence.push_back(axis);
    }
    wanted.push_back(length);
  }
  for (std::size_t axis = 1; axis <= from.size(); ++axis)
    if (!seen[axis]) sequence.push_back(axis);
  std::vector<std::size_t> moving;  // of these the order matters
  for (const std::size_t axis : sequence)
    if (from[axis - 1] != 1) moving.push_back(axis);
  const std::string maker = x.maker ? *x.maker : import.network[x.node].name;
  if (!std::is_sorted(moving.begin(), moving.end())) {
    const auto [found, is_new] = import.transposed.try_emplace({x.node, sequence});
    if (is_new) {
      std::vector<std::size_t> perm;
      for (const std::size_t axis : sequence) perm.push_back(axis - 1);
      found->second = import.add(maker + "/transpose", Transpose{std::move(perm)}, {x.node});
    }
    x.node = found->second;
  }
  if (import.extent(x) != wanted) {
    const auto [found, is_new] = import.reshaped.try_emplace({x.node, {wanted.begin(), wanted.end()}});
    if (is_new) {
      const std::string name = x.maker ? *x.maker : maker + "/reshape";
      found->second = wanted.size() == 1 ? import.add(name, Flatten{}, {x.node}) : import.add(name, Reshape{wanted}, {x.node});
    }
    x.node = found->second;
  }
  x.axes = axes_in_order(order);
  return x;
}

/// The same where no order is wanted: one axis of the node for each of the file's, moving as little as possible.
inline OnnxActivation plain(OnnxImport& import, OnnxActivation x) {
  std::vector<bool> seen(import.extent(x).size() + 1, false);
  bool is_plain = !x.padded();
  for (const NodeAxes& group : x.axes) {
    is_plain = is_plain && group.size() == 1;
    for (const std::size_t axis : group) seen[axis] = true;
  }
  if (is_plain && std::find(seen.begin(), seen.end(), false) == seen.end()) return x;
  bool added = false;
  if (batch_axis(x) == x.rank()) {
    const auto one = std::find(x.axes.begin(), x.axes.end(), NodeAxes{});
    if (one != x.axes.end())
      *one = {0};
    else
      x.axes.insert(x.axes.begin(), NodeAxes{0}), added = true;
  }
  x = arranged(import, x, node_order(x));
  if (added) x.axes.erase(x.axes.begin());
  return x;
}

/// Activations for one node that reads all of them: of one rank, by axes of 1 in front, and with the batch at one place. Where
/// the file has the batch at none, an axis is added for it in front.
struct OnnxAligned {
  std::vector<OnnxActivation> x;
  bool added = false;
};
inline OnnxAligned aligned(OnnxImport& import, std::vector<OnnxActivation> x, std::size_t rank) {
  OnnxAligned result{std::move(x)};
  for (OnnxActivation& v : result.x) {
    v = settled(import, std::move(v));
    if (import.batch_is_one())
      for (NodeAxes& group : v.axes) std::erase(group, std::size_t{0});
    v.axes.insert(v.axes.begin(), rank - v.rank(), NodeAxes{});
  }
  if (import.batch_is_one()) {
    for (const OnnxActivation& v : result.x) result.added = result.added || rank == 0 || import.dims(v)[0] != BatchInteger{1, 0};
    for (OnnxActivation& v : result.x) {
      if (result.added) v.axes.insert(v.axes.begin(), NodeAxes{});
      v.axes[0] = {0};
    }
    return result;
  }
  const std::size_t batch = batch_axis(result.x.at(0));
  for (const OnnxActivation& v : result.x)
    if (batch_axis(v) != batch || v.axes[batch] != NodeAxes{0})
      throw unsupported_error("pairs elements of the batch with other axes");
  return result;
}

/// Where the batch is 1 in the file and stands at axis i: x with that axis free and the batch in a new one in front, so that the
/// axis may become longer. Elsewhere nothing changes. True where an axis was added.
inline bool free_axis(const OnnxImport& import, OnnxActivation& x, std::size_t i) {
  if (!import.batch_is_one() || x.axes[i] != NodeAxes{0}) return false;
  x.axes[i] = {};
  x.axes.insert(x.axes.begin(), NodeAxes{0});
  return true;
}

/// The same elements with other extents, row-major in the file. Axes that are joined, or taken apart again, cost nothing; others
/// become a Reshape. `maker` names what is added.
inline OnnxActivation seen_as(OnnxImport& import, OnnxActivation x, const BatchDims& wanted,
                              std::shared_ptr<const std::string> maker) {
  const BatchDims now = import.dims(x);
  if (product(now) != product(wanted)) throw shape_error(message("a view of ", product(now), " numbers as ", product(wanted)));
  if (now == wanted) return x;
  x = settled(import, std::move(x));
  x.maker = std::move(maker);
  const BatchInteger one{1, 0};
  const auto divides = [](const BatchInteger& whole, const BatchInteger& part) {
    if (part.per_picture != 0) return whole.per_picture != 0 && whole.per_picture % part.per_picture == 0;
    return whole.fixed % part.fixed == 0 && whole.per_picture % part.fixed == 0;
  };
  std::vector<std::size_t> atoms;  // the node's axes of more than 1, in the file's order
  for (const NodeAxes& group : x.axes)
    for (const std::size_t axis : group)
      if (import.length(x, axis) != one) atoms.push_back(axis);
  // Each wanted axis takes atoms, or leading parts of them.
  std::vector<std::vector<std::size_t>> parts(atoms.size());
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> groups(wanted.size());  // of atom and part
  std::size_t atom = 0;
  BatchInteger rest = atoms.empty() ? one : import.length(x, atoms[0]);
  bool nested = true;
  for (std::size_t i = 0; i < wanted.size() && nested; ++i)
    for (BatchInteger need = wanted[i]; need != one && nested;) {
      nested = atom < atoms.size();
      if (!nested) break;
      groups[i].emplace_back(atom, parts[atom].size());
      if (divides(need, rest)) {
        parts[atom].push_back(static_cast<std::size_t>(rest.fixed));
        need = known::divide(need, rest);
        ++atom;
        rest = atom < atoms.size() ? import.length(x, atoms[atom]) : one;
      } else if (divides(rest, need) && atoms[atom] != 0) {
        parts[atom].push_back(static_cast<std::size_t>(need.fixed));
        rest = known::divide(rest, need);
        need = one;
      } else {
        nested = false;
      }
    }
  if (!nested) {
    std::vector<std::size_t> order(x.rank());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (wanted.empty() || wanted[0] != import.batch) refuse_joined_batch();
    x = arranged(import, x, order);
    Extents extent;
    for (std::size_t i = 1; i < wanted.size(); ++i) extent.push_back(static_cast<std::size_t>(known_as<std::int64_t>(wanted[i])));
    x.node = import.add(*x.maker, Reshape{extent}, {x.node});
    std::vector<std::size_t> same(wanted.size());
    std::iota(same.begin(), same.end(), std::size_t{0});
    x.axes = axes_in_order(same);
    return x;
  }
  // The node's axes after those with several parts are cut, and where each part went.
  std::vector<std::vector<std::size_t>> place(atoms.size());
  Extents extent;
  bool cut = false;
  const Extents from = import.extent(x);
  for (std::size_t axis = 0; axis <= from.size(); ++axis) {
    const auto at = static_cast<std::size_t>(std::find(atoms.begin(), atoms.end(), axis) - atoms.begin());
    if (axis == 0) {
      if (at < atoms.size()) place[at] = {0};
    } else if (at == atoms.size()) {
      extent.push_back(from[axis - 1]);
    } else {
      cut = cut || parts[at].size() > 1;
      for (const std::size_t part : parts[at]) {
        extent.push_back(part);
        place[at].push_back(extent.size());
      }
    }
  }
  if (cut) x.node = import.add(*x.maker, Reshape{extent}, {x.node});
  x.axes.assign(wanted.size(), {});
  for (std::size_t i = 0; i < wanted.size(); ++i)
    for (const auto& [a, part] : groups[i]) x.axes[i].push_back(place[a][part]);
  if (import.batch_is_one() && !wanted.empty() && wanted[0] == one) x.axes[0] = {0};
  return x;
}

/// x as a node that has the file's axis `at` as its last one.
inline OnnxActivation with_last_axis(OnnxImport& import, OnnxActivation x, std::size_t at) {
  x = plain(import, std::move(x));
  if (x.axes[at] == NodeAxes{import.extent(x).size()}) return x;
  const bool added = batch_axis(x) == x.rank();  // the file has dropped the batch
  if (added) x.axes.insert(x.axes.begin(), NodeAxes{0}), ++at;
  std::vector<std::size_t> wanted = node_order(x);
  std::erase(wanted, at);
  wanted.push_back(at);
  x = arranged(import, std::move(x), wanted);
  if (added) x.axes.erase(x.axes.begin());
  return x;
}

/// x as a node of H W C, where the file has N C H W, or N C L, which is a picture of height 1; perhaps with padding that waits.
inline OnnxActivation picture(OnnxImport& import, OnnxActivation x) {
  if (x.rank() != 4 && x.rank() != 3)
    throw unsupported_error(message("expected an input of N C H W or N C L, got rank ", x.rank()));
  if (x.rank() == 3) x.axes.insert(x.axes.begin() + 2, NodeAxes{});
  if (x.padded() && import.extent(x).size() == 3 && x.axes[0] == NodeAxes{0} && x.axes[1] == NodeAxes{3} &&
      x.axes[3] == NodeAxes{2} && (x.axes[2] == NodeAxes{1} || (x.axes[2].empty() && import.extent(x)[0] == 1)))
    return x;
  return arranged(import, std::move(x), {0, 2, 3, 1});
}
/// The axes of N C H W, or N C L, in a node of H W C.
inline std::vector<NodeAxes> picture_axes(std::size_t rank) {
  return rank == 3 ? std::vector<NodeAxes>{{0}, {3}, {2}} : std::vector<NodeAxes>{{0}, {3}, {1}, {2}};
}

}  // namespace trimtab::detail
