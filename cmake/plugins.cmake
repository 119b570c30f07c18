# plugins.cmake: how a strategy, or a pack of workloads, becomes shared objects: runtime + strategy + workloads, compiled together, one
# exported symbol. The tree's own build and find_package(reclaim) use these functions alike, so that what is added from outside is
# compiled with the same flags and the same inlining as what is measured beside it.
#
#   reclaim_add_strategy(NAME HEADER [SOURCE...] [LIBRARIES ...] [FLAVOURS ...])
#     -> NAME.<flavour>.so            the strategy with all of the project's workloads
#        NAME.<flavour>.conformance   the conformance suite on the same objects; see `reclaim conformance`
#   reclaim_add_workloads(PACK SOURCE... [STRATEGIES ...])
#     -> PACK+<strategy>.<flavour>.so the pack's workloads with each strategy there is: the project's own (or those of STRATEGIES), and
#                                     those that are added in the same CMake project, before or after
#
#   <flavour>: pool (cells from the project's own pools and blocks) and malloc (from whatever malloc the process has)
#
# Before it is included, RECLAIM_ROOT names the folder in which runtime/, strategies/, workloads/ and tests/ lie, and RECLAIM_SOURCE the
# commit of what is there, "" where the program is built with it. The functions for outside also ask for RECLAIM_PLUGIN_DIR, where the
# objects go, RECLAIM_CONFORMANCE, whether the suite is built, and RECLAIM_STRATEGIES, which strategies packs are built with (all).
option(RECLAIM_CHECKED "Build with MM_CHECK: epochs, poisoning, owner checks, the heap verifier" OFF)
option(RECLAIM_COUNTING "Build with MM_COUNTING: events of fast paths are counted" OFF)
option(RECLAIM_COVERAGE "Count which lines and branches of the objects are executed (gcov)" OFF)
set(RECLAIM_SANITIZE "" CACHE STRING "Sanitizers, as given to -fsanitize= (address,undefined or thread)")

find_package(Threads REQUIRED)

# What is measured, and what is looked into with a debugger or a sanitizer (CMAKE_BUILD_TYPE=Debug). They come after CMake's own.
set(RECLAIM_FLAGS_RELEASE -O2 -g)
set(RECLAIM_FLAGS_DEBUG -O1 -g)
set(RECLAIM_FLAGS_ALL -fno-semantic-interposition -fno-strict-aliasing)

file(GLOB RECLAIM_RUNTIME CONFIGURE_DEPENDS ${RECLAIM_ROOT}/runtime/*.c ${RECLAIM_ROOT}/strategies/parts/*.c)
file(GLOB RECLAIM_WORKLOADS CONFIGURE_DEPENDS ${RECLAIM_ROOT}/workloads/*.c)

# --- What is known of a strategy: global properties, so that the order of calls and folders does not matter --------------------------

# reclaim_describe(NAME [HEADER ...] [SOURCES ...] [LIBRARIES ...] [FLAVOURS ...])
function(reclaim_describe NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "HEADER" "SOURCES;LIBRARIES;FLAVOURS")
  if(NOT ARG_FLAVOURS)
    set(ARG_FLAVOURS pool malloc)
  endif()
  foreach(FACT HEADER SOURCES LIBRARIES FLAVOURS)
    set_property(GLOBAL PROPERTY RECLAIM_${NAME}_${FACT} "${ARG_${FACT}}")
  endforeach()
endfunction()

# reclaim_strategies(OUT): the names of the strategies in RECLAIM_ROOT, which are found by looking. What one needs besides is said in
# strategies/<name>.cmake, where there is one. It may set, for <name> alone:
#   RECLAIM_STRATEGY_LIBRARIES  what its objects are linked with
#   RECLAIM_STRATEGY_FLAVOURS   the flavours it exists in (default: pool malloc)
#   RECLAIM_STRATEGY_MISSING    why it cannot be built here; it is then left out, and said so
#
# RECLAIM_FLAVOURS, where it is set, leaves out the others, unless that leaves nothing, of all strategies but those of
# RECLAIM_FULL_FLAVOURS: for builds that only test.
function(reclaim_strategies OUT)
  set(NAMES "")
  file(GLOB HEADERS CONFIGURE_DEPENDS ${RECLAIM_ROOT}/strategies/*.h)
  file(GLOB ALL_SOURCES CONFIGURE_DEPENDS ${RECLAIM_ROOT}/strategies/*.c)
  foreach(HEADER ${HEADERS})
    get_filename_component(NAME ${HEADER} NAME_WE)
    set(RECLAIM_STRATEGY_LIBRARIES "")
    set(RECLAIM_STRATEGY_FLAVOURS pool malloc)
    set(RECLAIM_STRATEGY_MISSING "")
    include(${RECLAIM_ROOT}/strategies/${NAME}.cmake OPTIONAL)
    if(RECLAIM_STRATEGY_MISSING)
      message(STATUS "strategy ${NAME} is left out: ${RECLAIM_STRATEGY_MISSING}")
      continue()
    endif()
    set(WANTED ${RECLAIM_STRATEGY_FLAVOURS})
    list(FILTER WANTED INCLUDE REGEX "^(${RECLAIM_FLAVOURS})$")
    if(RECLAIM_FLAVOURS AND WANTED AND NOT NAME IN_LIST RECLAIM_FULL_FLAVOURS)
      set(RECLAIM_STRATEGY_FLAVOURS ${WANTED})
    endif()
    set(SOURCES ${RECLAIM_ROOT}/strategies/${NAME}.c)
    if(NOT SOURCES IN_LIST ALL_SOURCES)
      set(SOURCES "")
    endif()
    reclaim_describe(${NAME} HEADER "strategies/${NAME}.h" SOURCES ${SOURCES} LIBRARIES ${RECLAIM_STRATEGY_LIBRARIES} FLAVOURS
                     ${RECLAIM_STRATEGY_FLAVOURS})
    list(APPEND NAMES ${NAME})
  endforeach()
  set(${OUT} ${NAMES} PARENT_SCOPE)
endfunction()

# --- Compiling ------------------------------------------------------------------------------------------------------------------------

# reclaim_specialise(TARGET STRATEGY FLAVOUR [NAME [PACK]]): compiles TARGET against the strategy's header; it calls itself NAME
# (STRATEGY), and an object of PACK.
function(reclaim_specialise TARGET STRATEGY FLAVOUR)
  set(NAME ${STRATEGY})
  if(ARGC GREATER 3)
    set(NAME ${ARGV3})
  endif()
  set(PACK "")
  if(ARGC GREATER 4)
    set(PACK ${ARGV4})
  endif()
  get_property(HEADER GLOBAL PROPERTY RECLAIM_${STRATEGY}_HEADER)
  get_property(LIBRARIES GLOBAL PROPERTY RECLAIM_${STRATEGY}_LIBRARIES)
  string(COMPARE EQUAL "${FLAVOUR}" malloc MALLOC)
  foreach(SWITCH CHECKED COUNTING)
    set(${SWITCH} 0)
    if(RECLAIM_${SWITCH})
      set(${SWITCH} 1)
    endif()
  endforeach()
  set(FLAGS ${RECLAIM_FLAGS_RELEASE})
  if(CMAKE_BUILD_TYPE STREQUAL Debug)
    set(FLAGS ${RECLAIM_FLAGS_DEBUG})
  endif()
  if(RECLAIM_SANITIZE)
    list(APPEND FLAGS -fsanitize=${RECLAIM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${TARGET} PRIVATE -fsanitize=${RECLAIM_SANITIZE})
  endif()
  if(RECLAIM_COVERAGE)
    list(APPEND FLAGS --coverage -fprofile-update=atomic)
    target_link_options(${TARGET} PRIVATE --coverage)
    target_compile_definitions(${TARGET} PRIVATE RECLAIM_COVERAGE=1)
  endif()
  string(JOIN " " BUILD ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} ${CMAKE_C_FLAGS} ${FLAGS})
  set_target_properties(
    ${TARGET} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS ON C_VISIBILITY_PRESET hidden
                         POSITION_INDEPENDENT_CODE ON INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(${TARGET} PRIVATE -Wall -Wextra -Wundef ${FLAGS} ${RECLAIM_FLAGS_ALL})
  target_include_directories(${TARGET} PRIVATE ${RECLAIM_ROOT})
  target_compile_definitions(
    ${TARGET} PRIVATE MM_STRATEGY_HEADER="${HEADER}" MM_STRATEGY_NAME="${NAME}" MM_MALLOC=${MALLOC} MM_CHECK=${CHECKED}
                      MM_COUNTING=${COUNTING} MM_BUILD="${BUILD}" MM_PACK="${PACK}" MM_SOURCE="${RECLAIM_SOURCE}")
  target_link_libraries(${TARGET} PRIVATE Threads::Threads ${LIBRARIES})
endfunction()

# reclaim_object(TARGET STRATEGY FLAVOUR NAME PACK FOLDER WORKLOAD...): FOLDER/[PACK+]NAME.FLAVOUR.so
function(reclaim_object TARGET STRATEGY FLAVOUR NAME PACK FOLDER)
  get_property(SOURCES GLOBAL PROPERTY RECLAIM_${STRATEGY}_SOURCES)
  set(OUTPUT "${NAME}.${FLAVOUR}")
  if(PACK)
    set(OUTPUT "${PACK}+${OUTPUT}")
  endif()
  add_library(${TARGET} MODULE ${RECLAIM_RUNTIME} ${SOURCES} ${ARGN})
  reclaim_specialise(${TARGET} ${STRATEGY} ${FLAVOUR} ${NAME} ${PACK})
  # The empty generator expression keeps multi-configuration generators from adding a folder of their own.
  set_target_properties(${TARGET} PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME "${OUTPUT}" LIBRARY_OUTPUT_DIRECTORY "$<1:${FOLDER}>")
endfunction()

# reclaim_suite(NAME FLAVOUR FOLDER [EXCLUDE_FROM_ALL]): FOLDER/NAME.FLAVOUR.conformance, of the objects of strategy-NAME-FLAVOUR.
function(reclaim_suite NAME FLAVOUR FOLDER)
  set(TARGET suite-${NAME}-${FLAVOUR})
  file(GLOB TESTS CONFIGURE_DEPENDS ${RECLAIM_ROOT}/tests/conformance/*.c ${RECLAIM_ROOT}/tests/conformance/verdicts/*.c)
  add_executable(${TARGET} ${ARGN} ${TESTS} $<TARGET_OBJECTS:strategy-${NAME}-${FLAVOUR}>)
  reclaim_specialise(${TARGET} ${NAME} ${FLAVOUR})
  target_include_directories(${TARGET} BEFORE PRIVATE ${RECLAIM_ROOT}/tests/conformance/verdicts)
  set(SANITIZED 0)
  if(RECLAIM_SANITIZE)
    set(SANITIZED 1)
  endif()
  target_compile_definitions(${TARGET} PRIVATE RECLAIM_SANITIZED=${SANITIZED})
  target_link_libraries(${TARGET} PRIVATE m)
  set_target_properties(${TARGET} PROPERTIES OUTPUT_NAME "${NAME}.${FLAVOUR}.conformance" RUNTIME_OUTPUT_DIRECTORY "$<1:${FOLDER}>")
endfunction()

# --- From outside -----------------------------------------------------------------------------------------------------------------------

function(reclaim_check_name WHAT NAME)
  if(NOT NAME MATCHES "^[a-z][a-z0-9-]*$" OR NAME STREQUAL all)
    message(FATAL_ERROR "${WHAT} '${NAME}': a name is lower case, with digits and '-' (and not 'all')")
  endif()
endfunction()

# The absolute paths of sources that the caller names.
function(reclaim_absolute OUT)
  set(PATHS "")
  foreach(SOURCE ${ARGN})
    get_filename_component(PATH "${SOURCE}" ABSOLUTE)
    if(NOT EXISTS "${PATH}")
      message(FATAL_ERROR "${SOURCE}: no such file (looked for ${PATH})")
    endif()
    list(APPEND PATHS "${PATH}")
  endforeach()
  set(${OUT} "${PATHS}" PARENT_SCOPE)
endfunction()

function(reclaim_pack_object PACK STRATEGY)
  get_property(WORKLOADS GLOBAL PROPERTY RECLAIM_PACK_${PACK})
  get_property(FLAVOURS GLOBAL PROPERTY RECLAIM_${STRATEGY}_FLAVOURS)
  foreach(FLAVOUR ${FLAVOURS})
    reclaim_object(pack-${PACK}-${STRATEGY}-${FLAVOUR} ${STRATEGY} ${FLAVOUR} ${STRATEGY} ${PACK} ${RECLAIM_PLUGIN_DIR} ${WORKLOADS})
  endforeach()
endfunction()

function(reclaim_add_strategy NAME HEADER)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "LIBRARIES;FLAVOURS")
  reclaim_check_name("strategy" ${NAME})
  if(EXISTS "${RECLAIM_ROOT}/strategies/${NAME}.h")
    message(FATAL_ERROR "strategy '${NAME}': reclaim has one of that name")
  endif()
  foreach(FLAVOUR ${ARG_FLAVOURS})
    if(NOT FLAVOUR MATCHES "^(pool|malloc)$")
      message(FATAL_ERROR "strategy '${NAME}': there is no flavour '${FLAVOUR}' (allowed: pool, malloc)")
    endif()
  endforeach()
  reclaim_absolute(HEADER "${HEADER}")
  reclaim_absolute(SOURCES ${ARG_UNPARSED_ARGUMENTS})
  reclaim_describe(${NAME} HEADER "${HEADER}" SOURCES ${SOURCES} LIBRARIES ${ARG_LIBRARIES} FLAVOURS ${ARG_FLAVOURS})
  get_property(FLAVOURS GLOBAL PROPERTY RECLAIM_${NAME}_FLAVOURS)
  foreach(FLAVOUR ${FLAVOURS})
    reclaim_object(strategy-${NAME}-${FLAVOUR} ${NAME} ${FLAVOUR} ${NAME} "" ${RECLAIM_PLUGIN_DIR} ${RECLAIM_WORKLOADS})
    if(RECLAIM_CONFORMANCE)
      reclaim_suite(${NAME} ${FLAVOUR} ${RECLAIM_PLUGIN_DIR})
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY RECLAIM_OUTSIDE ${NAME})
  get_property(PACKS GLOBAL PROPERTY RECLAIM_PACKS)
  foreach(PACK ${PACKS})
    reclaim_pack_object(${PACK} ${NAME})
  endforeach()
endfunction()

function(reclaim_add_workloads PACK)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "STRATEGIES")
  reclaim_check_name("pack" ${PACK})
  reclaim_absolute(WORKLOADS ${ARG_UNPARSED_ARGUMENTS})
  if(NOT WORKLOADS)
    message(FATAL_ERROR "pack '${PACK}': it has no source")
  endif()
  reclaim_strategies(OWN)
  set(STRATEGIES ${OWN})
  if(ARG_STRATEGIES OR RECLAIM_STRATEGIES)
    set(STRATEGIES ${ARG_STRATEGIES})
    if(NOT STRATEGIES)
      set(STRATEGIES ${RECLAIM_STRATEGIES})
    endif()
    foreach(NAME ${STRATEGIES})
      if(NOT NAME IN_LIST OWN)
        message(FATAL_ERROR "pack '${PACK}': reclaim has no strategy '${NAME}' here (it has: ${OWN})")
      endif()
    endforeach()
  endif()
  set_property(GLOBAL PROPERTY RECLAIM_PACK_${PACK} "${WORKLOADS}")
  set_property(GLOBAL APPEND PROPERTY RECLAIM_PACKS ${PACK})
  get_property(OUTSIDE GLOBAL PROPERTY RECLAIM_OUTSIDE)
  foreach(NAME ${STRATEGIES} ${OUTSIDE})
    reclaim_pack_object(${PACK} ${NAME})
  endforeach()
endfunction()
