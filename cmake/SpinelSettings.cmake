# Build type, output folders and the interface target spinel_settings that carries our own compile options.
# Nothing here is global: a parent project's targets are never touched.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
include(GNUInstallDirs)

if(PROJECT_IS_TOP_LEVEL)
  find_program(CCACHE ccache)
  if(CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  endif()
endif()

add_library(spinel_settings INTERFACE)
target_compile_features(spinel_settings INTERFACE cxx_std_20)
target_compile_options(spinel_settings INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror
    -fvisibility=hidden -fvisibility-inlines-hidden -fno-math-errno -ffp-contract=off>
  # GCC 12 takes a std::optional that is moved from for uninitialised once it inlines enough; the sanitizers and
  # valgrind look for real ones.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique -Wno-maybe-uninitialized>)
target_include_directories(spinel_settings INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
if(SPINEL_SANITIZE)
  target_compile_options(spinel_settings INTERFACE -fsanitize=${SPINEL_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(spinel_settings INTERFACE -fsanitize=${SPINEL_SANITIZE})
endif()
