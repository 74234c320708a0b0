#pragma once
/// \file
/// Reading and writing ONNX files. Needs the CMake target trimtab::onnx.

#include <trimtab/io/onnx/read.hpp>
#include <trimtab/io/onnx/read_quantized.hpp>
#include <trimtab/io/onnx/write.hpp>
#include <trimtab/io/onnx/write_quantized.hpp>
#include <trimtab/io/self_check.hpp>
