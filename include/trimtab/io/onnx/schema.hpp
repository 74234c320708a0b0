#pragma once
/// \file
/// The ONNX project's own protobuf schema, included without its warnings, and a guard that keeps protobuf quiet.

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include <onnx/onnx_pb.h>
#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace trimtab::detail {

#if __has_include(<google/protobuf/stubs/logging.h>)
/// While one exists, protobuf prints nothing to stderr; errors arrive as exceptions instead.
using QuietProtobuf = ::google::protobuf::LogSilencer;
#else  // protobuf 22 moved to Abseil's log, where a failed parse prints nothing
struct QuietProtobuf {
  ~QuietProtobuf() {}
};
#endif

}  // namespace trimtab::detail
