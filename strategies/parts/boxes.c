/* boxes.c: see boxes.h. */
#include MM_STRATEGY_HEADER

#ifdef BOXES_OF
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "strategies/parts/boxes.h"
#include "strategies/parts/spill.h"
#include "strategies/parts/system.h"

#ifdef MODEL_CHECKED /* tests/model */
enum { SLAB = 4, SPINS = 1 };
#else
enum { SLAB = 128, SPINS = 200 };
#endif

typedef struct Slab {
  struct Slab *next;
  Parcel parcel[SLAB];
} Slab;

#define BOXES_BYTES ((size_t)BIASED_NOBODY * sizeof(Box))

bool boxes_init(Boxes *B) {
  memset(B, 0, sizeof *B);
  pthread_mutex_init(&B->mutex, NULL);
  B->box = system_new(BOXES_BYTES);
  return B->box;
}

void boxes_destroy(Boxes *B) {
  system_free(B->box, BOXES_BYTES);
  for (Slab *s = B->slabs, *next; s; s = next) next = s->next, system_free(s, sizeof *s);
  pthread_mutex_destroy(&B->mutex);
}

void boxes_attach(Boxes *B, Thr *T) {
  uint32_t id = atomic_fetch_add(&B->ids, 1) + 1;
  T->biased.acting = BIASED_NOBODY;
  if (id >= BIASED_NOBODY) {
    atomic_store(&B->ids, BIASED_NOBODY); /* long before it comes round */
    T->biased.id = BIASED_NOBODY;
    return;
  }
  T->biased.id = id;
  T->biased.box = &B->box[id];
  T->biased.box->thread = T;
  BIASED_STORE(&T->biased.box->head, BOX_BLOCKED, RELEASE);
}

/* --- Parcels ---------------------------------------------------------------------------------------------------------------------- */

static void make_parcels(Thr *T, Boxes *B) {
  Slab *s = system_new(sizeof *s);
  if (!s) T->heap->config->fail(RECLAIM_FAIL_OUT_OF_MEMORY, "no memory for objects that wait to be merged");
  s->next = B->slabs;
  B->slabs = s;
  for (int i = 0; i < SLAB; i++) {
    s->parcel[i].link.next = B->unused ? &B->unused->link : NULL;
    B->unused = &s->parcel[i];
  }
}

static Parcel *parcel_new(Thr *T, uint32_t to) {
  Boxes *B = BOXES_OF(T);
  pthread_mutex_lock(&B->mutex);
  if (!B->unused) make_parcels(T, B);
  Parcel *p = B->unused;
  B->unused = (Parcel *)p->link.next;
  pthread_mutex_unlock(&B->mutex);
  p->to = to;
  p->n = p->bytes = p->references = 0;
  return p;
}

static void parcel_end(Thr *T, Parcel *p) {
  Boxes *B = BOXES_OF(T);
  pthread_mutex_lock(&B->mutex);
  p->link.next = B->unused ? &B->unused->link : NULL;
  B->unused = p;
  pthread_mutex_unlock(&B->mutex);
}

/* --- Merging ---------------------------------------------------------------------------------------------------------------------- */

/* By the owner of o, by its stand-in, or, where it has exited, by the thread that made o queued. */
static void merge(Thr *T, Obj *o) {
  uint32_t word = biased_merge(&o->count, &o->bits);
  if (word == 0 || ((word & BIASED_SPILLED) && spill_settle(T, o))) stack_push(&T->dead, o);
}

/* Counts the merges in *counter. */
static void merge_all(Thr *T, BoxLink *list, uint64_t *counter) {
  for (Parcel *p = (Parcel *)list, *next; p; p = next) {
    next = (Parcel *)p->link.next;
    for (uint32_t i = 0; i < p->n; i++) merge(T, p->o[i]);
    *counter += p->n;
    parcel_end(T, p);
  }
}

/* The owner may go on. Whoever of the two comes second to `asleep` sees what the other did before. */
static void wake(Box *box) {
  if (__atomic_exchange_n(&box->asleep, 0, __ATOMIC_ACQ_REL))
    syscall(SYS_futex, &box->asleep, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* T stands in for the box's owner, and has done what it came for. */
static void leave(Thr *T, Box *box) {
  BoxLeave how;
  while ((how = box_leave(&box->head)) == BOX_HAS_MAIL) merge_all(T, box_take(&box->head), &T->biased.blocked_merges);
  if (how == BOX_HANDED_BACK) wake(box);
}

bool boxes_enter(Thr *T, uint32_t owner) {
  if (T->biased.acting != BIASED_NOBODY) boxes_leave(T);
  if (!box_enter(&BOXES_OF(T)->box[owner].head)) return false;
  T->biased.acting = owner;
  return true;
}

void boxes_leave(Thr *T) {
  Box *box = &BOXES_OF(T)->box[T->biased.acting];
  T->biased.acting = BIASED_NOBODY;
  leave(T, box);
}

static void deliver(Thr *T, Parcel *p) {
  Box *box = &BOXES_OF(T)->box[p->to];
  p->link.next = NULL;
  switch (box_push(&box->head, &p->link)) {
  case BOX_EXITED: merge_all(T, &p->link, &T->biased.exited_merges); break;
  case BOX_BLOCKED:
    merge_all(T, &p->link, &T->biased.blocked_merges);
    leave(T, box);
    break;
  default: /* after the push, and before the owner looks: see mm_poll_slow */
    atomic_store_explicit(&box->thread->poll, 1, memory_order_release);
  }
}

static void deliver_slot(Thr *T, Parcel **slot) {
  Parcel *p = *slot;
  *slot = NULL;
  T->biased.nopen--;
  deliver(T, p);
}

void boxes_deliver(Thr *T) {
  for (int i = 0; T->biased.nopen; i = (i + 1) % PARCELS_OPEN)
    if (T->biased.open[i]) deliver_slot(T, &T->biased.open[i]);
}

/* References that o has directly, more or less: others may be changing it. Of a list or dict, those of its array or table. */
static size_t references_of(const Obj *o) {
  switch (o->kind) {
  case KIND_NODE:
  case KIND_GEN: return o->n;
  case KIND_LIST: return load_relaxed(&load_acquire(&((const List *)o)->arr)->len);
  case KIND_DICT: return load_relaxed(&load_acquire(&((const Dict *)o)->table)->used);
  case KIND_TUPLE:
  case KIND_ARRAY: return load_relaxed(&((const Array *)o)->len);
  case KIND_TABLE: return load_relaxed(&((const Table *)o)->used);
  default: return 0;
  }
}

static bool is_full(Parcel *p, const Obj *o) {
  size_t bytes = p->bytes + obj_size(o), references = p->references + references_of(o);
  p->bytes = (uint32_t)bytes;
  p->references = (uint32_t)references;
  return p->n == PARCEL_OBJECTS || bytes >= PARCEL_BYTES || references >= PARCEL_REFERENCES;
}

void boxes_send(Thr *T, Obj *o, uint32_t owner) {
  Parcel **slot = &T->biased.open[owner % PARCELS_OPEN];
  T->biased.requests++;
  if (*slot && (*slot)->to != owner) deliver_slot(T, slot);
  if (!*slot) {
    *slot = parcel_new(T, owner);
    T->biased.nopen++;
  }
  Parcel *p = *slot;
  p->o[p->n++] = o;
  if (is_full(p, o)) deliver_slot(T, slot);
}

void boxes_empty_for(Thr *T, Thr *owner) {
  Box *box = owner->biased.box;
  if (!box || owner->biased.id == BIASED_NOBODY) return;
  uint64_t before = T->biased.own_merges;
  merge_all(T, box_take(&box->head), &T->biased.own_merges);
  if (T->biased.own_merges - before > T->biased.longest) T->biased.longest = T->biased.own_merges - before;
}

void boxes_empty(Thr *T) { boxes_empty_for(T, T); }

void boxes_remind(Thr *T) {
  Boxes *B = BOXES_OF(T);
  uint32_t ids = atomic_load(&B->ids);
  for (uint32_t id = 1; id <= ids && id < BIASED_NOBODY; id++) {
    uintptr_t head = BIASED_LOAD(&B->box[id].head, ACQUIRE);
    if (box_list(head) && box_state(head) == BOX_RUNNING)
      atomic_store_explicit(&B->box[id].thread->poll, 1, memory_order_release);
  }
}

/* --- Sleeping, returning, ending ----------------------------------------------------------------------------------------------------- */

bool boxes_block(Thr *T) { return T->biased.id == BIASED_NOBODY || box_block(&T->biased.box->head); }

/* It has a stand-in, which knows by now that it is to leave, and most likely does so at once. */
static COLD void await(Thr *T, Box *box) {
  T->biased.waits++;
  for (int i = 0; i < SPINS; i++) {
    if (box_return(&box->head)) return;
    cpu_relax();
  }
  for (;;) {
    __atomic_exchange_n(&box->asleep, 1, __ATOMIC_ACQ_REL);
    if (box_return(&box->head)) break;
    syscall(SYS_futex, &box->asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
  }
  __atomic_store_n(&box->asleep, 0, __ATOMIC_RELAXED);
}

void boxes_return(Thr *T) {
  if (T->biased.id == BIASED_NOBODY) return;
  Box *box = T->biased.box;
  if (UNLIKELY(!box_return(&box->head))) await(T, box);
}

bool boxes_close(Thr *T) { return T->biased.id == BIASED_NOBODY || box_close(&T->biased.box->head); }
#endif
