# One shared object per strategy and flavour: runtime + strategy + workloads, compiled together, one exported symbol.
#
#   strategies/<name>.h [+ <name>.c]  ->  strategies/<name>.pool.so    cells from the project's own pools and blocks
#                                         strategies/<name>.malloc.so  cells or blocks from the process's malloc
file(GLOB RECLAIM_STRATEGY_HEADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/strategies/*.h)
file(GLOB RECLAIM_STRATEGY_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/strategies/*.c)
file(GLOB RECLAIM_RUNTIME CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/*.c ${CMAKE_SOURCE_DIR}/strategies/parts/*.c)
file(GLOB RECLAIM_WORKLOADS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/workloads/*.c)

# What a strategy needs besides is said in strategies/<name>.cmake, where there is one. It may set, for <name> alone:
#   RECLAIM_STRATEGY_LIBRARIES  what its objects are linked with
#   RECLAIM_STRATEGY_FLAVOURS   the flavours it exists in (default: pool malloc)
#   RECLAIM_STRATEGY_MISSING    why it cannot be built here; it is then left out, and said so
set(RECLAIM_STRATEGIES "")
foreach(HEADER ${RECLAIM_STRATEGY_HEADERS})
  get_filename_component(NAME ${HEADER} NAME_WE)
  set(RECLAIM_STRATEGY_LIBRARIES "")
  set(RECLAIM_STRATEGY_FLAVOURS pool malloc)
  set(RECLAIM_STRATEGY_MISSING "")
  include(${CMAKE_SOURCE_DIR}/strategies/${NAME}.cmake OPTIONAL)
  if(RECLAIM_STRATEGY_MISSING)
    message(STATUS "strategy ${NAME} is left out: ${RECLAIM_STRATEGY_MISSING}")
    continue()
  endif()
  list(APPEND RECLAIM_STRATEGIES ${NAME})
  set(RECLAIM_LIBRARIES_${NAME} ${RECLAIM_STRATEGY_LIBRARIES})
  set(RECLAIM_FLAVOURS_${NAME} ${RECLAIM_STRATEGY_FLAVOURS})
endforeach()

# reclaim_specialise(TARGET HEADER FLAVOUR [NAME]): compiles TARGET against strategies/HEADER.h; it calls itself NAME (HEADER).
function(reclaim_specialise TARGET HEADER FLAVOUR)
  set(NAME ${HEADER})
  if(ARGC GREATER 3)
    set(NAME ${ARGV3})
  endif()
  if(FLAVOUR STREQUAL malloc)
    set(MALLOC 1)
  else()
    set(MALLOC 0)
  endif()
  if(RECLAIM_CHECKED)
    set(CHECK 1)
  else()
    set(CHECK 0)
  endif()
  if(RECLAIM_COUNTING)
    set(COUNTING 1)
  else()
    set(COUNTING 0)
  endif()
  string(TOUPPER "${CMAKE_BUILD_TYPE}" BUILD_TYPE)
  target_include_directories(${TARGET} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(
    ${TARGET}
    PRIVATE MM_STRATEGY_HEADER="strategies/${HEADER}.h" MM_STRATEGY_NAME="${NAME}" MM_MALLOC=${MALLOC} MM_CHECK=${CHECK} MM_COUNTING=${COUNTING}
            MM_BUILD="${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} ${CMAKE_C_FLAGS_${BUILD_TYPE}}")
  target_link_libraries(${TARGET} PRIVATE Threads::Threads ${RECLAIM_LIBRARIES_${HEADER}})
endfunction()

foreach(NAME ${RECLAIM_STRATEGIES})
  set(OWN "")
  if(EXISTS ${CMAKE_SOURCE_DIR}/strategies/${NAME}.c)
    set(OWN ${CMAKE_SOURCE_DIR}/strategies/${NAME}.c)
  endif()
  foreach(FLAVOUR ${RECLAIM_FLAVOURS_${NAME}})
    set(TARGET strategy-${NAME}-${FLAVOUR})
    add_library(${TARGET} MODULE ${RECLAIM_RUNTIME} ${OWN} ${RECLAIM_WORKLOADS})
    reclaim_specialise(${TARGET} ${NAME} ${FLAVOUR})
    set_target_properties(${TARGET} PROPERTIES PREFIX "" OUTPUT_NAME "${NAME}.${FLAVOUR}" LIBRARY_OUTPUT_DIRECTORY
                                                                                         ${RECLAIM_STRATEGY_DIR})
  endforeach()
endforeach()
