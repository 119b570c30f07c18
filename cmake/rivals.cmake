# What strategies are measured against: the workloads written by hand in C, as one more strategy object named `hand`. It lies apart
# from the strategies, so that only who names the folder in RECLAIM_PLUGIN_PATH sweeps it.
#
#   experiments/rivals/hand*.c + runtime + the heap of rc  ->  rivals/hand.pool.so, rivals/hand.malloc.so
set(RECLAIM_RIVAL_DIR "${CMAKE_BINARY_DIR}/rivals")
file(GLOB RECLAIM_RIVALS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/experiments/rivals/hand*.c)
foreach(FLAVOUR pool malloc)
  set(TARGET rival-hand-${FLAVOUR})
  add_library(${TARGET} MODULE ${RECLAIM_RUNTIME} ${RECLAIM_RIVALS})
  reclaim_specialise(${TARGET} rc ${FLAVOUR} hand)
  set_target_properties(${TARGET} PROPERTIES PREFIX "" OUTPUT_NAME "hand.${FLAVOUR}" LIBRARY_OUTPUT_DIRECTORY
                                                                                     ${RECLAIM_RIVAL_DIR})
endforeach()

# The judge of experiments/figures.
if(TARGET reclaim_harness)
  add_executable(judge-figures experiments/judge-figures.c)
  target_link_libraries(judge-figures PRIVATE reclaim_harness)
  set_target_properties(judge-figures PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${RECLAIM_RIVAL_DIR})
endif()
