# SPDX-License-Identifier: MIT
# TAPER_CUDA: whether there is a target taper::cuda, and whether Taper's own build compiles .cu files.
set(TAPER_CUDA AUTO CACHE STRING "Taper for NVIDIA's GPUs: AUTO where a CUDA toolkit is found, ON, OFF")
set_property(CACHE TAPER_CUDA PROPERTY STRINGS AUTO ON OFF)

if(TAPER_CUDA STREQUAL "AUTO" AND NOT CMAKE_CROSSCOMPILING OR (TAPER_CUDA AND NOT TAPER_CUDA STREQUAL "AUTO"))
  taper_import_component(cuda)
else()
  list(REMOVE_ITEM taper_components cuda)
endif()

# Whoever uses Taper enables the language where it is wanted; Taper's own build does so here.
if(PROJECT_IS_TOP_LEVEL AND TARGET taper::cuda)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND "$ENV{CUDAARCHS}" STREQUAL "")
    execute_process(COMMAND nvidia-smi -L RESULT_VARIABLE no_gpu OUTPUT_QUIET ERROR_QUIET)
    if(no_gpu)
      set(CMAKE_CUDA_ARCHITECTURES 90-real) # one, for it costs time; before enable_language, whose default is the toolkit's
    else()
      set(CMAKE_CUDA_ARCHITECTURES native)
    endif()
  endif()
  if(NOT DEFINED CMAKE_CUDA_COMPILER AND "$ENV{CUDACXX}" STREQUAL "" AND CUDAToolkit_NVCC_EXECUTABLE)
    set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}") # also where no PATH leads to it
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    if(NOT DEFINED CMAKE_CUDA_COMPILER_LAUNCHER AND DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
      set(CMAKE_CUDA_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
    endif()
  endif()
endif()

if(TAPER_CUDA AND NOT TAPER_CUDA STREQUAL "AUTO" AND (NOT TARGET taper::cuda OR (PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CUDA_COMPILER)))
  message(FATAL_ERROR "TAPER_CUDA is ${TAPER_CUDA}, which needs ${taper_cuda_hint}. TAPER_CUDA=AUTO does without where there is none.")
endif()

# Thrust's headers, for tests of the CUDA backend that run on the host: block kernels in an emulator for x86-64.
set(taper_thrust_hint "an x86-64 processor and Thrust's headers (those of a CUDA toolkit; Debian: libthrust-dev)")
if(PROJECT_IS_TOP_LEVEL AND TARGET taper::x86)
  find_path(TAPER_THRUST_DIR thrust/for_each.h HINTS ${CUDAToolkit_INCLUDE_DIRS} /usr/local/cuda/include PATH_SUFFIXES cccl
            DOC "The folder of Thrust's headers")
  if(TAPER_THRUST_DIR)
    add_library(taper::thrust INTERFACE IMPORTED GLOBAL)
    target_include_directories(taper::thrust SYSTEM INTERFACE "${TAPER_THRUST_DIR}")
    target_compile_definitions(taper::thrust INTERFACE THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP)
  endif()
endif()
