/* libgc.c: the reference programs in C over the Boehm-Demers-Weiser collector, which is told that integers hold no pointers.

   LIBGC_TUNED is what its documentation advises for speed: the heap is the limit from the beginning, interior pointers are not looked
   for in the heap (nor is each object a byte longer for their sake), markers are as many as mutators, and small objects are popped
   from lists of the thread's own, which GC_generic_malloc_many fills. Without it, the library is used as it comes: GC_MALLOC, a heap
   that grows as it thinks fit. */
#define GC_THREADS
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <gc/gc_mark.h>

#include "experiments/rivals/rival.h"

/* --- Memory ------------------------------------------------------------------------------------------------------------------------ */

enum { GRANULE = 16, LARGEST = 8 * GRANULE, HUGE = 100 << 10 /* bytes: from here on only the beginning is looked for */ };

static inline void *have(void *p) {
  if (UNLIKELY(!p)) {
    fputs("libgc: the heap is too small\n", stderr);
    _Exit(1);
  }
  return p;
}

#if defined(LIBGC_TUNED)
/* Free objects of each kind by size. That they are no garbage is said in each collection, since links through integers are not seen. */
enum { THREADS = 64 };
typedef struct Lists {
  void *free[2][LARGEST / GRANULE + 8]; /* a few more than are used: whole cache lines for each thread */
} __attribute__((aligned(128))) Lists;
static Lists lists[THREADS];
static __thread Lists *mine = &lists[0];
static GC_push_other_roots_proc push_more;

static void GC_CALLBACK push_lists(void) {
  for (void **list = lists[0].free[0], **end = (void **)(lists + rival_options.threads); list < end; list++)
    for (void *p = *list; p; p = *(void **)p) GC_set_mark_bit(p);
  if (push_more) push_more();
}

static void *large_new(size_t size, int kind) {
  if (size <= HUGE) return GC_malloc_kind(size, kind);
  return kind == GC_I_NORMAL ? GC_MALLOC_IGNORE_OFF_PAGE(size) : GC_MALLOC_ATOMIC_IGNORE_OFF_PAGE(size);
}

static void refill(void **list, size_t size, int kind) {
  if (size > LARGEST)
    *list = large_new(size, kind);
  else
    GC_generic_malloc_many((size + GRANULE - 1) / GRANULE * GRANULE, kind, list);
}
/* What does not fit the heap, for want of room in one piece, gets room beyond the limit: the peak of the row tells. */
static __attribute__((noinline)) void *refill_or_expand(void **list, size_t size, int kind) {
  refill(list, size, kind);
  if (*list) return *list;
  GC_set_dont_expand(0);
  GC_expand_hp(size + rival_options.heap / 8);
  refill(list, size, kind);
  GC_set_dont_expand(1);
  return have(*list);
}

static inline void *gc_new(size_t size, int kind) {
  void *large = NULL, **list = size > LARGEST ? &large : &mine->free[kind][(size + GRANULE - 1) / GRANULE];
  void *p = *list;
  if (UNLIKELY(!p)) p = refill_or_expand(list, size, kind);
  if (size <= LARGEST) *list = *(void **)p;
  return p;
}
#else
static inline void *gc_new(size_t size, int kind) { return have(kind == GC_I_NORMAL ? GC_MALLOC(size) : GC_MALLOC_ATOMIC(size)); }
#endif

/* --- Integers and vectors ---------------------------------------------------------------------------------------------------------- */

typedef struct Box {
  int64_t v;
} Box;
static inline Box *box(int64_t v) {
  Box *b = gc_new(sizeof *b, GC_I_PTRFREE);
  b->v = v;
  return b;
}

typedef struct Vec {
  size_t n, room;
  void **v;
} Vec;
static Vec vec_make(size_t room) {
  Vec l = {0, room, gc_new(room * sizeof *l.v, GC_I_NORMAL)};
  return l;
}
static __attribute__((noinline)) void vec_grow(Vec *l) {
  Vec longer = vec_make(l->room + l->room / 2 + 4);
  memcpy(longer.v, l->v, l->n * sizeof *l->v);
  GC_FREE(l->v); /* as GC_REALLOC does */
  l->room = longer.room;
  l->v = longer.v;
}
static inline void vec_push(Vec *l, void *item) {
  if (UNLIKELY(l->n == l->room)) vec_grow(l);
  l->v[l->n++] = item;
}
static inline int64_t vec_sum(const Vec *l) {
  int64_t sum = 0;
  for (size_t i = 0; i < l->n; i++) sum += ((Box *)l->v[i])->v;
  return sum;
}

/* --- treesS, treesL, treesV -------------------------------------------------------------------------------------------------------- */

typedef struct Tree {
  struct Tree *l, *r;
  int64_t v;
} Tree;

static inline Tree *tree_new(int64_t v, Tree *l, Tree *r) {
  Tree *t = gc_new(sizeof *t, GC_I_NORMAL);
  t->l = l;
  t->r = r;
  t->v = v;
  return t;
}
static Tree *tree_make(int64_t depth) {
  if (depth == 0) return tree_new(1, NULL, NULL);
  Tree *l = tree_make(depth - 1);
  return tree_new(depth + 1, l, tree_make(depth - 1));
}
static Tree *chain_make(int64_t n) {
  Tree *head = NULL;
  for (int64_t i = 1; i <= n; i++) head = tree_new(i, head, NULL);
  return head;
}
static int64_t tree_sum(const Tree *t) { return t ? t->v + tree_sum(t->l) + tree_sum(t->r) : 0; }

static void trees(Rival *r, int64_t least, int64_t spread, int64_t kept_depth, int64_t chain, int64_t nodes) {
  int64_t sum = 0;
  Tree *kept = kept_depth < 0 ? NULL : tree_make(kept_depth);
  if (kept) r->operations += (uint64_t)tree_nodes(kept_depth);
  for (int64_t made = 0; made < nodes;) {
    int64_t depth = least + (int64_t)rng_below(&r->rng, (uint64_t)spread + 1);
    int64_t odd = chain ? 1 + (int64_t)rng_below(&r->rng, (uint64_t)chain) : 0;
    Tree *links = chain_make(odd), *tree = tree_make(depth);
    sum += tree_sum(tree) + odd;
    GC_reachable_here(links);
    made += tree_nodes(depth);
    r->operations += (uint64_t)(tree_nodes(depth) + odd);
  }
  rival_check(r, (uint64_t)(sum + tree_sum(kept)));
}

/* --- list -------------------------------------------------------------------------------------------------------------------------- */

static int64_t temporary(Rival *r) {
  enum { LENGTH = 16 };
  int64_t first = VALUE_BASE + (int64_t)(rng_next(&r->rng) >> 44);
  Vec list = vec_make(LENGTH);
  for (int64_t i = 0; i < LENGTH; i++) vec_push(&list, box(first + i));
  return vec_sum(&list);
}

static void list(Rival *r) {
  enum { LIVE = 1000000, OPERATIONS = 2000000 };
  Vec list = vec_make(4);
  for (uint64_t i = 0; i < LIVE; i++) vec_push(&list, box(value_for(r, i, LIVE)));
  int64_t sum = 0;
  Every pop = every(4), made = every(16);
  for (int64_t k = 0; k < OPERATIONS; k++) {
    uint64_t i = rng_below(&r->rng, LIVE);
    list.v[i] = box(value_for(r, i, LIVE));
    if (is_due(&pop)) {
      sum += ((Box *)list.v[--list.n])->v;
      vec_push(&list, box(value_for(r, LIVE - 1, LIVE)));
    }
    if (is_due(&made)) sum += temporary(r);
  }
  rival_check(r, (uint64_t)sum);
  rival_check(r, (uint64_t)vec_sum(&list));
  rival_check(r, 0); /* there are no rows */
  r->operations += LIVE + OPERATIONS;
}

/* --- dict -------------------------------------------------------------------------------------------------------------------------- */

typedef struct Entry {
  uint64_t hash; /* 0: empty */
  Box *key, *value;
} Entry;
typedef struct Dict {
  Entry *e;
  size_t room, used;
} Dict;

static inline Entry *find(const Dict *d, uint64_t hash, const Box *key) {
  size_t mask = d->room - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Entry *e = &d->e[i];
    if (!e->hash || (e->hash == hash && e->key->v == key->v)) return e;
  }
}
static Dict dict_make(size_t room) {
  Dict d = {gc_new(room * sizeof *d.e, GC_I_NORMAL), room, 0};
  memset(d.e, 0, room * sizeof *d.e);
  return d;
}
static __attribute__((noinline)) void dict_grow(Dict *d) {
  Dict larger = dict_make(2 * d->room);
  size_t mask = larger.room - 1;
  for (Entry *old = d->e, *end = old + d->room; old < end; old++) {
    if (!old->hash) continue;
    size_t i = old->hash & mask;
    while (larger.e[i].hash) i = (i + 1) & mask;
    larger.e[i] = *old;
  }
  larger.used = d->used;
  GC_FREE(d->e);
  *d = larger;
}
static inline int64_t look_up(const Dict *d, const Box *key) {
  const Entry *e = find(d, key_hash(key->v), key);
  return e->hash ? e->value->v : 0;
}
static void put(Dict *d, Box *key, Box *value) {
  uint64_t hash = key_hash(key->v);
  Entry *e = find(d, hash, key);
  if (e->hash) {
    e->value = value;
    return;
  }
  if (UNLIKELY(d->used * 3 >= d->room * 2)) {
    dict_grow(d);
    e = find(d, hash, key);
  }
  *e = (Entry){hash, key, value};
  d->used++;
}
static int64_t take_out(Dict *d, const Box *key) { /* closes the gap (Knuth's algorithm R) */
  Entry *e = find(d, key_hash(key->v), key);
  if (!e->hash) return 0;
  int64_t v = e->value->v;
  size_t mask = d->room - 1, at = (size_t)(e - d->e);
  for (size_t i = (at + 1) & mask; d->e[i].hash; i = (i + 1) & mask) {
    size_t home = d->e[i].hash & mask;
    if (((i - home) & mask) < ((i - at) & mask)) continue;
    d->e[at] = d->e[i];
    at = i;
  }
  d->e[at] = (Entry){0, NULL, NULL};
  d->used--;
  return v;
}

static void dict(Rival *r) {
  enum { LIVE = 1 << 18, ROUNDS = 500000 };
  const uint64_t end = 2 * LIVE + 2 * (uint64_t)r->threads;
  Dict d = dict_make(8);
  for (uint64_t k = 0; k < LIVE; k++) {
    Box *key = box(VALUE_BASE + (int64_t)k);
    put(&d, key, box(value_for(r, k, end)));
  }
  int64_t sum = 0;
  for (int i = 0; i < ROUNDS; i++) {
    sum += look_up(&d, box(VALUE_BASE + (int64_t)rng_below(&r->rng, 2 * LIVE)));
    uint64_t k = rng_below(&r->rng, 2 * LIVE);
    Box *key = box(VALUE_BASE + (int64_t)k);
    put(&d, key, box(value_for(r, k, end)));
    sum += look_up(&d, box(VALUE_BASE + (int64_t)rng_below(&r->rng, 2 * LIVE)));
    sum += take_out(&d, box(VALUE_BASE + (int64_t)rng_below(&r->rng, 2 * LIVE)));
  }
  rival_check(r, (uint64_t)sum);
  rival_check(r, 0); /* nothing was misplaced by others */
  sum = 0;
  for (size_t i = 0; i < d.room; i++)
    if (d.e[i].hash) sum += d.e[i].value->v;
  rival_check(r, (uint64_t)sum);
  rival_check(r, d.used);
  r->operations += LIVE + 4 * ROUNDS;
}

/* --- ring, graph ------------------------------------------------------------------------------------------------------------------- */

typedef struct Link {
  int64_t v;
  struct Link *next, *previous;
} Link;
static inline Link *link_new(int64_t v) {
  Link *x = gc_new(sizeof *x, GC_I_NORMAL);
  *x = (Link){v, NULL, NULL};
  return x;
}

static void ring(Rival *r) {
  for (int64_t made = 0; made < 2000000; made += NODES) {
    Link *first = link_new(1), *last = first;
    for (int64_t v = 2; v <= NODES; v++) {
      Link *x = link_new(v);
      x->previous = last;
      last->next = x;
      last = x;
    }
    first->previous = last;
    last->next = first;
    int64_t sum = 0;
    const Link *at = first;
    for (int i = 0; i < NODES; i++, at = at->next) sum += at->v;
    rival_check(r, (uint64_t)sum);
    r->operations += NODES;
  }
}

typedef struct Vertex {
  int64_t v;
  struct Vertex *e[FANOUT];
} Vertex;

static void graph(Rival *r) {
  Plan plans[PLANS];
  plans_draw(r, plans);
  for (int64_t made = 0; made < 1000000 / NODES; made++) {
    const Plan *plan = &plans[made % PLANS];
    Vec nodes = vec_make(NODES);
    for (int v = 0; v < NODES; v++) {
      Vertex *x = gc_new(sizeof *x, GC_I_NORMAL);
      *x = (Vertex){v + 1, {NULL}};
      vec_push(&nodes, x);
    }
    for (int v = 0; v < NODES; v++)
      for (int e = 0; e < FANOUT; e++) ((Vertex *)nodes.v[v])->e[e] = nodes.v[plan->to[v][e]];
    int64_t sum = 0;
    for (int v = 0; v < NODES; v++) {
      const Vertex *x = nodes.v[v];
      sum += x->v;
      for (int e = 0; e < FANOUT; e++) sum += x->e[e]->v;
    }
    rival_check(r, (uint64_t)sum);
    r->operations += NODES;
  }
}

/* --- rcP, rcS: without counts a reference is taken by copying it and dropped by forgetting it ---------------------------------------------------------------------------- */

static Vec everybodys;

static void take(Rival *r, size_t live, size_t held, int64_t operations, bool shared) {
  Vec own = vec_make(live), *objects = shared ? &everybodys : &own, hand = vec_make(held);
  if (!shared || r->index == 0) {
    *objects = own;
    for (size_t i = 0; i < live; i++) vec_push(objects, box(value_for(r, i, live)));
  }
  if (shared) rival_barrier();
  for (size_t i = 0; i < held; i++) vec_push(&hand, objects->v[i % live]);
  int64_t sum = 0;
  void **taken = gc_new(TAKEN * sizeof *taken, GC_I_NORMAL);
  for (int64_t k = 0; k < operations / TAKEN; k++) {
    void **from = hand.v + rng_below(&r->rng, held - TAKEN + 1);
    for (int i = 0; i < TAKEN; i++) taken[i] = from[i];
    sum += ((Box *)taken[3])->v;
  }
  rival_check(r, (uint64_t)sum);
  r->operations += (uint64_t)operations;
  if (shared) rival_barrier();
}

/* --- gen, genl --------------------------------------------------------------------------------------------------------------------- */

enum { ITEMS = 1 << 18, PASSES = 32 };

typedef struct Generator {
  Box *(*next)(struct Generator *); /* NULL: no more */
  int64_t at, stop;
} Generator;
static Box *range_next(Generator *g) { return g->at == g->stop ? NULL : box(g->at++); }

static __attribute__((noinline)) Generator *range(int64_t first) {
  Generator *g = gc_new(sizeof *g, GC_I_NORMAL);
  *g = (Generator){range_next, first, first + ITEMS};
  return g;
}

static int64_t pull(Rival *r) {
  Generator *g = range(VALUE_BASE + (int64_t)rng_below(&r->rng, 1 << 20));
  int64_t sum = 0;
  for (Box *b; (b = g->next(g));) sum += b->v;
  return sum;
}
static int64_t materialise(Rival *r) {
  int64_t first = VALUE_BASE + (int64_t)rng_below(&r->rng, 1 << 20);
  Vec list = vec_make(4);
  for (int64_t i = 0; i < ITEMS; i++) vec_push(&list, box(first + i));
  return vec_sum(&list);
}
static void generators(Rival *r, bool lists) {
  int64_t sum = 0;
  for (int i = 0; i < PASSES; i++) sum += lists ? materialise(r) : pull(r);
  rival_check(r, (uint64_t)sum);
  r->operations += PASSES * ITEMS;
}

/* --- The rival --------------------------------------------------------------------------------------------------------------------- */

static const char *rival_lacks(void) {
#if defined(LIBGC_TUNED)
  if (rival_options.threads > THREADS) return "more threads than it has lists for";
#endif
  return NULL;
}

static const char *rival_version(void) {
  static char text[32];
  unsigned v = GC_get_version();
  snprintf(text, sizeof text, "libgc %u.%u.%u", v >> 16, v >> 8 & 0xff, v & 0xff);
  return text;
}

static void rival_begin(void) {
#if defined(LIBGC_TUNED)
  GC_set_all_interior_pointers(0);
  GC_set_free_space_divisor(1);
  GC_set_markers_count((unsigned)rival_options.threads);
  GC_set_warn_proc(GC_ignore_warn_proc);
  GC_INIT();
  push_more = GC_get_push_other_roots();
  GC_set_push_other_roots(push_lists);
  if (rival_options.heap > GC_get_heap_size()) GC_expand_hp(rival_options.heap - GC_get_heap_size());
  if (rival_options.heap) GC_set_dont_expand(1); /* it collects when the heap is full, and not before */
#else
  GC_INIT();
#endif
}

/* The library itself sees threads being made. */
static void rival_thread_begin(int index) {
#if defined(LIBGC_TUNED)
  mine = &lists[index];
#else
  (void)index;
#endif
}
