# libspinel.a for C programs: one object of the C ABI and all layers, in which only spinel_* is global, so that
# no internal symbol of ours (or of a hidden third-party library) meets one of the host's.
#
# `ld -r --force-group-allocation` merges the objects and dissolves their COMDAT groups, so that objcopy may then
# make everything local that spinel.map does not name.
function(spinel_static_archive)
  file(STRINGS ${PROJECT_SOURCE_DIR}/capi/spinel.map lines REGEX "^ +spinel_[a-z0-9_]+;$")
  set(names "")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "[ ;]" "" name "${line}")
    string(APPEND names "${name}\n")
  endforeach()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/static)
  set(archive ${PROJECT_BINARY_DIR}/lib/libspinel.a)
  file(CONFIGURE OUTPUT ${folder}/symbols.txt CONTENT "${names}" @ONLY)

  get_property(layers GLOBAL PROPERTY SPINEL_LAYERS)
  set(archives "")
  foreach(layer IN LISTS layers)
    list(APPEND archives $<TARGET_FILE:${layer}>)
  endforeach()
  add_custom_command(
    OUTPUT ${archive}
    COMMAND ${CMAKE_LINKER} -r --force-group-allocation -o ${folder}/all.o $<TARGET_OBJECTS:spinel_capi>
      --start-group ${archives} --end-group
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=${folder}/symbols.txt ${folder}/all.o ${folder}/spinel.o
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/lib
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
    COMMAND ${CMAKE_AR} rcs ${archive} ${folder}/spinel.o
    DEPENDS $<TARGET_OBJECTS:spinel_capi> ${layers} ${folder}/symbols.txt
    COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking libspinel.a")
  add_custom_target(spinel_static_file ALL DEPENDS ${archive})

  add_library(spinel_static INTERFACE)
  add_library(spinel::spinel_static ALIAS spinel_static)
  add_dependencies(spinel_static spinel_static_file)
  target_include_directories(spinel_static INTERFACE ${PROJECT_SOURCE_DIR}/capi)
  target_link_libraries(spinel_static INTERFACE ${archive} ${SPINEL_STATIC_LIBRARIES})
endfunction()

# What a program links beside libspinel.a.
set(SPINEL_STATIC_LIBRARIES stdc++ m pthread dl)
if(SPINEL_CODECS)
  list(APPEND SPINEL_STATIC_LIBRARIES jpeg png)
endif()
