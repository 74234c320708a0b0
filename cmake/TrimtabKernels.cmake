# trimtab::kernels: trimtab whose kernels are compiled once, into a static library, and not in every file that calls an int8 or float
# layer. For programs of many files. Included by the build and, installed, by the package's component `kernels`.
if(NOT TARGET trimtab::kernels)
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/trimtab_define_kernels.cpp" CONTENT "#include <trimtab/define_kernels.hpp>\n")
  add_library(trimtab_kernels STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/trimtab_define_kernels.cpp")
  add_library(trimtab::kernels ALIAS trimtab_kernels)
  target_link_libraries(trimtab_kernels PUBLIC trimtab::trimtab)
  target_compile_definitions(trimtab_kernels INTERFACE TRIMTAB_EXTERN_KERNELS)
endif()
