/* The parts of a cell that can be judged alone: samples, percentiles, JSON, the team, the control, memory. */
#define _GNU_SOURCE
#include "harness/cell/code.h"
#include "harness/cell/control.h"
#include "harness/cell/json.h"
#include "harness/cell/memory.h"
#include "harness/cell/migrations.h"
#include "harness/cell/result.h"
#include "harness/cell/team.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* --- Samples -------------------------------------------------------------------------------------------------------------- */

Test(samples, mean_is_weighted_by_time) {
  const struct cell_sample s[] = {{100, 1000}, {200, 1000}, {210, 5000}, {400, 5000}};
  cr_expect_eq(cell_mean_bytes(s, 4, 100, 200), 1000);
  cr_expect_eq(cell_mean_bytes(s, 4, 210, 400), 5000);
  cr_expect_eq(cell_mean_bytes(s, 4, 200, 210), 3000, "the slope between two samples");
  cr_expect_eq(cell_mean_bytes(s, 4, 100, 400), (100 * 1000 + 10 * 3000 + 190 * 5000) / 300);
  cr_expect_eq(cell_mean_bytes(s, 4, 205, 210), 4000, "an edge between samples is interpolated");
  cr_expect_eq(cell_mean_bytes(s, 4, 202, 207), 2800, "both edges between the same two samples");
  cr_expect_eq(cell_mean_bytes(s, 4, 0, 100), 1000, "level before the first");
  cr_expect_eq(cell_mean_bytes(s, 4, 300, 900), 5000, "level after the last");
  cr_expect_eq(cell_mean_bytes(s, 4, 205, 205), 3000, "an empty window is a point");
  cr_expect_eq(cell_mean_bytes(s, 0, 0, 10), RECLAIM_NONE);
}

Test(samples, maximum_counts_the_edges) {
  const struct cell_sample s[] = {{100, 1000}, {200, 3000}, {300, 500}};
  cr_expect_eq(cell_max_bytes(s, 3, 100, 300), 3000);
  cr_expect_eq(cell_max_bytes(s, 3, 100, 150), 2000);
  cr_expect_eq(cell_max_bytes(s, 3, 250, 400), 1750);
  cr_expect_eq(cell_max_bytes(s, 0, 0, 1), RECLAIM_NONE);
}

Test(samples, thinning_keeps_every_second) {
  struct cell_sample s[7];
  for (uint64_t i = 0; i < 7; i++) s[i] = (struct cell_sample){i, i * i};
  cr_assert_eq(cell_thin_samples(s, 7), 4);
  for (uint64_t i = 0; i < 4; i++) cr_expect(s[i].at_ns == 2 * i && s[i].bytes == 4 * i * i);
  cr_expect_eq(cell_thin_samples(s, 4), 2);
  cr_expect_eq(s[1].at_ns, 4);
}

static _Atomic uint64_t seen_over;
static void over(uint64_t bytes) { atomic_store(&seen_over, bytes); }

/* Touches memory until the sampler has noticed that it went over a limit; then what it saw must show in the window. */
Test(samples, sampler_sees_memory_and_the_limit) {
  enum { STEP = 1 << 22 };
  char err[128] = "";
  uint64_t before = cell_rss_exact(), mean, most, from = cell_now_ns();
  struct cell_sampler *s = cell_sampler_start(NULL, 0, before + 16 * STEP, over, err, sizeof err);
  cr_assert_not_null(s, "%s", err);
  uint64_t touched = 0;
  while (!atomic_load(&seen_over)) {
    void *p = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED) break;
    touched += STEP;
    usleep(1000);
  }
  cr_expect_gt(atomic_load(&seen_over), before + 16 * STEP);
  cell_sampler_window(s, from, cell_now_ns(), &mean, &most);
  cr_expect_gt(most, before + 16 * STEP);
  cr_expect_leq(most, before + touched + 16 * STEP);
  cr_expect(mean < most && mean > before / 2);
  size_t n, later;
  const struct cell_sample *samples = cell_sampler_freeze(s, &n);
  cr_expect_gt(n, 2);
  for (size_t i = 1; i < n; i++) cr_expect_gt(samples[i].at_ns, samples[i - 1].at_ns);
  struct cell_sampler_use use = cell_sampler_used(s);
  cr_expect_gt(use.switches, 0, "a thread that sleeps is switched");
  usleep(5000);
  cell_sampler_freeze(s, &later);
  cr_expect_eq(later, n, "frozen samples do not grow");
  cell_sampler_free(s);
}

/* --- Memory --------------------------------------------------------------------------------------------------------------- */

Test(memory, peak_is_of_what_follows_its_reset) {
  enum { SIZE = 64 << 20, SLACK = 8 << 20 };
  char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  cr_assert_neq(p, MAP_FAILED);
  uint64_t full = cell_rss_exact();
  int statm = open("/proc/self/statm", O_RDONLY);
  uint64_t quick = cell_rss_quick(statm);
  cr_expect(quick < full + SLACK && full < quick + SLACK);
  munmap(p, SIZE);
  uint64_t empty = cell_rss_exact();
  cr_expect_lt(empty + SIZE - SLACK, full);
  cr_expect_geq(cell_peak_bytes() + SLACK, full);
  if (cell_peak_reset()) cr_expect_lt(cell_peak_bytes(), empty + SLACK);
  cr_expect_eq(cell_rss_quick(-1), RECLAIM_NONE);
  cr_expect_gt(cell_memory_available(), SIZE);
  close(statm);
}

/* --- Percentiles and pooling ---------------------------------------------------------------------------------------------- */

static void add(reclaim_histogram *h, uint64_t value) {
  h->count[reclaim_bucket(value)]++;
  h->total_count++;
  if (value > h->max_ns) h->max_ns = value;
}

/* Never below the true value, and above it by at most one bucket: an eighth. */
Test(result, percentiles_are_tight_from_above) {
  static reclaim_histogram h;
  cr_expect_eq(cell_percentile(&h, 0.99), RECLAIM_NONE);
  for (uint64_t v = 1; v <= 10000; v++) add(&h, v * v);
  const double parts[] = {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    uint64_t rank = (uint64_t)ceil(parts[i] * 10000), exact = rank * rank, got = cell_percentile(&h, parts[i]);
    cr_expect(got >= exact && got <= exact + exact / 8, "%g: %zu for %zu", parts[i], (size_t)got, (size_t)exact);
  }
  cr_expect_eq(cell_percentile(&h, 1), 100000000);
  add(&h, UINT64_MAX - 1);
  cr_expect_eq(cell_percentile(&h, 1), UINT64_MAX - 1, "the last bucket ends at the maximum");
}

Test(result, pooling) {
  static struct cell_result r;
  static reclaim_stats a, b;
  a.collections = 2, a.minor_collections = 5, a.ncounters = 2;
  a.counters[0] = (reclaim_counter){"steps", 3}, a.counters[1] = (reclaim_counter){"gil-longest-step", 70};
  add(&a.pauses, 1000);
  b.collections = 1, b.minor_collections = RECLAIM_NONE, b.ncounters = 3;
  b.counters[0] = (reclaim_counter){"gil-longest-step", 40}, b.counters[1] = (reclaim_counter){"steps", 4};
  b.counters[2] = (reclaim_counter){"unknown", RECLAIM_NONE};
  add(&b.pauses, 9000);
  cell_result_pool(&r, &a);
  cell_result_pool(&r, &b);
  cr_expect_eq(r.all_collections, 8);
  cr_expect_eq(r.pauses.total_count, 2);
  cr_expect_eq(r.pauses.max_ns, 9000);
  cr_assert_eq(r.ncounters, 3);
  cr_expect_eq(r.counters[0].value, 7);
  cr_expect_eq(r.counters[1].value, 70);
  cr_expect_eq(r.counters[2].value, RECLAIM_NONE);
  b.collections = RECLAIM_NONE;
  cell_result_pool(&r, &b);
  cr_expect_eq(r.all_collections, RECLAIM_NONE);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------------- */

Test(json, reads_back) {
  FILE *f = tmpfile();
  struct cell_json j;
  char longer[70000];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  cell_json_begin(&j, fileno(f));
  cell_json_open(&j, '{');
  cell_json_key(&j, "text");
  cell_json_string(&j, "a \"quoted\" \\ line\n\t\x01 caf\xc3\xa9 \xf0\x9f\x8c\xb2");
  cell_json_break(&j);
  cell_json_key(&j, "bad");
  cell_json_string(&j, "\xff\xc0\x80|\xed\xa0\x80|\xe2\x82");
  cell_json_key(&j, "none");
  cell_json_string(&j, NULL);
  cell_json_key(&j, "long");
  cell_json_string(&j, longer);
  cell_json_key(&j, "list");
  cell_json_open(&j, '[');
  cell_json_unsigned(&j, INT64_MAX);
  cell_json_unsigned(&j, RECLAIM_NONE);
  cell_json_signed(&j, -5);
  cell_json_number(&j, 0.1);
  cell_json_number(&j, NAN);
  cell_json_bool(&j, true);
  cell_json_open(&j, '{');
  cell_json_close(&j, '}');
  cell_json_open(&j, '[');
  cell_json_close(&j, ']');
  cell_json_close(&j, ']');
  cell_json_close(&j, '}');
  cr_assert_eq(cell_json_end(&j), 0);
  rewind(f);
  json_error_t e;
  json_t *o = json_loadf(f, 0, &e);
  cr_assert_not_null(o, "%s at %d", e.text, e.position);
  cr_expect_str_eq(json_string_value(json_object_get(o, "text")), "a \"quoted\" \\ line\n\t\x01 caf\xc3\xa9 \xf0\x9f\x8c\xb2");
  cr_expect_str_eq(json_string_value(json_object_get(o, "bad")), "???|???|??");
  cr_expect(json_is_null(json_object_get(o, "none")));
  cr_expect_str_eq(json_string_value(json_object_get(o, "long")), longer);
  json_t *list = json_object_get(o, "list");
  cr_assert_eq(json_array_size(list), 8);
  cr_expect_eq(json_integer_value(json_array_get(list, 0)), INT64_MAX);
  cr_expect(json_is_null(json_array_get(list, 1)));
  cr_expect_eq(json_integer_value(json_array_get(list, 2)), -5);
  cr_expect_eq(json_real_value(json_array_get(list, 3)), 0.1);
  cr_expect(json_is_null(json_array_get(list, 4)));
  cr_expect(json_is_true(json_array_get(list, 5)));
  cr_expect_eq(json_object_size(json_array_get(list, 6)) + json_array_size(json_array_get(list, 7)), 0);
  json_decref(o);
  fclose(f);
}

Test(json, failed_write_is_told) {
  struct cell_json j;
  int fd = open("/dev/full", O_WRONLY);
  cell_json_begin(&j, fd);
  cell_json_string(&j, "x");
  cr_expect_eq(cell_json_end(&j), ENOSPC);
  close(fd);
}

/* --- The team ------------------------------------------------------------------------------------------------------------- */

enum { MEMBERS = 5, TURNS = 2000 };
static struct {
  pthread_t self[MEMBERS];
  int turns[MEMBERS], elsewhere;
  _Atomic int inside, together;
  uint64_t start[MEMBERS], end[MEMBERS];
} seen;

static void job_note(int i, void *context) {
  seen.start[i] = cell_now_ns();
  if (seen.turns[i] == 0) seen.self[i] = pthread_self();
  if (!pthread_equal(seen.self[i], pthread_self())) seen.elsewhere++;
  seen.turns[i] += *(int *)context;
  seen.end[i] = cell_now_ns();
}

static void check_team(bool oversubscribed) {
  char err[128] = "";
  int step = 1;
  struct cell_team *t = cell_team_start(MEMBERS, oversubscribed, err, sizeof err);
  cr_assert_not_null(t, "%s", err);
  memset(&seen, 0, sizeof seen);
  uint64_t last = 0;
  for (int turn = 1; turn <= TURNS; turn++) {
    struct cell_window w = cell_team_do(t, job_note, &step);
    cr_assert_geq(w.start.at_ns, last, "windows do not overlap");
    cr_assert_leq(w.start.at_ns, w.end.at_ns);
    for (int i = 0; i < MEMBERS; i++) {
      cr_assert_eq(seen.turns[i], turn, "each member works once in each turn");
      cr_assert(seen.start[i] >= w.start.at_ns && seen.end[i] <= w.end.at_ns, "all work is inside the window");
    }
    last = w.end.at_ns;
  }
  cr_expect_eq(seen.elsewhere, 0, "members are the same threads throughout");
  cell_team_end(t);
}

Test(team, works_in_turns) { check_team(false); }
Test(team, works_in_turns_when_oversubscribed) { check_team(true); }

/* Members that meet at a barrier inside their job: a team that ran them one by one would never come back. */
static void job_meet(int i, void *barrier) {
  (void)i;
  pthread_barrier_wait(barrier);
}
Test(team, members_run_at_the_same_time, .timeout = 60) {
  char err[128] = "";
  pthread_barrier_t barrier;
  struct cell_team *t = cell_team_start(MEMBERS, true, err, sizeof err);
  pthread_barrier_init(&barrier, NULL, MEMBERS);
  for (int i = 0; i < 100; i++) cell_team_do(t, job_meet, &barrier);
  pthread_barrier_destroy(&barrier);
  cell_team_end(t);
}

static uint64_t own_cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static void job_burn(int i, void *used) {
  uint64_t start = own_cpu_ns(), now;
  while ((now = own_cpu_ns()) < start + 30000000) {}
  ((uint64_t *)used)[i] = now - start;
}
static uint64_t cpu_ns(const struct rusage *u) {
  return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000000u +
         (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000u;
}
Test(team, window_holds_the_cpu_time_of_all_members) {
  char err[128] = "";
  uint64_t used[2];
  struct cell_team *t = cell_team_start(2, true, err, sizeof err);
  struct cell_window w = cell_team_do(t, job_burn, used);
  uint64_t sum = used[0] + used[1], seen_by_window = cpu_ns(&w.end.use) - cpu_ns(&w.start.use);
  cr_expect(seen_by_window > sum - sum / 10 && seen_by_window < sum + sum / 10, "%zu of %zu", (size_t)seen_by_window,
            (size_t)sum);
  cr_expect_eq(w.start.sampler.switches, 0, "nobody is watched");
  cell_team_end(t);
}

/* --- The control, migrations ---------------------------------------------------------------------------------------------- */

Test(control, works_until_its_time) {
  struct cell_control *c = cell_control_make();
  cr_assert_not_null(c);
  uint64_t until = cell_now_ns() + 2000000;
  uint64_t units = cell_control_work(c, until);
  cr_expect_geq(cell_now_ns(), until);
  cr_expect_gt(units, 0);
  cr_expect_eq(cell_control_work(c, until), 0, "a time that is over allows no work");
  cell_control_free(c);
  cell_control_free(NULL);
}

/* The pages it touches are fresh: the work shows as faults. */
Test(control, touches_fresh_pages) {
  struct rusage before, after;
  struct cell_control *c = cell_control_make();
  getrusage(RUSAGE_THREAD, &before);
  uint64_t units = cell_control_work(c, cell_now_ns() + 2000000);
  getrusage(RUSAGE_THREAD, &after);
  cr_expect_geq((uint64_t)(after.ru_minflt - before.ru_minflt), units < 8192 ? units : 8192);
  cell_control_free(c);
}

Test(migrations, known_or_not) {
  int fd = cell_migrations_open();
  cr_expect_eq(cell_migrations_read(fd) == RECLAIM_NONE, fd < 0);
  cr_expect_eq(cell_migrations_read(-1), RECLAIM_NONE);
  cell_migrations_close(fd);
}

/* --- Code ----------------------------------------------------------------------------------------------------------------------- */

/* Whether the page of this address is the file's own (bit 61 of its entry), not a copy of this process. */
static bool is_of_file(uintptr_t address) {
  uint64_t entry = 0;
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  off_t at = (off_t)(address / (uintptr_t)sysconf(_SC_PAGESIZE) * sizeof entry);
  cr_assert(pread(fd, &entry, sizeof entry, at) == (ssize_t)sizeof entry);
  close(fd);
  cr_assert(entry >> 63, "it is in memory");
  return entry >> 61 & 1;
}

static _Atomic bool code_ran, code_done;
static void *run_code(void *unused) {
  (void)unused;
  while (!code_done) code_ran = own_cpu_ns() > 0;
  return NULL;
}

/* Ours and a library's, while another thread runs it; and what it says and takes stays what it was. */
Test(code, gets_pages_of_its_own) {
  pthread_t other;
  cr_assert(pthread_create(&other, NULL, run_code, NULL) == 0);
  while (!code_ran) {}
  uintptr_t ours = (uintptr_t)is_of_file, theirs = (uintptr_t)json_object;
  json_decref(json_object());
  cr_assert(is_of_file(ours) && is_of_file(theirs));
  uint64_t before = cell_rss_exact(), moved = cell_code_move(), after = cell_rss_exact();
  if (moved == RECLAIM_NONE) cr_skip("the system forbids it");
  cr_expect_gt(moved, 2);
  cr_expect(!is_of_file(ours) && !is_of_file(theirs));
  if (!RECLAIM_SANITIZED) cr_expect_lt(after, before + (UINT64_C(1) << 20)); /* a sanitizer takes memory as it likes */
  cr_expect_lt(cell_code_move(), moved / 2, "what has a page of its own keeps it");
  code_done = true;
  pthread_join(other, NULL);
}
