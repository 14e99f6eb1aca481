# SPDX-License-Identifier: MIT
# The library taper::compiled: the heavy kernels for float and double, once per x86-64 level, chosen at start by cpuid. Whoever
# links it does not instantiate them. Built when something links it, or with TAPER_BUILD_COMPILED, which installs it as well.
option(TAPER_BUILD_COMPILED "Build and install the library taper::compiled" OFF)
set(TAPER_COMPILED_SWITCHES "NONE;FIRST_ORDER;INFERENCE" CACHE STRING
    "For units with which switches taper::compiled is: NONE, FIRST_ORDER (TAPER_FIRST_ORDER_ONLY), INFERENCE (TAPER_INFERENCE_ONLY)")

# One binary for every machine: whatever the project's own flags, level 1 is the baseline.
set(baseline "")
if(TARGET taper::x86)
  set(baseline -march=x86-64)
endif()

# Tensors are another type under each switch, and so are the pool and the allocator that the kernels use. A program takes from
# the archive the objects of its own switch.
set(objects "")
foreach(switch IN LISTS TAPER_COMPILED_SWITCHES)
  foreach(level IN ITEMS 0 1 3 4)  # 0 is the choice among the others
    set(target taper_compiled_${switch}_${level})
    set(source level.cpp)
    if(level EQUAL 0)
      set(source choose.cpp)
    endif()
    add_library(${target} OBJECT EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/compiled/${source}")
    target_link_libraries(${target} PRIVATE taper)
    target_compile_definitions(${target} PRIVATE TAPER_COMPILED TAPER_LEVEL=${level}
                                                 $<$<NOT:$<STREQUAL:${switch},NONE>>:TAPER_${switch}_ONLY>)
    # Fast in everybody's debug builds, too.
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Release>>:-O2> ${baseline})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
  endforeach()
endforeach()

add_library(taper_compiled STATIC EXCLUDE_FROM_ALL ${objects})
add_library(taper::compiled ALIAS taper_compiled)
target_link_libraries(taper_compiled PUBLIC taper)
target_compile_definitions(taper_compiled INTERFACE TAPER_COMPILED)
set_target_properties(taper_compiled PROPERTIES EXPORT_NAME compiled LINKER_LANGUAGE CXX)
if(TAPER_BUILD_COMPILED)
  set_target_properties(taper_compiled PROPERTIES EXCLUDE_FROM_ALL FALSE)
endif()
