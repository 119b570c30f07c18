/* marks.c: mark bits that several workers set in one block (strategies/parts/marks.h, marks.c): the block's keeper by plain instructions, others in a
   second bitmap, or all atomically once the keeper has given up.

   Asked of each execution: what anybody has marked is marked in the end, when both bitmaps are one; for each object some worker was told that it
   is the first (others may be told so, too). */
#include "tests/model/shipped.h"

#define MM_STRATEGY_HEADER "strategies/mark-sweep.h"
#include MM_STRATEGY_HEADER
#include "strategies/parts/marks.c"

enum { OBJECTS = 4, WORKERS = 3 };

static Chunk *chunk;
static Unit *unit;
static int firsts[WORKERS][OBJECTS];

/* --- In the place of what this protocol stands on ------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void not_here(void) { model_fail("the test has no use for that"); }
void chunks_walk_begin(Chunks *C) { (void)C, not_here(); }
void chunks_walk_end(Chunks *C) { (void)C, not_here(); }
bool chunks_walk(Chunks *C, void (*f)(void *, Unit *), void *ctx) { (void)C, (void)f, (void)ctx, not_here(); }
Unit *chunks_get(Chunks *C, size_t bytes, size_t limit, bool *none) { (void)C, (void)bytes, (void)limit, (void)none, not_here(); }
void crew_run(Crew *c, CrewJob *job, void *ctx, unsigned most) { (void)c, (void)job, (void)ctx, (void)most, not_here(); }
void crew_call(Crew *c, unsigned n) { (void)c, (void)n, not_here(); }

/* --- What workers do ---------------------------------------------------------------------------------------------------------------------- */

/* Their bits are in one word. */
static Obj *object(int k) { return (Obj *)((char *)chunk + 2 * UNIT_BYTES + ((size_t)k << GRANULE_SHIFT)); }

static void setup(void) {
  if (!chunk && !(chunk = aligned_alloc(CHUNK_BYTES, CHUNK_BYTES))) abort();
  unit = unit_of(object(0));
  memset(unit, 0, sizeof *unit);
  *mark_word(object(0)) = *second_mark_word(object(0)) = 0;
  memset(firsts, 0, sizeof firsts);
}
static void mark(int i, int k) { firsts[i][k] += marks_set_together(object(k), i); }

/* What one marks nobody else does. */
static void apart(int i) {
  mark(i, 2 * i);
  mark(i, 2 * i + 1);
}
static void two_each(int i) {
  mark(i, i);
  mark(i, i + 1);
}
static void all(int i) {
  for (int k = 0; k < OBJECTS; k++) mark(i, i % 2 ? OBJECTS - 1 - k : k);
}
static void finish_of(int workers) {
  if (unit->keeper & KEEPER_CONTESTED) model_saw("contested");
  if (unit->keeper & KEEPER_GONE) model_saw("given up");
  marks_merge(unit);
  for (int k = 0; k < OBJECTS; k++) {
    int n = 0;
    for (int i = 0; i < workers; i++) n += firsts[i][k];
    MODEL_CHECK(is_marked(object(k)), "a mark is lost");
    MODEL_CHECK(n, "nobody scans an object");
  }
}
static void finish_two(void) { finish_of(2); }
static void finish_three(void) { finish_of(3); }

static const ModelScenario scenarios[] = {
    {"two-apart", 2, setup, apart, finish_two, .stale = 3},
    {"two-mark-all", 2, setup, all, finish_two, .stale = 1},
    {"three-mark-two-each-at-random", 3, setup, two_each, finish_three, .stale = 3, .random = 4000},
    {"two-mark-all-stale", 2, setup, all, finish_two, .stale = 3, .is_long = true},
    {"three-mark-two-each", 3, setup, two_each, finish_three, .stale = 0, .is_long = true},
};

static const ModelFault faults[] = {
    {"gives-up-relaxed", MODEL_RELAXED, "marks_set_contested", "or", "GONE", "two-apart"},
    {"keeper-read-relaxed", MODEL_RELAXED, "marks_set_together", "load", "keeper", "two-apart"},
    {"keeper-in-two-steps", MODEL_SPLIT, "marks_set_contested", "cas", NULL, "two-apart"},
    {"never-contested", MODEL_SKIPPED, "marks_set_contested", "or", "CONTESTED", "two-apart"},
    {"second-bitmap-in-two-steps", MODEL_SPLIT, "marks_set_contested", "or", "second", "three-mark-two-each-at-random"},
};

int main(int argc, char **argv) {
  return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, faults, sizeof faults / sizeof *faults);
}
