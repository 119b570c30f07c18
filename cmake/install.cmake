# What `cmake --install` lays under a prefix:
#
#   bin/reclaim                      the program; it looks for its strategies relative to itself, so the prefix may be moved
#   lib/reclaim/strategies/          their objects
#   lib/cmake/reclaim/               find_package(reclaim)
#   share/reclaim/                   headers and sources that a strategy or a pack of workloads from outside is compiled with: one tree,
#                                    laid out as this one, since they include each other by their paths in it; and examples/
#   share/doc/reclaim/               README.md and docs/
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(RECLAIM_LIB ${CMAKE_INSTALL_LIBDIR}/reclaim/strategies)
set(RECLAIM_SHARE ${CMAKE_INSTALL_DATADIR}/reclaim)
set(RECLAIM_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/reclaim)
file(RELATIVE_PATH RECLAIM_STRATEGIES_FROM_BIN ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/reclaim/strategies)

foreach(NAME ${RECLAIM_STRATEGIES})
  foreach(FLAVOUR ${RECLAIM_FLAVOURS_${NAME}})
    install(TARGETS strategy-${NAME}-${FLAVOUR} LIBRARY DESTINATION ${RECLAIM_LIB})
  endforeach()
endforeach()

install(DIRECTORY runtime strategies workloads DESTINATION ${RECLAIM_SHARE} FILES_MATCHING PATTERN "*.[ch]" PATTERN "*.cmake")
install(DIRECTORY tests/conformance DESTINATION ${RECLAIM_SHARE}/tests FILES_MATCHING PATTERN "*.[ch]")
install(PROGRAMS tests/fast-paths.sh DESTINATION ${RECLAIM_SHARE}/tests)
install(FILES tests/fast-paths.awk tests/fast-paths.budget DESTINATION ${RECLAIM_SHARE}/tests)
install(DIRECTORY examples DESTINATION ${RECLAIM_SHARE} PATTERN "build*" EXCLUDE)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/reclaimConfig.cmake.in ${CMAKE_BINARY_DIR}/generated/reclaimConfig.cmake INSTALL_DESTINATION ${RECLAIM_PACKAGE}
                              PATH_VARS RECLAIM_SHARE CMAKE_INSTALL_BINDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/reclaimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/reclaimConfig.cmake ${CMAKE_BINARY_DIR}/generated/reclaimConfigVersion.cmake
              ${CMAKE_BINARY_DIR}/generated/source.cmake cmake/plugins.cmake DESTINATION ${RECLAIM_PACKAGE})
