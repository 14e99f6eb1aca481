# SPDX-License-Identifier: MIT
# What needs another library, one component each. Used by Taper's own build and by find_package(taper) alike.
set(taper_components zlib eigen dlpack cuda cudnn compiled)

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

# cuDNN, by FindcuDNN.cmake: a part of the component cuda where it is found, and what tests of it ask for.
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
set(taper_cudnn_package cuDNN)
set(taper_cudnn_target cuDNN::cudnn)
set(taper_cudnn_hint "NVIDIA's cuDNN 9 and CUDA Toolkit")

# The runtime is the static one, unless the program itself asks for the shared one: never both. The flags concern .cu files
# alone: C++20, whatever this CMake knows of nvcc; calls of constexpr functions of the standard library; and an error for every
# call that nvcc would leave out of a kernel.
set(taper_cuda_package CUDAToolkit)
set(taper_cuda_optional cuDNN)
set(taper_cuda_version 13)
set(taper_cuda_target CUDA::cublas)
set(taper_cuda_links CUDA::cublas CUDA::cublasLt
    "$<IF:$<STREQUAL:$<UPPER_CASE:$<TARGET_PROPERTY:CUDA_RUNTIME_LIBRARY>>,SHARED>,CUDA::cudart,CUDA::cudart_static>"
    "$<TARGET_NAME_IF_EXISTS:cuDNN::cudnn>")
set(taper_cuda_options
    "-DTAPER_CUDNN=$<TARGET_EXISTS:cuDNN::cudnn>" "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;-Werror=cross-execution-space-call>")
set(taper_cuda_headers cuda.hpp)
set(taper_cuda_hint "NVIDIA's CUDA Toolkit 13 or later, with cuBLAS (https://developer.nvidia.com/cuda-downloads; where it is not\
 found, -DCUDAToolkit_ROOT says where it is)")

# Taper's own library (cmake/Compiled.cmake): its target is there already, or nobody built it.
set(taper_compiled_hint "a Taper that was built and installed with -DTAPER_BUILD_COMPILED=ON")

# Defines taper::<component> where its library is found.
macro(taper_import_component component)
  if(NOT TARGET taper::${component} AND DEFINED taper_${component}_package)
    find_package(${taper_${component}_package} ${taper_${component}_version} QUIET)
    if(TARGET ${taper_${component}_target})
      foreach(package IN LISTS taper_${component}_optional)
        find_package(${package} QUIET)
      endforeach()
      add_library(taper::${component} INTERFACE IMPORTED GLOBAL)
      if(NOT DEFINED taper_${component}_links)
        set(taper_${component}_links ${taper_${component}_target})
      endif()
      target_link_libraries(taper::${component} INTERFACE taper::taper ${taper_${component}_links})
      target_compile_options(taper::${component} INTERFACE ${taper_${component}_options})
    endif()
  endif()
endmacro()
