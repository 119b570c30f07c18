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

# What experiments/anchors runs.
if(TARGET reclaim_harness)
  file(GLOB RECLAIM_ANCHORS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/experiments/anchors*.c)
  add_executable(anchors ${RECLAIM_ANCHORS})
  target_link_libraries(anchors PRIVATE reclaim_harness)
  set_target_properties(anchors PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${RECLAIM_RIVAL_DIR})
endif()
