#pragma once
/// \file
/// The two forms of a quantized ONNX file.

namespace trimtab {

/// How a file says that a network is quantized.
enum class OnnxForm {
  /// Float operators between DequantizeLinear and QuantizeLinear, which compilers replace by integer ones of their own. What is
  /// not replaced computes in float, so that single codes may differ by one step.
  qdq,
  /// Integer operators, and float ones where their rounding is this library's. See write_onnx for those whose codes are equal.
  qoperator
};

}  // namespace trimtab
