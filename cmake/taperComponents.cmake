# SPDX-License-Identifier: MIT
# What needs another library, one component each. Used by Taper's own build and by find_package(taper) alike.
set(taper_components zlib eigen dlpack compiled)

set(taper_zlib_package ZLIB)
set(taper_zlib_target ZLIB::ZLIB)
set(taper_zlib_headers io/gzip.hpp)
set(taper_zlib_hint "zlib (Debian: zlib1g-dev)")

set(taper_eigen_package Eigen3)
set(taper_eigen_target Eigen3::Eigen)
set(taper_eigen_headers interop/eigen.hpp)
set(taper_eigen_hint "Eigen 3.4 (Debian: libeigen3-dev)")

set(taper_dlpack_package dlpack)
set(taper_dlpack_target dlpack::dlpack)
set(taper_dlpack_headers interop/dlpack.hpp)
set(taper_dlpack_hint "DLPack (Debian: libdlpack-dev)")

# Taper's own library (cmake/Compiled.cmake): its target is there already, or nobody built it.
set(taper_compiled_hint "a Taper that was built and installed with -DTAPER_BUILD_COMPILED=ON")

# Defines taper::<component> where its library is found.
macro(taper_import_component component)
  if(NOT TARGET taper::${component} AND DEFINED taper_${component}_package)
    find_package(${taper_${component}_package} QUIET)
    if(TARGET ${taper_${component}_target})
      add_library(taper::${component} INTERFACE IMPORTED GLOBAL)
      target_link_libraries(taper::${component} INTERFACE taper::taper ${taper_${component}_target})
    endif()
  endif()
endmacro()
