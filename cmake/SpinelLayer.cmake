# spinel_layer(NAME [OPTIMIZE -Os] DEPENDS ... [PRIVATE ...]): one folder of src/ as the static library spinel_NAME.
#
# Every *.cpp of the folder (and the SUBFOLDERS given) belongs to it, except *_test.cpp (built into the Catch2 program
# spinel_NAME_test and registered with CTest), *_fuzz.cpp (one libFuzzer program each) and *_bench.cpp.
# DEPENDS lists the layers it may include from; the linker enforces the arrows. OPTIMIZE replaces the
# -O3 of release builds: -Os for what runs while a model is loaded, -O2 for reference operators and what calls kernels. It is
# a quarter of the size.
function(spinel_layer name)
  cmake_parse_arguments(ARG "" "OPTIMIZE" "DEPENDS;PRIVATE;SUBFOLDERS;TEST_LIBRARIES" ${ARGN})
  set(patterns *.cpp)
  foreach(folder IN LISTS ARG_SUBFOLDERS)
    list(APPEND patterns ${folder}/*.cpp)
  endforeach()
  file(GLOB all CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${patterns})
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cpp$")
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(fuzzers ${all})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")

  add_library(spinel_${name} STATIC ${sources})
  set_target_properties(spinel_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(spinel_${name} PUBLIC $<BUILD_INTERFACE:spinel_settings> ${ARG_DEPENDS})
  if(ARG_OPTIMIZE)
    target_compile_options(spinel_${name} PRIVATE $<$<CONFIG:Release>:${ARG_OPTIMIZE}>)
  endif()
  foreach(library IN LISTS ARG_PRIVATE)
    target_link_libraries(spinel_${name} PRIVATE $<BUILD_INTERFACE:${library}>)
  endforeach()
  set_property(GLOBAL APPEND PROPERTY SPINEL_LAYERS spinel_${name})

  if(SPINEL_BUILD_TESTS AND tests)
    add_executable(spinel_${name}_test ${tests})
    target_link_libraries(spinel_${name}_test PRIVATE spinel_${name} spinel_catch ${ARG_PRIVATE} ${ARG_TEST_LIBRARIES})
    add_test(NAME ${name} COMMAND spinel_${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  endif()
  if(SPINEL_BUILD_FUZZERS)
    foreach(fuzzer IN LISTS fuzzers)
      get_filename_component(stem ${fuzzer} NAME_WE)
      add_executable(${stem} ${fuzzer})
      target_link_libraries(${stem} PRIVATE spinel_${name} ${ARG_PRIVATE})
      target_compile_options(${stem} PRIVATE -fsanitize=fuzzer)
      target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
      set_target_properties(${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    endforeach()
  endif()
endfunction()

# Header-only, hidden third-party libraries that most layers use.
add_library(spinel_text INTERFACE)
# src/base/fmt.cpp compiles fmt's functions once; it knows those of fmt 9.
if(fmt_VERSION VERSION_GREATER_EQUAL 9 AND fmt_VERSION VERSION_LESS 10)
  target_include_directories(spinel_text SYSTEM INTERFACE
    $<TARGET_PROPERTY:fmt::fmt-header-only,INTERFACE_INCLUDE_DIRECTORIES>)
else()
  target_link_libraries(spinel_text INTERFACE fmt::fmt-header-only)
endif()
