#pragma once
/// \file
/// A network as exporters write it, made into the one that is quantized.

#include <trimtab/net/operators/spellings/fuse_activations.hpp>
#include <trimtab/net/operators/spellings/fuse_norms.hpp>
#include <trimtab/net/passes/fold.hpp>

namespace trimtab {

/// Everything that changes how the function is computed and not the function, up to float rounding: normalizations and
/// activations written as several operators become one (fuse_norms, fuse_activations), batch norms and other affine functions of
/// channels go into the layers before them (fold_batch_norm), clips into the nodes before them (fuse_clips). What calibrate and
/// quantize expect.
inline Network simplify(const Network& network) { return fuse_clips(fold_batch_norm(fuse_activations(fuse_norms(network)))); }

}  // namespace trimtab
