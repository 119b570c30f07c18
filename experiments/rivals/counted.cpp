/* counted.cpp: the reference programs in C++ over one counting pointer, which is chosen when it is compiled:

     COUNTED_SHARED   std::shared_ptr, made by make_shared. libstdc++ counts without atomics while the process has never had a second
                      thread; with COUNTED_THREADS it has had one
     COUNTED_PLAIN    an intrusive pointer with a plain count
     COUNTED_ATOMIC   the same with an atomic one, as boost::intrusive_ref_counter does it: relaxed increment, acquire-release decrement
     COUNTED_UNIQUE   and with a look before the decrement: a count of 1 needs no locked instruction, since nobody else has a reference

   COUNTED_POOLS takes objects and small arrays from LIFO pools per thread; without it they come from malloc.

   Counting alone: cycles leak. Reads that the programs ask for as owned copies are copies of the pointer; walks go by reference. */
#include "experiments/rivals/rival.h"

#include <atomic>
#include <memory>
#include <new>
#include <utility>
#include <vector>

/* --- Memory ------------------------------------------------------------------------------------------------------------------------ */

#if defined(COUNTED_POOLS)
struct Cell {
  Cell *next;
};
constexpr size_t STEP = 16, LARGEST = 256, CARVED = 32 << 10;
static thread_local Cell *free_cells[LARGEST / STEP + 1];

/* Fresh cells, handed out in the order of their addresses. */
[[gnu::noinline, gnu::cold]] static void *carve(size_t k) {
  size_t size = k * STEP, n = CARVED / size;
  char *block = static_cast<char *>(malloc(n * size));
  if (!block) throw std::bad_alloc();
  for (size_t i = n; i-- > 1;) {
    Cell *c = reinterpret_cast<Cell *>(block + i * size);
    c->next = free_cells[k];
    free_cells[k] = c;
  }
  return block;
}
static inline void *cell_get(size_t size) {
  if (size > LARGEST) return ::operator new(size);
  size_t k = (size + STEP - 1) / STEP;
  Cell *c = free_cells[k];
  if (UNLIKELY(!c)) return carve(k);
  free_cells[k] = c->next;
  return c;
}
static inline void cell_put(void *p, size_t size) {
  if (size > LARGEST) return ::operator delete(p, size);
  size_t k = (size + STEP - 1) / STEP;
  Cell *c = static_cast<Cell *>(p);
  c->next = free_cells[k];
  free_cells[k] = c;
}
#else
static inline void *cell_get(size_t size) { return ::operator new(size); }
static inline void cell_put(void *p, size_t size) { ::operator delete(p, size); }
#endif

template <class T> struct Cells { /* the same for the library */
  using value_type = T;
  Cells() = default;
  template <class U> Cells(const Cells<U> &) {}
  T *allocate(size_t n) { return static_cast<T *>(cell_get(n * sizeof(T))); }
  void deallocate(T *p, size_t n) { cell_put(p, n * sizeof(T)); }
  template <class U> bool operator==(const Cells<U> &) const { return true; }
  template <class U> bool operator!=(const Cells<U> &) const { return false; }
};

/* --- The pointer ------------------------------------------------------------------------------------------------------------------- */

#if defined(COUNTED_SHARED)

struct Counted {};
template <class T> using Ref = std::shared_ptr<T>;
template <class T, class... A> Ref<T> make(A &&...a) { return std::allocate_shared<T>(Cells<T>(), std::forward<A>(a)...); }

#else

struct Counted {
#if defined(COUNTED_PLAIN)
  uint32_t count = 1;
  void retain() { count++; }
  bool release() { return --count == 0; }
#else
  std::atomic<uint32_t> count{1};
  void retain() { count.fetch_add(1, std::memory_order_relaxed); }
  bool release() {
#if defined(COUNTED_UNIQUE)
    if (count.load(std::memory_order_acquire) == 1) return true;
#endif
    return count.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
#endif
  static void *operator new(size_t size) { return cell_get(size); }
  static void operator delete(void *p, size_t size) { cell_put(p, size); }
};

template <class T> class Ref {
  T *p = nullptr;

public:
  Ref() = default;
  explicit Ref(T *made) : p(made) {} /* takes over its first count */
  Ref(const Ref &o) : p(o.p) {
    if (p) p->retain();
  }
  Ref(Ref &&o) noexcept : p(std::exchange(o.p, nullptr)) {}
  Ref &operator=(Ref o) noexcept {
    std::swap(p, o.p);
    return *this;
  }
  ~Ref() {
    if (p && p->release()) delete p;
  }
  T *operator->() const { return p; }
  explicit operator bool() const { return p; }
};
template <class T, class... A> Ref<T> make(A &&...a) { return Ref<T>(new T(std::forward<A>(a)...)); }

#endif

template <class T> using Vector = std::vector<T, Cells<T>>;

struct Int : Counted {
  int64_t v;
  explicit Int(int64_t v) : v(v) {}
};
using Box = Ref<Int>;
static inline Box box(int64_t v) { return make<Int>(v); }

/* --- treesS, treesL, treesV -------------------------------------------------------------------------------------------------------- */

/* Members end against the order of their declaration. On a pool, left before right leaves the cells as they lay; malloc would rather have
   it the other way round. */
struct Tree : Counted {
  int64_t v;
#if defined(COUNTED_POOLS)
  Ref<Tree> r, l;
#else
  Ref<Tree> l, r;
#endif
  explicit Tree(int64_t v, Ref<Tree> left = {}, Ref<Tree> right = {}) : v(v) {
    l = std::move(left);
    r = std::move(right);
  }
};

static Ref<Tree> tree_make(int64_t depth) {
  if (depth == 0) return make<Tree>(1);
  Ref<Tree> l = tree_make(depth - 1);
  return make<Tree>(depth + 1, std::move(l), tree_make(depth - 1));
}
static Ref<Tree> chain_make(int64_t n) {
  Ref<Tree> head;
  for (int64_t i = 1; i <= n; i++) head = make<Tree>(i, std::move(head));
  return head;
}
static int64_t tree_sum(const Ref<Tree> &t) { return t ? t->v + tree_sum(t->l) + tree_sum(t->r) : 0; }

static void trees(Rival *r, int64_t least, int64_t spread, int64_t kept_depth, int64_t chain, int64_t nodes) {
  int64_t sum = 0;
  Ref<Tree> kept = kept_depth < 0 ? Ref<Tree>() : tree_make(kept_depth);
  if (kept) r->operations += tree_nodes(kept_depth);
  for (int64_t made = 0; made < nodes;) {
    int64_t depth = least + (int64_t)rng_below(&r->rng, spread + 1);
    int64_t odd = chain ? 1 + (int64_t)rng_below(&r->rng, chain) : 0;
    Ref<Tree> links = chain_make(odd), tree = tree_make(depth);
    sum += tree_sum(tree) + odd;
    made += tree_nodes(depth);
    r->operations += tree_nodes(depth) + odd;
  }
  rival_check(r, sum + tree_sum(kept));
}

/* --- list -------------------------------------------------------------------------------------------------------------------------- */

static int64_t temporary(Rival *r) {
  enum { LENGTH = 16 };
  int64_t first = VALUE_BASE + (int64_t)(rng_next(&r->rng) >> 44), sum = 0;
  Vector<Box> list;
  list.reserve(LENGTH);
  for (int64_t i = 0; i < LENGTH; i++) list.push_back(box(first + i));
  for (size_t i = 0; i < LENGTH; i++) {
    Box item = list[i];
    sum += item->v;
  }
  return sum;
}

static void list(Rival *r) {
  enum { LIVE = 1000000, OPERATIONS = 2000000 };
  Vector<Box> list;
  for (int64_t i = 0; i < LIVE; i++) list.push_back(box(value_for(r, i, LIVE)));
  int64_t sum = 0;
  Every pop = every(4), made = every(16);
  for (int64_t k = 0; k < OPERATIONS; k++) {
    uint64_t i = rng_below(&r->rng, LIVE);
    list[i] = box(value_for(r, i, LIVE));
    if (is_due(&pop)) {
      sum += list.back()->v;
      list.pop_back();
      list.push_back(box(value_for(r, LIVE - 1, LIVE)));
    }
    if (is_due(&made)) sum += temporary(r);
  }
  rival_check(r, sum);
  sum = 0;
  for (const Box &item : list) sum += item->v;
  rival_check(r, sum);
  rival_check(r, 0); /* there are no rows */
  r->operations += LIVE + OPERATIONS;
}

/* --- dict -------------------------------------------------------------------------------------------------------------------------- */

class Dict {
  struct Entry {
    uint64_t hash = 0; /* 0: empty */
    Box key, value;
  };
  Vector<Entry> table = Vector<Entry>(8);
  size_t used = 0;

  Entry *find(uint64_t hash, const Box &key) {
    size_t mask = table.size() - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
      Entry &e = table[i];
      if (!e.hash || (e.hash == hash && e.key->v == key->v)) return &e;
    }
  }
  [[gnu::noinline]] void grow() {
    Vector<Entry> old(2 * table.size());
    std::swap(old, table);
    size_t mask = table.size() - 1;
    for (Entry &e : old) {
      if (!e.hash) continue;
      size_t i = e.hash & mask;
      while (table[i].hash) i = (i + 1) & mask;
      table[i] = std::move(e);
    }
  }
  void close(size_t at) { /* the gap at `at` (Knuth's algorithm R) */
    size_t mask = table.size() - 1;
    for (size_t i = (at + 1) & mask; table[i].hash; i = (i + 1) & mask) {
      size_t home = table[i].hash & mask;
      if (((i - home) & mask) < ((i - at) & mask)) continue;
      table[at] = std::move(table[i]);
      at = i;
    }
    table[at].hash = 0;
  }

public:
  size_t size() const { return used; }
  Box get(const Box &key) { return find(key_hash(key->v), key)->value; }
  void put(Box key, Box value) {
    uint64_t hash = key_hash(key->v);
    Entry *e = find(hash, key);
    if (e->hash) {
      e->value = std::move(value);
      return;
    }
    if (UNLIKELY(used * 3 >= table.size() * 2)) {
      grow();
      e = find(hash, key);
    }
    *e = {hash, std::move(key), std::move(value)};
    used++;
  }
  Box remove(const Box &key) {
    Entry *e = find(key_hash(key->v), key);
    if (!e->hash) return {};
    Box value = std::move(e->value);
    e->key = {};
    close((size_t)(e - table.data()));
    used--;
    return value;
  }
  int64_t sum() const {
    int64_t sum = 0;
    for (const Entry &e : table)
      if (e.hash) sum += e.value->v;
    return sum;
  }
};

static inline int64_t value_or_0(const Box &b) { return b ? b->v : 0; }

static void dict(Rival *r) {
  enum { LIVE = 1 << 18, ROUNDS = 500000 };
  const uint64_t end = 2 * LIVE + 2 * (uint64_t)r->threads;
  auto key = [](uint64_t k) { return box(VALUE_BASE + (int64_t)k); };
  auto any = [r] { return rng_below(&r->rng, 2 * LIVE); };
  auto set = [&](Dict &d, uint64_t k) {
    Box made = key(k);
    d.put(std::move(made), box(value_for(r, k, end)));
  };
  Dict d;
  for (uint64_t k = 0; k < LIVE; k++) set(d, k);
  int64_t sum = 0;
  for (int k = 0; k < ROUNDS; k++) {
    sum += value_or_0(d.get(key(any())));
    set(d, any());
    sum += value_or_0(d.get(key(any())));
    sum += value_or_0(d.remove(key(any())));
  }
  rival_check(r, sum);
  rival_check(r, 0); /* nothing was misplaced by others */
  rival_check(r, d.sum());
  rival_check(r, d.size());
  r->operations += LIVE + 4 * ROUNDS;
}

/* --- ring, graph ------------------------------------------------------------------------------------------------------------------- */

struct Link : Counted {
  int64_t v;
  Ref<Link> next, previous;
  explicit Link(int64_t v) : v(v) {}
};

static void ring(Rival *r) {
  for (int64_t made = 0; made < 2000000; made += NODES) {
    Ref<Link> first = make<Link>(1), last = first;
    for (int64_t v = 2; v <= NODES; v++) {
      Ref<Link> x = make<Link>(v);
      x->previous = last;
      last->next = x;
      last = std::move(x);
    }
    first->previous = last;
    last->next = first;
    int64_t sum = first->v;
    Ref<Link> at = first;
    for (int i = 1; i < NODES; i++) {
      at = at->next;
      sum += at->v;
    }
    rival_check(r, sum);
    r->operations += NODES;
  }
}

struct Vertex : Counted {
  int64_t v;
  Ref<Vertex> e[FANOUT];
  explicit Vertex(int64_t v) : v(v) {}
};

static void graph(Rival *r) {
  Plan plans[PLANS];
  plans_draw(r, plans);
  for (int64_t made = 0; made < 1000000 / NODES; made++) {
    const Plan &plan = plans[made % PLANS];
    Vector<Ref<Vertex>> nodes;
    nodes.reserve(NODES);
    for (int v = 0; v < NODES; v++) nodes.push_back(make<Vertex>(v + 1));
    for (int v = 0; v < NODES; v++)
      for (int e = 0; e < FANOUT; e++) nodes[v]->e[e] = nodes[plan.to[v][e]];
    int64_t sum = 0;
    for (const Ref<Vertex> &x : nodes) {
      sum += x->v;
      for (const Ref<Vertex> &y : x->e) sum += y->v;
    }
    rival_check(r, sum);
    r->operations += NODES;
  }
}

/* --- rcP, rcS ---------------------------------------------------------------------------------------------------------------------- */

static Vector<Box> everybodys;

[[gnu::noinline]] static int64_t take_some(const Vector<Box> &hand, size_t at) {
  Box a = hand[at], b = hand[at + 1], c = hand[at + 2], d = hand[at + 3];
  Box e = hand[at + 4], f = hand[at + 5], g = hand[at + 6], h = hand[at + 7];
  return d->v;
}

static void take(Rival *r, size_t live, size_t held, int64_t operations, bool shared) {
  Vector<Box> own, &objects = shared ? everybodys : own, hand;
  if (!shared || r->index == 0)
    for (size_t i = 0; i < live; i++) objects.push_back(box(value_for(r, i, live)));
  if (shared) rival_barrier();
  for (size_t i = 0; i < held; i++) hand.push_back(objects[i % live]);
  int64_t sum = 0;
  for (int64_t k = 0; k < operations / TAKEN; k++) sum += take_some(hand, rng_below(&r->rng, held - TAKEN + 1));
  rival_check(r, sum);
  r->operations += operations;
  if (shared) rival_barrier();
  if (shared && r->index == 0) everybodys.clear();
}

/* --- gen, genl --------------------------------------------------------------------------------------------------------------------- */

enum { ITEMS = 1 << 18, PASSES = 32 };

struct Generator : Counted {
  virtual Box next() = 0;
  virtual ~Generator() = default;
};
struct Range final : Generator {
  int64_t at, stop;
  Range(int64_t at, int64_t stop) : at(at), stop(stop) {}
  Box next() override { return at == stop ? Box() : box(at++); }
};

[[gnu::noinline]] static Ref<Generator> range(int64_t first) { /* what it yields is not to be seen from outside */
#if defined(COUNTED_SHARED)
  return make<Range>(first, first + ITEMS);
#else
  return Ref<Generator>(new Range(first, first + ITEMS));
#endif
}

static int64_t pull(Rival *r) {
  Ref<Generator> g = range(VALUE_BASE + (int64_t)rng_below(&r->rng, 1 << 20));
  int64_t sum = 0;
  while (Box b = g->next()) sum += b->v;
  return sum;
}

static int64_t materialise(Rival *r) {
  int64_t first = VALUE_BASE + (int64_t)rng_below(&r->rng, 1 << 20), sum = 0;
  Vector<Box> list;
  for (int64_t i = 0; i < ITEMS; i++) list.push_back(box(first + i));
  for (size_t i = 0; i < ITEMS; i++) {
    Box item = list[i];
    sum += item->v;
  }
  return sum;
}

static void generators(Rival *r, bool lists) {
  int64_t sum = 0;
  for (int i = 0; i < PASSES; i++) sum += lists ? materialise(r) : pull(r);
  rival_check(r, sum);
  r->operations += PASSES * ITEMS;
}

/* --- The rival --------------------------------------------------------------------------------------------------------------------- */

static const char *rival_lacks(void) {
#if defined(COUNTED_PLAIN)
  if (!strcmp(rival_options.program, "rcS")) return "plain counts are not for objects that threads share";
#elif defined(COUNTED_SHARED) && !defined(COUNTED_THREADS)
  if (rival_options.threads > 1) return "with a second thread its counts are atomic";
#endif
  return NULL;
}
static const char *rival_version(void) { return "g++ " __VERSION__; }
static void rival_thread_begin(int index) { (void)index; }

#if defined(COUNTED_THREADS)
static void *nothing(void *unused) { return unused; }
#endif
static void rival_begin(void) {
#if defined(COUNTED_THREADS)
  pthread_t thread;
  if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL)) exit(1);
#endif
}
