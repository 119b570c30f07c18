/* shipped.h: to be included before shipped sources by a test of tests/protocols: what they ask of the system is asked of the model instead. All
   system headers that they include come first, so that these macros do not meet a declaration. Accesses to memory need none of this
   (model.h); here their places are told, so that faults can be planted there. */
#ifndef RECLAIM_TESTS_MODEL_SHIPPED_H
#define RECLAIM_TESTS_MODEL_SHIPPED_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/model/model.h"

/* As it is measured. */
#define MM_MALLOC   0
#define MM_CHECK    0
#define MM_COUNTING 0
/* But where that would be too much to be tried in all ways. */
#define MODEL_CHECKED 1

/* --- Where the next step is ------------------------------------------------------------------------------------------------------- */

void model_site(const char *in, const char *op, const char *text);
#define MODEL_AT(op, text) model_site(__func__, op, text)

#define __atomic_load_n(p, o)                         (MODEL_AT("load", #p), __atomic_load_n(p, o))
#define __atomic_store_n(p, v, o)                     (MODEL_AT("store", #p ", " #v), __atomic_store_n(p, v, o))
#define __atomic_exchange_n(p, v, o)                  (MODEL_AT("exchange", #p ", " #v), __atomic_exchange_n(p, v, o))
#define __atomic_fetch_add(p, v, o)                   (MODEL_AT("add", #p ", " #v), __atomic_fetch_add(p, v, o))
#define __atomic_fetch_sub(p, v, o)                   (MODEL_AT("sub", #p ", " #v), __atomic_fetch_sub(p, v, o))
#define __atomic_fetch_and(p, v, o)                   (MODEL_AT("and", #p ", " #v), __atomic_fetch_and(p, v, o))
#define __atomic_fetch_or(p, v, o)                    (MODEL_AT("or", #p ", " #v), __atomic_fetch_or(p, v, o))
#define __atomic_add_fetch(p, v, o)                   (MODEL_AT("add", #p ", " #v), __atomic_add_fetch(p, v, o))
#define __atomic_sub_fetch(p, v, o)                   (MODEL_AT("sub", #p ", " #v), __atomic_sub_fetch(p, v, o))
#define __atomic_compare_exchange_n(p, e, v, w, o, f) (MODEL_AT("cas", #p ", " #v), __atomic_compare_exchange_n(p, e, v, w, o, f))
/* Those of stdatomic.h come down to these, by gcc and by clang. */
#define __atomic_load(p, r, o)          (MODEL_AT("load", #p), __atomic_load(p, r, o))
#define __atomic_store(p, v, o)         (MODEL_AT("store", #p), __atomic_store(p, v, o))
#define __atomic_exchange(p, v, r, o)   (MODEL_AT("exchange", #p), __atomic_exchange(p, v, r, o))
#define __c11_atomic_load(p, o)         (MODEL_AT("load", #p), __c11_atomic_load(p, o))
#define __c11_atomic_store(p, v, o)     (MODEL_AT("store", #p), __c11_atomic_store(p, v, o))
#define __c11_atomic_exchange(p, v, o)  (MODEL_AT("exchange", #p), __c11_atomic_exchange(p, v, o))
#define __c11_atomic_fetch_add(p, v, o) (MODEL_AT("add", #p), __c11_atomic_fetch_add(p, v, o))
#define __c11_atomic_fetch_sub(p, v, o) (MODEL_AT("sub", #p), __c11_atomic_fetch_sub(p, v, o))
#define __c11_atomic_fetch_and(p, v, o) (MODEL_AT("and", #p), __c11_atomic_fetch_and(p, v, o))
#define __c11_atomic_fetch_or(p, v, o)  (MODEL_AT("or", #p), __c11_atomic_fetch_or(p, v, o))

/* --- Waiting, and waking -------------------------------------------------------------------------------------------------------------- */

int model_mutex_lock(pthread_mutex_t *);
int model_mutex_unlock(pthread_mutex_t *);
int model_cond_wait(pthread_cond_t *, pthread_mutex_t *, bool timed);
int model_cond_wake(pthread_cond_t *, bool all);
long model_syscall(long number, uint32_t *word, int what, uint32_t value);
int model_thread_new(pthread_t *, void *(*)(void *), void *arg);
int model_thread_join(pthread_t);
void *model_map(size_t);

/* What succeeds, and has nothing to do. */
static inline int model_fine(void) { return 0; }

#define pthread_mutex_init(m, a)         ((void)(m), (void)(a), model_fine())
#define pthread_mutex_destroy(m)         ((void)(m), model_fine())
#define pthread_mutex_lock(m)            (MODEL_AT("lock", #m), model_mutex_lock(m))
#define pthread_mutex_unlock(m)          (MODEL_AT("unlock", #m), model_mutex_unlock(m))
#define pthread_condattr_init(a)         ((void)(a), model_fine())
#define pthread_condattr_setclock(a, c)  ((void)(a), model_fine())
#define pthread_condattr_destroy(a)      ((void)(a), model_fine())
#define pthread_cond_init(c, a)          ((void)(c), (void)(a), model_fine())
#define pthread_cond_destroy(c)          ((void)(c), model_fine())
#define pthread_cond_wait(c, m)          (MODEL_AT("wait", #c), model_cond_wait(c, m, false))
#define pthread_cond_timedwait(c, m, t)  ((void)(t), MODEL_AT("wait", #c), model_cond_wait(c, m, true))
#define pthread_cond_signal(c)           (MODEL_AT("signal", #c), model_cond_wake(c, false))
#define pthread_cond_broadcast(c)        (MODEL_AT("broadcast", #c), model_cond_wake(c, true))
#define pthread_attr_init(a)             ((void)(a), model_fine())
#define pthread_attr_setstacksize(a, n)  ((void)(a), model_fine())
#define pthread_attr_destroy(a)          ((void)(a), model_fine())
#define pthread_sigmask(how, set, old)   ((void)(set), (void)(old), model_fine())
#define sigfillset(set)                  ((void)(set), model_fine())
#define pthread_create(id, attr, f, arg) ((void)(attr), model_thread_new(id, f, arg))
#define pthread_join(id, result)         model_thread_join(id)
#define syscall(number, word, what, value, ...)                                                                                  \
  (MODEL_AT((what) == FUTEX_WAIT_PRIVATE ? "futex-wait" : "futex-wake", #word),                                                  \
   model_syscall((number), (uint32_t *)(word), (what), (uint32_t)(value)))

#define mmap(at, bytes, prot, flags, fd, offset) model_map(bytes)
#define munmap(p, bytes)                         ((void)(p), (void)(bytes), model_fine())
#define clock_gettime(id, t)                     ((void)(id), *(t) = (struct timespec){0, 0}, model_fine())

/* What the compiler does not tell of, since a sanitizer would replace the functions. */
void *model_copy(void *to, const void *from, size_t);
void *model_set(void *, int, size_t);
#define memcpy(to, from, n)  model_copy(to, from, n)
#define memmove(to, from, n) model_copy(to, from, n)
#define memset(p, c, n)      model_set(p, c, n)

#endif
