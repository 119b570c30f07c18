execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET RESULT_VARIABLE RC)
if(NOT RC EQUAL 0)
  set(COMMIT unknown)
endif()
execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no OUTPUT_VARIABLE STATUS ERROR_QUIET)
if(STATUS)
  set(COMMIT "${COMMIT}-dirty")
endif()
set(TEXT
    "#define RECLAIM_VERSION \"${VERSION}\"\n#define RECLAIM_COMMIT \"${COMMIT}\"\n#define RECLAIM_COMPILER \"${COMPILER}\"\n#define RECLAIM_FLAGS \"${FLAGS}\"\n"
)
set(OLD "")
if(EXISTS ${OUT})
  file(READ ${OUT} OLD)
endif()
if(NOT OLD STREQUAL TEXT)
  file(WRITE ${OUT} "${TEXT}")
endif()
# The same for find_package(reclaim): what an object from outside is compiled with.
get_filename_component(FOLDER ${OUT} DIRECTORY)
file(WRITE ${FOLDER}/source.cmake "set(RECLAIM_SOURCE \"${COMMIT}\")\n")
