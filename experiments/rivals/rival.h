/* rival.h: the main program of the rivals in C and C++, and what they share of the reference programs: the random numbers, the
   checksum, the books. Included once. What a rival defines is declared under "A rival defines"; its command line and the JSON object
   that it prints are described in docs/figures.md.

   A window goes from the moment that all threads are ready to the moment that the last has finished. CPU time is that of the process,
   so that a collector's threads count. */
#ifndef RECLAIM_RIVAL_H
#define RECLAIM_RIVAL_H

#include "runtime/random.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Values are above the small integers that some languages make once (runtime/objects.h). */
enum { VALUE_BASE = 257 };
enum { NODES = 100, FANOUT = 4, PLANS = 8 }; /* of ring and graph */
enum { TAKEN = 8 };                          /* of rcP and rcS */

/* One thread's view of one iteration. */
typedef struct Rival {
  const char *program;
  int threads, index;
  Rng rng;
  uint64_t operations, checksum; /* results */
} Rival;

/* The command line. */
static struct RivalOptions {
  const char *program;
  int threads, warmup, iterations;
  uint64_t seed, heap; /* bytes; 0: no limit */
} rival_options = {NULL, 1, 1, 1, 1, 0};

/* --- A rival defines --------------------------------------------------------------------------------------------------------------- */

static void trees(Rival *r, int64_t least, int64_t spread, int64_t kept, int64_t chain, int64_t nodes);
static void list(Rival *r);
static void dict(Rival *r);
static void ring(Rival *r);
static void graph(Rival *r);
static void take(Rival *r, size_t live, size_t held, int64_t operations,
                 bool shared); /* held: in the array that a thread takes from */
static void generators(Rival *r, bool lists);
static const char *rival_lacks(void);      /* why the program that the options ask for cannot be run; NULL: it can */
static const char *rival_version(void);    /* of the language or library, as it runs */
static void rival_begin(void);             /* once, before all threads */
static void rival_thread_begin(int index); /* once in each thread but the first, before its first iteration */

/* --- What programs need ------------------------------------------------------------------------------------------------------------ */

INLINE bool rival_is(const Rival *r, const char *program) { return strcmp(r->program, program) == 0; }
INLINE void rival_check(Rival *r, uint64_t value) { r->checksum += mix64(value); }
INLINE int64_t tree_nodes(int64_t depth) { return ((int64_t)2 << depth) - 1; }
/* A fresh value for one of n places or keys. */
INLINE int64_t value_for(Rival *r, uint64_t at, uint64_t n) {
  return (int64_t)(at + n * (VALUE_BASE + (rng_next(&r->rng) >> 44)));
}
INLINE uint64_t key_hash(int64_t key) { /* as in the object model; never 0, which marks an empty entry */
  uint64_t h = (uint64_t)key;
  h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
  h ^= h >> 29;
  return h ? h : 1;
}

/* Where the edges of a graph's nodes lead. */
typedef struct Plan {
  uint8_t to[NODES][FANOUT];
} Plan;
INLINE void plans_draw(Rival *r, Plan plans[PLANS]) {
  for (int k = 0; k < PLANS; k++)
    for (int v = 0; v < NODES; v++)
      for (int e = 0; e < FANOUT; e++) plans[k].to[v][e] = (uint8_t)rng_below(&r->rng, NODES);
}

/* One iteration of one thread. */
static void rival_run(Rival *r) {
  if (rival_is(r, "treesS")) trees(r, 8, 0, 18, 0, 32000000);
  if (rival_is(r, "treesL")) trees(r, 16, 0, -1, 0, 8000000);
  if (rival_is(r, "treesV")) trees(r, 13, 4, -1, 37, 8000000);
  if (rival_is(r, "list")) list(r);
  if (rival_is(r, "dict")) dict(r);
  if (rival_is(r, "ring")) ring(r);
  if (rival_is(r, "graph")) graph(r);
  if (rival_is(r, "rcP")) take(r, 64, 64, 32000000, false);
  if (rival_is(r, "rcS")) take(r, 1, TAKEN, 4000000, true);
  if (rival_is(r, "gen")) generators(r, false);
  if (rival_is(r, "genl")) generators(r, true);
}

static pthread_barrier_t rival_gate;
INLINE void rival_barrier(void) { pthread_barrier_wait(&rival_gate); }

/* --- The main program -------------------------------------------------------------------------------------------------------------- */

typedef struct RivalEdge {
  struct timespec at;
  struct rusage use;
} RivalEdge;
typedef struct RivalRow {
  RivalEdge start, end;
  uint64_t operations, checksum;
} RivalRow;
static Rival *rivals; /* one per thread */

static RivalEdge rival_edge(void) {
  RivalEdge e;
  clock_gettime(CLOCK_MONOTONIC, &e.at);
  getrusage(RUSAGE_SELF, &e.use);
  return e;
}

static void rival_iterate(int index, RivalRow *row) {
  Rival *r = &rivals[index];
  rival_barrier(); /* what the last iteration did was added up */
  memset(r, 0, sizeof *r);
  r->program = rival_options.program;
  r->threads = rival_options.threads;
  r->index = index;
  r->rng = rng_of_thread(rival_options.seed, index);
  if (index == 0) row->start = rival_edge();
  rival_barrier();
  rival_run(r);
  rival_barrier();
  if (index) return;
  row->end = rival_edge();
  for (int i = 0; i < r->threads; i++) row->operations += rivals[i].operations, row->checksum += rivals[i].checksum;
}

static void *rival_thread(void *index) {
  rival_thread_begin((int)(intptr_t)index);
  for (int i = 0; i < rival_options.warmup + rival_options.iterations; i++) rival_iterate((int)(intptr_t)index, NULL);
  return NULL;
}

static uint64_t rival_us(struct timeval t) { return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec; }

static void rival_print_row(const RivalRow *r, const char *phase, const char *before) {
  const RivalEdge *a = &r->start, *b = &r->end;
  int64_t wall = (int64_t)(b->at.tv_sec - a->at.tv_sec) * 1000000000 + (b->at.tv_nsec - a->at.tv_nsec);
  printf("%s\n{\"phase\":\"%s\",\"operations\":%" PRIu64 ",\"wall_ns\":%" PRId64 ",\"cpu_user_ns\":%" PRIu64
         ",\"cpu_system_ns\":%" PRIu64 ",\"rss_peak_bytes\":%" PRIu64 ",\"checksum\":\"%016" PRIx64 "\"}",
         before, phase, r->operations, wall, 1000 * (rival_us(b->use.ru_utime) - rival_us(a->use.ru_utime)),
         1000 * (rival_us(b->use.ru_stime) - rival_us(a->use.ru_stime)), 1024 * (uint64_t)b->use.ru_maxrss, r->checksum);
}

static int rival_print(const char *status, const char *reason, const RivalRow *rows) {
  const struct RivalOptions *o = &rival_options;
  printf("{\"status\":\"%s\",\"reason\":\"%s\",\"version\":\"%s\",\"program\":\"%s\",\"threads\":%d,\"seed\":%" PRIu64
         ",\"iterations\":[",
         status, reason, rival_version(), o->program, o->threads, o->seed);
  for (int i = 0; rows && i < o->warmup + o->iterations; i++)
    rival_print_row(&rows[i], i < o->warmup ? "warmup" : "measured", i ? "," : "");
  puts("]}");
  return fflush(stdout) ? 1 : 0;
}

static bool rival_read(int argc, char **argv) {
  struct RivalOptions *o = &rival_options;
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] != '-') {
      o->program = argv[i];
      continue;
    }
    if (i + 1 == argc) return false;
    const char *flag = argv[i], *value = argv[++i];
    if (!strcmp(flag, "--threads"))
      o->threads = atoi(value);
    else if (!strcmp(flag, "--seed"))
      o->seed = strtoull(value, NULL, 10);
    else if (!strcmp(flag, "--warmup"))
      o->warmup = atoi(value);
    else if (!strcmp(flag, "--iterations"))
      o->iterations = atoi(value);
    else if (!strcmp(flag, "--heap"))
      o->heap = strtoull(value, NULL, 10);
    else
      return false;
  }
  return o->program && o->threads > 0 && o->warmup >= 0 && o->iterations > 0;
}

int main(int argc, char **argv) {
  const struct RivalOptions *o = &rival_options;
  if (!rival_read(argc, argv)) {
    fprintf(stderr, "usage: %s PROGRAM [--threads N] [--seed N] [--warmup N] [--iterations N] [--heap BYTES]\n", argv[0]);
    return 2;
  }
  const char *lacks = rival_lacks();
  if (lacks) return rival_print("not-applicable", lacks, NULL);
  rivals = (Rival *)calloc((size_t)o->threads, sizeof *rivals);
  RivalRow *rows = (RivalRow *)calloc((size_t)(o->warmup + o->iterations), sizeof *rows);
  if (!rivals || !rows || pthread_barrier_init(&rival_gate, NULL, (unsigned)o->threads)) return 1;
  rival_begin();
  for (int i = 1; i < o->threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, rival_thread, (void *)(intptr_t)i)) return 1;
    pthread_detach(thread);
  }
  for (int i = 0; i < o->warmup + o->iterations; i++) rival_iterate(0, &rows[i]);
  return rival_print("ok", "", rows);
}

#endif
