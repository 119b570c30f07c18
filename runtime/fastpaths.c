/* fastpaths.c: the operations of the contract that a workload does millions of times, one to a function, so that they can be found in
   the object and their instructions counted (tests/fast-paths.sh against tests/fast-paths.budget). Nobody calls them: what is counted
   is what the compiler makes of the inline code that is measured. An argument arrives in a register, as a local of a workload would
   mostly be in one. */
#include "runtime/objects.h"

#define FAST_PATH __attribute__((used, noinline))

/* --- The strategy's header ---------------------------------------------------------------------------------------------------------- */

/* Of an object that is known to be there; and of one that may be NULL. */
FAST_PATH void fp_retain(Thr *T, Obj *o) { mm_retain(T, o); }
FAST_PATH void fp_release(Thr *T, Obj *o) { mm_release(T, o); }
FAST_PATH void fp_retain_or_null(Thr *T, Obj *o) { mm_retain0(T, o); }
FAST_PATH void fp_release_or_null(Thr *T, Obj *o) { mm_release0(T, o); }

/* A cell of a size that is known, its header set. */
FAST_PATH Obj *fp_alloc_leaf(Thr *T) { return mm_alloc(T, SIZE_LEAF, KIND_INT, 0); }
FAST_PATH Obj *fp_alloc_node(Thr *T) { return mm_alloc(T, SIZE_NODE(2), KIND_NODE, 2); }

FAST_PATH void fp_poll(Thr *T) { mm_safepoint(T); }

/* A field of an object that was not published: the old value comes back. */
FAST_PATH Obj *fp_exchange(Thr *T, Obj *holder, Obj **f, Obj *v) { return mm_exchange(T, holder, f, v); }
FAST_PATH void fp_store_new(Thr *T, Obj *holder, Obj **f, Obj *v) { mm_store_new(T, holder, f, v); }
FAST_PATH void fp_store_first(Thr *T, Obj *holder, Obj **f, Obj *v) { mm_init_move(T, holder, f, v); }
FAST_PATH Obj *fp_load_own(Thr *T, Obj *holder, Obj **f) { return mm_load_own(T, holder, f); }

/* --- The object model ------------------------------------------------------------------------------------------------------------------ */

FAST_PATH Own fp_int_new(Thr *T, int64_t v) { return int_new(T, v); }
FAST_PATH Own fp_node_leaf(Thr *T, int64_t v) { return node_leaf(T, v); }
FAST_PATH Own fp_node_new(Thr *T, int64_t v, Slot *l, Own r) { return node_new(T, v, l, r); }
FAST_PATH Own fp_node_get(Thr *T, Slot *x) { return node_get(T, x, 1); }
FAST_PATH void fp_node_set(Thr *T, Slot *x, Own v) { node_set(T, x, 1, v); }
FAST_PATH Own fp_list_get(Thr *T, Slot *l, size_t i) { return list_get(T, l, i); }
FAST_PATH void fp_list_set(Thr *T, Slot *l, size_t i, Own v) { list_set(T, l, i, v); }
FAST_PATH void fp_list_append(Thr *T, Slot *l, Own v) { list_append(T, l, v); }
FAST_PATH Own fp_list_pop(Thr *T, Slot *l) { return list_pop(T, l); }

/* Reading without counting: a child's value, and an item's. */
FAST_PATH int64_t fp_borrow_child(Thr *T, Slot *x) {
  int64_t v = 0;
  BORROW (T, r, x) v = ref_value(ref_edge(r, 1));
  return v;
}
FAST_PATH int64_t fp_borrow_item(Thr *T, Slot *l, size_t i) {
  int64_t v = 0;
  BORROW (T, r, l) v = ref_int(ref_item(ref_items(r), i));
  return v;
}

/* A local from birth to end: where locals are counted, one count comes and goes; where they are linked, one link does. */
FAST_PATH bool fp_local(Thr *T, Slot *x) {
  LET(T, child, node_get(T, x, 1));
  return slot_same(child, x);
}
