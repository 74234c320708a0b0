# Installation: headers, package config and pkg-config file, all independent of the machine and of the compiler.
include(CMakePackageConfigHelpers)

set(TRIMTAB_CMAKE_FOLDER "${CMAKE_INSTALL_DATADIR}/cmake/trimtab")
set(TRIMTAB_PKGCONFIG_FOLDER "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/trimtab" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(TARGETS trimtab EXPORT trimtabTargets)
install(EXPORT trimtabTargets NAMESPACE trimtab:: DESTINATION "${TRIMTAB_CMAKE_FOLDER}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/trimtabConfig.cmake.in" "${PROJECT_BINARY_DIR}/trimtabConfig.cmake"
  INSTALL_DESTINATION "${TRIMTAB_CMAKE_FOLDER}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/trimtabConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/trimtabConfig.cmake" "${PROJECT_BINARY_DIR}/trimtabConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/TrimtabKernels.cmake" DESTINATION "${TRIMTAB_CMAKE_FOLDER}")

configure_file("${CMAKE_CURRENT_LIST_DIR}/trimtab.pc.in" "${PROJECT_BINARY_DIR}/trimtab.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/trimtab.pc" DESTINATION "${TRIMTAB_PKGCONFIG_FOLDER}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
