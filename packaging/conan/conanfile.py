# conan create packaging/conan
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class TrimtabConan(ConanFile):
    name = "trimtab"
    version = "0.1.0"
    description = "Quantization-aware tensors and fast adjustable thresholds, header-only C++20"
    license = "MIT"
    topics = ("quantization", "int8", "neural-networks", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    def layout(self):
        basic_layout(self, src_folder="src")

    def requirements(self):
        self.requires("eigen/3.4.0", transitive_headers=True)
        self.requires("xtensor/0.24.7", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("include/*", "LICENSE"):
            copy(self, pattern, root, os.path.join(self.export_sources_folder, "src"))

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.defines = ["EIGEN_DONT_PARALLELIZE"]
        self.cpp_info.set_property("cmake_file_name", "trimtab")
        self.cpp_info.set_property("cmake_target_name", "trimtab::trimtab")
        self.cpp_info.set_property("pkg_config_name", "trimtab")
