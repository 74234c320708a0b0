// A whole network in a training loop of one's own: calibrate, quantize to 4-bit weights, distil, and check the deployed codes.

#include <cstdio>
#include <random>
#include <trimtab/trimtab.hpp>

using namespace trimtab;

int main() {
  const Network teacher = simplify(small_mobilenet());  // random weights; yours come from read_onnx or from code
  std::mt19937 random(3);
  Array data = Array::from_shape({64, 32, 32, 3});
  for (float& v : data) v = static_cast<float>(random() >> 8) * 0x1p-23F - 1;
  const auto pictures = [&](std::span<const std::size_t> indices) {  // any function from indices to N H W C
    Array batch = Array::from_shape({indices.size(), 32, 32, 3});
    for (std::size_t i = 0; i < indices.size(); ++i) std::copy_n(data.data() + indices[i] * 3072, 3072, batch.data() + i * 3072);
    return batch;
  };

  const auto ranges = calibrate(teacher, pictures, 32, MinMaxObserver<float>());
  QuantizationOptions options;
  options.weight_bits = 4;
  QuantizedNetwork q = quantize(teacher, ranges, options);

  const Array targets = teacher_outputs(teacher, pictures, 64);
  FakeQuantExecutor student(q);
  std::vector<float> factors = gather_factors(q);  // a copy of every alpha, in the order of factor_blocks
  std::vector<float> gradients(factors.size());
  const double before = distillation_loss(student, targets, pictures);

  Adam<float> adam(factors.size());
  const CosineAnnealing schedule(3e-3, 100, 8);
  std::vector<std::size_t> some(16);
  for (std::size_t step = 0; step < 100; ++step) {
    for (std::size_t& i : some) i = random() % 64;
    const Array x = pictures(some), wanted = run(teacher, x);
    const Array& y = student.forward(x);
    Array grad_y(y.shape(), 0.0F);
    const double loss = rmse_loss(wanted, y, grad_y);
    std::fill(gradients.begin(), gradients.end(), 0.0F);  // backward adds into them
    student.backward(grad_y, gradients);
    adam.step(factors, gradients, schedule.rate(step));
    scatter_factors(factors, q);  // clips them to their bounds
    student.refresh();            // requantizes the weights
    if (step % 20 == 0) std::printf("step %2zu  loss %.4f\n", step, loss);
  }
  const double after = distillation_loss(student, targets, pictures);
  std::printf("%zu factors, RMSE on the training pictures %.4f -> %.4f\n", factors.size(), before, after);

  const bool equal = !verify(q, pictures(some));  // every code of every node, training against deployment
  std::printf("codes of training and deployment: %s\n", equal ? "equal" : "DIFFER");
  return equal && after < before ? 0 : 1;
}
