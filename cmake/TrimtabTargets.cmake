# The library's targets.
include(GNUInstallDirs)

find_package(Eigen3 3.4 CONFIG REQUIRED)
find_package(xtensor 0.24 CONFIG REQUIRED)

add_library(trimtab INTERFACE)
add_library(trimtab::trimtab ALIAS trimtab)
target_compile_features(trimtab INTERFACE cxx_std_20)
target_include_directories(trimtab INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_link_libraries(trimtab INTERFACE Eigen3::Eigen xtensor)
# Eigen's own OpenMP would nest inside trimtab's threads.
target_compile_definitions(trimtab INTERFACE EIGEN_DONT_PARALLELIZE)

set(TRIMTAB_HAS_OPENMP OFF)
if(TRIMTAB_OPENMP)
  find_package(OpenMP COMPONENTS CXX QUIET)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(trimtab INTERFACE "$<BUILD_INTERFACE:OpenMP::OpenMP_CXX>")  # trimtabConfig.cmake looks again
    set(TRIMTAB_HAS_OPENMP ON)
  else()
    message(STATUS "trimtab: OpenMP not found, everything runs on one thread")
  endif()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/TrimtabKernels.cmake")
trimtab_add_kernels("${PROJECT_SOURCE_DIR}/include")

# trimtab::onnx: reading and writing ONNX files, through the ONNX project's own protobuf schema.
set(TRIMTAB_HAS_ONNX OFF)
find_package(Protobuf QUIET)
find_package(ONNX CONFIG QUIET)
if(Protobuf_FOUND AND ONNX_FOUND)
  add_library(trimtab_onnx INTERFACE)
  add_library(trimtab::onnx ALIAS trimtab_onnx)
  target_link_libraries(trimtab_onnx INTERFACE trimtab onnx_proto protobuf::libprotobuf)
  target_compile_definitions(trimtab_onnx INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
  set(TRIMTAB_HAS_ONNX ON)
else()
  message(STATUS "trimtab: ONNX or protobuf not found, trimtab::onnx is left out (Debian: libonnx-dev libprotobuf-dev)")
endif()

# trimtab::images: JPEG and PNG, through stb.
set(TRIMTAB_HAS_IMAGES OFF)
find_path(TRIMTAB_STB_INCLUDE_DIR stb/stb_image.h)
mark_as_advanced(TRIMTAB_STB_INCLUDE_DIR)
if(TRIMTAB_STB_INCLUDE_DIR)
  add_library(trimtab_images INTERFACE)
  add_library(trimtab::images ALIAS trimtab_images)
  target_link_libraries(trimtab_images INTERFACE trimtab)
  target_include_directories(trimtab_images SYSTEM INTERFACE "${TRIMTAB_STB_INCLUDE_DIR}")
  set(TRIMTAB_HAS_IMAGES ON)
else()
  message(STATUS "trimtab: stb_image not found, trimtab::images is left out (Debian: libstb-dev)")
endif()

# trimtab::tflite: reading and writing TFLite files, through flatbuffers' headers.
set(TRIMTAB_HAS_TFLITE OFF)
find_path(TRIMTAB_FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h)
mark_as_advanced(TRIMTAB_FLATBUFFERS_INCLUDE_DIR)
if(TRIMTAB_FLATBUFFERS_INCLUDE_DIR)
  add_library(trimtab_tflite INTERFACE)
  add_library(trimtab::tflite ALIAS trimtab_tflite)
  target_link_libraries(trimtab_tflite INTERFACE trimtab)
  target_include_directories(trimtab_tflite SYSTEM INTERFACE "${TRIMTAB_FLATBUFFERS_INCLUDE_DIR}")
  set(TRIMTAB_HAS_TFLITE ON)
else()
  message(STATUS "trimtab: flatbuffers not found, trimtab::tflite is left out (Debian: libflatbuffers-dev)")
endif()

# trimtab::mpi: several processes on one job.
set(TRIMTAB_HAS_MPI OFF)
find_package(MPI QUIET COMPONENTS CXX)
if(MPI_CXX_FOUND)
  add_library(trimtab_mpi INTERFACE)
  add_library(trimtab::mpi ALIAS trimtab_mpi)
  # The C interface alone; the C++ bindings that MPI dropped in 2012 only bring warnings.
  target_compile_definitions(trimtab_mpi INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
  target_link_libraries(trimtab_mpi INTERFACE trimtab MPI::MPI_CXX)
  set(TRIMTAB_HAS_MPI ON)
else()
  message(STATUS "trimtab: MPI not found, trimtab::mpi is left out (Debian: libopenmpi-dev)")
endif()
