/* rbtree: a persistent red-black tree: insertion after Okasaki ("Red-black trees in a functional setting", 1999, in the form that Koka's and
   Lean's benchmarks have), deletion after Kahrs ("Red-black trees with types", 2001). A changed version shares with the one before all but
   the nodes along one path. The program is written as a functional one: it takes nodes apart and makes new ones, through node_open and
   node_renew, so that where a count tells that the old version is nobody's any more, and the tunable `reuse` is on, the path is changed in place
   (Lorenzen, Leijen and Swierstra 2023, "FP^2"), and elsewhere it is copied.

   Snapshots keep old versions: then nothing on the path is unique any more, and every version pays for its copies. Shared-read: all threads
   start from one published version, and change it, each into versions of its own that share most of their nodes. */
#include "runtime/work.h"

#include <stdlib.h>

enum { P_LIVE, P_OPERATIONS, P_SNAPSHOT_EVERY, P_SNAPSHOTS };

static const reclaim_param params[] = {
    {"live", "keys in the tree; drawn from twice as many", "", 50000, 1, 1 << 27, NULL},
    {"operations", "insertions and deletions in turn, each with a look-up, after the tree was built", "", 100000, 1,
     INT64_C(1) << 40, NULL},
    {"snapshot-every", "every so many operations the version of then is kept; 0: never", "", 0, 0, 1 << 30, NULL},
    {"snapshots", "versions that are kept, the oldest of which each new one replaces", "", 8, 1, 1 << 20, NULL},
};

static const reclaim_setting settings[] = {
    {"rbtree-snapshots", "a version kept every 100 operations, 32 of them at a time", "snapshot-every=100;snapshots=32", 0},
};

enum { SHARED_TREE }; /* place in the globals of a shared iteration */
enum { LEFT, RIGHT };
enum { BLACK, RED };

/* --- Live bytes ------------------------------------------------------------------------------------------------------------------------

   Versions m operations apart differ in the nodes that these have touched: one at depth d lies on the path of an operation with probability
   2^-d, so of the 2^d nodes there are at that depth 2^d (1 - (1 - 2^-d)^m) are touched. */

static double touched(double n, double m) {
  double sum = 0;
  for (double level = 1; n > 0; level *= 2) {
    double here = level < n ? level : n, untouched = 1, base = 1 - 1 / level;
    for (uint64_t e = (uint64_t)m; e; e >>= 1, base *= base) /* base^m */
      if (e & 1) untouched *= base;
    sum += here * (1 - untouched);
    n -= here;
  }
  return sum;
}

/* Versions that are kept when the tree is fullest. */
static int64_t kept_versions(const int64_t *p) {
  if (!p[P_SNAPSHOT_EVERY]) return 0;
  int64_t taken = p[P_OPERATIONS] / p[P_SNAPSHOT_EVERY];
  return taken < p[P_SNAPSHOTS] ? taken : p[P_SNAPSHOTS];
}

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  double n = (double)p[P_LIVE], more = 0;
  int64_t versions = kept_versions(p);
  if (versions) more = (double)versions * touched(n, (double)p[P_SNAPSHOT_EVERY]);
  uint64_t trees = sharing == RECLAIM_PRIVATE ? (uint64_t)threads : 1;
  uint64_t window = WORK_BYTES(SIZE_ARRAY(p[P_SNAPSHOT_EVERY] ? p[P_SNAPSHOTS] : 0));
  return trees * (uint64_t)p[P_LIVE] * SIZE_NODE(2) + (uint64_t)threads * (window + (uint64_t)more * SIZE_NODE(2));
}

/* --- Nodes: key, a byte of payload and the colour share the node's integer; an empty slot is the empty tree -------------------------------- */

INLINE int64_t packed(int64_t key, int64_t payload, int colour) { return key << 9 | (payload & 0xFF) << 1 | colour; }
INLINE int64_t key_of(int64_t v) { return v >> 9; }
INLINE int64_t payload_of(int64_t v) { return v >> 1 & 0xFF; }
INLINE int64_t red(int64_t v) { return v | RED; }
INLINE int64_t black(int64_t v) { return v & ~(int64_t)RED; }

INLINE bool is_red(Thr *T, const Slot *x) { return !slot_is_null(x) && (node_value(T, x) & RED); }
INLINE bool is_black(Thr *T, const Slot *x) { return !slot_is_null(x) && !(node_value(T, x) & RED); }

/* x anew, with these edges and this value. Its own edges have been opened. */
INLINE OWNED Own renew(Thr *T, Slot *x, int64_t v, Slot *l, Slot *r) { return node_renew(T, x, v, l, slot_take(T, r)); }
/* x in another colour. */
INLINE OWNED Own recolour(Thr *T, Slot *x, int64_t v) {
  LET(T, l, node_open(T, x, LEFT));
  LET(T, r, node_open(T, x, RIGHT));
  return renew(T, x, v, l, r);
}

/* All functions below take their slots: what they hold moves into the result. `node` is the one between l and r, whose edges have been
   opened, and `v` its value. */

/* --- Insertion --------------------------------------------------------------------------------------------------------------------------- */

/* A black node whose left child may be red and have a red child. */
static OWNED Own balance_left(Thr *T, Slot *l, Slot *node, Slot *r) {
  int64_t v = black(node_value(T, node)), lv = node_value(T, l);
  LET(T, a, node_open(T, l, LEFT));
  LET(T, b, node_open(T, l, RIGHT));
  if (is_red(T, a)) { /* red(black a, l, black node) */
    LET(T, first, recolour(T, a, black(node_value(T, a))));
    LET(T, last, renew(T, node, v, b, r));
    return renew(T, l, red(lv), first, last);
  }
  if (is_red(T, b)) { /* red(black l, b, black node) */
    int64_t bv = node_value(T, b);
    LET(T, inner, node_open(T, b, LEFT));
    LET(T, outer, node_open(T, b, RIGHT));
    LET(T, first, renew(T, l, black(lv), a, inner));
    LET(T, last, renew(T, node, v, outer, r));
    return renew(T, b, red(bv), first, last);
  }
  LET(T, same, renew(T, l, lv, a, b));
  return renew(T, node, v, same, r);
}
static OWNED Own balance_right(Thr *T, Slot *l, Slot *node, Slot *r) {
  int64_t v = black(node_value(T, node)), rv = node_value(T, r);
  LET(T, a, node_open(T, r, LEFT));
  LET(T, b, node_open(T, r, RIGHT));
  if (is_red(T, b)) { /* red(black node, r, black b) */
    LET(T, last, recolour(T, b, black(node_value(T, b))));
    LET(T, first, renew(T, node, v, l, a));
    return renew(T, r, red(rv), first, last);
  }
  if (is_red(T, a)) { /* red(black node, a, black r) */
    int64_t av = node_value(T, a);
    LET(T, outer, node_open(T, a, LEFT));
    LET(T, inner, node_open(T, a, RIGHT));
    LET(T, last, renew(T, r, black(rv), inner, b));
    LET(T, first, renew(T, node, v, l, outer));
    return renew(T, a, red(av), first, last);
  }
  LET(T, same, renew(T, r, rv, a, b));
  return renew(T, node, v, l, same);
}

static OWNED Own insert_below(Thr *T, Slot *x, int64_t key, int64_t payload) {
  mm_poll(T);
  if (slot_is_null(x)) return node_leaf(T, packed(key, payload, RED));
  int64_t v = node_value(T, x);
  LET(T, l, node_open(T, x, LEFT));
  LET(T, r, node_open(T, x, RIGHT));
  if (key == key_of(v)) return renew(T, x, packed(key, payload, (int)(v & RED)), l, r);
  bool left = key < key_of(v);
  bool balances = !(v & RED) && is_red(T, left ? l : r);
  if (left)
    slot_set(T, l, insert_below(T, l, key, payload));
  else
    slot_set(T, r, insert_below(T, r, key, payload));
  if (!balances) return renew(T, x, v, l, r);
  return left ? balance_left(T, l, x, r) : balance_right(T, l, x, r);
}

static void insert(Thr *T, Slot *root, int64_t key, int64_t payload) {
  slot_set(T, root, insert_below(T, root, key, payload));
  if (is_red(T, root)) slot_set(T, root, recolour(T, root, black(node_value(T, root))));
}

/* --- Deletion ----------------------------------------------------------------------------------------------------------------------------- */

/* A black node of which any child or grandchild may be red under a red one. */
static OWNED Own balance(Thr *T, Slot *l, Slot *node, Slot *r) {
  int64_t v = node_value(T, node);
  if (is_red(T, l) && is_red(T, r)) {
    LET(T, first, recolour(T, l, black(node_value(T, l))));
    LET(T, last, recolour(T, r, black(node_value(T, r))));
    return renew(T, node, red(v), first, last);
  }
  if (is_red(T, l)) return balance_left(T, l, node, r);
  if (is_red(T, r)) return balance_right(T, l, node, r);
  return renew(T, node, black(v), l, r);
}

/* The left subtree has become one black node lower than the right one. */
static OWNED Own left_is_low(Thr *T, Slot *l, Slot *node, Slot *r) {
  int64_t v = node_value(T, node);
  if (is_red(T, l)) {
    LET(T, higher, recolour(T, l, black(node_value(T, l))));
    return renew(T, node, red(v), higher, r);
  }
  if (is_black(T, r)) {
    LET(T, lower, recolour(T, r, red(node_value(T, r))));
    return balance(T, l, node, lower);
  }
  /* r is red, and its left child black */
  LET(T, near, node_open(T, r, LEFT));
  LET(T, far, node_open(T, r, RIGHT));
  int64_t nv = node_value(T, near);
  LET(T, a, node_open(T, near, LEFT));
  LET(T, b, node_open(T, near, RIGHT));
  LET(T, lower, recolour(T, far, red(node_value(T, far))));
  LET(T, first, renew(T, node, black(v), l, a));
  LET(T, last, balance(T, b, r, lower));
  return renew(T, near, red(nv), first, last);
}
static OWNED Own right_is_low(Thr *T, Slot *l, Slot *node, Slot *r) {
  int64_t v = node_value(T, node);
  if (is_red(T, r)) {
    LET(T, higher, recolour(T, r, black(node_value(T, r))));
    return renew(T, node, red(v), l, higher);
  }
  if (is_black(T, l)) {
    LET(T, lower, recolour(T, l, red(node_value(T, l))));
    return balance(T, lower, node, r);
  }
  LET(T, far, node_open(T, l, LEFT));
  LET(T, near, node_open(T, l, RIGHT));
  int64_t nv = node_value(T, near);
  LET(T, a, node_open(T, near, LEFT));
  LET(T, b, node_open(T, near, RIGHT));
  LET(T, lower, recolour(T, far, red(node_value(T, far))));
  LET(T, last, renew(T, node, black(v), b, r));
  LET(T, first, balance(T, lower, l, a));
  return renew(T, near, red(nv), first, last);
}

/* Two trees of one black height whose parent is gone, as one of that height. */
static OWNED Own join(Thr *T, Slot *l, Slot *r) {
  mm_poll(T);
  if (slot_is_null(l)) return slot_take(T, r);
  if (slot_is_null(r)) return slot_take(T, l);
  int64_t lv = node_value(T, l), rv = node_value(T, r);
  bool equal = (lv & RED) == (rv & RED);
  if (!equal && (rv & RED)) {
    LET(T, c, node_open(T, r, LEFT));
    LET(T, d, node_open(T, r, RIGHT));
    LET(T, low, join(T, l, c));
    return renew(T, r, rv, low, d);
  }
  LET(T, a, node_open(T, l, LEFT));
  LET(T, b, node_open(T, l, RIGHT));
  if (!equal) {
    LET(T, high, join(T, b, r));
    return renew(T, l, lv, a, high);
  }
  LET(T, c, node_open(T, r, LEFT));
  LET(T, d, node_open(T, r, RIGHT));
  LET(T, middle, join(T, b, c));
  if (is_red(T, middle)) {
    int64_t mv = node_value(T, middle);
    LET(T, ma, node_open(T, middle, LEFT));
    LET(T, mb, node_open(T, middle, RIGHT));
    LET(T, first, renew(T, l, lv, a, ma));
    LET(T, last, renew(T, r, rv, mb, d));
    return renew(T, middle, mv, first, last);
  }
  LET(T, last, renew(T, r, rv, middle, d));
  return lv & RED ? renew(T, l, lv, a, last) : left_is_low(T, a, l, last);
}

/* Without `key`: one black node lower where x was black. *found: its payload, if it was there. */
static OWNED Own delete_below(Thr *T, Slot *x, int64_t key, int64_t *found) {
  mm_poll(T);
  if (slot_is_null(x)) return slot_take(T, x);
  int64_t v = node_value(T, x);
  LET(T, l, node_open(T, x, LEFT));
  LET(T, r, node_open(T, x, RIGHT));
  if (key == key_of(v)) {
    *found = payload_of(v);
    slot_clear(T, x);
    return join(T, l, r);
  }
  bool left = key < key_of(v), lowers = is_black(T, left ? l : r);
  if (left) {
    slot_set(T, l, delete_below(T, l, key, found));
    return lowers ? left_is_low(T, l, x, r) : renew(T, x, red(v), l, r);
  }
  slot_set(T, r, delete_below(T, r, key, found));
  return lowers ? right_is_low(T, l, x, r) : renew(T, x, red(v), l, r);
}

static int64_t delete (Thr *T, Slot *root, int64_t key) {
  int64_t found = 0;
  slot_set(T, root, delete_below(T, root, key, &found));
  if (is_red(T, root)) slot_set(T, root, recolour(T, root, black(node_value(T, root))));
  return found;
}

/* --- Reading ------------------------------------------------------------------------------------------------------------------------------- */

/* The payload of a key; 0: it is not there. */
static int64_t look_up(Thr *T, Slot *root, int64_t key) {
  int64_t found = 0;
  BORROW (T, r, root) {
    for (Ref at = r; !ref_is_null(at);) {
      int64_t v = ref_value(at);
      if (key == key_of(v)) found = payload_of(v);
      if (key == key_of(v)) break;
      at = ref_edge(at, key < key_of(v) ? LEFT : RIGHT);
    }
  }
  return found;
}

/* What a walk over all of a version finds. */
typedef struct Walk {
  int64_t last; /* the greatest key so far */
  uint64_t sum, nodes, wrong;
} Walk;

/* In order; the black height. Wrong: keys that do not ascend, red nodes under red ones, sides of different height. */
static int64_t walk(Thr *T, Slot *x, bool under_red, Walk *found) {
  mm_poll(T);
  if (slot_is_null(x)) return 0;
  int64_t v = node_value(T, x);
  LET(T, l, node_get(T, x, LEFT));
  LET(T, r, node_get(T, x, RIGHT));
  int64_t left = walk(T, l, v & RED, found);
  found->wrong += key_of(v) <= found->last || (under_red && (v & RED));
  found->last = key_of(v);
  found->sum = 3 * found->sum + (uint64_t)payload_of(v);
  found->nodes++;
  int64_t right = walk(T, r, v & RED, found);
  found->wrong += left != right;
  return left + !(v & RED);
}
static void check_version(Thr *T, Work *w, Slot *root) {
  Walk found = {.last = -1};
  walk(T, root, true, &found);
  work_check(w, found.sum + found.nodes);
  work_check(w, found.wrong);
}

/* --- An iteration ---------------------------------------------------------------------------------------------------------------------------- */

INLINE int64_t payload_drawn(Work *w) { return 1 + (int64_t)rng_below(&w->rng, 255); }

/* The even keys below 2 * live, in random order. In a blocking region: it touches no object, and a collector need not wait for it. */
static uint32_t *shuffled(Thr *T, Work *w) {
  mm_blocking_begin(T);
  uint32_t n = (uint32_t)w->p[P_LIVE], *order = work_memory(T, n * sizeof *order);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t k = (uint32_t)rng_below(&w->rng, i + 1);
    order[i] = order[k];
    order[k] = i;
  }
  mm_blocking_end(T);
  return order;
}

static OWNED Own make_tree(Thr *T, Work *w) {
  uint32_t *order = shuffled(T, w);
  LET(T, root, none_new(T));
  slot_clear(T, root);
  for (int64_t i = 0; i < w->p[P_LIVE]; i++) insert(T, root, 2 * (int64_t)order[i], payload_drawn(w));
  w->operations += (uint64_t)w->p[P_LIVE];
  free(order);
  return slot_take(T, root);
}

/* Versions that are kept, in an array; the oldest is read at a few keys before it goes. */
static void keep_version(Thr *T, Work *w, Slot *versions, int64_t n, Slot *root) {
  enum { READ = 8 };
  size_t at = (size_t)(n % w->p[P_SNAPSHOTS]);
  LET(T, oldest, array_get(T, versions, at));
  for (int i = 0; i < READ && !slot_is_null(oldest); i++)
    work_check(w, (uint64_t)look_up(T, oldest, (int64_t)rng_below(&w->rng, 2 * (uint64_t)w->p[P_LIVE])));
  array_set(T, versions, at, slot_dup(T, root));
}

static void work_on(Thr *T, Work *w, Slot *root, Slot *versions) {
  uint64_t keys = 2 * (uint64_t)w->p[P_LIVE], sum = 0;
  int64_t kept = 0, fullest = kept_versions(w->p);
  Every snapshot = every(w->p[P_SNAPSHOT_EVERY]);
  if (!fullest) work_hold(T, w);
  for (int64_t i = 0; i < w->p[P_OPERATIONS]; i++) {
    mm_poll(T);
    int64_t key = (int64_t)rng_below(&w->rng, keys);
    if (i & 1)
      sum += (uint64_t) delete (T, root, key);
    else
      insert(T, root, key, payload_drawn(w));
    sum += (uint64_t)look_up(T, root, (int64_t)rng_below(&w->rng, keys));
    if (!is_due(&snapshot)) continue;
    keep_version(T, w, versions, kept, root);
    if (++kept == fullest) work_hold(T, w);
  }
  w->operations += (uint64_t)w->p[P_OPERATIONS];
  work_check(w, sum);
}

/* Made before the tree: what asks for a first cell of another size, when every block of a heap holds a few nodes, asks too late. */
static OWNED Own make_versions(Thr *T, const Work *w) {
  return array_new(T, w->p[P_SNAPSHOT_EVERY] ? (size_t)w->p[P_SNAPSHOTS] : 0);
}

static void change(Thr *T, Work *w, Slot *root, Slot *versions) {
  work_on(T, w, root, versions);
  check_version(T, w, root);
  for (size_t i = 0, n = array_len(T, versions); i < n; i++) {
    mm_poll(T);
    LET(T, version, array_get(T, versions, i));
    if (!slot_is_null(version)) check_version(T, w, version);
  }
}

static void run_private(Thr *T, Work *w) {
  LET(T, versions, make_versions(T, w));
  LET(T, root, make_tree(T, w));
  change(T, w, root, versions);
}

static void run_shared(Thr *T, Work *w) {
  LET(T, versions, make_versions(T, w));
  if (w->index == 0) {
    LET(T, made, make_tree(T, w));
    work_publish(T, w, SHARED_TREE, made);
  }
  work_barrier(T, w);
  LET(T, root, work_global(T, w, SHARED_TREE));
  change(T, w, root, versions);
  work_barrier(T, w);
  if (w->index == 0) own_drop(T, work_retract(T, w, SHARED_TREE));
}

static void run(Thr *T, Work *w) {
  if (w->sharing == RECLAIM_PRIVATE)
    run_private(T, w);
  else
    run_shared(T, w);
}

static const Workload rbtree = {
    {
        .name = "rbtree",
        .summary = "insertions and deletions in a persistent red-black tree that copies its paths",
        .probes = "sharing, uniqueness, reuse",
        .operation = "insertion or deletion",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE | RECLAIM_SHARED_READ,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(rbtree);
