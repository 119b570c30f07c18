/* splay: a splay tree of steady size, in which each operation inserts a key with a fresh payload and deletes the greatest key below it
   (V8's and Octane's benchmark of that name; top-down splaying after Sleator and Tarjan 1985). Every access rearranges the path that
   it went along, so that old nodes are written to all the time, and what is written into them is young: the write barrier and the
   remembered set at their busiest. What dies is a node of any age with its payload, a tree of short arrays and strings.

   Edges are moved, never copied: a node has one owner, its parent, and the two ends at which the split tree grows are borrowed. */
#include "runtime/work.h"

enum { P_SIZE, P_PAYLOAD, P_OPERATIONS };

static const reclaim_param params[] = {
    {"size", "nodes of the tree", "", 2000, 2, 1 << 24, NULL},
    {"payload-depth", "depth of the tree of arrays and strings that hangs on each node", "", 3, 0, 12, NULL},
    {"operations", "insertions, each with a deletion, after the tree was built", "", 8000, 1, INT64_C(1) << 40, NULL},
};

static const reclaim_setting settings[] = {
    {"splay-octane", "Octane's sizes: 8000 nodes, payloads of depth 5", "size=8000;payload-depth=5;operations=8000",
     RECLAIM_PRIVATE},
};

enum { LEFT, RIGHT, PAYLOAD, EDGES };
/* Integers are above the small, immortal ones. */
enum { VALUE_BASE = SMALL_INT_MAX + 1, LEAF_ITEMS = 10, KEY_BITS = 40 };

/* --- Live bytes --------------------------------------------------------------------------------------------------------------------- */

/* The longest string of a leaf; others are a few bytes shorter, within the same 16. */
static const char leaf_name[] = "key of a leaf: ";
enum { LEAF_DIGITS = 13 };

static uint64_t payload_bytes(int64_t depth) {
  uint64_t leaves = (uint64_t)1 << depth;
  uint64_t leaf = WORK_BYTES(SIZE_ARRAY(2)) + WORK_BYTES(SIZE_ARRAY(LEAF_ITEMS)) + LEAF_ITEMS * SIZE_LEAF +
                  WORK_BYTES(SIZE_STR(sizeof leaf_name - 1 + LEAF_DIGITS));
  return leaves * leaf + (leaves - 1) * SIZE_NODE(2);
}

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  (void)sharing;
  return (uint64_t)threads * (uint64_t)p[P_SIZE] * (WORK_BYTES(SIZE_NODE(EDGES)) + payload_bytes(p[P_PAYLOAD]));
}

/* --- Payloads ------------------------------------------------------------------------------------------------------------------------ */

/* A pair: ten integers, and a string made of the key. */
static OWNED Own make_leaf(Thr *T, int64_t key) {
  LET(T, items, array_new(T, LEAF_ITEMS));
  for (size_t i = 0; i < LEAF_ITEMS; i++) array_set(T, items, i, int_new(T, VALUE_BASE + key + (int64_t)i));
  return tuple_new2(T, items, str_new_int(T, leaf_name, key));
}

static OWNED Own make_payload(Thr *T, int64_t depth, int64_t key) {
  mm_poll(T);
  if (depth == 0) return make_leaf(T, key);
  LET(T, l, make_payload(T, depth - 1, key));
  return node_new(T, depth, l, make_payload(T, depth - 1, key));
}

static int64_t sum_leaf(Thr *T, Slot *leaf) {
  LET(T, name, array_get(T, leaf, 1));
  int64_t sum = (int64_t)str_len(T, name);
  BORROW (T, r, leaf) {
    Ref items = ref_item(r, 0);
    for (size_t i = 0; i < LEAF_ITEMS; i++) sum += ref_int(ref_item(items, i));
  }
  return sum;
}

static int64_t sum_payload(Thr *T, Slot *x, int64_t depth) {
  mm_poll(T);
  if (depth == 0) return sum_leaf(T, x);
  LET(T, l, node_get(T, x, LEFT));
  LET(T, r, node_get(T, x, RIGHT));
  return node_value(T, x) + sum_payload(T, l, depth - 1) + sum_payload(T, r, depth - 1);
}

/* All of a node. */
static int64_t sum_node(Thr *T, Work *w, Slot *x) {
  LET(T, payload, node_get(T, x, PAYLOAD));
  return node_value(T, x) + sum_payload(T, payload, w->p[P_PAYLOAD]);
}

/* --- The tree ------------------------------------------------------------------------------------------------------------------------- */

INLINE bool has_child(Thr *T, const Slot *x, unsigned side) {
  bool has = false;
  BORROW (T, r, x) has = !ref_is_null(ref_edge(r, side));
  return has;
}
/* Of a child that is there. */
INLINE int64_t child_key(Thr *T, const Slot *x, unsigned side) {
  int64_t key = 0;
  BORROW (T, r, x) key = ref_value(ref_edge(r, side));
  return key;
}

/* The child on `side` takes the place of x, which becomes its child. */
static void rotate(Thr *T, Slot *x, unsigned side) {
  LET(T, child, node_take(T, x, side));
  node_set(T, x, side, node_take(T, child, !side));
  node_set(T, child, !side, slot_take(T, x));
  slot_set(T, x, slot_take(T, child));
}

/* x and what lies on its far side go to the end of one of the halves of the split tree, on whose `side` the next will follow; x moves
   on to its child there. */
static void link(Thr *T, Slot *x, Slot *end, unsigned side) {
  LET(T, next, node_take(T, x, side));
  LET(T, linked, slot_dup(T, x));
  node_set(T, end, side, slot_take(T, x));
  slot_set(T, end, slot_take(T, linked));
  slot_set(T, x, slot_take(T, next));
}

/* Brings the node of `key`, or the last one on the way to where it would be, to the root. The tree is not empty. Ends: where the halves
   below and above the key grow; both start at `halves`, the lower one on its right and the upper one on its left. */
static void splay(Thr *T, Slot *root, int64_t key) {
  LET(T, halves, node_make(T, 0, EDGES));
  LET(T, below, slot_dup(T, halves));
  LET(T, above, slot_dup(T, halves));
  for (;;) {
    mm_poll(T);
    int64_t here = node_value(T, root);
    if (key == here) break;
    unsigned side = key < here ? LEFT : RIGHT;
    if (!has_child(T, root, side)) break;
    int64_t there = child_key(T, root, side);
    if (side == LEFT ? key < there : key > there) {
      rotate(T, root, side);
      if (!has_child(T, root, side)) break;
    }
    link(T, root, side == LEFT ? above : below, side);
  }
  node_set(T, below, RIGHT, node_take(T, root, LEFT));
  node_set(T, above, LEFT, node_take(T, root, RIGHT));
  node_set(T, root, LEFT, node_take(T, halves, RIGHT));
  node_set(T, root, RIGHT, node_take(T, halves, LEFT));
}

/* False: the key is there already. `root` may be empty. */
static bool insert(Thr *T, Work *w, Slot *root, int64_t key) {
  if (!slot_is_null(root)) {
    splay(T, root, key);
    if (node_value(T, root) == key) return false;
  }
  LET(T, x, node_make(T, key, EDGES));
  node_set(T, x, PAYLOAD, make_payload(T, w->p[P_PAYLOAD], key));
  if (!slot_is_null(root)) {
    unsigned side = key > node_value(T, root) ? RIGHT : LEFT; /* on which side of the old root the new key lies */
    node_set(T, x, side, node_take(T, root, side));
    node_set(T, x, !side, slot_take(T, root));
  }
  slot_set(T, root, slot_take(T, x));
  return true;
}

/* Brings the node of the greatest key below `key` to the root; false: there is none. */
static bool find_below(Thr *T, Slot *root, int64_t key) {
  splay(T, root, key);
  if (node_value(T, root) < key) return true;
  if (!has_child(T, root, LEFT)) return false;
  LET(T, left, node_take(T, root, LEFT));
  splay(T, left, key); /* its greatest: every key in it is below */
  node_set(T, root, LEFT, slot_take(T, left));
  rotate(T, root, LEFT);
  return true;
}

/* Removes the root; hands it back. */
static OWNED Own remove_root(Thr *T, Slot *root) {
  int64_t key = node_value(T, root);
  LET(T, left, node_take(T, root, LEFT));
  LET(T, right, node_take(T, root, RIGHT));
  LET(T, removed, slot_take(T, root));
  if (slot_is_null(left)) {
    slot_set(T, root, slot_take(T, right));
    return slot_take(T, removed);
  }
  splay(T, left, key);
  node_set(T, left, RIGHT, slot_take(T, right));
  slot_set(T, root, slot_take(T, left));
  return slot_take(T, removed);
}

/* --- An iteration -------------------------------------------------------------------------------------------------------------------- */

static int64_t insert_new(Thr *T, Work *w, Slot *root) {
  for (;;) {
    mm_poll(T);
    int64_t key = (int64_t)(rng_next(&w->rng) >> (64 - KEY_BITS)) + ((int64_t)1 << KEY_BITS); /* all of 13 digits */
    if (insert(T, w, root, key)) return key;
  }
}

/* One insertion, one deletion; what was deleted is read first. */
static int64_t exchange(Thr *T, Work *w, Slot *root) {
  int64_t key = insert_new(T, w, root);
  if (!find_below(T, root, key)) splay(T, root, key);
  LET(T, removed, remove_root(T, root));
  return sum_node(T, w, removed);
}

/* Every node, from the greatest key down: each step splays the next one to the root. */
static uint64_t sum_all(Thr *T, Work *w, Slot *root) {
  uint64_t sum = 0;
  int64_t key = INT64_MAX;
  while (find_below(T, root, key)) {
    mm_poll(T);
    sum = 3 * sum + (uint64_t)sum_node(T, w, root);
    key = node_value(T, root);
  }
  return sum;
}

static void run(Thr *T, Work *w) {
  uint64_t sum = 0;
  LET(T, root, none_new(T));
  slot_clear(T, root);
  for (int64_t i = 0; i < w->p[P_SIZE]; i++) insert_new(T, w, root);
  work_hold(T, w);
  for (int64_t i = 0; i < w->p[P_OPERATIONS]; i++) sum += (uint64_t)exchange(T, w, root);
  w->operations += (uint64_t)(w->p[P_SIZE] + w->p[P_OPERATIONS]);
  work_check(w, sum);
  work_check(w, sum_all(T, w, root));
}

static const Workload splay_tree = {
    {
        .name = "splay",
        .summary = "insertions and deletions in a splay tree whose nodes carry payloads",
        .probes = "old-to-young stores",
        .operation = "insertion",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_PRIVATE,
        .known_lifetimes = RECLAIM_PRIVATE,
        .settings = settings,
        .nsettings = sizeof settings / sizeof *settings,
        .live_bytes = live_bytes,
    },
    run,
};
WORKLOAD_REGISTER(splay_tree);
