# SPDX-License-Identifier: MIT
# Headers, the library taper::compiled where it is built, and what find_package(taper) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/taper")
install(DIRECTORY include/taper DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS taper EXPORT taperTargets)
install(EXPORT taperTargets NAMESPACE taper:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/taperConfig.cmake.in "${PROJECT_BINARY_DIR}/taperConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}")
set(any_architecture ARCH_INDEPENDENT)
if(TAPER_BUILD_COMPILED)
  set(any_architecture "")
  install(TARGETS taper_compiled EXPORT taperCompiledTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT taperCompiledTargets NAMESPACE taper:: DESTINATION "${package_dir}")
endif()
write_basic_package_version_file("${PROJECT_BINARY_DIR}/taperConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ${any_architecture})
install(FILES "${PROJECT_BINARY_DIR}/taperConfig.cmake" "${PROJECT_BINARY_DIR}/taperConfigVersion.cmake"
              cmake/taperComponents.cmake cmake/FindcuDNN.cmake DESTINATION "${package_dir}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/taper")
