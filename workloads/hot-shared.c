/* hot-shared: what the threads of an interpreter do to its types all day: many private objects, each with a reference to one of a few
   objects that are everybody's, immutable, and long-lived. An operation goes from one of the thread's own instances to its type, to the
   type's attributes, and to one of them, taking and dropping a reference to each; now and then it goes on to the base, looks the name up
   in a dict, or makes the instance anew. Between operations there is private work.

   A count that all threads write is then what they wait for, however little they share. With `publish=static` the strategy may count
   these objects in another way, or not at all (om_share_static).

   Private: each thread has types of its own. */
#include "runtime/work.h"

enum { P_TYPES, P_ATTRIBUTES, P_LIVE, P_OPERATIONS, P_WORK, P_RENEW_EVERY, P_BASE_EVERY, P_DICT_EVERY, P_PUBLISH };
enum { PUBLISH_SHARED, PUBLISH_STATIC };
static const char *const publications[] = {"shared", "static"};

static const reclaim_param params[] = {
    {"types", "hot objects, each with its attributes", "", 4, 1, 1 << 16, NULL},
    {"attributes", "attributes of each type", "", 8, 1, 1 << 10, NULL},
    {"live", "instances that each thread has", "", 1000, 1, 1 << 24, NULL},
    {"operations", "look-ups of an attribute by each thread", "", 1000000, 1, INT64_C(1) << 40, NULL},
    {"private-work", "private objects that are made and dropped with each operation", "", 2, 0, 1000, NULL},
    {"renew-every", "every so many operations an instance is made anew, of another type; 0: never", "", 4, 0, 1 << 30, NULL},
    {"base-every", "every so many operations the attribute is the base's; 0: never", "", 4, 0, 1 << 30, NULL},
    {"dict-every", "every so many operations the attribute is looked up by its name in the type's dict; 0: never", "", 0, 0,
     1 << 30, NULL},
    {"publish", "shared: like anything that threads share; static: as what the strategy may count in another way, or not at all",
     "", PUBLISH_SHARED, 0, PUBLISH_STATIC, publications},
};

enum { VALUE_BASE = SMALL_INT_MAX + 1, SHARED_TYPES = 0 };
enum { TYPE_BASE, TYPE_ATTRIBUTES, TYPE_DICT, TYPE_EDGES };
enum { INSTANCE_TYPE, INSTANCE_NEXT };

/* --- Facts ------------------------------------------------------------------------------------------------------------------------- */

static const char prefix[] = "attribute-";
static uint64_t name_bytes(uint64_t i) {
  uint64_t digits = 1;
  for (; i >= 10; i /= 10) digits++;
  return WORK_BYTES(SIZE_STR(sizeof prefix - 1 + digits));
}

static uint64_t live_bytes(const int64_t *p, int threads, uint32_t sharing) {
  uint64_t types = (uint64_t)p[P_TYPES], n = (uint64_t)p[P_ATTRIBUTES], live = (uint64_t)p[P_LIVE];
  uint64_t names = 0;
  for (uint64_t i = 0; i < n; i++) names += name_bytes(i);
  uint64_t table = 8;
  while (n * 3 >= table * 2) table *= 2; /* as dict_new(n) has it */
  uint64_t type =
      WORK_BYTES(SIZE_NODE(TYPE_EDGES)) + WORK_BYTES(SIZE_ARRAY(n)) + n * SIZE_LEAF + SIZE_DICT + WORK_BYTES(SIZE_TABLE(table));
  uint64_t copies = sharing == RECLAIM_PRIVATE ? (uint64_t)threads : 1;
  return copies * (WORK_BYTES(SIZE_ARRAY(types)) + types * type + names) +
         (uint64_t)threads * (WORK_BYTES(SIZE_ARRAY(live)) + live * SIZE_NODE(2));
}

static const char *refuse(const int64_t *p, int threads, uint32_t sharing) {
  (void)threads;
  if (sharing == RECLAIM_PRIVATE && p[P_PUBLISH] == PUBLISH_STATIC) return "private publishes nothing: publish must be shared";
  return NULL;
}

/* --- Types ----------------------------------------------------------------------------------------------------------------------------- */

static int64_t attribute_value(uint64_t type, uint64_t i) { return (int64_t)(VALUE_BASE + (mix64(type << 20 | i) >> 32)); }

static OWNED Own make_names(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_ATTRIBUTES];
  LET(T, names, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, names, i, str_new_int(T, prefix, (int64_t)i));
  }
  return slot_take(T, names);
}

/* With its attributes in an array, and by name in a dict: the same objects. */
static OWNED Own make_type(Thr *T, Work *w, uint64_t k, Slot *base, Slot *names) {
  size_t n = (size_t)w->p[P_ATTRIBUTES];
  LET(T, attributes, array_new(T, n));
  LET(T, dict, dict_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    LET(T, value, int_new(T, attribute_value(k, i)));
    array_set(T, attributes, i, slot_dup(T, value));
    LET(T, name, array_get(T, names, i));
    dict_put(T, dict, name, slot_take(T, value));
  }
  LET(T, type, node_make(T, (int64_t)k, TYPE_EDGES));
  node_set(T, type, TYPE_BASE, slot_dup(T, base));
  node_set(T, type, TYPE_ATTRIBUTES, slot_take(T, attributes));
  node_set(T, type, TYPE_DICT, slot_take(T, dict));
  return slot_take(T, type);
}

/* Each is the base of the next; the first has none. */
static OWNED Own make_types(Thr *T, Work *w) {
  size_t n = (size_t)w->p[P_TYPES];
  LET(T, types, array_new(T, n));
  LET(T, names, make_names(T, w));
  LET(T, base, own_mk(T, NULL));
  for (size_t k = 0; k < n; k++) {
    mm_poll(T);
    LET(T, type, make_type(T, w, k, base, names));
    slot_set(T, base, slot_dup(T, type));
    array_set(T, types, k, slot_take(T, type));
  }
  return slot_take(T, types);
}

/* --- Operations --------------------------------------------------------------------------------------------------------------------------- */

static OWNED Own make_instance(Thr *T, Work *w, Slot *types) {
  LET(T, type, array_get(T, types, (size_t)rng_below(&w->rng, (uint64_t)w->p[P_TYPES])));
  LET(T, none, own_mk(T, NULL));
  return node_new(T, 0, type, slot_take(T, none));
}

static OWNED Own make_instances(Thr *T, Work *w, Slot *types) {
  size_t n = (size_t)w->p[P_LIVE];
  LET(T, instances, array_new(T, n));
  for (size_t i = 0; i < n; i++) {
    mm_poll(T);
    array_set(T, instances, i, make_instance(T, w, types));
  }
  return slot_take(T, instances);
}

typedef struct Mix {
  Every renew, base, dict;
} Mix;

/* Attribute i of the type, or of its base. */
static int64_t look_up(Thr *T, Slot *type, size_t i) {
  LET(T, attributes, node_get(T, type, TYPE_ATTRIBUTES));
  return own_int(T, array_get(T, attributes, i));
}
static int64_t look_up_by_name(Thr *T, Slot *type, Slot *name) {
  LET(T, dict, node_get(T, type, TYPE_DICT));
  return own_int(T, dict_get(T, dict, name));
}

static int64_t operate(Thr *T, Work *w, Slot *instances, Slot *names, Mix *m) {
  size_t i = (size_t)rng_below(&w->rng, (uint64_t)w->p[P_ATTRIBUTES]);
  LET(T, instance, array_get(T, instances, (size_t)rng_below(&w->rng, (uint64_t)w->p[P_LIVE])));
  LET(T, type, node_get(T, instance, INSTANCE_TYPE));
  if (is_due(&m->base)) {
    LET(T, base, node_get(T, type, TYPE_BASE));
    if (!slot_is_null(base)) slot_set(T, type, slot_take(T, base));
  }
  if (!is_due(&m->dict)) return look_up(T, type, i);
  LET(T, name, array_get(T, names, i));
  return look_up_by_name(T, type, name);
}

/* A few objects that nobody else will ever know. */
static int64_t work_alone(Thr *T, Work *w, int64_t v) {
  LET(T, head, node_leaf(T, v));
  LET(T, none, own_mk(T, NULL));
  for (int64_t i = 1; i < w->p[P_WORK]; i++) {
    mm_poll(T);
    slot_set(T, head, node_new(T, v + i, none, slot_take(T, head)));
  }
  return node_value(T, head);
}

static void work_on(Thr *T, Work *w, Slot *types) {
  LET(T, instances, make_instances(T, w, types));
  work_hold(T, w);
  LET(T, names, make_names(T, w)); /* its own: what is looked up by name is looked up by an equal string */
  Mix m = {every(w->p[P_RENEW_EVERY]), every(w->p[P_BASE_EVERY]), every(w->p[P_DICT_EVERY])};
  int64_t sum = 0;
  for (int64_t k = 0; k < w->p[P_OPERATIONS]; k++) {
    mm_poll(T);
    sum += operate(T, w, instances, names, &m);
    if (w->p[P_WORK]) sum += work_alone(T, w, k);
    if (is_due(&m.renew)) array_set(T, instances, (size_t)rng_below(&w->rng, (uint64_t)w->p[P_LIVE]), make_instance(T, w, types));
  }
  w->operations += (uint64_t)w->p[P_OPERATIONS];
  work_check(w, (uint64_t)sum);
}

/* --- An iteration ---------------------------------------------------------------------------------------------------------------------- */

static void publish(Thr *T, Work *w) {
  LET(T, types, make_types(T, w));
  if (w->p[P_PUBLISH] == PUBLISH_STATIC) om_share_static(T, types);
  work_publish(T, w, SHARED_TYPES, types);
}
static void retract(Thr *T, Work *w) {
  LET(T, types, work_retract(T, w, SHARED_TYPES));
  if (w->p[P_PUBLISH] == PUBLISH_STATIC) om_end_static(T, types);
}
static void work_on_shared(Thr *T, Work *w) {
  LET(T, types, work_global(T, w, SHARED_TYPES));
  work_on(T, w, types);
}

static void run(Thr *T, Work *w) {
  if (w->sharing == RECLAIM_PRIVATE) {
    LET(T, types, make_types(T, w));
    work_on(T, w, types);
    return;
  }
  if (w->index == 0) publish(T, w);
  work_barrier(T, w);
  work_on_shared(T, w);
  work_barrier(T, w); /* nobody has a reference any more */
  if (w->index == 0) retract(T, w);
}

static const Workload hot_shared = {
    {
        .name = "hot-shared",
        .summary = "private work between look-ups in a few type-like objects that all threads refer to",
        .probes = "contention on counts, immortality",
        .operation = "look-up of an attribute",
        .params = params,
        .nparams = sizeof params / sizeof *params,
        .sharing = RECLAIM_SHARED_READ | RECLAIM_PRIVATE,
        .live_bytes = live_bytes,
        .refuse = refuse,
    },
    run,
};
WORKLOAD_REGISTER(hot_shared);
