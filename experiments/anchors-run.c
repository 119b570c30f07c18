/* anchors-run.c: from the table to rows. In every block each contender runs every program once, in an order drawn from the seed, as a
   process of its own, on the CPUs that its threads would be pinned to. Before it, the control (harness/cell/control.h) runs on the same
   CPUs, so that each row says whether the machine was there.

   What is right is not written down anywhere: the reference strategy says what checksum a program has for this seed and number of threads,
   and how many bytes the heap's limit is. Both hold for all. */
#include "experiments/anchors.h"

#include "harness/cell/control.h"
#include "harness/cell/pin.h"
#include "harness/cell/team.h"
#include "harness/report/csv.h"
#include "harness/sweep/child.h"
#include "harness/sweep/environment.h"
#include "harness/sweep/random.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char header[] =
    "block,order,started_at,contender,kind,program,threads,heap_limit_bytes,warmup,iterations,status,reason,version,"
    "operations,wall_ns,cpu_user_ns,cpu_system_ns,collections,collector_wall_ns,collector_cpu_ns,rss_peak_bytes,"
    "checksum,control_speed,control_speedup,steal_ns,load,seconds,heap_base,heap_base_bytes\n";

struct cell {
  int contender, program, threads;
};

/* What the reference strategy said of a program with so many threads. */
struct truth {
  char heap[32]; /* as given to those with a limit */
  uint64_t heap_bytes;
  char base[16]; /* what a factor is of: "minheap" or "declared"; "": it is none */
  uint64_t base_bytes;
  char checksum[20];
  char why[200]; /* it could not be had; "" */
};

static struct {
  const struct table *t;
  const struct options *o;
  struct rows *rows;
  struct cell *cells;
  int ncells;
  struct truth *truth; /* [program][threads index] */
  FILE *csv;
  struct cell_team *team;
  struct cell_control **control;
  int cpus[64], ncpus, most; /* `most`: threads of any cell */
} run;

/* --- The plan --------------------------------------------------------------------------------------------------------------------------- */

static bool is_among(const char *name, char **names, int n) {
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name)) return true;
  return n == 0;
}

/* By its name; what is there for a check alone, by its strategy's. */
static bool is_asked_for(const struct contender *c) {
  return is_among(c->name, run.o->only, run.o->nonly) || (c->for_check && is_among(c->strategy, run.o->only, run.o->nonly));
}

static void add_cell(int contender, const struct program *p, int threads) {
  const struct contender *c = &run.t->contenders[contender];
  int program = (int)(p - run.t->programs);
  bool threads_wanted = false;
  for (int i = 0; i < run.o->nthreads; i++) threads_wanted |= run.o->threads[i] == threads;
  if (c->missing || !threads_wanted || !is_among(p->name, run.o->programs, run.o->nprograms)) return;
  for (int i = 0; i < run.ncells; i++)
    if (run.cells[i].contender == contender && run.cells[i].program == program && run.cells[i].threads == threads) return;
  *sweep_push(run.cells, run.ncells) = (struct cell){contender, program, threads};
  if (threads > run.most) run.most = threads;
}

static void plan(void) {
  const struct table *t = run.t;
  int baseline = table_contender(t, t->baseline);
  for (int c = 0; c < t->ncontenders; c++)
    for (int p = 0; p < t->nprograms; p++)
      for (int k = 0; k < run.o->nthreads; k++)
        if (!t->contenders[c].for_check && !t->programs[p].extra && (c == baseline || is_asked_for(&t->contenders[c])))
          add_cell(c, &t->programs[p], run.o->threads[k]);
  for (int i = 0; i < t->nchecks; i++) {
    const struct check *k = &t->checks[i];
    int a = table_contender(t, k->spec[0]), b = table_contender(t, k->spec[1]);
    if (a < 0 || b < 0 || t->contenders[a].missing || t->contenders[b].missing) continue;
    if (!is_asked_for(&t->contenders[a]) && !is_asked_for(&t->contenders[b])) continue;
    for (int p = 0; p < k->nprograms; p++) {
      const struct program *program = table_program(t, k->programs[p]);
      if (!program) continue;
      add_cell(a, program, k->threads[0]);
      add_cell(b, program, k->threads[1]);
    }
  }
}

/* --- Processes -------------------------------------------------------------------------------------------------------------------------- */

struct arguments {
  char **v;
  int n;
};
#define ADD(a, ...) (*sweep_push((a)->v, (a)->n) = sweep_format(__VA_ARGS__))
static void free_arguments(struct arguments *a) {
  for (int i = 0; i < a->n; i++) free(a->v[i]);
  free(a->v);
}

/* The command line of a strategy's cell, or of a rival. */
static struct arguments command(const struct contender *c, const char *program, int threads, const char *heap,
                                uint64_t heap_bytes, int warmup, int iterations) {
  struct arguments a = {0};
  if (c->strategy) {
    ADD(&a, "%s", run.o->reclaim);
    ADD(&a, "cell");
    ADD(&a, "--strategy=%s", c->strategy);
    ADD(&a, "--workload=%s", program);
    ADD(&a, "--allocator=%s", c->allocator);
    ADD(&a, "--heap=%s", heap);
    for (int i = 0; i < c->nsets; i++) ADD(&a, strncmp(c->sets[i], "gc-threads=", 11) ? "--set=%s" : "--%s", c->sets[i]);
  } else {
    ADD(&a, "%s", run.o->rival);
    ADD(&a, "%s", c->name);
    ADD(&a, "%s", program);
    ADD(&a, "--heap"), ADD(&a, "%" PRIu64, heap_bytes);
  }
  ADD(&a, "--threads"), ADD(&a, "%d", threads);
  ADD(&a, "--seed"), ADD(&a, "%" PRIu64, run.o->seed);
  ADD(&a, "--warmup"), ADD(&a, "%d", warmup);
  ADD(&a, "--iterations"), ADD(&a, "%d", iterations);
  *sweep_push(a.v, a.n) = NULL;
  return a;
}

struct outcome {
  struct child_outcome child;
  json_t *json; /* NULL: see why */
  char why[256];
};

static struct outcome start(const struct contender *c, struct arguments *a, int threads) {
  struct outcome o = {0};
  char err[256];
  struct child_request request = {
      .path = a->v[0], .argv = a->v, .envp = sweep_environment_for_child("", false), .timeout_s = run.o->timeout_s};
  /* A strategy's cell pins itself; a rival inherits. */
  if (!c->strategy && cell_bind(run.cpus, threads, err, sizeof err)) sweep_say("%s", err);
  sweep_child_run(&request, &o.child);
  if (!c->strategy && cell_bind(run.cpus, run.ncpus, err, sizeof err)) sweep_say("%s", err);
  sweep_environment_free(request.envp);
  json_error_t error;
  if (o.child.end == CHILD_TIMED_OUT)
    snprintf(o.why, sizeof o.why, "it took more than %.0f s", run.o->timeout_s);
  else if (o.child.end != CHILD_EXITED || o.child.code || !o.child.result)
    snprintf(o.why, sizeof o.why, "exit %d: %.200s", o.child.code, o.child.complaint);
  else if (!(o.json = json_loads(o.child.result, 0, &error)))
    snprintf(o.why, sizeof o.why, "what it printed is no JSON: %.160s", error.text);
  free(o.child.result);
  return o;
}

static const char *text_of(json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}

/* --- The truth -------------------------------------------------------------------------------------------------------------------------- */

static struct truth *truth_of(int program, int threads) {
  int k = 0;
  while (run.o->threads[k] != threads) k++;
  return &run.truth[program * run.o->nthreads + k];
}

static void ask_reference(int program, int threads) {
  const struct table *t = run.t;
  const struct contender *c = &t->contenders[table_contender(t, t->reference)];
  struct truth *truth = truth_of(program, threads);
  struct arguments a = command(c, t->programs[program].name, threads, run.o->heap, 0, 0, 1);
  struct outcome o = start(c, &a, threads);
  free_arguments(&a);
  json_t *row = json_array_get(json_object_get(o.json, "iterations"), 0);
  snprintf(truth->heap, sizeof truth->heap, "%s", run.o->heap);
  truth->heap_bytes = (uint64_t)json_integer_value(json_object_get(o.json, "heap_limit_bytes"));
  snprintf(truth->base, sizeof truth->base, "%s", text_of(o.json, "heap_base"));
  truth->base_bytes = (uint64_t)json_integer_value(json_object_get(o.json, "heap_base_bytes"));
  snprintf(truth->checksum, sizeof truth->checksum, "%s", text_of(row, "checksum"));
  if (!*truth->checksum)
    snprintf(truth->why, sizeof truth->why, "%s: %.150s", t->reference, *o.why ? o.why : text_of(o.json, "reason"));
  uint64_t least = run.o->least_heap * (uint64_t)threads;
  if (truth->heap_bytes && truth->heap_bytes < least) {
    truth->heap_bytes = least;
    snprintf(truth->heap, sizeof truth->heap, "%" PRIu64, least);
  }
  json_decref(o.json);
}

static void ask_references(void) {
  run.truth = sweep_alloc((size_t)(run.t->nprograms * run.o->nthreads), sizeof *run.truth);
  for (int i = 0; i < run.ncells && !sweep_child_interrupted(); i++) {
    struct truth *truth = truth_of(run.cells[i].program, run.cells[i].threads);
    if (!*truth->heap) ask_reference(run.cells[i].program, run.cells[i].threads);
  }
}

/* --- The control ------------------------------------------------------------------------------------------------------------------------ */

static struct {
  int threads;
  uint64_t units[64];
} control;

static void job_bind(int i, void *unused) {
  (void)unused;
  char err[256];
  cell_bind(&run.cpus[i], 1, err, sizeof err);
}
/* Its memory is gone before a process is started: the kernel lets a process inherit the peak of the one that it was forked from, and the
   rivals' peaks are what getrusage says. */
static void job_make(int i, void *unused) {
  (void)unused;
  run.control[i] = cell_control_make();
}
static void job_free(int i, void *unused) {
  (void)unused;
  cell_control_free(run.control[i]);
  run.control[i] = NULL;
}
static void job_control(int i, void *unused) {
  (void)unused;
  control.units[i] =
      i < control.threads && run.control[i] ? cell_control_work(run.control[i], cell_now_ns() + CELL_CONTROL_NS) : 0;
}

/* Units per second of so many threads. */
static double control_rate(int threads) {
  control.threads = threads;
  struct cell_window w = cell_team_do(run.team, job_control, NULL);
  uint64_t units = 0;
  for (int i = 0; i < threads; i++) units += control.units[i];
  return (double)units * 1e9 / (double)(w.end.at_ns - w.start.at_ns);
}

static void run_control(int threads, double *speed, double *speedup) {
  double one = 0, all = 0;
  cell_team_do(run.team, job_make, NULL);
  control_rate(threads); /* wakes the CPUs */
  for (int i = 0; i < CELL_CONTROL_ROUNDS; i++) one += control_rate(1), all += control_rate(threads);
  cell_team_do(run.team, job_free, NULL);
  *speed = one / CELL_CONTROL_ROUNDS;
  *speedup = all / one;
}

/* Time that the hypervisor gave to others, all CPUs together; NAN where it does not say. */
static double steal_ns(void) {
  char line[256];
  unsigned long long steal;
  if (!sweep_read_line("/proc/stat", line, sizeof line) || sscanf(line, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1)
    return NAN;
  return (double)steal * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

/* --- Rows ------------------------------------------------------------------------------------------------------------------------------- */

struct sums {
  double operations, wall_ns, user_ns, system_ns, collections, collector_wall_ns, collector_cpu_ns, rss_peak_bytes;
};

static double number_of(json_t *o, const char *key) {
  json_t *v = json_object_get(o, key);
  return json_is_number(v) ? json_number_value(v) : NAN;
}

static struct sums sum_up(json_t *json) {
  struct sums s = {0};
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(json, "iterations"), i, row) {
    if (strcmp(text_of(row, "phase"), "measured")) continue;
    s.operations += number_of(row, "operations");
    s.wall_ns += number_of(row, "wall_ns");
    s.user_ns += number_of(row, "cpu_user_ns");
    s.system_ns += number_of(row, "cpu_system_ns");
    s.collections += number_of(row, "collections");
    s.collector_wall_ns += number_of(row, "collector_wall_ns");
    s.collector_cpu_ns += number_of(row, "collector_cpu_ns");
    s.rss_peak_bytes = fmax(s.rss_peak_bytes, number_of(row, "rss_peak_bytes"));
  }
  return s;
}

static bool checksums_are(json_t *json, const char *truth) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(json, "iterations"), i, row) if (strcmp(text_of(row, "checksum"), truth)) return false;
  return true;
}

static void add_number(struct text *t, double v) {
  char text[40] = "";
  if (isfinite(v)) snprintf(text, sizeof text, "%.17g", v);
  sweep_csv_add(t, text, false);
}
static void add_whole(struct text *t, uint64_t v) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, v);
  sweep_csv_add(t, text, false);
}

static double load_now(void) {
  double load = NAN;
  return getloadavg(&load, 1) == 1 ? load : NAN;
}

/* What is known before the process runs. */
struct circumstances {
  int block, order, warmup, iterations;
  char started_at[40];
  double control_speed, control_speedup, steal_ns, load;
};

static void write_row(const struct cell *cell, const struct circumstances *s, const struct outcome *o, const char *status,
                      const char *reason, const struct sums *sums) {
  const struct contender *c = &run.t->contenders[cell->contender];
  const struct truth *truth = truth_of(cell->program, cell->threads);
  struct text t = {0};
  char block[16];
  snprintf(block, sizeof block, "%d", s->block);
  sweep_csv_add(&t, block, true);
  add_whole(&t, (uint64_t)s->order);
  sweep_csv_add(&t, s->started_at, false);
  sweep_csv_add(&t, c->name, false);
  sweep_csv_add(&t, c->kind, false);
  sweep_csv_add(&t, run.t->programs[cell->program].name, false);
  add_whole(&t, (uint64_t)cell->threads);
  if (c->strategy && !json_is_integer(json_object_get(o->json, "heap_limit_bytes")))
    sweep_csv_add(&t, "", false);
  else
    add_whole(&t, truth->heap_bytes);
  add_whole(&t, (uint64_t)s->warmup);
  add_whole(&t, (uint64_t)s->iterations);
  sweep_csv_add(&t, status, false);
  sweep_csv_add(&t, reason, false);
  sweep_csv_add(&t, text_of(o->json, c->strategy ? "build" : "version"), false);
  const double numbers[] = {sums->operations,  sums->wall_ns,           sums->user_ns,          sums->system_ns,
                            sums->collections, sums->collector_wall_ns, sums->collector_cpu_ns, sums->rss_peak_bytes};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) add_number(&t, sums->operations > 0 ? numbers[i] : NAN);
  sweep_csv_add(&t, truth->checksum, false);
  add_number(&t, s->control_speed);
  add_number(&t, s->control_speedup);
  add_number(&t, s->steal_ns);
  add_number(&t, s->load);
  add_number(&t, o->child.seconds);
  sweep_csv_add(&t, truth->base, false);
  add_whole(&t, truth->base_bytes);
  sweep_text_add(&t, "\n", 1);
  fwrite(t.s, 1, t.n, run.csv);
  fflush(run.csv);
  sweep_text_free(&t);
}

static void run_cell(const struct cell *cell, int block, int order) {
  const struct contender *c = &run.t->contenders[cell->contender];
  const struct program *p = &run.t->programs[cell->program];
  const struct truth *truth = truth_of(cell->program, cell->threads);
  /* What leaks ends with one iteration: the next would start among the leaks of the last. Where only cycles leak it is warmed up before that. */
  bool leaks = c->leaks == LEAKS_EVERYTHING || (c->leaks == LEAKS_CYCLES && p->cyclic);
  int iterations = (p->iterations + run.o->iterations_of - 1) / run.o->iterations_of;
  struct circumstances s = {.block = block,
                            .order = order,
                            .warmup = !leaks                     ? p->warmup * c->warmup_factor
                                      : c->leaks == LEAKS_CYCLES ? 1
                                                                 : 0,
                            .iterations = leaks || iterations < 1 ? 1 : iterations,
                            .load = load_now()};
  sweep_timestamp(s.started_at, sizeof s.started_at);
  run_control(cell->threads, &s.control_speed, &s.control_speedup);
  double steal = steal_ns();
  struct arguments a = command(c, p->name, cell->threads, truth->heap, truth->heap_bytes, s.warmup, s.iterations);
  struct outcome o = start(c, &a, cell->threads);
  s.steal_ns = steal_ns() - steal;
  free_arguments(&a);
  if (o.child.end == CHILD_INTERRUPTED) {
    json_decref(o.json);
    return;
  }
  struct sums sums = sum_up(o.json);
  const char *status = o.json                           ? text_of(o.json, "status")
                       : o.child.end == CHILD_TIMED_OUT ? "timeout"
                                                        : "crashed",
             *reason = text_of(o.json, "reason");
  if (!o.json) reason = o.why;
  if (o.json && sums.operations > 0 && !checksums_are(o.json, truth->checksum)) {
    status = "wrong-checksum";
    reason = *truth->checksum ? "not what the reference strategy has" : truth->why;
  }
  write_row(cell, &s, &o, status, reason, &sums);
  json_decref(o.json);
}

/* --- Reading rows ----------------------------------------------------------------------------------------------------------------------- */

static double field_number(const struct csv *f, const char *column) {
  int i = csv_column(f, column);
  return i >= 0 && *f->field[i] ? strtod(f->field[i], NULL) : NAN;
}
static const char *field_text(const struct csv *f, const char *column) {
  int i = csv_column(f, column);
  return i >= 0 ? f->field[i] : "";
}

bool rows_read(const struct table *t, const char *path, struct rows *rows) {
  struct csv f;
  int more = csv_open(&f, path) ? 1 : -1;
  *rows = (struct rows){0};
  while (more > 0 && (more = csv_next(&f)) > 0) {
    const struct program *p = table_program(t, field_text(&f, "program"));
    int c = table_contender(t, field_text(&f, "contender"));
    if (c < 0 || !p) continue; /* the table has moved on */
    *sweep_push(rows->row, rows->n) = (struct row){.block = (int)field_number(&f, "block"),
                                                   .contender = c,
                                                   .program = (int)(p - t->programs),
                                                   .threads = (int)field_number(&f, "threads"),
                                                   .status = sweep_strdup(field_text(&f, "status")),
                                                   .operations = field_number(&f, "operations"),
                                                   .wall_ns = field_number(&f, "wall_ns"),
                                                   .cpu_ns = field_number(&f, "cpu_user_ns") + field_number(&f, "cpu_system_ns"),
                                                   .collector_wall_ns = field_number(&f, "collector_wall_ns"),
                                                   .rss_peak_bytes = field_number(&f, "rss_peak_bytes"),
                                                   .control_speedup = field_number(&f, "control_speedup")};
  }
  if (more < 0) sweep_say("%s", f.error);
  csv_close(&f);
  return more == 0;
}

/* Rows are only added below a header that names their columns. */
static bool has_our_columns(const char *path) {
  char line[sizeof header + 1];
  return sweep_read_line(path, line, sizeof line) && !strncmp(line, header, sizeof header - 2) &&
         strlen(line) == sizeof header - 2;
}

/* --- A run ------------------------------------------------------------------------------------------------------------------------------ */

static bool set_up(void) {
  char err[256];
  hwloc_topology_t topology;
  if (cell_topology_load(&topology, err, sizeof err)) return sweep_say("%s", err), false;
  run.ncpus = cell_pus(topology);
  int pus = run.ncpus > 64 ? -1 : cell_plan_cpus(topology, PIN_COMPACT, run.ncpus, run.cpus, err, sizeof err);
  hwloc_topology_destroy(topology);
  if (pus < 0) return sweep_say("%s", run.ncpus > 64 ? "more than 64 CPUs: restrict it with taskset" : err), false;
  if (run.most > run.ncpus) return sweep_say("%d threads are more than the %d CPUs allowed here", run.most, run.ncpus), false;
  run.team = cell_team_start(run.most, false, err, sizeof err);
  if (!run.team) return sweep_say("%s", err), false;
  run.control = sweep_alloc((size_t)run.most, sizeof *run.control);
  cell_team_do(run.team, job_bind, NULL);
  return true;
}

static bool is_done(const struct cell *cell, int block) {
  for (int i = 0; i < run.rows->n; i++) {
    const struct row *r = &run.rows->row[i];
    if (r->block == block && r->contender == cell->contender && r->program == cell->program && r->threads == cell->threads)
      return true;
  }
  return false;
}

static void progress(int block, int done, const char *contender, const char *program) {
  static double started;
  if (!started) started = sweep_now();
  if (!isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\r\033[Kblock %d of %d, %d of %d, %.0f s: %s, %s", block + 1, run.o->blocks, done, run.ncells,
          sweep_now() - started, contender, program);
}

static void run_block(int block) {
  int *order = sweep_alloc((size_t)run.ncells, sizeof *order);
  for (int i = 0; i < run.ncells; i++) order[i] = i;
  sweep_shuffle(run.o->seed, block, order, run.ncells, 1);
  for (int i = 0; i < run.ncells && !sweep_child_interrupted(); i++) {
    const struct cell *cell = &run.cells[order[i]];
    progress(block, i, run.t->contenders[cell->contender].name, run.t->programs[cell->program].name);
    if (!is_done(cell, block)) run_cell(cell, block, i);
  }
  free(order);
}

bool run_all(const struct table *t, const struct options *o, struct rows *rows) {
  char *path = sweep_format("%s/anchors.csv", o->out);
  run.t = t, run.o = o, run.rows = rows;
  plan();
  bool begun = access(path, F_OK) == 0;
  if (!run.ncells) return sweep_say("nothing is left to run"), false;
  /* Signals are blocked before there are threads, which inherit that. */
  if (!sweep_child_prepare() || !set_up() || (begun && !rows_read(t, path, rows))) return false;
  if (begun && !has_our_columns(path)) return sweep_say("%s: it has other columns than are written now; begin anew", path), false;
  run.csv = fopen(path, "a");
  if (!run.csv) return sweep_say("%s: %s", path, strerror(errno)), false;
  if (!begun) fputs(header, run.csv);
  ask_references();
  for (int b = 0; b < o->blocks && !sweep_child_interrupted(); b++) run_block(b);
  if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
  fclose(run.csv);
  cell_team_end(run.team);
  bool read = rows_read(t, path, rows);
  rows->interrupted = sweep_child_interrupted();
  free(path);
  return read;
}
