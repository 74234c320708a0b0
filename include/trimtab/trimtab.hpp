#pragma once
/// \file
/// What most programs need, with no dependencies but xtensor, Eigen and (optionally) OpenMP. Adapters of other containers,
/// reports, files (io/) and processes (mpi/) have headers of their own.
/// \namespace trimtab
/// The whole library: quantizers, observers, layers in floating point, transforms, training, networks.
/// \namespace trimtab::int8
/// Layers and pools on 8-bit codes, packed weights, and the kernels behind them.

#include <trimtab/core/adapt_eigen.hpp>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/net/choose_recipe.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/models/efficientnets.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <trimtab/net/models/resnets.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/correct_bias.hpp>
#include <trimtab/net/passes/learn_rounding.hpp>
#include <trimtab/net/passes/reestimate_batch_norm.hpp>
#include <trimtab/net/passes/rescale.hpp>
#include <trimtab/net/passes/simplify.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/recipe.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <trimtab/net/train/distillation_step.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <trimtab/net/train/float_training.hpp>
#include <trimtab/quant/observer.hpp>
#include <trimtab/transform/equalize.hpp>
#include <trimtab/transform/learn_rounding.hpp>
#include <trimtab/transform/search_threshold.hpp>
