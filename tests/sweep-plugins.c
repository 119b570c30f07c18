/* sweep-plugins.c: plug-ins as a user meets them: what is listed and left out, what a run refuses, what its files say of the objects that
   it measured, and that another object is never measured in their place. */
#include "sweep-program.h"

#define PLUGGED "--plugin-path ../plug "
#define QUICK   "--threads 1 --blocks 2 --warmup 0 --iterations 1 --repeats 0 --seed 5 --heap grow --quiet "

static void enter_plugged(void) {
  enter_place();
  char *make = sweep_format("mkdir %s/plug && mkdir %s/doubles && cp %s/fake.pool.so %s/loner.pool.so %s/doubles", place, place,
                            RECLAIM_DOUBLES_DIR, RECLAIM_DOUBLES_DIR, place);
  cr_assert(eq(int, system(make), 0));
  free(make);
}

/* Puts an object of tests/plugins beside the sound ones. */
static void put(const char *object) {
  char *copy = sweep_format("cp '%s/%s.pool.so' %s/plug", RECLAIM_PLUGINS_DIR, object, place);
  cr_assert(eq(int, system(copy), 0));
  free(copy);
}

/* The program with just the sound doubles, and what was put. */
static struct spoken plugged(const char *arguments) { return program("export RECLAIM_PLUGIN_PATH=../doubles;", arguments); }

static void expect(const char *arguments, int code, const char *says) {
  struct spoken s = plugged(arguments);
  cr_expect(eq(int, s.code, code), "%s: %s", arguments, s.err);
  cr_expect(strstr(s.err, says) != NULL, "%s: '%s'", arguments, s.err);
  forget(&s);
}

/* --- list ------------------------------------------------------------------------------------------------------------------------- */

Test(list, goes_on_without_the_broken_ones, .init = enter_plugged, .fini = leave_place) {
  put("load-crashes");
  put("descriptor-garbage");
  put("tray+fake");
  struct spoken s = plugged("list strategies --json " PLUGGED);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  json_t *a = json_loads(s.out, 0, NULL);
  int fake = 0, broken = 0;
  for (size_t i = 0; i < json_array_size(a); i++) {
    const char *name = json_string_value(json_object_get(json_array_get(a, i), "name"));
    broken += !strcmp(name, "load-crashes") || !strcmp(name, "descriptor-garbage");
    if (strcmp(name, "fake")) continue;
    fake++;
    const json_t *plugin = json_object_get(json_array_get(a, i), "plugin");
    bool is = json_is_true(plugin);
    cr_expect(is);
  }
  cr_expect(eq(int, fake, 1));
  cr_expect(eq(int, broken, 0));
  int lines = 0;
  for (const char *p = s.err; *p; p++) lines += *p == '\n';
  cr_expect(eq(int, lines, 2), "%s", s.err);
  cr_expect(strstr(s.err, "load-crashes.pool.so is left out: it crashed (SIGSEGV)") != NULL, "%s", s.err);
  json_decref(a);
  forget(&s);
  s = plugged("list workloads " PLUGGED);
  cr_expect(strstr(s.out, "[pack tray]") != NULL, "%s", s.out);
  forget(&s);
}

/* --- run: what is named must be there --------------------------------------------------------------------------------------------------- */

Test(run, refuses_what_is_broken, .init = enter_plugged, .fini = leave_place) {
  put("load-crashes");
  put("clash+fake");
  put("stale+fake");
  expect("run --strategy load-crashes --workload work " PLUGGED, SWEEP_BAD_INPUT, "it crashed (SIGSEGV) while loading it");
  expect("run --strategy fake --workload work " PLUGGED, SWEEP_BAD_INPUT, "clash+fake.pool.so cannot be used");
  expect("run --strategy fake --workload milk " PLUGGED, SWEEP_BAD_INPUT, "was not built with the 'fake'");
  expect("run --strategy fake --workload quiet --plugin-path ../nowhere", SWEEP_BAD_INPUT, "--plugin-path: folder of plug-ins");
  expect("cell --strategy load-crashes --workload work " PLUGGED, SWEEP_BAD_INPUT, "it crashed (SIGSEGV) while loading it");
  expect("cell --strategy fake --workload quiet --set sise=3", SWEEP_BAD_INPUT, "has a 'sise'");
  expect("conformance load-crashes " PLUGGED, SWEEP_BAD_INPUT, "it crashed (SIGSEGV)");
  expect("conformance fake", SWEEP_BAD_INPUT, "fake.pool.conformance is not there");
  expect("conformance fake --flavour pol", SWEEP_BAD_INPUT, "allowed: pool, malloc");
  expect("conformance ../plug/clash+fake.pool.so", SWEEP_BAD_INPUT, "the suite is for strategies");
  expect("conformance ../plug/nothing.pool.so", SWEEP_BAD_INPUT, "No such file");
}

/* `all` is what is listed. */
Test(run, all_leaves_out_what_is_broken, .init = enter_plugged, .fini = leave_place) {
  put("load-crashes");
  struct spoken s =
      program("unset RECLAIM_PLUGIN_PATH;", "run --strategy all --workload trees --threads 1 --dry-run --json " PLUGGED);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  cr_expect(strstr(s.out, "mark-sweep") != NULL && strstr(s.out, "load-crashes") == NULL);
  forget(&s);
}

/* --- What was measured -------------------------------------------------------------------------------------------------------------------- */

Test(objects, are_in_the_files, .init = enter_plugged, .fini = leave_place) {
  put("tray+fake");
  struct spoken s = plugged("run --strategy fake,loner --workload quiet,tea --out there " PLUGGED QUICK);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  forget(&s);
  struct samples rows = read_samples("there");
  cr_expect(eq(int, count_rows(&rows, "workload", "tea", "pack", "tray"), 3)); /* two of fake, and what loner lacks */
  cr_expect(eq(int, count_rows(&rows, "workload", "quiet", "pack", ""), 4));
  cr_expect(eq(int, count_rows(&rows, "status", "not-applicable", "reason", "pack tray has no object for loner (pool)"), 1));
  char *sum = sweep_format("cd %s && sha256sum plug/tray+fake.pool.so | cut -c1-64 | tr -d '\\n' > sum", place);
  cr_assert(eq(int, system(sum), 0));
  free(sum);
  char *hash = read_in("sum"), *object = sweep_format("%s/plug/tray+fake.pool.so", place);
  cr_expect(eq(int, count_rows(&rows, "object", object, "object_sha256", hash), 2));
  json_t *campaign = read_campaign("there"), *objects = json_object_get(campaign, "objects");
  cr_expect(eq(sz, json_array_size(objects), 3));
  int found = 0;
  for (size_t i = 0; i < json_array_size(objects); i++) {
    const json_t *o = json_array_get(objects, i);
    found += !strcmp(json_string_value(json_object_get(o, "object_sha256")), hash) && json_is_true(json_object_get(o, "plugin"));
  }
  cr_expect(eq(int, found, 1));
  json_decref(campaign);
  free(hash);
  free(object);
  free_samples(&rows);
}

/* --- And nothing else in its place --------------------------------------------------------------------------------------------------------- */

Test(objects, that_changed_are_not_resumed, .init = enter_plugged, .fini = leave_place) {
  put("tray+fake");
  struct spoken s = plugged("run --strategy fake --workload tea --out there " PLUGGED QUICK);
  cr_assert(eq(int, s.code, 0), "%s", s.err);
  forget(&s);
  expect("run --resume there --quiet", SWEEP_FINE, "");
  char *change = sweep_format("printf x >> %s/plug/tray+fake.pool.so", place);
  cr_assert(eq(int, system(change), 0));
  free(change);
  expect("run --resume there", SWEEP_BAD_INPUT, "tray+fake.pool.so (SHA-256");
  char *gone = sweep_format("rm %s/plug/tray+fake.pool.so", place);
  cr_assert(eq(int, system(gone), 0));
  free(gone);
  expect("run --resume there", SWEEP_BAD_INPUT, "No such file");
}

Test(objects, that_change_stop_the_sweep, .init = enter_plugged, .fini = leave_place) {
  put("self-changing");
  expect("run --strategy self-changing --workload quiet --out there " PLUGGED QUICK, SWEEP_BAD_INPUT,
         "was changed while the sweep ran, and what follows would measure another; 1 invocations are safe");
}
