// A calibration rule of one's own: mean +- 4 standard deviations, cut off at the data. Three functions make an observer.

#include <cmath>
#include <cstdio>
#include <random>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/passes/calibrate.hpp>

using namespace trimtab;

class DeviationsObserver {
 public:
  using value_type = float;
  explicit DeviationsObserver(double deviations) : deviations_(deviations) {}

  template <Tensor X>
  void observe(const X& x) {
    const auto v = view(x);  // the activations of networks are dense
    for (std::size_t i = 0; i < v.size(); ++i) sum_ += double(v.data[i]), squares_ += double(v.data[i]) * double(v.data[i]);
    count_ += v.size();
    extremes_.observe(x);
  }
  void merge(const DeviationsObserver& other) {
    sum_ += other.sum_, squares_ += other.squares_, count_ += other.count_;
    extremes_.merge(other.extremes_);
  }
  Range<float> range() const {
    const Range<float> all = extremes_.range();  // throws when nothing was seen
    const double n = static_cast<double>(count_), mean = sum_ / n, reach = deviations_ * std::sqrt(squares_ / n - mean * mean);
    return {std::max(all.left, static_cast<float>(std::min(0.0, mean - reach))),
            std::min(all.right, static_cast<float>(std::max(0.0, mean + reach)))};
  }

 private:
  double deviations_, sum_ = 0, squares_ = 0;
  std::size_t count_ = 0;
  MinMaxObserver<float> extremes_;
};
static_assert(RangeObserver<DeviationsObserver>);

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Conv2d conv{xt::xtensor<float, 4>::from_shape({8, 3, 3, 3}), {}, {}, 1};
  for (float& v : conv.weight) v = 0.3F * normal(random);
  Network network;
  const NodeId input = network.add(Input{{16, 16, 3}}, {}, "picture");
  const NodeId layer = network.add(conv, {input}, "conv", relu);
  network.set_output(layer);

  Array data = Array::from_shape({32, 16, 16, 3});
  for (float& v : data) v = normal(random);
  data.data()[5] = 30.0F;  // one broken pixel
  const auto pictures = [&](std::span<const std::size_t> indices) {
    Array batch = Array::from_shape({indices.size(), 16, 16, 3});
    for (std::size_t i = 0; i < indices.size(); ++i) std::copy_n(data.data() + indices[i] * 768, 768, batch.data() + i * 768);
    return batch;
  };
  const auto all = calibrate(network, pictures, 32, MinMaxObserver<float>());
  const auto own = calibrate(network, pictures, 32, DeviationsObserver(4));
  for (NodeId id = 0; id < network.size(); ++id)
    std::printf("%-8s min and max [%7.3f, %7.3f]   4 deviations [%7.3f, %7.3f]\n", network[id].name.c_str(), double(all[id].left),
                double(all[id].right), double(own[id].left), double(own[id].right));
  return own[input].right < all[input].right ? 0 : 1;
}
