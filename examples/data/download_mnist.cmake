# SPDX-License-Identifier: MIT
# cmake [-DROOT=DIR] -P examples/data/download_mnist.cmake: fetches MNIST's four files, each held to its SHA-256, into DIR
# (default: data/mnist, where the digits example looks). -DMIRRORS=URL;... names other places to fetch them from.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/fetch.cmake")

if(NOT DEFINED ROOT)
  set(ROOT data/mnist)
endif()
if(NOT DEFINED MIRRORS)
  set(MIRRORS https://ossci-datasets.s3.amazonaws.com/mnist https://storage.googleapis.com/cvdf-datasets/mnist)
endif()
get_filename_component(ROOT "${ROOT}" ABSOLUTE)
file(MAKE_DIRECTORY "${ROOT}")

fetch(train-images-idx3-ubyte.gz 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 "${ROOT}" ${MIRRORS})
fetch(train-labels-idx1-ubyte.gz 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c "${ROOT}" ${MIRRORS})
fetch(t10k-images-idx3-ubyte.gz 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 "${ROOT}" ${MIRRORS})
fetch(t10k-labels-idx1-ubyte.gz f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 "${ROOT}" ${MIRRORS})
message(STATUS "MNIST is in ${ROOT}")
