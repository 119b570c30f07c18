/* hollow.c: a shared object that is no strategy. */
int hollow;
