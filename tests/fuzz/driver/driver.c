/* driver.c: a fuzzer without libFuzzer: every file of its corpus, and so many mutations of them from a fixed seed.

     fuzz-<parser> CORPUS [ROUNDS]          all of it
     fuzz-<parser> --round N CORPUS         that mutation alone
     fuzz-<parser> FILE...                  these inputs

   Mutations are drawn from the seed and the number of the round alone, so a failure is repeated by its number. What the parser says goes to
   /dev/null; what a sanitizer or the driver says does not. */
#define _GNU_SOURCE 1
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <signal.h>

enum { LARGEST = 1 << 16, MOST_EDITS = 6 };

struct input {
  uint8_t *data;
  size_t size;
};
static struct input *corpus;
static int ncorpus;
static long round_at = -1;
int fuzz_say = STDERR_FILENO;
static const char *program, *folder;

void __sanitizer_set_report_fd(void *) __attribute__((weak));
void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static void say_where(void) {
  if (round_at >= 0) dprintf(fuzz_say, "repeat it with: %s --round %ld %s\n", program, round_at, folder);
}
static void on_abort(int number) {
  say_where();
  signal(number, SIG_DFL);
  raise(number);
}

/* --- The corpus ---------------------------------------------------------------------------------------------------------------- */

static struct input read_input(const char *path) {
  struct input in = {NULL, 0};
  FILE *f = fopen(path, "rb");
  MUST(f != NULL);
  in.data = malloc(LARGEST);
  MUST(in.data != NULL);
  in.size = fread(in.data, 1, LARGEST, f);
  fclose(f);
  return in;
}

static void read_corpus(void) {
  struct dirent **entries;
  int n = scandir(folder, &entries, NULL, alphasort);
  MUST(n >= 0);
  corpus = calloc((size_t)n + 1, sizeof *corpus);
  for (int i = 0; i < n; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (*entries[i]->d_name != '.') corpus[ncorpus++] = read_input(path);
    free(entries[i]);
  }
  free(entries);
}

/* --- Mutations --------------------------------------------------------------------------------------------------------------------- */

static uint64_t state;
static uint64_t draw(uint64_t below) { /* splitmix64 */
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return below ? z % below : 0;
}

static void insert(struct input *in, size_t at, const void *what, size_t n) {
  if (in->size + n > LARGEST) return;
  memmove(in->data + at + n, in->data + at, in->size - at);
  memcpy(in->data + at, what, n);
  in->size += n;
}

static void edit(struct input *in) {
  static const char *const telling[] = {"\n",    ",",   "\"",  "\\", "=",    "'",  "-1",   "0",    "99999999999999999999",
                                        "1e308", "nan", "{}",  "[]", "null", "\r", "\xff", "\xc3", "(",
                                        ")",     "!",   "--",  "%s", "\t ",  ";",  "\x7f", "K",    "T",
                                        "x",     "[",   "true"};
  size_t at = draw(in->size + 1), span = draw(8) ? draw(9) : draw(in->size + 1);
  if (span > in->size - at) span = in->size - at;
  const struct input *other = &corpus[draw((uint64_t)ncorpus)];
  uint8_t byte = (uint8_t)draw(256);
  switch (draw(7)) {
  case 0:
    if (at < in->size) in->data[at] ^= (uint8_t)(1u << draw(8));
    break;
  case 1:
    if (at < in->size) in->data[at] = byte;
    break;
  case 2: insert(in, at, &byte, 1); break;
  case 3: /* something is lost */
    memmove(in->data + at, in->data + at + span, in->size - at - span);
    in->size -= span;
    break;
  case 4: { /* something is there twice */
    uint8_t copy[LARGEST];
    memcpy(copy, in->data + at, span);
    insert(in, draw(in->size + 1), copy, span);
    break;
  }
  case 5: { /* something of another input */
    size_t from = draw(other->size + 1), n = draw(other->size - from + 1);
    insert(in, at, other->data + from, n);
    break;
  }
  default: {
    const char *word = telling[draw(sizeof telling / sizeof *telling)];
    insert(in, at, word, strlen(word));
  }
  }
}

static void run_round(long number) {
  static struct input in;
  if (!in.data) in.data = malloc(LARGEST);
  round_at = number;
  state = (uint64_t)number * 0x2545f4914f6cdd1du + 1;
  const struct input *from = &corpus[draw((uint64_t)ncorpus)];
  memcpy(in.data, from->data, in.size = from->size);
  for (uint64_t edits = 1 + draw(MOST_EDITS); edits; edits--) edit(&in);
  uint8_t *exact = malloc(in.size + !in.size); /* a read beyond its end is seen */
  memcpy(exact, in.data, in.size);
  LLVMFuzzerTestOneInput(exact, in.size);
  free(exact);
}

/* What the parser says is for a user. */
static void keep_quiet(void) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  fuzz_say = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  MUST(null >= 0 && fuzz_say >= 0);
  fflush(NULL);
  dup2(null, STDOUT_FILENO), dup2(null, STDERR_FILENO);
  if (__sanitizer_set_report_fd) __sanitizer_set_report_fd((void *)(intptr_t)fuzz_say);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(say_where);
  signal(SIGABRT, on_abort);
}

int main(int argc, char **argv) {
  struct stat st;
  long alone = -1, rounds = 0;
  program = argv[0];
  if (argc == 4 && !strcmp(argv[1], "--round")) alone = atol(argv[2]), argv += 2, argc -= 2;
  if (argc < 2 || (argc > 2 && !stat(argv[1], &st) && S_ISDIR(st.st_mode) && (rounds = atol(argv[2])) <= 0)) {
    fprintf(stderr, "usage: %s CORPUS [ROUNDS] | --round N CORPUS | FILE...\n", program);
    return 2;
  }
  folder = argv[1];
  bool corpora = !stat(folder, &st) && S_ISDIR(st.st_mode);
  if (corpora) {
    read_corpus();
    MUST(ncorpus > 0);
    keep_quiet();
  } else {
    corpus = calloc((size_t)argc, sizeof *corpus);
    for (int i = 1; i < argc; i++) corpus[ncorpus++] = read_input(argv[i]);
  }
  for (int i = 0; i < ncorpus && alone < 0; i++) {
    uint8_t *exact = malloc(corpus[i].size + 1);
    memcpy(exact, corpus[i].data, corpus[i].size);
    LLVMFuzzerTestOneInput(exact, corpus[i].size);
    free(exact);
  }
  if (alone >= 0) run_round(alone);
  for (long i = 0; i < rounds; i++) run_round(i);
  dprintf(fuzz_say, "%d inputs, %ld mutations\n", ncorpus, rounds);
  for (int i = 0; i < ncorpus; i++) free(corpus[i].data);
  free(corpus);
  return 0;
}
