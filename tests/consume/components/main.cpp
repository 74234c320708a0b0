#include <cstdio>
#include <trimtab/core/error.hpp>
#include <trimtab/io/images.hpp>
#include <trimtab/io/onnx/read.hpp>

int main() {
  try {
    trimtab::read_onnx("there is no such file.onnx");
  } catch (const trimtab::io_error& e) {
    std::puts(e.what());
    return 0;
  }
  return 1;
}
