# The strategies of the tree, by the functions that those from outside are built with (plugins.cmake):
#
#   strategies/<name>.h [+ <name>.c]  ->  strategies/<name>.pool.so, <name>.malloc.so
#                                         strategies/<name>.<flavour>.conformance, when target suite-<name>-<flavour> is asked for
set(RECLAIM_STRATEGY_DIR "${CMAKE_BINARY_DIR}/strategies")
reclaim_strategies(RECLAIM_STRATEGIES)
foreach(NAME ${RECLAIM_STRATEGIES})
  get_property(RECLAIM_FLAVOURS_${NAME} GLOBAL PROPERTY RECLAIM_${NAME}_FLAVOURS)
  foreach(FLAVOUR ${RECLAIM_FLAVOURS_${NAME}})
    reclaim_object(strategy-${NAME}-${FLAVOUR} ${NAME} ${FLAVOUR} ${NAME} "" ${RECLAIM_STRATEGY_DIR} ${RECLAIM_WORKLOADS})
    reclaim_suite(${NAME} ${FLAVOUR} ${RECLAIM_STRATEGY_DIR} EXCLUDE_FROM_ALL)
  endforeach()
endforeach()
