# Flags for the project's own programs; nothing here reaches a user of the library.
add_library(trimtab_warnings INTERFACE)
target_compile_options(trimtab_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion)
if(TRIMTAB_WERROR)
  target_compile_options(trimtab_warnings INTERFACE -Werror)
endif()
target_link_libraries(trimtab_kernels PRIVATE trimtab_warnings)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

# trimtab_program(name source...): an executable on trimtab with the project's warnings. All of them share one copy of the kernels, which
# otherwise take half of the time of compiling a test.
function(trimtab_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE trimtab::kernels trimtab_warnings)
endfunction()
# GCC 12 sees overlapping copies in `"a" + std::string()` at -O2 and -O3 where there are none (its bug 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(trimtab_warnings INTERFACE -Wno-restrict)
endif()
