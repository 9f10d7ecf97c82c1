# What `cmake --install` puts into a prefix, which may be moved afterwards:
#   include/spinel.h, include/spinel_dlpack.h, lib/libspinel.so*, lib/libspinel.a     the C ABI: spinel::spinel, spinel::spinel_static
#   include/spinel/*.hpp, lib/spinel/*.a                     the C++ API: spinel::core (COMPONENTS core)
#   lib/cmake/spinel, lib/pkgconfig/spinel.pc                find_package(spinel) and pkg-config
#   libexec/spinel/, share/doc/spinel/LICENSE                the samples; the licence
# The command installs itself to bin/.
# Components: runtime (the shared library), dev (all that is needed to build against it), tools (command and samples).
include(CMakePackageConfigHelpers)
include(SpinelStaticArchive)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/spinel)
set(generated ${PROJECT_BINARY_DIR}/install)

install(FILES ${PROJECT_SOURCE_DIR}/capi/spinel.h ${PROJECT_SOURCE_DIR}/capi/spinel_dlpack.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(TARGETS spinel EXPORT spinel-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev)
install(EXPORT spinel-targets NAMESPACE spinel:: DESTINATION ${package_folder} COMPONENT dev)
if(TARGET spinel_static)
  install(FILES ${PROJECT_BINARY_DIR}/lib/libspinel.a DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
endif()

get_property(layers GLOBAL PROPERTY SPINEL_LAYERS)
set_target_properties(spinel_tools PROPERTIES EXPORT_NAME core)
target_include_directories(spinel_tools INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(spinel_tools INTERFACE cxx_std_20)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/spinel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(TARGETS ${layers} EXPORT spinel-core-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/spinel
  COMPONENT dev)
install(EXPORT spinel-core-targets NAMESPACE spinel:: DESTINATION ${package_folder} COMPONENT dev)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/spinel-config.cmake.in
  ${generated}/spinel-config.cmake INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_LIBDIR
  CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${generated}/spinel-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${generated}/spinel-config.cmake ${generated}/spinel-config-version.cmake
  DESTINATION ${package_folder} COMPONENT dev)

# The prefix is told from where spinel.pc lies, unless the folders are absolute.
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" up ${up})
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(folder LIBDIR INCLUDEDIR)
  set(pc_${folder} ${CMAKE_INSTALL_${folder}})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
    set(pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
  endif()
endforeach()
set(pc_private "")
if(TARGET spinel_static)
  list(TRANSFORM SPINEL_STATIC_LIBRARIES PREPEND -l OUTPUT_VARIABLE pc_private)
  list(JOIN pc_private " " pc_private)
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/spinel.pc.in ${generated}/spinel.pc @ONLY)
install(FILES ${generated}/spinel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

set(samples_folder ${CMAKE_INSTALL_LIBEXECDIR}/spinel)
file(RELATIVE_PATH samples_to_lib /${samples_folder} /${CMAKE_INSTALL_LIBDIR})
get_property(samples GLOBAL PROPERTY SPINEL_SAMPLES)
foreach(sample IN LISTS samples ITEMS resnet_single resnet_folder resnet_valid)
  if(NOT TARGET ${sample})
    continue()
  endif()
  set_target_properties(${sample} PROPERTIES INSTALL_RPATH "$ORIGIN/${samples_to_lib}")
  install(TARGETS ${sample} RUNTIME DESTINATION ${samples_folder} COMPONENT tools)
endforeach()

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
if(PROJECT_IS_TOP_LEVEL)
  include(SpinelPackage)
endif()
