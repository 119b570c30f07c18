/* catalog-plugins.c: plug-ins that are broken in every way there is get one line and are left out; those beside them work. Packs are
   found, and refused where a name would have two meanings. */
#include "harness/catalog/catalog.h"
#include "harness/catalog/folders.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- A folder of one's own ---------------------------------------------------------------------------------------------------------- */

static char place[] = "/tmp/reclaim-plugins-XXXXXX";

static void shell(const char *format, const char *a, const char *b) {
  char line[2000];
  snprintf(line, sizeof line, format, place, a, b);
  cr_assert(eq(int, system(line), 0), "%s", line);
}
static void enter(void) {
  cr_assert(mkdtemp(place) != NULL);
  setenv("RECLAIM_PLUGIN_PATH", place, 1);
}
static void leave(void) { shell("rm -rf %s", "", ""); }
/* `from`: an object of a folder of the build; `to`: its name in the place. */
static void put(const char *from, const char *to) { shell("cp '%2$s' '%1$s/%3$s'", from, to); }

static void expect_refusal(const char *name, const char *says) {
  char err[1024] = "";
  cr_expect(catalog_open(name, "pool", err, sizeof err) == NULL, "%s", name);
  cr_expect(strstr(err, says) != NULL, "%s: '%s', not '%s'", name, err, says);
  cr_expect(strchr(err, '\n') == NULL, "%s: %s", name, err);
}

/* --- What a plug-in can do wrong ------------------------------------------------------------------------------------------------------- */

static void use_broken(void) {
  setenv("RECLAIM_PLUGIN_PATH", RECLAIM_PLUGINS_DIR ":" RECLAIM_DOUBLES_DIR, 1);
  setenv("RECLAIM_PROBE_TIMEOUT", "2", 1); /* what two of them sit out */
}

Test(plugins, broken_ones_are_one_line, .init = use_broken) {
  static const char *const cases[][2] = {
      {"load-crashes", "it crashed (SIGSEGV) while loading it"},
      {"load-hangs", "it came to no end within 2 s while loading it"},
      {"load-spins", "it came to no end within 2 s while loading it"},
      {"load-exits", "it ended the process (exit code 0) while loading it: goodbye"},
      {"load-orphans", "it crashed (SIGABRT) while loading it"},
      {"unload-crashes", "it crashed (SIGABRT) while unloading it"},
      {"symbol-missing", "nobody_has_this_function"},
      {"descriptor-crashes", "it crashed (SIGABRT) while asking for its descriptor"},
      {"descriptor-garbage", "it crashed (SIGSEGV) while reading tunable 0 of 'descriptor-garbage'"},
      {"descriptor-entries", "while collecting in an empty heap"},
      {"descriptor-future", "another version of this program"},
      {"descriptor-size", "another version of this program"},
      {"counts-wild", "the number of tunables of 'counts-wild' is out of range (-7)"},
      {"workloads-none", "its number of workloads is out of range"},
      {"text-latin", "its line of help is not UTF-8"},
      {"tunable-default", "the default of 'spice' is not in its range"},
      {"tunable-twice", "has two tunables called 'spice'"},
      {"setting-undeclared", "the setting 'work-hot': unknown parameter 'pepper'"},
      {"formula-divides", "it crashed (SIGFPE) while calling live_bytes of 'work'"},
      {"heap-refused", "while giving up in a heap of 64 MiB (2: never enough)"},
      {"heap-null", "a heap of 64 MiB could not be opened"},
      {"pack-claimed", "another pack of workloads"},
  };
  char err[1024];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (!RECLAIM_SANITIZED || strcmp(cases[i][0], "formula-divides")) expect_refusal(cases[i][0], cases[i][1]);
  cr_expect(catalog_open("fake", "pool", err, sizeof err) != NULL, "%s", err);
}

/* The same, all together, as `list` sees them: every one is told, and none of the others. */
Test(plugins, all_that_are_left_out, .init = use_broken) {
  const char *path, *fault;
  int n = 0, sound = 0;
  for (; (fault = catalog_fault(n, &path)); n++) sound += strstr(path, "fake.pool.so") || strstr(path, "loner");
  cr_expect(ge(int, n, 20));
  cr_expect(eq(int, sound, 0));
}

/* --- Files that are none ---------------------------------------------------------------------------------------------------------------- */

Test(files, that_are_no_objects, .init = enter, .fini = leave) {
  shell("echo 'not an object' > %s/text.pool.so", "", "");
  shell("head -c 3000 '%2$s/fake.pool.so' > %1$s/torn.pool.so", RECLAIM_DOUBLES_DIR, "");
  shell(": > %s/empty.pool.so", "", "");
  shell("mkdir %s/folder.pool.so && ln -s nowhere %1$s/dangling.pool.so", "", "");
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "alien.pool.so");
  shell("printf '\\363' | dd of=%s/alien.pool.so bs=1 seek=18 conv=notrunc status=none", "", ""); /* e_machine: RISC-V */
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "+fake.pool.so");
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "pack+.pool.so");
  static const char *const names[] = {"text", "torn", "empty", "folder", "alien"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) expect_refusal(names[i], "cannot be used: it ");
  expect_refusal("dangling", "cannot be used: ");
  expect_refusal("pack", "unknown strategy");
}

/* --- Who may write there ------------------------------------------------------------------------------------------------------------------ */

Test(safety, a_folder_that_anyone_may_write, .init = enter, .fini = leave) {
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "fake.pool.so");
  shell("chmod 1777 %s", "", ""); /* a sticky one, too */
  expect_refusal("fake", "may be written by anyone");
}

Test(safety, a_file_that_anyone_may_write, .init = enter, .fini = leave) {
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "fake.pool.so");
  shell("chmod o+w %s/fake.pool.so", "", "");
  expect_refusal("fake", "may be written by anyone");
}

Test(safety, a_link_out_of_a_safe_folder, .init = enter, .fini = leave) {
  shell("mkdir -m 777 %s/open && chmod 777 %1$s/open", "", "");
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "open/fake.pool.so");
  shell("ln -s open/fake.pool.so %s/fake.pool.so", "", "");
  expect_refusal("fake", "may be written by anyone");
}

static void put_foreign(void) {
  if (geteuid()) cr_skip_test("only root can give a file away");
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "fake.pool.so");
  shell("chown 4711 %s/fake.pool.so", "", "");
}
Test(safety, somebody_elses, .init = enter, .fini = leave) {
  put_foreign();
  expect_refusal("fake", "belongs to somebody else");
}
Test(safety, somebody_elses_allowed, .init = enter, .fini = leave) {
  char err[1024];
  put_foreign();
  catalog_trust_owners();
  cr_expect(catalog_open("fake", "pool", err, sizeof err) != NULL, "%s", err);
}

/* --- Names ------------------------------------------------------------------------------------------------------------------------------ */

Test(names, of_two_strategies, .init = enter, .fini = leave) {
  char err[1024];
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "fake.pool.so");
  put(RECLAIM_DOUBLES_DIR "/loner.pool.so", "loner.pool.so");
  shell("ln -s '%2$s/cell-tracing.pool.so' %1$s/cell-tracing.pool.so", RECLAIM_DOUBLES_DIR, ""); /* the very same file */
  cr_assert(catalog_use_plugins(RECLAIM_DOUBLES_DIR, err, sizeof err));
  expect_refusal("fake", "two strategies are called 'fake'");
  expect_refusal("loner", "two strategies are called 'loner'");
  cr_expect(catalog_open("cell-tracing", "pool", err, sizeof err) != NULL, "%s", err);
}

Test(names, of_one_folder_given_twice, .init = enter, .fini = leave) {
  char err[1024], link[200];
  put(RECLAIM_DOUBLES_DIR "/fake.pool.so", "fake.pool.so");
  shell("ln -s %1$s %1$s/again", "", "");
  snprintf(link, sizeof link, "%s,%s/again", place, place);
  cr_assert(catalog_use_plugins(link, err, sizeof err));
  cr_expect(catalog_open("fake", "pool", err, sizeof err) != NULL, "%s", err);
  cr_expect(not(catalog_use_plugins("/nowhere", err, sizeof err)));
  cr_expect(strstr(err, "/nowhere") != NULL);
}

/* --- Packs --------------------------------------------------------------------------------------------------------------------------------- */

static const reclaim_strategy *open_fake(const char *name) {
  char err[1024];
  const reclaim_strategy *s;
  cr_assert(catalog_use_plugins(RECLAIM_DOUBLES_DIR, err, sizeof err));
  s = catalog_open(name, "pool", err, sizeof err);
  cr_assert(s != NULL, "%s", err);
  return s;
}

Test(packs, found_with_their_settings, .init = enter, .fini = leave) {
  char err[1024], **packs;
  catalog_choice c;
  put(RECLAIM_PLUGINS_DIR "/tray+fake.pool.so", "tray+fake.pool.so");
  const reclaim_strategy *fake = open_fake("fake");
  cr_assert(catalog_find_workload(fake, "tea-small", &c, err, sizeof err), "%s", err);
  cr_expect(c.object != fake && !strcmp(c.object->pack, "tray") && !strcmp(c.workload->name, "tea"));
  cr_assert(catalog_find_workload(fake, "work", &c, err, sizeof err), "%s", err);
  cr_expect(c.object == fake);
  cr_assert(eq(int, catalog_packs(&packs), 1));
  cr_expect(eq(str, packs[0], "tray"));
  catalog_free_names(packs, 1);
  cr_expect(not(catalog_find_workload(fake, "coffee", &c, err, sizeof err)));
}

/* What a cell does: one object is opened, and it is the right one. */
Test(packs, one_object_for_a_cell, .init = enter, .fini = leave) {
  char err[1024];
  put(RECLAIM_PLUGINS_DIR "/tray+fake.pool.so", "tray+fake.pool.so");
  cr_assert(catalog_use_plugins(RECLAIM_DOUBLES_DIR, err, sizeof err));
  const reclaim_strategy *s = catalog_open_for("fake", "pool", "tea", err, sizeof err);
  cr_assert(s != NULL, "%s", err);
  cr_expect(eq(str, (char *)s->pack, "tray"));
  cr_expect(catalog_find_file("fake", "pool", "")->loaded == NULL);
}

Test(packs, that_lack_a_strategy, .init = enter, .fini = leave) {
  char err[1024];
  catalog_choice c;
  put(RECLAIM_PLUGINS_DIR "/tray+fake.pool.so", "tray+fake.pool.so");
  const reclaim_strategy *loner = open_fake("loner");
  cr_expect(not(catalog_find_workload(loner, "tea", &c, err, sizeof err)));
  cr_expect(catalog_find_elsewhere(loner, "tea", &c));
  cr_expect(eq(str, (char *)c.object->pack, "tray"));
}

Test(packs, refused, .init = enter, .fini = leave) {
  static const char *const cases[][2] = {{"work", "its workload 'work' has the name of one that every strategy has"},
                                         {"work-small", "has the name of one that every strategy has"},
                                         {"milk", "was not built with the 'fake' that is here"},
                                         {"tea", "workload 'tea' is in two packs, 'cart' and 'tray'"}};
  catalog_choice c;
  put(RECLAIM_PLUGINS_DIR "/tray+fake.pool.so", "tray+fake.pool.so");
  put(RECLAIM_PLUGINS_DIR "/cart+fake.pool.so", "cart+fake.pool.so");
  put(RECLAIM_PLUGINS_DIR "/clash+fake.pool.so", "clash+fake.pool.so");
  put(RECLAIM_PLUGINS_DIR "/stale+fake.pool.so", "stale+fake.pool.so");
  const reclaim_strategy *fake = open_fake("fake");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char err[1024] = "";
    cr_expect(not(catalog_find_workload(fake, cases[i][0], &c, err, sizeof err)), "%s", cases[i][0]);
    cr_expect(strstr(err, cases[i][1]) != NULL, "%s: %s", cases[i][0], err);
  }
}

/* --- The hash, against the examples of its standard ------------------------------------------------------------------------------------------ */

Test(hash, is_sha256, .init = enter, .fini = leave) {
  static const char *const cases[][2] = {
      {"printf ''", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"printf abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"printf abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"head -c 1000000 /dev/zero | tr '\\0' a", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  char path[200], hex[65];
  snprintf(path, sizeof path, "%s/data", place);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shell("%2$s > %1$s/data", cases[i][0], "");
    cr_assert(catalog_hash(path, hex));
    cr_expect(eq(str, hex, (char *)cases[i][1]), "%s", cases[i][0]);
  }
  cr_expect(not(catalog_hash("/nowhere", hex)));
  cr_expect(not(catalog_hash(place, hex)));
}
