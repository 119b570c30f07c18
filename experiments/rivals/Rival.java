/* Rival.java: the reference programs in Java. Integers are Longs, made anew for each value; lists are ArrayLists; the dict keeps its
   hashes apart from its keys and values, since Java has no arrays of structs.

   What the just-in-time compiler may not do is look into a generator from outside: -XX:CompileCommand=dontinline,Range::next makes that call
   the indirect one that the program asks for. Warm-up iterations are its time to compile. */
import java.util.ArrayList;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

final class Rival implements Runnable {
  static final int VALUE_BASE = 257; /* values are above the small integers that some languages make once */
  static final int NODES = 100, FANOUT = 4, PLANS = 8; /* of ring and graph */
  static final int TAKEN = 8; /* of rcP and rcS */

  /* --- The random numbers, the checksum, the books (runtime/random.h) --- */

  long rng, operations, checksum;

  static long mix64(long x) {
    x += 0x9E3779B97F4A7C15L;
    x = (x ^ x >>> 30) * 0xBF58476D1CE4E5B9L;
    x = (x ^ x >>> 27) * 0x94D049BB133111EBL;
    return x ^ x >>> 31;
  }
  long next() {
    rng ^= rng >>> 12;
    rng ^= rng << 25;
    rng ^= rng >>> 27;
    return rng * 0x2545F4914F6CDD1DL;
  }
  int below(int n) { return (int) ((next() >>> 32) * n >>> 32); }
  void check(long value) { checksum += mix64(value); }
  /* A fresh value for one of n places or keys. */
  long valueFor(long at, long n) { return at + n * (VALUE_BASE + (next() >>> 44)); }

  /* --- treesS, treesL, treesV --- */

  static final class Tree {
    final long v;
    final Tree l, r;
    Tree(long v, Tree l, Tree r) {
      this.v = v;
      this.l = l;
      this.r = r;
    }
  }

  static int treeNodes(int depth) { return (2 << depth) - 1; }
  static Tree treeMake(int depth) {
    if (depth == 0) return new Tree(1, null, null);
    Tree l = treeMake(depth - 1);
    return new Tree(depth + 1, l, treeMake(depth - 1));
  }
  static Tree chainMake(int n) {
    Tree head = null;
    for (int i = 1; i <= n; i++) head = new Tree(i, head, null);
    return head;
  }
  static long treeSum(Tree t) { return t == null ? 0 : t.v + treeSum(t.l) + treeSum(t.r); }

  long oneTree(int depth, int odd) {
    Tree links = chainMake(odd), tree = treeMake(depth);
    long sum = treeSum(tree) + odd;
    java.lang.ref.Reference.reachabilityFence(links);
    return sum;
  }
  void trees(int least, int spread, int keptDepth, int chain, int nodes) {
    long sum = 0;
    Tree kept = keptDepth < 0 ? null : treeMake(keptDepth);
    if (kept != null) operations += treeNodes(keptDepth);
    for (int made = 0; made < nodes;) {
      int depth = least + below(spread + 1), odd = chain > 0 ? 1 + below(chain) : 0;
      sum += oneTree(depth, odd);
      made += treeNodes(depth);
      operations += treeNodes(depth) + odd;
    }
    check(sum + treeSum(kept));
  }

  /* --- list --- */

  long temporary() {
    final int length = 16;
    long first = VALUE_BASE + (next() >>> 44), sum = 0;
    ArrayList<Long> list = new ArrayList<>(length);
    for (int i = 0; i < length; i++) list.add(first + i);
    for (int i = 0; i < length; i++) sum += list.get(i);
    return sum;
  }
  long replace(ArrayList<Long> list, int live, int rounds) {
    long sum = 0;
    for (int k = 1; k <= rounds; k++) {
      int i = below(live);
      list.set(i, valueFor(i, live));
      if (k % 4 == 0) {
        sum += list.remove(list.size() - 1);
        list.add(valueFor(live - 1, live));
      }
      if (k % 16 == 0) sum += temporary();
    }
    return sum;
  }
  static long sum(ArrayList<Long> list) {
    long sum = 0;
    for (int i = 0, n = list.size(); i < n; i++) sum += list.get(i);
    return sum;
  }
  void list() {
    final int live = 1000000, rounds = 2000000;
    ArrayList<Long> list = new ArrayList<>();
    for (int i = 0; i < live; i++) list.add(valueFor(i, live));
    check(replace(list, live, rounds));
    check(sum(list));
    check(0); /* there are no rows */
    operations += live + rounds;
  }

  /* --- dict --- */

  static final class Dict {
    long[] hash = new long[8]; /* 0: empty */
    Long[] pair = new Long[16]; /* key and value */
    int used;

    static long hashOf(long key) {
      long h = (key ^ key >>> 32) * 0x9E3779B97F4A7C15L;
      h ^= h >>> 29;
      return h == 0 ? 1 : h;
    }
    int find(long h, long key) {
      int mask = hash.length - 1;
      for (int i = (int) h & mask;; i = (i + 1) & mask)
        if (hash[i] == 0 || hash[i] == h && pair[2 * i] == key) return i;
    }
    void set(int i, long h, Long key, Long value) {
      hash[i] = h;
      pair[2 * i] = key;
      pair[2 * i + 1] = value;
    }
    void grow() {
      long[] hashes = hash;
      Long[] pairs = pair;
      hash = new long[2 * hashes.length];
      pair = new Long[2 * pairs.length];
      int mask = hash.length - 1;
      for (int k = 0; k < hashes.length; k++) {
        if (hashes[k] == 0) continue;
        int i = (int) hashes[k] & mask;
        while (hash[i] != 0) i = (i + 1) & mask;
        set(i, hashes[k], pairs[2 * k], pairs[2 * k + 1]);
      }
    }
    Long get(Long key) { return pair[2 * find(hashOf(key), key) + 1]; }
    void put(Long key, Long value) {
      long h = hashOf(key);
      int i = find(h, key);
      if (hash[i] != 0) {
        pair[2 * i + 1] = value;
        return;
      }
      if (used * 3 >= hash.length * 2) {
        grow();
        i = find(h, key);
      }
      set(i, h, key, value);
      used++;
    }
    Long remove(Long key) { /* closes the gap (Knuth's algorithm R) */
      int at = find(hashOf(key), key), mask = hash.length - 1;
      if (hash[at] == 0) return null;
      Long value = pair[2 * at + 1];
      for (int i = (at + 1) & mask; hash[i] != 0; i = (i + 1) & mask) {
        int home = (int) hash[i] & mask;
        if ((i - home & mask) < (i - at & mask)) continue;
        set(at, hash[i], pair[2 * i], pair[2 * i + 1]);
        at = i;
      }
      set(at, 0, null, null);
      used--;
      return value;
    }
    long sum() {
      long sum = 0;
      for (int i = 0; i < hash.length; i++)
        if (hash[i] != 0) sum += pair[2 * i + 1];
      return sum;
    }
  }

  static long valueOr0(Long v) { return v == null ? 0 : v; }
  static Long key(long k) { return VALUE_BASE + k; }
  void set(Dict d, int k, long end) {
    Long key = key(k);
    d.put(key, valueFor(k, end));
  }
  void dict() {
    final int live = 1 << 18, rounds = 500000;
    final long end = 2 * live + 2 * threads;
    Dict d = new Dict();
    for (int k = 0; k < live; k++) set(d, k, end);
    long sum = 0;
    for (int i = 0; i < rounds; i++) {
      sum += valueOr0(d.get(key(below(2 * live))));
      set(d, below(2 * live), end);
      sum += valueOr0(d.get(key(below(2 * live))));
      sum += valueOr0(d.remove(key(below(2 * live))));
    }
    check(sum);
    check(0); /* nothing was misplaced by others */
    check(d.sum());
    check(d.used);
    operations += live + 4 * rounds;
  }

  /* --- ring, graph --- */

  static final class Link {
    final long v;
    Link next, previous;
    Link(long v) { this.v = v; }
  }

  static long oneRing() {
    Link first = new Link(1), last = first;
    for (int v = 2; v <= NODES; v++) {
      Link x = new Link(v);
      x.previous = last;
      last.next = x;
      last = x;
    }
    first.previous = last;
    last.next = first;
    long sum = first.v;
    Link at = first;
    for (int i = 1; i < NODES; i++) sum += (at = at.next).v;
    return sum;
  }
  void ring() {
    for (int made = 0; made < 2000000; made += NODES) {
      check(oneRing());
      operations += NODES;
    }
  }

  static final class Vertex { /* edges in the object, as everywhere: an array would be an object more */
    final long v;
    Vertex a, b, c, d;
    Vertex(long v) { this.v = v; }
  }

  static long oneGraph(int[][] plan) {
    Vertex[] nodes = new Vertex[NODES];
    for (int v = 0; v < NODES; v++) nodes[v] = new Vertex(v + 1);
    for (int v = 0; v < NODES; v++) {
      Vertex x = nodes[v];
      int[] to = plan[v];
      x.a = nodes[to[0]];
      x.b = nodes[to[1]];
      x.c = nodes[to[2]];
      x.d = nodes[to[3]];
    }
    long sum = 0;
    for (Vertex x : nodes) sum += x.v + x.a.v + x.b.v + x.c.v + x.d.v;
    return sum;
  }
  void graph() {
    int[][][] plans = new int[PLANS][NODES][FANOUT];
    for (int[][] plan : plans)
      for (int[] to : plan)
        for (int e = 0; e < FANOUT; e++) to[e] = below(NODES);
    for (int made = 0; made < 1000000 / NODES; made++) {
      check(oneGraph(plans[made % PLANS]));
      operations += NODES;
    }
  }

  /* --- rcP, rcS: without counts a reference is taken by copying it and dropped by forgetting it --- */

  static Long[] everybodys;

  Long[] objects(int live) {
    Long[] objects = new Long[live];
    for (int i = 0; i < live; i++) objects[i] = valueFor(i, live);
    return objects;
  }
  void take(Long[] objects, int held, int rounds) {
    Long[] hand = new Long[held];
    for (int i = 0; i < held; i++) hand[i] = objects[i % objects.length];
    Long[] taken = new Long[TAKEN];
    long sum = 0;
    for (int k = 0; k < rounds; k++) {
      int at = below(held - TAKEN + 1);
      for (int i = 0; i < TAKEN; i++) taken[i] = hand[at + i];
      sum += taken[3];
    }
    check(sum);
    operations += (long) rounds * TAKEN;
  }
  void takeShared() {
    if (index == 0) everybodys = objects(1);
    meet();
    take(everybodys, TAKEN, 4000000 / TAKEN);
    meet();
  }

  /* --- gen, genl --- */

  static final int ITEMS = 1 << 18, PASSES = 32;

  interface Generator {
    Long next(); /* null: no more */
  }
  static final class Range implements Generator {
    long at;
    final long stop;
    Range(long first) {
      at = first;
      stop = first + ITEMS;
    }
    public Long next() { return at == stop ? null : (Long) at++; }
  }

  static long pull(Generator g) {
    long sum = 0;
    for (Long v; (v = g.next()) != null;) sum += v;
    return sum;
  }
  static long materialise(long first) {
    ArrayList<Long> list = new ArrayList<>();
    for (int i = 0; i < ITEMS; i++) list.add(first + i);
    return sum(list);
  }
  void generators(boolean lists) {
    long sum = 0;
    for (int i = 0; i < PASSES; i++) {
      long first = VALUE_BASE + below(1 << 20);
      sum += lists ? materialise(first) : pull(new Range(first));
    }
    check(sum);
    operations += PASSES * ITEMS;
  }

  /* --- The rival --- */

  void one() {
    switch (program) {
      case "treesS": trees(8, 0, 18, 0, 32000000); break;
      case "treesL": trees(16, 0, -1, 0, 8000000); break;
      case "treesV": trees(13, 4, -1, 37, 8000000); break;
      case "list": list(); break;
      case "dict": dict(); break;
      case "ring": ring(); break;
      case "graph": graph(); break;
      case "rcP": take(objects(64), 64, 32000000 / TAKEN); break;
      case "rcS": takeShared(); break;
      case "gen": generators(false); break;
      case "genl": generators(true); break;
      default: throw new IllegalArgumentException("no program " + program);
    }
  }

  static String program;
  static int threads = 1, warmup = 1, iterations = 1;
  static long seed = 1;
  static CyclicBarrier barrier;
  static Rival[] rivals;
  final int index;
  long[][] start, end; /* of each iteration: wall, user, system, peak; of the first thread */
  long[][] did; /* operations, checksum */

  Rival(int index) {
    this.index = index;
    start = new long[warmup + iterations][4];
    end = new long[warmup + iterations][4];
    did = new long[warmup + iterations][2];
  }
  static void meet() {
    if (threads == 1) return;
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException(e);
    }
  }
  /* Wall time and getrusage of the process, in ns; the peak in bytes (rival-clock.c). */
  static native void stamp(long[] wallUserSystemPeak);

  public void run() {
    for (int i = 0; i < warmup + iterations; i++) {
      operations = checksum = 0;
      rng = mix64(seed + 0x51D7348E1A2F0C3BL * index);
      if (rng == 0) rng = 1;
      meet();
      if (index == 0) stamp(start[i]);
      meet();
      one();
      meet();
      if (index == 0) stamp(end[i]);
      did[i][0] = operations;
      did[i][1] = checksum;
    }
  }

  static void read(String[] args) {
    for (int i = 0; i < args.length; i++) {
      if (!args[i].startsWith("-")) {
        program = args[i];
        continue;
      }
      String flag = args[i], value = args[++i];
      switch (flag) {
        case "--threads": threads = Integer.parseInt(value); break;
        case "--seed": seed = Long.parseUnsignedLong(value); break;
        case "--warmup": warmup = Integer.parseInt(value); break;
        case "--iterations": iterations = Integer.parseInt(value); break;
        case "--heap": break; /* given to the virtual machine */
        default: throw new IllegalArgumentException(flag);
      }
    }
  }

  static String row(int i) {
    long[] a = rivals[0].start[i], b = rivals[0].end[i];
    long operations = 0, checksum = 0;
    for (Rival r : rivals) {
      operations += r.did[i][0];
      checksum += r.did[i][1];
    }
    return String.format("\n{\"phase\":\"%s\",\"operations\":%d,\"wall_ns\":%d,\"cpu_user_ns\":%d,\"cpu_system_ns\":%d,\"rss_peak_bytes\":%d,\"checksum\":\"%016x\"}",
        i < warmup ? "warmup" : "measured", operations, b[0] - a[0], b[1] - a[1], b[2] - a[2], b[3], checksum);
  }

  public static void main(String[] args) throws InterruptedException {
    read(args);
    System.loadLibrary("rival-clock");
    barrier = new CyclicBarrier(threads);
    rivals = new Rival[threads];
    for (int i = 0; i < threads; i++) rivals[i] = new Rival(i);
    Thread[] others = new Thread[threads];
    for (int i = 1; i < threads; i++) {
      others[i] = new Thread(rivals[i]);
      others[i].start();
    }
    rivals[0].run();
    for (int i = 1; i < threads; i++) others[i].join();
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < warmup + iterations; i++) rows.append(i > 0 ? "," : "").append(row(i));
    System.out.printf("{\"status\":\"ok\",\"reason\":\"\",\"version\":\"OpenJDK %s\",\"program\":\"%s\",\"threads\":%d,\"seed\":%s,\"iterations\":[%s]}\n",
        System.getProperty("java.version"), program, threads, Long.toUnsignedString(seed), rows);
  }
}
