# trimtab_add_kernels(folder): trimtab::kernels, which is trimtab with its kernels and operators compiled once, into a static library, and
# not in every file that calls an int8 or float layer. For programs of many files. Called by the build and, installed, by the package's
# component `kernels`; <folder> holds trimtab's headers.
function(trimtab_add_kernels folder)
  if(TARGET trimtab::kernels)
    return()
  endif()
  set(sources "${CMAKE_CURRENT_BINARY_DIR}/trimtab_define_kernels.cpp")
  file(CONFIGURE OUTPUT "${sources}" CONTENT "#include <trimtab/define_kernels.hpp>\n")
  # trimtab/define_operators.hpp, in files of at most twenty operators, so that several processors compile them.
  file(STRINGS "${folder}/trimtab/net/operators.hpp" operators REGEX "^#include <trimtab/net/operators/")
  while(operators)
    list(SUBLIST operators 0 20 part)
    list(REMOVE_ITEM operators ${part})
    list(GET part 0 first)
    string(REGEX REPLACE ".*/(.+)\\.hpp>" "\\1" first "${first}")
    list(JOIN part "\n" part)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/trimtab_define_operators_from_${first}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#define TRIMTAB_DEFINE_OPERATORS\n${part}\n")
    list(APPEND sources "${source}")
  endwhile()
  add_library(trimtab_kernels STATIC EXCLUDE_FROM_ALL ${sources})
  add_library(trimtab::kernels ALIAS trimtab_kernels)
  set_target_properties(trimtab_kernels PROPERTIES
                        UNITY_BUILD OFF                 # each file says what it defines
                        POSITION_INDEPENDENT_CODE ON)   # a shared library may take them in
  target_link_libraries(trimtab_kernels PUBLIC trimtab::trimtab)
  target_compile_definitions(trimtab_kernels PUBLIC TRIMTAB_EXTERN_KERNELS)
endfunction()
