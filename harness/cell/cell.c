/* cell.c: one invocation from beginning to end.

   The caller's thread directs and sleeps while the team works; only what must be in a window is: the counters are reset, memory
   is walked and leaks are counted between windows. The cell's state is one static object, because a strategy that ends the cell
   (reclaim_config.fail) does so from any thread and without an argument to find it by. */
#define _GNU_SOURCE
#include "harness/cell/cell.h"
#include "harness/cell/allocator.h"
#include "harness/cell/code.h"
#include "harness/cell/control.h"
#include "harness/cell/memory.h"
#include "harness/cell/migrations.h"
#include "harness/cell/result.h"
#include "harness/cell/team.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRACING_NEEDS = 3 }; /* collections, below which a tracing strategy was not really measured */

struct seat { /* one mutator's */
  reclaim_thread *thread;
  reclaim_result result;
  int migrations; /* descriptor of its counter, -1 where there is none */
  char error[160];
};

static struct {
  struct cell_options options;
  struct cell_result result;
  struct cell_sampler *sampler;
  struct cell_team *team;
  struct seat *seats;
  struct cell_control **controls; /* of the seats */
  reclaim_config config;
  reclaim_heap *heap;
  reclaim_stats stats;
  uint64_t live_objects_before, live_bytes_before; /* of the next iteration */
  double plant_factor;                             /* of its own CPU time each mutator burns */
  _Atomic uint64_t own_ns;                         /* of CPU time in mutators, but for what was planted */
  _Atomic uint64_t burnt_ns;                       /* of CPU time on purpose, in all iterations */
  uint64_t grown_bytes;                            /* of memory */
  /* What the job at hand needs to know. */
  uint32_t iteration;
  bool audit;
} cell;

/* --- Ending --------------------------------------------------------------------------------------------------------------- */

static atomic_flag ending = ATOMIC_FLAG_INIT;

/* Ends the cell with a status; the first caller wins, and any other waits for the end of the process. */
static void __attribute__((noreturn, format(printf, 2, 3))) end_cell(const char *status, const char *format, ...) {
  while (atomic_flag_test_and_set_explicit(&ending, memory_order_acq_rel)) pause();
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(cell.result.reason, sizeof cell.result.reason, format, arguments);
  va_end(arguments);
  cell.result.status = status;
  int error = cell_result_write(&cell.result, cell.sampler);
  if (error) dprintf(STDERR_FILENO, "reclaim: cell: the result cannot be written: %s\n", strerror(error));
  _exit(error ? 1 : 0);
}

static void on_failure(enum reclaim_failure why, const char *reason) {
  const char *status = why == RECLAIM_FAIL_HEAP_TOO_SMALL ? "heap-too-small"
                       : why == RECLAIM_FAIL_CHECK        ? "wrong-checksum"
                                                          : "out-of-memory";
  end_cell(status, "%s", reason ? reason : "");
}

static void on_limit(uint64_t bytes) {
  end_cell("out-of-memory", "%" PRIu64 " bytes were resident, over the limit of %" PRIu64, bytes,
           cell.options.memory_limit_bytes);
}

/* A set-up that failed is a failed cell: what was asked for exists, and could not be had. */
static void __attribute__((noreturn)) end_set_up(const char *error) { end_cell("crashed", "set-up: %s", error); }

/* --- Jobs of the team ----------------------------------------------------------------------------------------------------- */

static void job_bind(int i, void *unused) {
  (void)unused;
  struct seat *s = &cell.seats[i];
  s->migrations = cell_migrations_open();
  if (cell.options.pin != PIN_NONE) cell_bind(&cell.options.cpus[i], 1, s->error, sizeof s->error);
  cell.controls[i] = cell_control_make();
}

static void job_control_end(int i, void *unused) {
  (void)unused;
  cell_control_free(cell.controls[i]);
}

static void job_attach(int i, void *unused) {
  (void)unused;
  cell.seats[i].thread = cell.options.strategy->attach(cell.heap, i);
  if (!cell.seats[i].thread) on_failure(RECLAIM_FAIL_OUT_OF_MEMORY, "a thread could not be attached");
}

static void job_run(int i, void *unused) {
  (void)unused;
  struct seat *s = &cell.seats[i];
  bool plants = cell.options.plant.cpu > 0;
  uint64_t before = plants ? cell_plant_clock() : 0;
  cell.options.strategy->run(s->thread, cell.iteration, cell.audit, &s->result);
  if (!plants) return;
  uint64_t own = cell_plant_clock() - before;
  atomic_fetch_add_explicit(&cell.own_ns, own, memory_order_relaxed);
  own = cell_plant_burn((uint64_t)((double)own * cell.plant_factor));
  atomic_fetch_add_explicit(&cell.burnt_ns, own, memory_order_relaxed);
}

/* The same, of an iteration that is measured: this name is what counts instructions (harness/gate/instructions.c) look for, since the first
   warm-up holds an audit of the heap, which is no part of the work. */
static __attribute__((noinline)) void job_run_measured(int i, void *unused) {
  job_run(i, unused);
  __asm__ volatile(""); /* a call, and no jump */
}

static void job_collect(int i, void *unused) {
  (void)unused;
  if (i == 0) cell.options.strategy->collect(cell.seats[0].thread);
}

static void job_detach(int i, void *unused) {
  (void)unused;
  cell.options.strategy->detach(cell.seats[i].thread);
}

/* --- The control ---------------------------------------------------------------------------------------------------------- */

static void run_control(void) {
  for (int i = 0; i < cell.options.threads; i++)
    if (!cell.controls[i]) end_set_up("no memory for the control");
  struct cell_control_reading r = cell_control_read(cell.team, cell.controls, cell.options.threads);
  cell.result.control_speed = r.speed;
  cell.result.control_speedup = r.speedup;
  cell_team_do(cell.team, job_control_end, NULL);
}

/* --- One iteration -------------------------------------------------------------------------------------------------------- */

static uint64_t timeval_ns(struct timeval t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u; }

/* a - b, at least 0; not known when one of them is not. */
static uint64_t less(uint64_t a, uint64_t b) { return a == RECLAIM_NONE || b == RECLAIM_NONE ? RECLAIM_NONE : a > b ? a - b : 0; }

/* CPU time of the window without the sampler's part in it. The kernel knows the sum exactly, and divides it into user and
   system by estimates, so the sum is what subtracting must keep right. */
static void fill_cpu(struct cell_row *r, const struct cell_edge *a, const struct cell_edge *b) {
  uint64_t user = timeval_ns(b->use.ru_utime) - timeval_ns(a->use.ru_utime);
  uint64_t system = timeval_ns(b->use.ru_stime) - timeval_ns(a->use.ru_stime);
  uint64_t sampler_user = b->sampler.user_ns - a->sampler.user_ns, sampler_system = b->sampler.system_ns - a->sampler.system_ns;
  uint64_t total = less(user + system, sampler_user + sampler_system), own = less(user, sampler_user);
  r->cpu_user_ns = own < total ? own : total;
  r->cpu_system_ns = total - r->cpu_user_ns;
}

/* Mutators burn in proportion to their own CPU time, at once, before anything else gets their CPU and caches. What collector threads take besides is
   known when an iteration is over, and is added for the next. */
static void learn_plant(const struct cell_window *w, uint64_t own_ns, uint64_t burnt_ns) {
  struct cell_row all;
  fill_cpu(&all, &w->start, &w->end);
  double share = own_ns ? (double)less(all.cpu_user_ns + all.cpu_system_ns, burnt_ns) / (double)own_ns : 1;
  cell.plant_factor = cell.options.plant.cpu * (share > 1 ? share : 1);
}

static void fill_use(struct cell_row *r, const struct cell_window *w) {
  const struct cell_edge *a = &w->start, *b = &w->end;
  r->start_ns = a->at_ns;
  r->wall_ns = b->at_ns - a->at_ns;
  fill_cpu(r, a, b);
  r->minor_faults = (uint64_t)(b->use.ru_minflt - a->use.ru_minflt);
  r->major_faults = (uint64_t)(b->use.ru_majflt - a->use.ru_majflt);
  r->context_switches = less((uint64_t)(b->use.ru_nvcsw - a->use.ru_nvcsw + b->use.ru_nivcsw - a->use.ru_nivcsw),
                             b->sampler.switches - a->sampler.switches);
}

static void fill_results(struct cell_row *r) {
  r->operations = r->checksum = r->cyclic_nodes = 0;
  for (int i = 0; i < cell.options.threads; i++) {
    r->operations += cell.seats[i].result.operations;
    r->checksum += cell.seats[i].result.checksum;
    r->cyclic_nodes += cell.seats[i].result.cyclic_nodes;
  }
}

static void fill_stats(struct cell_row *r, const reclaim_stats *s) {
  r->collector_wall_ns = s->collector_wall_ns;
  r->collector_cpu_ns = s->collector_cpu_ns;
  r->mutator_wall_ns = less(r->wall_ns, s->collector_wall_ns);
  r->mutator_cpu_ns = less(r->cpu_user_ns + r->cpu_system_ns, s->collector_cpu_ns);
  r->collections = s->collections;
  r->minor_collections = s->minor_collections;
  r->pause_max_ns = s->pauses.total_count ? s->pauses.max_ns : RECLAIM_NONE;
  /* of fewer than a hundred, that would be the longest under another name */
  r->pause_p99_ns = s->pauses.total_count >= 100 ? cell_percentile(&s->pauses, 0.99) : RECLAIM_NONE;
  r->committed_bytes = s->committed_bytes;
  r->allocated_bytes = s->allocated_bytes;
}

static uint64_t read_migrations(void) {
  uint64_t sum = 0;
  for (int i = 0; i < cell.options.threads; i++) {
    uint64_t n = cell_migrations_read(cell.seats[i].migrations);
    if (n == RECLAIM_NONE) return n;
    sum += n;
  }
  return sum;
}

/* Collects and looks at what is still there, outside of any window. */
static void count_live(uint64_t *objects, uint64_t *bytes) {
  cell_team_do(cell.team, job_collect, NULL);
  cell.options.strategy->stats(cell.heap, &cell.stats);
  *objects = cell.stats.live_objects;
  *bytes = cell.stats.live_bytes;
}

static void fill_leaks(struct cell_row *r) {
  uint64_t objects, bytes;
  count_live(&objects, &bytes);
  r->leaks_known = objects != RECLAIM_NONE && bytes != RECLAIM_NONE && cell.live_objects_before != RECLAIM_NONE;
  r->leaked_objects = (int64_t)(objects - cell.live_objects_before);
  r->leaked_bytes = (int64_t)(bytes - cell.live_bytes_before);
  cell.live_objects_before = objects;
  cell.live_bytes_before = bytes;
}

/* Runs the workload once, and notes what an audit says of its fullest moment. */
static struct cell_window run_once(uint32_t iteration, bool audit) {
  const reclaim_strategy *s = cell.options.strategy;
  cell.iteration = iteration;
  cell.audit = audit;
  s->reset_stats(cell.heap);
  uint64_t own_ns = cell.own_ns, burnt_ns = cell.burnt_ns;
  bool measured = iteration >= (uint32_t)cell.options.warmup;
  struct cell_window w = cell_team_do(cell.team, measured ? job_run_measured : job_run, NULL);
  if (cell.options.plant.cpu > 0) learn_plant(&w, cell.own_ns - own_ns, cell.burnt_ns - burnt_ns);
  s->stats(cell.heap, &cell.stats);
  if (audit && (s->capabilities & RECLAIM_RECLAIMS)) { /* without what earlier iterations have leaked */
    cell.result.live_objects = less(cell.stats.live_objects, cell.live_objects_before);
    cell.result.live_bytes = less(cell.stats.live_bytes, cell.live_bytes_before);
  }
  return w;
}

/* After an iteration: up to the planted share of its own peak, where that is more than there is. */
static void grow(uint64_t peak_bytes) {
  if (peak_bytes == RECLAIM_NONE) end_cell("crashed", "memory cannot be planted where its peak is not known");
  uint64_t due = (uint64_t)((double)less(peak_bytes, cell.grown_bytes) * cell.options.plant.rss);
  if (due <= cell.grown_bytes) return;
  if (!cell_plant_grow(due - cell.grown_bytes)) end_cell("out-of-memory", "no room for planted memory");
  cell.grown_bytes = due;
}

static void iterate(int iteration) {
  const struct cell_options *o = &cell.options;
  struct cell_row *r = &cell.result.rows[iteration];
  bool counting = !(o->strategy->capabilities & RECLAIM_RECLAIMS_CYCLES);
  r->measured = iteration >= o->warmup;
  if (iteration == o->warmup) cell.result.code_pages_moved = cell_code_move();
  r->rss_before_bytes = cell_rss_exact();
  bool peak_is_ours = cell_peak_reset();
  uint64_t migrations = read_migrations(), most;
  struct cell_window w = run_once((uint32_t)iteration, iteration == 0 && o->warmup > 0);
  uint64_t peak = cell_peak_bytes();
  r->migrations = less(read_migrations(), migrations);
  cell_sampler_window(cell.sampler, w.start.at_ns, w.end.at_ns, &r->rss_mean_bytes, &most);
  r->rss_peak_bytes = peak_is_ours && peak != RECLAIM_NONE && (most == RECLAIM_NONE || peak > most) ? peak : most;
  fill_use(r, &w);
  fill_results(r);
  fill_stats(r, &cell.stats);
  r->rss_after_bytes = cell_rss_exact();
  if (r->measured) cell_result_pool(&cell.result, &cell.stats);
  if (iteration + 1 >= o->warmup && o->plant.rss > 0) grow(r->rss_peak_bytes);
  if (counting || iteration + 1 == o->warmup + o->iterations) fill_leaks(r);
  atomic_store_explicit(&cell.result.nrows, iteration + 1, memory_order_release);
}

/* --- The invocation ------------------------------------------------------------------------------------------------------- */

/* A shared mode under a strategy whose objects belong to one thread does not exist, nor a program that frees by hand where it cannot
   know when; this is a result, not an error. */
static void end_if_not_applicable(void) {
  const struct cell_options *o = &cell.options;
  char why[256];
  if (!catalog_is_applicable(o->strategy, o->choice.workload, o->sharing, why, sizeof why)) end_cell("not-applicable", "%s", why);
}

/* Threads on their CPUs, the malloc proved, the control done. Collector threads inherit the caller's binding. */
static void set_up_process(void) {
  struct cell_options *o = &cell.options;
  char err[256];
  if (!cell_allocator_proved(&o->allocator, cell.result.allocator_version, sizeof cell.result.allocator_version, err, sizeof err))
    end_set_up(err);
  cell.team = cell_team_start(o->threads, o->oversubscribed, err, sizeof err);
  if (!cell.team) end_set_up(err);
  cell_team_do(cell.team, job_bind, NULL);
  for (int i = 0; i < o->threads; i++)
    if (*cell.seats[i].error) end_set_up(cell.seats[i].error);
  run_control();
  cell.sampler = cell_sampler_start(o->other_cpus, o->nother_cpus, o->memory_limit_bytes, on_limit, err, sizeof err);
  if (!cell.sampler) end_set_up(err);
  cell_team_watch(cell.team, cell.sampler);
  if (o->pin != PIN_NONE && cell_bind(o->cpus, o->threads, err, sizeof err) != 0) end_set_up(err);
}

static void set_up_heap(void) {
  struct cell_options *o = &cell.options;
  cell.config = (reclaim_config){.workload = o->choice.workload,
                                 .params = o->params,
                                 .tunables = o->tunables,
                                 .sharing = o->sharing,
                                 .threads = o->threads,
                                 .collector_threads = o->collector_threads,
                                 .seed = o->seed,
                                 .heap_limit_bytes = o->heap_limit_bytes,
                                 .fail = on_failure};
  cell.heap = o->strategy->open(&cell.config);
  if (!cell.heap) on_failure(RECLAIM_FAIL_OUT_OF_MEMORY, "the heap could not be opened");
  cell_team_do(cell.team, job_attach, NULL);
  count_live(&cell.live_objects_before, &cell.live_bytes_before);
}

/* Whoever meets the row is told. */
static void note_plant(void) {
  cell.result.planted_cpu_ns = atomic_load_explicit(&cell.burnt_ns, memory_order_relaxed);
  cell.result.planted_bytes = cell.grown_bytes;
  size_t n = strlen(cell.result.reason);
  snprintf(cell.result.reason + n, sizeof cell.result.reason - n, "%splanted: %s; no measurement of the strategy", n ? "; " : "",
           cell.options.plant_text);
}

static void measure(void) {
  const struct cell_options *o = &cell.options;
  cell.plant_factor = o->plant.cpu;
  for (int i = 0; i < o->warmup + o->iterations; i++) iterate(i);
  cell.result.rss_final_bytes = cell_rss_exact();
  uint32_t is = o->strategy->capabilities;
  /* Where nothing dies, nothing tells what of it lives. */
  if (o->warmup == 0 && (is & RECLAIM_RECLAIMS)) run_once((uint32_t)o->iterations, true);
  const char *leaks = catalog_leaks(o->strategy, o->choice.workload, o->params);
  if (leaks) snprintf(cell.result.reason, sizeof cell.result.reason, "leaks by nature: %s", leaks);
  if (*o->plant_text) note_plant();
  /* Where counts free what is not cyclic, no collection need come unless there was something that is. */
  uint64_t cyclic = 0;
  for (int i = o->warmup; i < o->warmup + o->iterations; i++) cyclic += cell.result.rows[i].cyclic_nodes;
  bool tracing = (is & RECLAIM_RECLAIMS_CYCLES) && (!(is & RECLAIM_COUNTS_HEAP) || cyclic > 0);
  if (!tracing || cell.result.all_collections == RECLAIM_NONE || cell.result.all_collections >= TRACING_NEEDS) return;
  cell.result.status = "uncollected";
  snprintf(cell.result.reason, sizeof cell.result.reason, "%" PRIu64 " collections in the measured iterations, fewer than %d",
           cell.result.all_collections, TRACING_NEEDS);
}

static void tear_down(void) {
  cell_team_do(cell.team, job_detach, NULL);
  cell.options.strategy->close(cell.heap);
  cell_team_end(cell.team);
  for (int i = 0; i < cell.options.threads; i++) cell_migrations_close(cell.seats[i].migrations);
  cell_sampler_free(cell.sampler);
}

/* Runs the cell that cell.options describe; the exit code. */
static int run_cell(void) {
  struct cell_options *o = &cell.options;
  cell.seats = calloc((size_t)o->threads, sizeof *cell.seats);
  cell.controls = calloc((size_t)o->threads, sizeof *cell.controls);
  cell.result.rows = calloc((size_t)(o->warmup + o->iterations), sizeof *cell.result.rows);
  if (!cell.seats || !cell.controls || !cell.result.rows) end_set_up("out of memory");
  end_if_not_applicable();
  set_up_process();
  set_up_heap();
  if (o->wait_for_go) {
    fprintf(stderr, "reclaim: cell: process %d is ready; press Enter to go on\n", (int)getpid());
    for (int c; (c = getchar()) != '\n' && c != EOF;) {}
  }
  measure();
  int error = cell_result_write(&cell.result, cell.sampler);
  if (error) fprintf(stderr, "reclaim: cell: the result cannot be written: %s\n", strerror(error));
  tear_down();
  free(cell.seats);
  free(cell.controls);
  free(cell.result.rows);
  return error ? 1 : 0;
}

/* --- The command ---------------------------------------------------------------------------------------------------------- */

/* Set for the second life of a process that replaced itself, to the library: it happens once, and what is still not active then
   is a failed cell. */
#define PRELOADED "RECLAIM_CELL_PRELOADED"

/* Starts over with the library preloaded, when the allocator needs one that is not active. Returns when there is nothing to do,
   or when the process cannot be replaced. */
static void preload(const char *allocator, char **argv) {
  catalog_allocator a;
  char ignored[256], list[2048];
  if (!catalog_find_allocator(allocator, &a, ignored, sizeof ignored) || !*a.library) return;
  if (cell_allocator_proved(&a, ignored, sizeof ignored, ignored, sizeof ignored)) return;
  const char *before = getenv("LD_PRELOAD"), *tried = getenv(PRELOADED);
  if (tried && strcmp(tried, a.library) == 0) return;
  snprintf(list, sizeof list, "%s%s%s", a.library, before && *before ? ":" : "", before ? before : "");
  int n = 0;
  while (argv[n]) n++;
  char **again = calloc((size_t)n + 2, sizeof *again);
  if (!again || setenv("LD_PRELOAD", list, 1) != 0 || setenv(PRELOADED, a.library, 1) != 0) return;
  again[0] = "reclaim";
  memcpy(again + 1, argv, (size_t)n * sizeof *again);
  execv("/proc/self/exe", again);
  free(again);
}

int cell_main(int argc, char **argv) {
  char err[512];
  struct cell_words words;
  bool ok = cell_read_words(argc, argv, &words, err, sizeof err);
  if (ok && words.help) {
    cell_print_help();
    free(words.sets);
    return 0;
  }
  if (ok && words.allocator) preload(words.allocator, argv);
  ok = ok && cell_read_options(&words, &cell.options, err, sizeof err);
  int code = 2;
  if (ok) {
    cell.result = (struct cell_result){.options = &cell.options,
                                       .status = "ok",
                                       .control_speed = NAN,
                                       .control_speedup = NAN,
                                       .live_objects = RECLAIM_NONE,
                                       .live_bytes = RECLAIM_NONE,
                                       .rss_final_bytes = RECLAIM_NONE,
                                       .code_pages_moved = RECLAIM_NONE};
    code = run_cell();
  } else {
    fprintf(stderr, "reclaim: %s\n", err);
  }
  cell_free_options(&cell.options);
  free(words.sets);
  return code;
}
