"""Untested: written from Conan's documentation, not built with Conan yet."""
import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class SpinelRecipe(ConanFile):
    name = 'spinel'
    version = '0.1.0'
    license = 'Apache-2.0'
    description = 'Embeddable ONNX inference with a stable C ABI'
    settings = 'os', 'compiler', 'build_type', 'arch'
    options = {'codecs': [True, False]}
    default_options = {'codecs': True}
    generators = 'CMakeDeps'

    def requirements(self):
        for library in ('dlpack/0.8', 'eigen/3.4.0', 'fmt/9.1.0', 'nlohmann_json/3.11.2', 'protozero/1.7.1'):
            self.requires(library)
        if self.options.codecs:
            for library in ('libjpeg-turbo/2.1.5', 'libpng/1.6.39', 'stb/cci.20230920'):
                self.requires(library)

    def layout(self):
        cmake_layout(self, src_folder='.')

    def export_sources(self):
        checkout = os.path.join(self.recipe_folder, '..', '..')
        for part in ('CMakeLists.txt', 'LICENSE', 'cmake/*', 'include/*', 'src/*', 'capi/*'):
            copy(self, part, checkout, self.export_sources_folder)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for name, value in (('CODECS', bool(self.options.codecs)), ('BUILD_CLI', False), ('BUILD_TESTS', False),
                            ('BUILD_SAMPLES', False), ('STATIC_ARCHIVE', False)):
            toolchain.variables[f'SPINEL_{name}'] = value
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        self.cpp_info.libs = ['spinel']
        self.cpp_info.set_property('cmake_find_mode', 'none')
        self.cpp_info.builddirs = ['lib/cmake/spinel']
