// Two layers composed by hand and a training loop of one's own: 4-bit thresholds distilled from the float layers, nothing of
// net/.

#include <cstdio>
#include <random>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/ops/activation.hpp>
#include <trimtab/ops/fake_quantize.hpp>
#include <trimtab/ops/linear.hpp>
#include <trimtab/quant/fit.hpp>
#include <trimtab/train/factor_optimizer.hpp>
#include <trimtab/train/loss.hpp>

using namespace trimtab;
using Matrix = xt::xtensor<float, 2>;
constexpr std::size_t batch = 64, in = 48, hidden = 64, out = 10;
constexpr float infinity = std::numeric_limits<float>::infinity();

struct Weights {
  Matrix w1, w2;
};
struct Activations {
  Matrix x1 = xt::zeros<float>({batch, hidden}), r = x1, q = x1, y = xt::zeros<float>({batch, out});
};

/// `quantizer`: of what lies between the layers; Identity for the float network.
template <class Q>
void forward(const Matrix& x, const Weights& w, const Q& quantizer, Activations& a) {
  linear_forward(x, w.w1, no_bias, a.x1);
  clip_forward(a.x1, 0.0F, infinity, a.r);
  fake_quantize_forward(a.r, quantizer, a.q);
  linear_forward(a.q, w.w2, no_bias, a.y);
}

int main() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto draw = [&](std::size_t rows, std::size_t columns, float deviation) {
    Matrix m = Matrix::from_shape({rows, columns});
    for (float& v : m) v = deviation * normal(random);
    return m;
  };
  const Weights w{draw(hidden, in, 0.2F), draw(out, hidden, 0.15F)};
  Weights q = w;  // what the student computes with
  AdjustableThreshold<float> q1 = fit_threshold(w.w1, signed_codes(4), per_channel(0)), q2 = fit_threshold(w.w2, signed_codes(4)),
                             qr(unsigned_codes(4), {8.0F});
  FactorOptimizer<float> optimizer(q1, q2, qr);
  Activations teacher, student;
  double before = 0, after = 0;
  for (int step = 0; step < 300; ++step) {
    const Matrix x = draw(batch, in, 1.0F);
    forward(x, w, Identity{}, teacher);
    fake_quantize_forward(w.w1, q1, q.w1);
    fake_quantize_forward(w.w2, q2, q.w2);
    forward(x, q, qr, student);

    Matrix gy = xt::zeros<float>({batch, out}), gq = xt::zeros<float>({batch, hidden}), gr = gq, g1 = gq;
    Matrix gw1 = xt::zeros<float>({hidden, in}), gw2 = xt::zeros<float>({out, hidden});
    const double loss = rmse_loss(teacher.y, student.y, gy);
    linear_backward_weight(gy, student.q, gw2);
    linear_backward_input(gy, q.w2, gq);
    fake_quantize_backward(gq, student.r, qr, gr, optimizer.gradients(qr));
    clip_backward(gr, student.x1, 0.0F, infinity, g1);
    linear_backward_weight(g1, x, gw1);
    fake_quantize_backward_factors(gw1, w.w1, q1, optimizer.gradients(q1));
    fake_quantize_backward_factors(gw2, w.w2, q2, optimizer.gradients(q2));
    optimizer.step(3e-3);
    (step < 20 ? before : after) += step < 20 || step >= 280 ? loss / 20 : 0;
    if (step % 50 == 0)
      std::printf("step %3d  loss %.4f  threshold of the activations %.3f\n", step, loss, double(qr.adjusted_threshold(0)));
  }
  std::printf("mean loss of the first 20 steps %.4f, of the last 20 %.4f\n", before, after);
  return after < before ? 0 : 1;
}
