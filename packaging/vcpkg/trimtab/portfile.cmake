# An overlay port of this source tree: vcpkg install trimtab --overlay-ports=packaging/vcpkg
# A registry's port would begin with vcpkg_from_github(OUT_SOURCE_PATH SOURCE_PATH ... REF v0.1.0 SHA512 ...).
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release)  # headers only
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DTRIMTAB_TESTS=OFF -DTRIMTAB_PROGRAM=OFF -DTRIMTAB_EXAMPLES=OFF -DTRIMTAB_BENCH=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/trimtab)
vcpkg_fixup_pkgconfig()
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
