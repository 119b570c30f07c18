/* region-verify.c: what must hold of a mark-region space, as a check: see region.h for the invariants, verify.h for who walks. Only in checked
   builds. */
#include "strategies/parts/region.h"

#if MM_CHECK
#include <stdio.h>
#include <stdlib.h>

#include "strategies/parts/verify.h"

typedef struct Check {
  Region *R;
  const SpaceRoots *roots;
  bool before; /* a young collection, or after a collection */
  uint64_t blocks, used_lines, listed_lines;
} Check;

static void must(bool holds, const char *what, const Obj *o) {
  if (holds) return;
  fprintf(stderr, "reclaim: the heap verifier: %s (object %p, kind %d)\n", what, (const void *)o, o ? o->kind : 0);
  abort();
}

static void all_roots(void *ctx, void (*visit)(void *walk, Obj **field), void *walk) {
  Check *c = ctx;
  for (unsigned k = 0; k < c->roots->n; k++) c->roots->portion(c->roots->ctx, k, visit, walk);
}

static bool is_large(const Obj *o) { return !unit_of(o)->cell; }

/* Before a young collection: what is old and refers to what is young is in a remembered set. */
static void check_reference(void *ctx, Obj *holder, Obj **field) {
  Check *c = ctx;
  if (!c->before || !holder || !is_marked(holder) || is_marked(*field)) return;
  if (is_large(holder))
    must(unit_of(holder)->cards[((char *)field - (char *)holder) >> REGION_CARD_SHIFT],
         "a card that holds a young reference is clean", holder);
  else
    must(!holder->count, "an old object holds a young reference and is not remembered", holder);
}

/* All that is reachable is an object, where objects may be; after a collection it is marked, old, and in lines that are in use. */
static void check_object(void *ctx, Obj *o) {
  Check *c = ctx;
  must(o->kind > KIND_FREE && o->kind < KIND_COUNT, "what is reachable is no object", o);
  must(!(o->bits & OBJ_STAYS), "a sign of moving was left behind", o);
  if (c->before || o->bits & OBJ_IMMORTAL) return;
  Unit *u = unit_of(o);
  must(is_marked(o), "what is reachable is not marked", o);
  must(!(u->flags & (BLOCK_CANDIDATE | BLOCK_TAKEN)), "what is reachable is in a block that was to be emptied", o);
  must(is_large(o) == (obj_size(o) > CELL_MAX), "an object is in the wrong place for its size", o);
  if (c->R->sticky && !kind_is_leaf(o->kind)) {
    must(o->count == 1, "what lived through a collection is not old", o);
    must(o->bits & (OBJ_SHARED | OBJ_UNLOGGED), "stores into what is old are not watched", o);
  }
  if (is_large(o)) return;
  const char *last = (const char *)o + obj_size(o) - 1;
  must((const char *)unit_base(u) + UNIT_BYTES > last, "an object reaches out of its block", o);
  for (unsigned i = line_of(o); i <= line_of(last); i++)
    must(block_lines(u)->used[i / 64] >> i % 64 & 1, "a line that an object lies in is free", o);
}

/* The books: what blocks say, added up. */
static void check_unit(void *ctx, Unit *u) {
  Check *c = ctx;
  must(!u->keeper, "a block still has a keeper", NULL);
  if (u->flags & BLOCK_IMMORTAL || !u->cell) return;
  unsigned used = 0;
  for (unsigned i = 0; i < LINE_WORDS; i++) used += (unsigned)__builtin_popcountll(block_lines(u)->used[i]);
  must(used && used + u->cls == LINES, "a block's lines are not what it says", NULL);
  c->blocks++;
  c->used_lines += used;
}
static void check_list(Check *c, const Unit *u, bool roomy) {
  for (; u; u = u->next) {
    must((u->cls >= LINES / 2) == roomy && u->cls, "a block is in the wrong list", NULL);
    c->listed_lines += u->cls;
  }
}

void region_verify(Region *R, const SpaceRoots *roots, bool before) {
  Check c = {.R = R, .roots = roots, .before = before};
  uint64_t n = verify_reachable(&(Verify){&c, check_object, check_reference, all_roots}, &R->verify);
  if (before) return;
  if (R->full) must(n == R->live_objects, "live objects were miscounted", NULL);
  chunks_each(&R->chunks, check_unit, &c);
  check_list(&c, R->roomy, true);
  check_list(&c, R->holey, false);
  must(c.blocks == R->blocks && c.used_lines == R->used_lines, "blocks were miscounted", NULL);
  must(c.listed_lines * LINE_BYTES == R->hole_bytes && c.listed_lines == c.blocks * LINES - c.used_lines, "holes were miscounted",
       NULL);
}
#endif
