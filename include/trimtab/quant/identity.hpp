#pragma once
/// \file
/// The quantizer that quantizes nothing.

namespace trimtab {

/// Stands where a quantizer stands in a graph that is a template of its quantizers, so that the same graph runs in float:
/// fake_quantize_forward copies, fake_quantize_backward passes the gradient on. It has no grid, and there are no codes of it.
struct Identity {};

/// Nothing is out of its bounds.
inline void project(Identity&) {}

}  // namespace trimtab
