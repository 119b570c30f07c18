# build/generated/version.h: commit, dirty flag, compiler; written anew only when one of them changed. And source.cmake beside it.
add_custom_target(
  reclaim_version
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUT=${CMAKE_BINARY_DIR}/generated/version.h
          "-DCOMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}" "-DVERSION=${PROJECT_VERSION}"
          "-DFLAGS=${CMAKE_C_FLAGS_RELEASE}" -P ${CMAKE_SOURCE_DIR}/cmake/write-version.cmake
  BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/version.h ${CMAKE_BINARY_DIR}/generated/source.cmake VERBATIM)
