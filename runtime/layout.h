/* layout.h: from a slot to the typed object in it. In a checked build a wrong kind, or an object that was freed, stops the program
   here, so that no operation of runtime/objects reads another kind's fields. */
#ifndef RECLAIM_LAYOUT_H
#define RECLAIM_LAYOUT_H

#include "runtime/mm.h"

#if MM_CHECK
INLINE Obj *kind_check(Thr *T, Obj *o, unsigned lo, unsigned hi, const char *what) {
  if (!o || o->kind < lo || o->kind > hi) mm_panic(T, what);
  return o;
}
#define AS_(T, o, lo, hi, what) kind_check((T), (Obj *)(o), (lo), (hi), "expected " what)
#else
#define AS_(T, o, lo, hi, what) ((void)(T), (Obj *)(o))
#endif

#define AS_INT(T, o)   ((Int *)AS_(T, o, KIND_NONE, KIND_INT, "an int"))
#define AS_FLOAT(T, o) ((Float *)AS_(T, o, KIND_FLOAT, KIND_FLOAT, "a float"))
#define AS_STR(T, o)   ((Str *)AS_(T, o, KIND_STR, KIND_STR, "a str"))
#define AS_RAW(T, o)   ((Raw *)AS_(T, o, KIND_RAW, KIND_RAW, "a raw array"))
#define AS_LIST(T, o)  ((List *)AS_(T, o, KIND_LIST, KIND_LIST, "a list"))
#define AS_DICT(T, o)  ((Dict *)AS_(T, o, KIND_DICT, KIND_DICT, "a dict"))
#define AS_NODE(T, o)  ((Node *)AS_(T, o, KIND_NODE, KIND_NODE, "a node"))
#define AS_GEN(T, o)   ((Gen *)AS_(T, o, KIND_GEN, KIND_GEN, "a generator"))
#define AS_ARRAY(T, o) ((Array *)AS_(T, o, KIND_TUPLE, KIND_ARRAY, "a tuple or a boxed array"))
/* To be written to: what a tuple holds, it holds from birth to death. */
#define AS_BOXED(T, o) ((Array *)AS_(T, o, KIND_ARRAY, KIND_ARRAY, "a boxed array"))

#endif
