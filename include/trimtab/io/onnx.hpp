#pragma once
/// \file
/// Reading and writing ONNX files. Needs the CMake target trimtab::onnx.

#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx_read_quantized.hpp>
#include <trimtab/io/onnx_write.hpp>
#include <trimtab/io/onnx_write_quantized.hpp>
