#include <catch.hpp>
#include <limits>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/input.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <vector>

using namespace trimtab;

namespace {

Array numbers(std::vector<std::size_t> shape, float step) {
  Array x = Array::from_shape(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = float((i * 7) % 23) * step - 0.5F;
  return x;
}

/// Two inputs; a branch that is read again after others have come and gone; outputs that are an input, a node that is read later,
/// another's memory, and the last node. Layers of every kind that packs or clips.
Network branching() {
  const WindowOptions same{1, 1, {1, 1, 1, 1}};
  Network n;
  const NodeId x = n.add(Input{{6, 6, 3}}, {}, "x"), other = n.add(Input{{6, 6, 20}}, {}, "other");
  const NodeId stem = n.add(Conv2d{numbers({20, 3, 3, 3}, 0.04F), numbers({20}, 0.1F), same}, {x}, "stem", relu6);
  const NodeId wise = n.add(DepthwiseConv2d{numbers({3, 3, 20}, 0.05F), numbers({20}, 0.1F), same}, {stem}, "wise", {-1, 2});
  const NodeId point = n.add(Conv2d{numbers({20, 1, 1, 20}, 0.04F), {}}, {wise}, "point");
  const NodeId groups = n.add(Conv2d{numbers({40, 3, 3, 10}, 0.04F), numbers({40}, 0.1F), same, 2}, {point}, "groups", relu);
  const NodeId thin = n.add(Conv2d{numbers({20, 1, 1, 40}, 0.03F), numbers({20}, 0.1F)}, {groups}, "thin");
  const NodeId sum = n.add(Add{}, {thin, stem}, "sum", relu6);
  const NodeId both = n.add(Add{}, {sum, other}, "both");
  const NodeId flat = n.add(Flatten{}, {both}, "flat");
  const NodeId last = n.add(Linear{numbers({9, 720}, 0.01F), numbers({9}, 0.1F)}, {flat}, "last", {-3, 3});
  n.set_outputs({last, other, point, flat});
  return n;
}

/// Node by node into arrays of their own, unpacked, clipped afterwards.
std::vector<Array> node_by_node(const Network& n, const std::vector<Array>& x) {
  std::vector<Array> y(n.size());
  std::size_t fed = 0;
  for (NodeId id = 0; id < n.size(); ++id) {
    if (n[id].op->is_fed()) {
      y[id] = x[fed++];
      continue;
    }
    std::vector<TensorView<const float>> in;
    for (const NodeId i : n[id].inputs) in.push_back(view(std::as_const(y[i])));
    detail::resize_batch(x[0].shape(0), n[id].extent, y[id]);
    n[id].op->forward(in, view(y[id]));
    if (n[id].clip != no_clip) clip_forward(y[id], n[id].clip.lo, n[id].clip.hi, y[id]);
  }
  return y;
}

std::vector<Array> pictures(std::size_t batch, float step = 0.1F) {
  return {numbers({batch, 6, 6, 3}, step), numbers({batch, 6, 6, 20}, step)};
}

}  // namespace

TEST_CASE("FloatExecutor: every node's output, for any batch, on any number of threads", "[net]") {
  const Network n = branching();
  FloatExecutor executor(n);
  for (const int threads : {1, 3})
    for (const std::size_t batch : std::vector<std::size_t>{1, 3, 0, 2, 7, 1}) {
      CAPTURE(threads, batch);
      const ScopedThreads scope(threads);
      const std::vector<Array> x = pictures(batch, 0.02F * float(batch + 1)), wanted = node_by_node(n, x);
      std::vector<NodeId> seen;
      const std::vector<Array> outputs = executor.run_outputs(x, [&](NodeId id, const TensorView<const float>& y) {
        seen.push_back(id);
        CAPTURE(n[id].name);
        CHECK(y.extent == view(wanted[id]).extent);
        CHECK(std::equal(y.data, y.data + y.size(), wanted[id].begin()));
      });
      CHECK(seen.size() == n.size());
      for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(outputs[i] == wanted[n.outputs()[i]]);
      CHECK(executor.run_outputs(x) == outputs);
      CHECK(run_outputs(n, x) == outputs);
    }
}

TEST_CASE("FloatExecutor: activations share memory, and what is read later is not overwritten", "[net]") {
  const Network n = branching();
  std::size_t all = 0;
  for (const Node& node : n.nodes()) all += node.op->is_fed() ? 0 : element_count(node.extent) * sizeof(float);
  CHECK(FloatExecutor(n).arena_bytes() < all);
  const NodeBuffers buffers = node_buffers(n);
  CHECK(buffers.of[n.outputs()[3]] == buffers.of[n.outputs()[3] - 1]);  // Flatten is its input
  const ArenaPlan plan = plan_arena(buffers.lifetimes);
  for (std::size_t a = 0; a < buffers.lifetimes.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      const Lifetime &one = buffers.lifetimes[a], &two = buffers.lifetimes[b];
      if (one.last < two.first || two.last < one.first) continue;
      CHECK((plan.offset[a] + one.bytes <= plan.offset[b] || plan.offset[b] + two.bytes <= plan.offset[a]));
    }
}

TEST_CASE("FloatExecutor: weights changed in place count after refresh", "[net]") {
  Network n = branching();
  FloatExecutor executor(n);
  const std::vector<Array> x = pictures(2), before = executor.run_outputs(x);
  for (NodeId id = 0; id < n.size(); ++id)
    if (WeightedLayer* layer = n[id].op->weighted()) layer->weight().data[0] += 1;
  executor.refresh();
  const std::vector<Array> after = executor.run_outputs(x);
  CHECK(after == run_outputs(n, x));
  CHECK(after != before);
}

TEST_CASE("FloatExecutor: NaN stays where nothing clips, and is the lower bound where something does", "[net]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Clip& clip : {no_clip, Clip{-2, 1}}) {
    Network n;
    const NodeId x = n.add(Input{{2, 2, 33}}, {}, "x");
    const NodeId point = n.add(Conv2d{numbers({33, 1, 1, 33}, 0.1F), {}}, {x}, "point", clip);
    const NodeId wise = n.add(DepthwiseConv2d{numbers({1, 1, 33}, 0.1F), {}}, {x}, "wise", clip);
    n.set_outputs({point, wise});
    Array all = Array({1, 2, 2, 33}, nan);
    for (const Array& y : run_outputs(n, all))
      for (const float v : y) CHECK((clip == no_clip ? v != v : v == -2));
  }
}

TEST_CASE("FloatExecutor: refuses inputs of another size", "[net]") {
  const Network n = branching();
  FloatExecutor executor(n);
  CHECK_THROWS_AS(executor.run_outputs(pictures(1)[0]), shape_error);
  CHECK_THROWS_AS(executor.run_outputs(std::vector<Array>{numbers({1, 6, 6, 3}, 1), numbers({2, 6, 6, 20}, 1)}), shape_error);
}
