/* cpython.c: the reference programs on CPython's objects, driven through its C interface: what its counts and its collector cost, without
   its interpreter. Integers are PyLong, lists PyList, dicts PyDict; trees, rings and graphs are made of node types of our own, with
   tp_traverse and tp_clear, as an extension module would define them. A generator is an object with tp_iternext.

   CPYTHON_COLLECTOR leaves the cycle collector as it comes; without it, it is switched off. Before 3.12 the collector runs inside of
   allocations, so a program in C need not give it a chance. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "experiments/rivals/rival.h"

/* --- Integers and nodes ------------------------------------------------------------------------------------------------------------ */

static inline PyObject *have(PyObject *o) {
  if (UNLIKELY(!o)) {
    PyErr_Print();
    exit(1);
  }
  return o;
}
static inline PyObject *box(int64_t v) { return have(PyLong_FromLongLong(v)); }
static inline int64_t value(PyObject *o) { return PyLong_AsLongLong(o); }
/* Reads an owned one. */
static inline int64_t take_value(PyObject *o) {
  int64_t v = value(o);
  Py_DECREF(o);
  return v;
}
/* As an owned copy. */
static inline int64_t item_value(PyObject *list, Py_ssize_t i) {
  PyObject *o = PyList_GET_ITEM(list, i);
  Py_INCREF(o);
  return take_value(o);
}

/* A node with EDGES references, and the type for it. */
#define NODE_TYPE(Node, EDGES)                                                                                                   \
  typedef struct Node {                                                                                                          \
    PyObject_HEAD int64_t v;                                                                                                     \
    struct Node *e[EDGES];                                                                                                       \
  } Node;                                                                                                                        \
  static int Node##_traverse(PyObject *o, visitproc visit, void *arg) {                                                          \
    for (int i = 0; i < EDGES; i++) Py_VISIT(((Node *)o)->e[i]);                                                                 \
    return 0;                                                                                                                    \
  }                                                                                                                              \
  static int Node##_clear(PyObject *o) {                                                                                         \
    for (int i = 0; i < EDGES; i++) Py_CLEAR(((Node *)o)->e[i]);                                                                 \
    return 0;                                                                                                                    \
  }                                                                                                                              \
  static void Node##_dealloc(PyObject *o) {                                                                                      \
    PyObject_GC_UnTrack(o);                                                                                                      \
    for (int i = 0; i < EDGES; i++) Py_XDECREF(((Node *)o)->e[i]);                                                               \
    PyObject_GC_Del(o);                                                                                                          \
  }                                                                                                                              \
  static PyTypeObject Node##_type = {                                                                                            \
      PyVarObject_HEAD_INIT(NULL, 0).tp_name = #Node,                                                                            \
      .tp_basicsize = sizeof(Node),                                                                                              \
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,                                                                       \
      .tp_traverse = Node##_traverse,                                                                                            \
      .tp_clear = Node##_clear,                                                                                                  \
      .tp_dealloc = Node##_dealloc,                                                                                              \
  };                                                                                                                             \
  static inline Node *Node##_new(int64_t v) { /* without edges */                                                                \
    Node *x = (Node *)have((PyObject *)PyObject_GC_New(Node, &Node##_type));                                                     \
    x->v = v;                                                                                                                    \
    for (int i = 0; i < EDGES; i++) x->e[i] = NULL;                                                                              \
    PyObject_GC_Track(x);                                                                                                        \
    return x;                                                                                                                    \
  }
NODE_TYPE(Tree, 2)
NODE_TYPE(Link, 2)
NODE_TYPE(Vertex, FANOUT)

static inline void *another(void *o) {
  Py_INCREF((PyObject *)o);
  return o;
}

/* --- treesS, treesL, treesV -------------------------------------------------------------------------------------------------------- */

static Tree *tree_make(int64_t depth) {
  if (depth == 0) return Tree_new(1);
  Tree *l = tree_make(depth - 1), *r = tree_make(depth - 1), *t = Tree_new(depth + 1);
  t->e[0] = l;
  t->e[1] = r;
  return t;
}
static Tree *chain_make(int64_t n) {
  Tree *head = NULL;
  for (int64_t i = 1; i <= n; i++) {
    Tree *next = Tree_new(i);
    next->e[0] = head;
    head = next;
  }
  return head;
}
static int64_t tree_sum(const Tree *t) { return t ? t->v + tree_sum(t->e[0]) + tree_sum(t->e[1]) : 0; }

static void trees(Rival *r, int64_t least, int64_t spread, int64_t kept_depth, int64_t chain, int64_t nodes) {
  int64_t sum = 0;
  Tree *kept = kept_depth < 0 ? NULL : tree_make(kept_depth);
  if (kept) r->operations += (uint64_t)tree_nodes(kept_depth);
  for (int64_t made = 0; made < nodes;) {
    int64_t depth = least + (int64_t)rng_below(&r->rng, (uint64_t)spread + 1);
    int64_t odd = chain ? 1 + (int64_t)rng_below(&r->rng, (uint64_t)chain) : 0;
    Tree *links = chain_make(odd), *tree = tree_make(depth);
    sum += tree_sum(tree) + odd;
    Py_DECREF(tree);
    Py_XDECREF(links);
    made += tree_nodes(depth);
    r->operations += (uint64_t)(tree_nodes(depth) + odd);
  }
  rival_check(r, (uint64_t)(sum + tree_sum(kept)));
  Py_XDECREF(kept);
}

/* --- list -------------------------------------------------------------------------------------------------------------------------- */

static inline void append(PyObject *list, int64_t v) {
  PyObject *o = box(v);
  PyList_Append(list, o);
  Py_DECREF(o);
}
static int64_t list_sum(PyObject *list) {
  int64_t sum = 0;
  for (Py_ssize_t i = 0, n = PyList_GET_SIZE(list); i < n; i++) sum += value(PyList_GET_ITEM(list, i));
  return sum;
}

static int64_t temporary(Rival *r) {
  enum { LENGTH = 16 };
  int64_t first = VALUE_BASE + (int64_t)(rng_next(&r->rng) >> 44), sum = 0;
  PyObject *list = have(PyList_New(LENGTH));
  for (Py_ssize_t i = 0; i < LENGTH; i++) PyList_SET_ITEM(list, i, box(first + i));
  for (Py_ssize_t i = 0; i < LENGTH; i++) sum += item_value(list, i);
  Py_DECREF(list);
  return sum;
}

static void list(Rival *r) {
  enum { LIVE = 1000000, OPERATIONS = 2000000 };
  PyObject *list = have(PyList_New(0));
  for (uint64_t i = 0; i < LIVE; i++) append(list, value_for(r, i, LIVE));
  int64_t sum = 0;
  Every pop = every(4), made = every(16);
  for (int64_t k = 0; k < OPERATIONS; k++) {
    uint64_t i = rng_below(&r->rng, LIVE);
    PyList_SetItem(list, (Py_ssize_t)i, box(value_for(r, i, LIVE)));
    if (is_due(&pop)) {
      Py_ssize_t last = PyList_GET_SIZE(list) - 1;
      sum += item_value(list, last);
      PyList_SetSlice(list, last, last + 1, NULL);
      append(list, value_for(r, LIVE - 1, LIVE));
    }
    if (is_due(&made)) sum += temporary(r);
  }
  rival_check(r, (uint64_t)sum);
  rival_check(r, (uint64_t)list_sum(list));
  rival_check(r, 0); /* there are no rows */
  Py_DECREF(list);
  r->operations += LIVE + OPERATIONS;
}

/* --- dict -------------------------------------------------------------------------------------------------------------------------- */

static inline int64_t look_up(PyObject *d, uint64_t k) {
  PyObject *key = box(VALUE_BASE + (int64_t)k), *found = PyDict_GetItemWithError(d, key);
  int64_t v = 0;
  if (found) {
    Py_INCREF(found);
    v = take_value(found);
  }
  Py_DECREF(key);
  return v;
}
static inline void set(Rival *r, PyObject *d, uint64_t k, uint64_t end) {
  PyObject *key = box(VALUE_BASE + (int64_t)k), *v = box(value_for(r, k, end));
  PyDict_SetItem(d, key, v);
  Py_DECREF(key);
  Py_DECREF(v);
}
static inline int64_t take_out(PyObject *d, uint64_t k) { /* as dict.pop, in one look-up */
  PyObject *key = box(VALUE_BASE + (int64_t)k), *found = have(_PyDict_Pop(d, key, Py_None));
  int64_t v = found == Py_None ? 0 : value(found);
  Py_DECREF(found);
  Py_DECREF(key);
  return v;
}

static void dict(Rival *r) {
  enum { LIVE = 1 << 18, ROUNDS = 500000 };
  const uint64_t end = 2 * LIVE + 2 * (uint64_t)r->threads;
  PyObject *d = have(PyDict_New());
  for (uint64_t k = 0; k < LIVE; k++) set(r, d, k, end);
  int64_t sum = 0;
  for (int i = 0; i < ROUNDS; i++) {
    sum += look_up(d, rng_below(&r->rng, 2 * LIVE));
    set(r, d, rng_below(&r->rng, 2 * LIVE), end);
    sum += look_up(d, rng_below(&r->rng, 2 * LIVE));
    sum += take_out(d, rng_below(&r->rng, 2 * LIVE));
  }
  rival_check(r, (uint64_t)sum);
  rival_check(r, 0); /* nothing was misplaced by others */
  sum = 0;
  PyObject *key, *v;
  for (Py_ssize_t at = 0; PyDict_Next(d, &at, &key, &v);) sum += value(v);
  rival_check(r, (uint64_t)sum);
  rival_check(r, (uint64_t)PyDict_Size(d));
  Py_DECREF(d);
  r->operations += LIVE + 4 * ROUNDS;
}

/* --- ring, graph ------------------------------------------------------------------------------------------------------------------- */

enum { NEXT, PREVIOUS };

static void ring(Rival *r) {
  for (int64_t made = 0; made < 2000000; made += NODES) {
    Link *first = Link_new(1), *last = another(first);
    for (int64_t v = 2; v <= NODES; v++) {
      Link *x = Link_new(v);
      x->e[PREVIOUS] = last; /* moves: last is set anew */
      last->e[NEXT] = another(x);
      last = x;
    }
    first->e[PREVIOUS] = last;
    last->e[NEXT] = another(first);
    int64_t sum = first->v;
    Link *at = another(first);
    for (int i = 1; i < NODES; i++) {
      Link *next = another(at->e[NEXT]);
      Py_DECREF(at);
      sum += (at = next)->v;
    }
    Py_DECREF(at);
    Py_DECREF(first);
    rival_check(r, (uint64_t)sum);
    r->operations += NODES;
  }
}

static void graph(Rival *r) {
  Plan plans[PLANS];
  plans_draw(r, plans);
  for (int64_t made = 0; made < 1000000 / NODES; made++) {
    const Plan *plan = &plans[made % PLANS];
    PyObject *nodes = have(PyList_New(NODES));
    for (int v = 0; v < NODES; v++) PyList_SET_ITEM(nodes, v, (PyObject *)Vertex_new(v + 1));
    for (int v = 0; v < NODES; v++)
      for (int e = 0; e < FANOUT; e++)
        ((Vertex *)PyList_GET_ITEM(nodes, v))->e[e] = another(PyList_GET_ITEM(nodes, plan->to[v][e]));
    int64_t sum = 0;
    for (int v = 0; v < NODES; v++) {
      const Vertex *x = (Vertex *)PyList_GET_ITEM(nodes, v);
      sum += x->v;
      for (int e = 0; e < FANOUT; e++) sum += x->e[e]->v;
    }
    Py_DECREF(nodes);
    rival_check(r, (uint64_t)sum);
    r->operations += NODES;
  }
}

/* --- rcP, rcS ---------------------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) int64_t take_some(PyObject *hand, Py_ssize_t at) {
  PyObject *a[TAKEN];
  for (int i = 0; i < TAKEN; i++) a[i] = another(PyList_GET_ITEM(hand, at + i));
  int64_t v = value(a[3]);
  for (int i = 0; i < TAKEN; i++) Py_DECREF(a[i]);
  return v;
}

static void take(Rival *r, size_t live, size_t held, int64_t operations, bool shared) {
  (void)shared; /* there is one thread */
  PyObject *objects = have(PyList_New((Py_ssize_t)live)), *hand = have(PyList_New((Py_ssize_t)held));
  for (size_t i = 0; i < live; i++) PyList_SET_ITEM(objects, i, box(value_for(r, i, live)));
  for (size_t i = 0; i < held; i++) PyList_SET_ITEM(hand, i, another(PyList_GET_ITEM(objects, i % live)));
  int64_t sum = 0;
  for (int64_t k = 0; k < operations / TAKEN; k++) sum += take_some(hand, (Py_ssize_t)rng_below(&r->rng, held - TAKEN + 1));
  rival_check(r, (uint64_t)sum);
  Py_DECREF(hand);
  Py_DECREF(objects);
  r->operations += (uint64_t)operations;
}

/* --- gen, genl --------------------------------------------------------------------------------------------------------------------- */

enum { ITEMS = 1 << 18, PASSES = 32 };

typedef struct Range {
  PyObject_HEAD int64_t at, stop;
} Range;
static PyObject *Range_next(PyObject *o) {
  Range *g = (Range *)o;
  return g->at == g->stop ? NULL : box(g->at++);
}
static PyTypeObject Range_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "Range",
    .tp_basicsize = sizeof(Range),
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = Range_next,
};

static int64_t pull(Rival *r) {
  Range *g = (Range *)have((PyObject *)PyObject_New(Range, &Range_type));
  g->at = VALUE_BASE + (int64_t)rng_below(&r->rng, 1 << 20);
  g->stop = g->at + ITEMS;
  int64_t sum = 0;
  iternextfunc next = Py_TYPE(g)->tp_iternext;
  for (PyObject *o; (o = next((PyObject *)g));) sum += take_value(o);
  Py_DECREF(g);
  return sum;
}
static int64_t materialise(Rival *r) {
  int64_t first = VALUE_BASE + (int64_t)rng_below(&r->rng, 1 << 20), sum = 0;
  PyObject *list = have(PyList_New(0));
  for (int64_t i = 0; i < ITEMS; i++) append(list, first + i);
  for (Py_ssize_t i = 0; i < ITEMS; i++) sum += item_value(list, i);
  Py_DECREF(list);
  return sum;
}
static void generators(Rival *r, bool lists) {
  int64_t sum = 0;
  for (int i = 0; i < PASSES; i++) sum += lists ? materialise(r) : pull(r);
  rival_check(r, (uint64_t)sum);
  r->operations += PASSES * ITEMS;
}

/* --- The rival --------------------------------------------------------------------------------------------------------------------- */

static const char *rival_lacks(void) {
  return rival_options.threads > 1 ? "one thread at a time: it has a global lock, and no loop of an interpreter to hand it on"
                                   : NULL;
}
static const char *rival_version(void) { return "CPython " PY_VERSION; }
static void rival_begin(void) {
  Py_InitializeEx(0);
  if (PyType_Ready(&Tree_type) || PyType_Ready(&Link_type) || PyType_Ready(&Vertex_type) || PyType_Ready(&Range_type)) exit(1);
#if !defined(CPYTHON_COLLECTOR)
  PyGC_Disable();
#endif
}
static void rival_thread_begin(int index) { (void)index; }
