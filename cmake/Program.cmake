# SPDX-License-Identifier: MIT
# Turns one source file into one program. A file says at its head, in comment lines, what it needs beyond the default:
#   // Build: -O2 -DNAME      compile options of its own
#   // Needs: zlib            components; the program is left out, with a message, where one is missing
#   // Timeout: 900           seconds ctest gives it
#   // Devices                a test that also runs on the devices of TAPER_TEST_DEVICES
#   // Devices: slow          the same where TAPER_TEST_SLOW is on
#   // Table                  a test that is left out where TAPER_TEST_TABLES is off
#   // Slow                   a test that is built where TAPER_TEST_SLOW is on
#   // Alone                  ctest runs nothing beside it

# The words after "// KEY:" at the head of a file.
function(taper_directive source key result)
  file(STRINGS "${source}" line LIMIT_INPUT 4000 LIMIT_COUNT 1 REGEX "^// ${key}(:|$)")
  if(line)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    string(REGEX REPLACE "^// ${key}:? *" "" words "${line}")
    if(words STREQUAL "")
      set(words TRUE)
    endif()
    separate_arguments(words UNIX_COMMAND "${words}")
  endif()
  set(${result} "${words}" PARENT_SCOPE)
endfunction()

# Defines `target` from `source`; sets `target`_BUILDS when every component it needs is there.
function(taper_program target source)
  taper_directive("${source}" Needs components)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(source MATCHES "\\.cu$" AND NOT "CUDA" IN_LIST languages)
    message(STATUS "${target} is left out: it needs nvcc")
    set(${target}_BUILDS FALSE PARENT_SCOPE)
    return()
  endif()
  foreach(component IN LISTS components)
    if(NOT TARGET taper::${component})
      message(STATUS "${target} is left out: it needs ${taper_${component}_hint}")
      set(${target}_BUILDS FALSE PARENT_SCOPE)
      return()
    endif()
  endforeach()
  list(TRANSFORM components PREPEND taper::)
  taper_directive("${source}" Build options)
  add_executable(${target} "${source}")
  target_link_libraries(${target} PRIVATE taper::taper ${components})
  target_compile_options(${target} PRIVATE ${options})
  target_compile_definitions(${target} PRIVATE "TAPER_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  set(${target}_BUILDS TRUE PARENT_SCOPE)
endfunction()

# Registers the program with ctest, in a working directory of its own.
function(taper_add_test name target label)
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/run/${name}")
  file(MAKE_DIRECTORY "${directory}")
  add_test(NAME "${name}" COMMAND ${target} ${ARGN} WORKING_DIRECTORY "${directory}")
  get_target_property(sources ${target} SOURCES)
  list(GET sources 0 source)
  taper_directive("${source}" Timeout seconds)
  if(NOT seconds)
    set(seconds 600)
  endif()
  taper_directive("${source}" Alone alone)
  set_tests_properties("${name}" PROPERTIES LABELS "${label}" TIMEOUT ${seconds} RUN_SERIAL "$<BOOL:${alone}>"
                                            SKIP_RETURN_CODE 77) # as of what needs a GPU
endfunction()
