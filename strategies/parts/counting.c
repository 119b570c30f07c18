/* counting.c: the cascade of frees. See counting.h for the order and why. */
#include MM_STRATEGY_HEADER

#if MM_COUNTS_HEAP
#include "strategies/parts/counting.h"
#include "strategies/parts/clock.h"

/* A cascade of this many objects is timed from here on and enters the pause histogram. Shorter ones take microseconds, and reading
   the clock for each would cost more than they do. */
enum { CASCADE_TIMED = 1024 };

/* What has died and waits to be freed. Unshared: threaded through headers, kind and n kept. Shared: a lock-free reader may still
   look at the header, so these stand in an array of the thread. */
typedef struct Dead {
  Thr *T;
  Obj *list;
} Dead;

INLINE void dead_push(Dead *d, Obj *o) {
#if COUNT_ATOMIC
  if (UNLIKELY(o->bits & OBJ_SHARED)) {
    stack_push(&d->T->dead, o);
    return;
  }
#endif
  o->word = LINK_WORD(d->list, o->word);
  d->list = o;
}

INLINE void drop_child(Dead *d, Obj *c) {
  if (!c || !count_drop(d->T, c)) return;
  if (c->kind <= KIND_FLOAT && !(COUNT_ATOMIC && (c->bits & OBJ_SHARED)))
    count_free(d->T, c, SIZE_LEAF);
  else
    dead_push(d, c);
}
static inline void visit_drop(void *d, Obj **field) { drop_child(d, *field); }

/* Arrays are long and their items scattered: ask for the lines early. */
INLINE void drop_items(Dead *d, Array *a) {
  enum { AHEAD = 8 };
  uint32_t n = a->len;
  for (uint32_t i = 0; i < n; i++) {
    if (i + AHEAD < n) __builtin_prefetch(a->v[i + AHEAD]);
    drop_child(d, a->v[i]);
  }
}

INLINE void bury(Thr *T, Obj *o, size_t size) {
#if COUNT_ATOMIC
  if (UNLIKELY(o->bits & OBJ_SHARED)) {
    limbo_put(T, o);
    return;
  }
#endif
  count_free(T, o, size);
}

void count_die(Thr *T, Obj *o) {
  if (o->kind <= KIND_FLOAT) {
    bury(T, o, SIZE_LEAF);
    return;
  }
#if COUNT_ATOMIC
  size_t base = T->dead.n; /* a release from inside limbo's own drain may nest */
#endif
  Dead d = {T, NULL};
  uint64_t freed = 0, since = 0;
  for (;;) {
    if (UNLIKELY(++freed == CASCADE_TIMED)) since = wall_ns();
    switch (o->kind) {
    case KIND_NODE:
      if (LIKELY(o->n == 2) && !(COUNT_ATOMIC && (o->bits & OBJ_SHARED))) {
        Obj *l = ((Node *)o)->e[0], *r = ((Node *)o)->e[1];
        count_free(T, o, SIZE_NODE(2));
        bool dies = r && count_drop(T, r);
        if (l && count_drop(T, l)) {
          if (dies)
            dead_push(&d, l);
          else
            r = l, dies = true;
        }
        if (dies) {
          o = r;
          continue;
        }
        break;
      }
      obj_visit(o, visit_drop, &d);
      bury(T, o, SIZE_NODE(o->n));
      break;
    case KIND_LIST:
    case KIND_DICT: {
      Obj *part = (Obj *)((List *)o)->arr; /* a dict's table stands at the same place */
      bool dies = count_drop(T, part);
      bury(T, o, SIZE_LIST);
      if (dies) {
        o = part;
        continue;
      }
      break;
    }
    case KIND_TUPLE:
    case KIND_ARRAY:
      drop_items(&d, (Array *)o);
      bury(T, o, SIZE_ARRAY(((Array *)o)->cap));
      break;
    default: {
      obj_visit(o, visit_drop, &d);
      bury(T, o, obj_size(o));
      break;
    }
    }
    if (d.list) {
      o = d.list;
      d.list = LINK_NEXT(o->word);
      if (COUNT_ATOMIC) o->word &= 0xFFFF; /* bits are read again: unshared */
      continue;
    }
#if COUNT_ATOMIC
    if (T->dead.n > base) {
      o = T->dead.v[--T->dead.n];
      continue;
    }
#endif
    break;
  }
  if (freed > T->longest_cascade) T->longest_cascade = freed;
  if (UNLIKELY(since)) histogram_add(&T->cascades, wall_ns() - since);
}
#endif
