# SPDX-License-Identifier: MIT
# NVIDIA's cuDNN: defines cuDNN::cudnn where its header and library are found, in a CUDA toolkit or where CUDNN_PATH says.
find_package(CUDAToolkit QUIET)
find_path(cuDNN_INCLUDE_DIR cudnn.h HINTS ENV CUDNN_PATH ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
find_library(cuDNN_LIBRARY cudnn HINTS ENV CUDNN_PATH ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib64 lib)
mark_as_advanced(cuDNN_INCLUDE_DIR cuDNN_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cuDNN REQUIRED_VARS cuDNN_LIBRARY cuDNN_INCLUDE_DIR CUDAToolkit_FOUND)

if(cuDNN_FOUND AND NOT TARGET cuDNN::cudnn)
  add_library(cuDNN::cudnn UNKNOWN IMPORTED)
  set_target_properties(cuDNN::cudnn PROPERTIES IMPORTED_LOCATION "${cuDNN_LIBRARY}")
  target_include_directories(cuDNN::cudnn SYSTEM INTERFACE "${cuDNN_INCLUDE_DIR}" ${CUDAToolkit_INCLUDE_DIRS})
endif()
