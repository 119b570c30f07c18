/* trace-shift.c: the end of a job that several workers share (strategies/parts/shift.h), checked in every interleaving. A model of a crew,
   its steps as fine as the atomic steps of crew.c and trace.c, runs the header's own functions on its word; all its states are visited, and

     safety     once the leader has closed, no work is left and nobody is inside
     liveness   from every state, a closed one can be reached: no wake-up is lost, nobody waits for ever

   Then rules are broken on purpose, one at a time, and the same search must find it. */
#include "strategies/parts/shift.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS_MAX = 4, STATES = 1 << 22, GATES = 8 /* more than anybody can pass it while the leader falls asleep */ };

/* What a worker is about to do. A helper sleeps from SLEEPING on; the leader's last steps are those of crew_run and crew_wait. */
enum place { WORKING, WAIT_READ, WAIT_SAY, WAIT_LOOK, WAIT_SLEEP, CLOSING, CLOSED, OUTSIDE, LEFT, SLEEPING };

typedef struct State {
  uint32_t word;
  uint8_t place[WORKERS_MAX];
  uint8_t holds[WORKERS_MAX]; /* work that is its own */
  uint8_t offers[WORKERS_MAX];
  uint8_t spare; /* work that processing may still find */
  uint8_t gate, seen, waits,
      will_wake;      /* modulo GATES; crew.c's: gate, the leader's look at it, leader_waits, a leaver that was the last */
  uint8_t after_wait; /* whether the leader waits inside its job or after it */
  uint8_t calls;      /* of sleeping helpers that are still to come */
} State;

typedef struct Rules {
  int workers, work, calls;
  bool leaves_offers;   /* broken: a helper leaves though something that it offered is still there */
  bool closes_blindly;  /* broken: being alone and closing are two steps */
  bool works_outside;   /* broken: a helper takes work before it is inside */
  bool sleeps_unlooked; /* broken: the leader does not look once more before it sleeps */
} Rules;

/* --- The search ---------------------------------------------------------------------------------------------------------------- */

typedef struct Search {
  const Rules *rules;
  State *state; /* all that were met, in that order */
  size_t nstates, nedges, edges_max;
  uint32_t (*edge)[2];
  uint32_t *table; /* state + 1 by hash */
  bool unsafe;
} Search;

static uint64_t hash(const State *s) {
  const unsigned char *b = (const unsigned char *)s;
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < sizeof *s; i++) h = (h ^ b[i]) * UINT64_C(0x100000001b3);
  return h;
}

static uint32_t intern(Search *q, const State *s) {
  for (uint64_t i = hash(s) % STATES;; i = (i + 1) % STATES) {
    if (!q->table[i]) {
      cr_assert_lt(q->nstates, (size_t)STATES / 2, "the model has too many states");
      q->state[q->nstates] = *s;
      q->table[i] = (uint32_t)++q->nstates;
      return q->table[i] - 1;
    }
    if (!memcmp(&q->state[q->table[i] - 1], s, sizeof *s)) return q->table[i] - 1;
  }
}

static void step(Search *q, uint32_t from, const State *to) {
  uint32_t at = intern(q, to);
  if (q->nedges == q->edges_max) {
    q->edges_max = q->edges_max ? 2 * q->edges_max : 1 << 16;
    q->edge = realloc(q->edge, q->edges_max * sizeof *q->edge);
    cr_assert(q->edge);
  }
  q->edge[q->nedges][0] = from;
  q->edge[q->nedges++][1] = at;
}

/* --- The model ----------------------------------------------------------------------------------------------------------------- */

static bool is_out_of_work(const State *s, int i) { return !s->holds[i] && !s->offers[i]; }

/* Work of a worker that is inside, or believes it is. */
static void work(Search *q, uint32_t from, const State *s, int i) {
  State t;
  if (s->holds[i]) {
    for (int found = 0; found <= 2 && found <= s->spare; found++) { /* scans an object: finds some more */
      t = *s;
      t.holds[i] = (uint8_t)(t.holds[i] - 1 + found);
      t.spare = (uint8_t)(t.spare - found);
      step(q, from, &t);
    }
    t = *s;
    t.holds[i]--, t.offers[i]++;
    step(q, from, &t);
    return;
  }
  if (s->offers[i]) { /* takes back */
    t = *s;
    t.offers[i]--, t.holds[i]++;
    step(q, from, &t);
    return;
  }
  for (int j = 0; j < q->rules->workers; j++) { /* steals */
    if (j == i || !s->offers[j]) continue;
    t = *s;
    t.offers[j]--, t.holds[i]++;
    step(q, from, &t);
  }
}

static void lead(Search *q, uint32_t from, const State *s) {
  State t = *s;
  switch (s->place[0]) {
  case WORKING:
    work(q, from, s, 0);
    if (!is_out_of_work(s, 0)) return;
    t.place[0] = shift_is_alone((Shift *)&t.word) ? CLOSING : WAIT_READ; /* or it spins, which is no step */
    t.after_wait = WORKING;
    step(q, from, &t);
    return;
  case WAIT_READ: t.seen = t.gate, t.place[0] = WAIT_SAY; break;
  case WAIT_SAY: t.waits = 1, t.place[0] = WAIT_LOOK; break;
  case WAIT_LOOK:
    t.place[0] = !q->rules->sleeps_unlooked && shift_is_alone((Shift *)&t.word) ? t.after_wait : WAIT_SLEEP;
    if (t.place[0] != WAIT_SLEEP) t.waits = 0;
    break;
  case WAIT_SLEEP:
    if (t.gate == t.seen) return; /* sleeps */
    t.waits = 0, t.place[0] = t.after_wait;
    break;
  case CLOSING:
    if (q->rules->closes_blindly) {
      t.place[0] = CLOSED; /* it was alone a moment ago */
      t.word = 0;
    } else if (shift_close((Shift *)&t.word)) {
      t.place[0] = CLOSED;
    } else {
      t.place[0] = WAIT_READ;
      t.after_wait = CLOSING;
    }
    break;
  default: return;
  }
  step(q, from, &t);
}

static void help(Search *q, uint32_t from, const State *s, int i) {
  State t = *s;
  switch (s->place[i]) {
  case SLEEPING: /* it is called, or wakes by itself */
    if (!s->calls) return;
    t.calls--, t.place[i] = OUTSIDE;
    step(q, from, &t);
    return;
  case OUTSIDE:
    if (q->rules->works_outside) work(q, from, s, i);
    t = *s;
    t.place[i] = shift_enter((Shift *)&t.word) ? WORKING : SLEEPING;
    step(q, from, &t);
    return;
  case WORKING:
    work(q, from, s, i);
    if (s->holds[i] || (s->offers[i] && !q->rules->leaves_offers)) return;
    t.will_wake = shift_leave((Shift *)&t.word);
    t.place[i] = t.will_wake ? LEFT : SLEEPING;
    step(q, from, &t);
    return;
  case LEFT: /* it was the last: wakes a leader that waits */
    if (t.waits) t.gate = (t.gate + 1) % GATES;
    t.will_wake = 0, t.place[i] = SLEEPING;
    step(q, from, &t);
    return;
  default: return;
  }
}

/* Nothing may be left when the leader has closed, and nobody may be at work. */
static bool is_safe(const State *s, int workers) {
  if (s->place[0] != CLOSED) return true;
  for (int i = 0; i < workers; i++)
    if (!is_out_of_work(s, i) || (i && s->place[i] == WORKING)) return false;
  return true;
}

/* Visits all states. False: one of them is unsafe, or no closed one can be reached from it. */
static bool holds(const Rules *rules, size_t *nstates) {
  Search q = {.rules = rules, .state = malloc(STATES / 2 * sizeof(State)), .table = calloc(STATES, sizeof *q.table)};
  cr_assert(q.state && q.table);
  State first = {.spare = (uint8_t)(rules->work - 1), .calls = (uint8_t)rules->calls};
  first.holds[0] = 1;
  for (int i = 1; i < rules->workers; i++) first.place[i] = SLEEPING;
  shift_open((Shift *)&first.word);
  intern(&q, &first);
  for (uint32_t at = 0; at < q.nstates && !q.unsafe; at++) {
    State s = q.state[at];
    q.unsafe = !is_safe(&s, rules->workers);
    if (q.unsafe) break;
    lead(&q, at, &s);
    for (int i = 1; i < rules->workers; i++) help(&q, at, &s, i);
  }
  /* Backwards from the closed ones: edges until nothing changes. */
  bool *ends = calloc(q.nstates, 1), all = !q.unsafe;
  cr_assert(ends);
  for (size_t i = 0; i < q.nstates; i++) ends[i] = q.state[i].place[0] == CLOSED;
  for (bool changed = all; changed;) {
    changed = false;
    for (size_t i = q.nedges; i-- > 0;)
      if (ends[q.edge[i][1]] && !ends[q.edge[i][0]]) ends[q.edge[i][0]] = changed = true;
  }
  for (size_t i = 0; i < q.nstates && all; i++) all = ends[i];
  *nstates = q.nstates;
  free(ends), free(q.state), free(q.table), free(q.edge);
  return all;
}

Test(shift, ends_safely_and_always_in_every_interleaving, .timeout = 120) {
  size_t states, most = 0;
  for (int workers = 1; workers <= WORKERS_MAX; workers++)
    for (int work = 1; work <= 5; work++)
      for (int calls = 0; calls <= 4; calls++) {
        cr_assert(holds(&(Rules){workers, work, calls, 0, 0, 0, 0}, &states), "%d workers, %d objects, %d calls", workers, work,
                  calls);
        if (states > most) most = states;
      }
  cr_assert_gt(most, (size_t)50000); /* that much was searched */
}

Test(shift, broken_rules_are_found, .timeout = 120) {
  size_t states;
  cr_assert_not(holds(&(Rules){3, 4, 3, .leaves_offers = true}, &states));
  cr_assert_not(holds(&(Rules){3, 4, 3, .closes_blindly = true}, &states));
  cr_assert_not(holds(&(Rules){3, 4, 3, .works_outside = true}, &states));
  cr_assert_not(holds(&(Rules){3, 4, 3, .sleeps_unlooked = true}, &states));
}
