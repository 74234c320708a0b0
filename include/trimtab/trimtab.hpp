#pragma once
/// \file
/// Everything that needs no more than xtensor, Eigen and (optionally) OpenMP. `io/onnx.hpp` and `io/images.hpp` bring dependencies of their
/// own and are included by those who want them.
/// \namespace trimtab
/// The whole library: quantizers, observers, layers in floating point, transforms, training, networks.
/// \namespace trimtab::int8
/// Layers and pools on 8-bit codes, packed weights, and the kernels behind them.

#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/calibrate.hpp>
#include <trimtab/net/correct_bias_pass.hpp>
#include <trimtab/net/evaluate.hpp>
#include <trimtab/net/distillation_step.hpp>
#include <trimtab/net/fake_quant_executor.hpp>
#include <trimtab/net/fine_tune.hpp>
#include <trimtab/net/float_executor.hpp>
#include <trimtab/net/float_training.hpp>
#include <trimtab/net/learn_rounding_pass.hpp>
#include <trimtab/net/models.hpp>
#include <trimtab/net/passes.hpp>
#include <trimtab/net/quantized_network.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/reestimate_batch_norm_pass.hpp>
#include <trimtab/net/rescale_pass.hpp>
#include <trimtab/net/verify.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/transform/equalize.hpp>
#include <trimtab/transform/learn_rounding.hpp>
#include <trimtab/transform/search_threshold.hpp>
