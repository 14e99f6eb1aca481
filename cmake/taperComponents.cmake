# SPDX-License-Identifier: MIT
# What needs a library to link with, one component each. Used by Taper's own build and by find_package(taper) alike.
set(taper_components zlib)

set(taper_zlib_package ZLIB)
set(taper_zlib_target ZLIB::ZLIB)
set(taper_zlib_headers io/gzip.hpp)
set(taper_zlib_hint "zlib (Debian: zlib1g-dev)")

# Defines taper::<component> where its library is found.
macro(taper_import_component component)
  if(NOT TARGET taper::${component})
    find_package(${taper_${component}_package} QUIET)
    if(TARGET ${taper_${component}_target})
      add_library(taper::${component} INTERFACE IMPORTED GLOBAL)
      target_link_libraries(taper::${component} INTERFACE taper::taper ${taper_${component}_target})
    endif()
  endif()
endmacro()
