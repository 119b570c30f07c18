/* A library that can be preloaded and has no malloc. */
__attribute__((visibility("default"))) int cell_no_malloc(void) { return 0; }
