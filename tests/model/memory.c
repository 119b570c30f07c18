/* memory.c: what is in memory, as each thread sees it: the part of C11's memory model that can be executed step by step.

   Each atomic object has a history of messages: values in modification order. A thread has a view: for each object the oldest message that it may
   still read. A load may return any message from there on, and moves the view there. A store may take any place behind there, so that it comes before
   stores that its thread has not seen; mostly it comes last, which is the first that is tried. A release store puts the thread's view into its message,
   an acquire load joins it to its own; a relaxed one does neither. An atomic update reads any message that no other update has read, is the next behind it, and hands
   on the view of what it read (release sequences, as C++20 has them). A sequentially consistent access comes behind the last sequentially consistent store
   of its object. (Kang et al. 2017, "A promising semantics", without promises; Lahav et al. 2017, "RC11".)

   Weaker than any processor, and than C11 but in two things: no store is executed before a load that stands in front of it, and a weak compare-and-swap does
   not fail where it could succeed. Where atomic objects overlap, as a header and its fields do, what is written comes last.

   Plain accesses are made to memory itself, at once. That is right as long as they do not race, so races are looked for: each thread has a vector
   clock, and each byte the times at which each thread last accessed it. */
#include "tests/model/internal.h"

#include <stdatomic.h>
#include <string.h>

enum { MESSAGES = 384, CELLS = 1 << 13, PER_CELL = 10 };

typedef struct Message {
  uint64_t value;
  bool updated; /* an update has read it, which nothing may come in between */
  bool unread;  /* a plain write: its value is whatever is in memory when somebody looks */
  bool has_view;
  View view;
} Message;

typedef struct Location {
  uintptr_t at;
  unsigned size, n;
  unsigned sc;              /* the newest sequentially consistent store */
  bool overlaps;            /* some of its bytes are those of another */
  uint16_t order[MESSAGES]; /* messages by their place in modification order */
  uint16_t place[MESSAGES]; /* the other way round */
  Message message[MESSAGES];
} Location;

/* Eight bytes of memory. */
typedef struct Cell {
  uintptr_t key;
  uint32_t execution; /* in which all of this was said */
  unsigned nlocations;
  uint8_t location[PER_CELL];
  uint8_t by; /* threads that accessed it, a bit each */
  uint16_t time[ACCESSES][MODEL_THREADS][8];
} Cell;

static Location locations[LOCATIONS];
static unsigned nlocations;
static Cell cells[CELLS];
static uint32_t execution;
static View views[MODEL_THREADS];
static uint64_t last_read[MODEL_THREADS][LOCATIONS];

void view_join(View *into, const View *v) {
  for (unsigned i = 0; i < nlocations; i++)
    if (locations[i].place[v->from[i]] > locations[i].place[into->from[i]]) into->from[i] = v->from[i];
  for (int i = 0; i < MODEL_THREADS; i++)
    if (v->clock[i] > into->clock[i]) into->clock[i] = v->clock[i];
}

View *view_of(int thread) { return &views[thread]; }

void memory_begin(void) {
  execution++;
  nlocations = 0;
  memset(views, 0, sizeof views);
  for (int i = 0; i < MODEL_THREADS; i++) views[i].clock[i] = 1;
}

/* --- Places ------------------------------------------------------------------------------------------------------------------------- */

static Cell *cell_of(uintptr_t at) {
  uintptr_t key = at >> 3;
  for (size_t i = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 40), tries = 0; tries < CELLS; i++, tries++) {
    Cell *c = &cells[i % CELLS];
    if (c->execution == execution && c->key == key) return c;
    if (c->execution == execution) continue;
    c->execution = execution;
    c->key = key;
    c->nlocations = c->by = 0;
    memset(c->time, 0, sizeof c->time);
    return c;
  }
  model_give_up("the model has no room for so much memory");
}

static uint64_t in_memory(uintptr_t at, unsigned size) {
  uint64_t v = 0;
  memcpy(&v, (void *)at, size);
  return v;
}
static void set_memory(uintptr_t at, unsigned size, uint64_t v) { memcpy((void *)at, &v, size); }

static bool overlaps(const Location *l, uintptr_t at, size_t size) { return l->at < at + size && at < l->at + l->size; }

static Message *newest(Location *l) {
  Message *m = &l->message[l->order[l->n - 1]];
  if (m->unread) {
    m->value = in_memory(l->at, l->size);
    m->unread = false;
  }
  return m;
}
/* A message at that place in modification order, those behind it moved. */
static unsigned add_message(Location *l, unsigned place) {
  if (l->n == MESSAGES) model_give_up("the model has no room for so many stores to one place");
  (void)newest(l);
  unsigned k = l->n++;
  for (unsigned i = k; i > place; i--) {
    l->order[i] = l->order[i - 1];
    l->place[l->order[i]] = (uint16_t)i;
  }
  l->order[place] = (uint16_t)k;
  l->place[k] = (uint16_t)place;
  l->message[k].unread = l->message[k].has_view = l->message[k].updated = false;
  return k;
}

static Location *location_of(uintptr_t at, unsigned size) {
  Cell *c = cell_of(at);
  for (unsigned i = 0; i < c->nlocations; i++) {
    Location *l = &locations[c->location[i]];
    if (l->at == at && l->size == size) {
      Message *m = newest(l);
      if (m->value != in_memory(at, size)) model_give_up("the model was not told of a write");
      return l;
    }
  }
  if (nlocations == LOCATIONS || c->nlocations == PER_CELL) model_give_up("the model has no room for so many atomic objects");
  if ((at & 7) + size > 8) model_give_up("an atomic access that is not aligned");
  Location *l = &locations[nlocations];
  c->location[c->nlocations++] = (uint8_t)nlocations++;
  l->at = at;
  l->size = size;
  l->n = 1;
  l->sc = 0;
  l->message[0].value = in_memory(at, size);
  l->message[0].unread = l->message[0].has_view = l->message[0].updated = false;
  l->order[0] = l->place[0] = 0;
  l->overlaps = false;
  for (unsigned i = 0; i + 1 < c->nlocations; i++) {
    Location *other = &locations[c->location[i]];
    if (overlaps(other, at, size)) l->overlaps = other->overlaps = true;
  }
  return l;
}
static unsigned number_of(const Location *l) { return (unsigned)(l - locations); }

/* Other atomic objects that have some of the same bytes: a header's word and its fields. What was written there is one message more. */
static void tell_others(Location *but, uintptr_t at, size_t size, const View *view) {
  for (uintptr_t a = at & ~(uintptr_t)7; a < at + size; a += 8) {
    Cell *c = cell_of(a);
    for (unsigned i = 0; i < c->nlocations; i++) {
      Location *l = &locations[c->location[i]];
      if (l == but || !overlaps(l, at, size)) continue;
      unsigned k = add_message(l, l->n);
      l->message[k].unread = true;
      if (view) l->message[k].has_view = true, l->message[k].view = *view;
      views[running()].from[number_of(l)] = (uint16_t)k;
    }
  }
}

/* --- Races -------------------------------------------------------------------------------------------------------------------------- */

static const char *const access_name[] = {"read", "write", "atomic read", "atomic write"};
/* Which accesses of others must have come before one of that kind. */
static const bool excludes[ACCESSES][ACCESSES] = {
    [PLAIN_READ] = {[PLAIN_WRITE] = true, [ATOMIC_WRITE] = true},
    [PLAIN_WRITE] = {true, true, true, true},
    [ATOMIC_READ] = {[PLAIN_WRITE] = true},
    [ATOMIC_WRITE] = {[PLAIN_READ] = true, [PLAIN_WRITE] = true},
};

static void access_cell(Cell *c, unsigned first, unsigned end, int kind) {
  int me = running();
  const uint16_t *clock = views[me].clock;
  c->by |= (uint8_t)(1 << me);
  for (int k = 0; k < ACCESSES && c->by != 1 << me; k++) {
    if (!excludes[kind][k]) continue;
    for (int t = 0; t < MODEL_THREADS; t++) {
      if (t == me) continue;
      for (unsigned b = first; b < end; b++)
        if (c->time[k][t][b] > clock[t])
          model_fail("race: thread %d: %s of %p, thread %d: %s", me, access_name[kind], (void *)((c->key << 3) + b), t,
                     access_name[k]);
    }
  }
  for (unsigned b = first; b < end; b++) c->time[kind][me][b] = clock[me];
}
static void access_memory(uintptr_t at, size_t size, int kind) {
  while (size) {
    unsigned first = at & 7, end = first + size < 8 ? first + (unsigned)size : 8;
    access_cell(cell_of(at), first, end, kind);
    at += end - first;
    size -= end - first;
  }
}

void memory_plain(uintptr_t at, size_t size, bool write) {
  access_memory(at, size, write ? PLAIN_WRITE : PLAIN_READ);
  if (write) tell_others(NULL, at, size, NULL);
}

/* --- Atomic accesses ------------------------------------------------------------------------------------------------------------------ */

static bool acquires(int order) { return order != memory_order_relaxed && order != memory_order_release; }
static bool releases(int order) { return order >= memory_order_release; }

/* The thread has read message k. */
static uint64_t read_message(Location *l, unsigned k, int order) {
  View *v = &views[running()];
  const Message *m = &l->message[k];
  v->from[number_of(l)] = (uint16_t)k;
  if (acquires(order) && m->has_view) view_join(v, &m->view);
  last_read[running()][number_of(l)] = m->value;
  note_value(m->value);
  return m->value;
}
/* The place of the oldest message that may be read, or written behind. */
static unsigned oldest(const Location *l, int order) {
  unsigned from = l->place[views[running()].from[number_of(l)]];
  return order == memory_order_seq_cst && l->place[l->sc] > from ? l->place[l->sc] : from;
}

uint64_t memory_load(uintptr_t at, unsigned size, int order, bool again) {
  Location *l = location_of(at, size);
  access_memory(at, size, ATOMIC_READ);
  if (again) return last_read[running()][number_of(l)];
  return read_message(l, l->order[l->n - 1 - choose_stale(l->n - oldest(l, order))], order);
}

/* `place`: in modification order. `handed`: the message that an update read, whose view goes on. */
static void write_message(Location *l, unsigned place, uint64_t value, int order, const Message *handed) {
  View *v = &views[running()];
  unsigned k = add_message(l, place);
  Message *m = &l->message[k];
  bool last = place == l->n - 1;
  v->from[number_of(l)] = (uint16_t)k;
  m->value = l->size < 8 ? value & (((uint64_t)1 << 8 * l->size) - 1) : value;
  m->has_view = releases(order) || (handed && handed->has_view);
  if (m->has_view) {
    if (handed && handed->has_view) {
      m->view = handed->view;
      if (releases(order)) view_join(&m->view, v);
    } else {
      m->view = *v;
    }
  }
  if (order == memory_order_seq_cst) l->sc = k;
  access_memory(l->at, l->size, ATOMIC_WRITE);
  if (last) {
    tell_others(l, l->at, l->size, m->has_view ? &m->view : NULL);
    set_memory(l->at, l->size, value);
  }
  if (releases(order)) v->clock[running()]++;
  note_value(value);
  note_write();
}

/* Places that a store may take, or behind which an update may: the newest first. */
static unsigned places(const Location *l, int order, unsigned at[]) {
  unsigned n = 0, from = oldest(l, order);
  at[n++] = l->n;
  if (l->overlaps) return n;
  for (unsigned p = l->n - 1; p-- > from;)
    if (!l->message[l->order[p]].updated) at[n++] = p + 1;
  return n;
}

void memory_store(uintptr_t at, unsigned size, uint64_t value, int order) {
  Location *l = location_of(at, size);
  unsigned place[MESSAGES], n = places(l, order, place);
  write_message(l, place[choose_stale(n)], value, order, NULL);
}

static unsigned update_place; /* of the update under way: behind what it reads */

uint64_t memory_update(uintptr_t at, unsigned size, int order) {
  Location *l = location_of(at, size);
  unsigned place[MESSAGES], n = places(l, order, place);
  update_place = place[choose_stale(n)];
  return l->message[l->order[update_place - 1]].value;
}
void memory_update_end(uintptr_t at, unsigned size, uint64_t value, int order) {
  Location *l = location_of(at, size);
  unsigned k = l->order[update_place - 1];
  access_memory(at, size, ATOMIC_READ);
  (void)read_message(l, k, order);
  l->message[k].updated = true;
  write_message(l, update_place, value, order, &l->message[k]);
}

/* It is made behind any message that it expects, or fails by any other. */
bool memory_compare(uintptr_t at, unsigned size, uint64_t *expected, int order, int fails) {
  Location *l = location_of(at, size);
  unsigned place[MESSAGES], n = 0, all = places(l, order, place);
  for (unsigned i = 0; i < all; i++)
    if (l->message[l->order[place[i] - 1]].value == *expected) place[n++] = place[i];
  unsigned good = n;
  for (unsigned p = l->n, from = oldest(l, fails); p-- > from;)
    if (l->message[l->order[p]].value != *expected) place[n++] = p + 1;
  /* What would be done by the newest comes first. */
  if (good && good < n && newest(l)->value != *expected) {
    unsigned first = place[0];
    place[0] = place[good];
    place[good] = first;
  }
  update_place = place[choose_stale(n)];
  unsigned k = l->order[update_place - 1];
  if (l->message[k].value == *expected) return true;
  access_memory(at, size, ATOMIC_READ);
  *expected = read_message(l, k, fails);
  return false;
}

uint32_t memory_newest(uintptr_t at) { return (uint32_t)newest(location_of(at, sizeof(uint32_t)))->value; }
