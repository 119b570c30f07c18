// rust.rs: the reference programs in Rust over Rc, or (--cfg atomic) over Arc. Counting alone: cycles leak.
//
// Reads that the programs ask for as owned copies are clones; walks go by reference. The links of rings and graphs, which are written after
// their node was made, are cells that hand out clones: a RefCell's flag would be a word that no other rival keeps.

use std::cell::UnsafeCell;
use std::env;
#[cfg(not(atomic))]
use std::rc::Rc;
#[cfg(atomic)]
use std::sync::Arc as Rc;
use std::sync::Barrier;
use std::time::Instant;

// --- The random numbers, the checksum, the books (runtime/random.h) --------------------------------------------------------------------

const VALUE_BASE: i64 = 257; // values are above the small integers that some languages make once
const NODES: usize = 100; // of a ring or graph
const FANOUT: usize = 4;
const PLANS: usize = 8;
const TAKEN: usize = 8;

fn mix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E3779B97F4A7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58476D1CE4E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D049BB133111EB);
    x ^ x >> 31
}

struct Rival<'a> {
    threads: usize,
    index: usize,
    rng: u64,
    operations: u64,
    checksum: u64,
    #[allow(dead_code)] // only shared counts need both
    everybodys: &'a Everybodys,
}

impl Rival<'_> {
    fn next(&mut self) -> u64 {
        self.rng ^= self.rng >> 12;
        self.rng ^= self.rng << 25;
        self.rng ^= self.rng >> 27;
        self.rng.wrapping_mul(0x2545F4914F6CDD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) * n >> 32
    }
    fn check(&mut self, value: u64) {
        self.checksum = self.checksum.wrapping_add(mix64(value));
    }
    /// A fresh value for one of n places or keys.
    fn value_for(&mut self, at: u64, n: u64) -> i64 {
        (at + n * (VALUE_BASE as u64 + (self.next() >> 44))) as i64
    }
}

struct Int(i64);
type Box_ = Rc<Int>;
fn boxed(v: i64) -> Box_ {
    Rc::new(Int(v))
}

// --- treesS, treesL, treesV ------------------------------------------------------------------------------------------------------------

struct Tree {
    v: i64,
    l: Option<Rc<Tree>>,
    r: Option<Rc<Tree>>,
}

fn tree_nodes(depth: i64) -> i64 {
    (2 << depth) - 1
}
fn tree_make(depth: i64) -> Option<Rc<Tree>> {
    if depth == 0 {
        return Some(Rc::new(Tree { v: 1, l: None, r: None }));
    }
    let l = tree_make(depth - 1);
    Some(Rc::new(Tree { v: depth + 1, l, r: tree_make(depth - 1) }))
}
fn chain_make(n: i64) -> Option<Rc<Tree>> {
    let mut head = None;
    for v in 1..=n {
        head = Some(Rc::new(Tree { v, l: head, r: None }));
    }
    head
}
fn tree_sum(t: &Option<Rc<Tree>>) -> i64 {
    match t {
        Some(t) => t.v + tree_sum(&t.l) + tree_sum(&t.r),
        None => 0,
    }
}

fn trees(r: &mut Rival, least: i64, spread: u64, kept_depth: i64, chain: u64, nodes: i64) {
    let kept = if kept_depth < 0 { None } else { tree_make(kept_depth) };
    if kept.is_some() {
        r.operations += tree_nodes(kept_depth) as u64;
    }
    let (mut made, mut sum) = (0, 0);
    while made < nodes {
        let depth = least + r.below(spread + 1) as i64;
        let odd = if chain > 0 { 1 + r.below(chain) as i64 } else { 0 };
        let links = chain_make(odd);
        let tree = tree_make(depth);
        sum += tree_sum(&tree) + odd;
        drop(tree);
        drop(links);
        made += tree_nodes(depth);
        r.operations += (tree_nodes(depth) + odd) as u64;
    }
    r.check((sum + tree_sum(&kept)) as u64);
}

// --- list ------------------------------------------------------------------------------------------------------------------------------

fn temporary(r: &mut Rival) -> i64 {
    const LENGTH: i64 = 16;
    let first = VALUE_BASE + (r.next() >> 44) as i64;
    let mut list: Vec<Box_> = Vec::with_capacity(LENGTH as usize);
    for i in 0..LENGTH {
        list.push(boxed(first + i));
    }
    let mut sum = 0;
    for item in &list {
        sum += item.clone().0;
    }
    sum
}

fn list(r: &mut Rival) {
    const LIVE: u64 = 1000000;
    const OPERATIONS: u64 = 2000000;
    let mut list: Vec<Box_> = Vec::new();
    for i in 0..LIVE {
        list.push(boxed(r.value_for(i, LIVE)));
    }
    let mut sum = 0;
    for k in 1..=OPERATIONS {
        let i = r.below(LIVE);
        list[i as usize] = boxed(r.value_for(i, LIVE));
        if k % 4 == 0 {
            sum += list.pop().map_or(0, |last| last.0);
            list.push(boxed(r.value_for(LIVE - 1, LIVE)));
        }
        if k % 16 == 0 {
            sum += temporary(r);
        }
    }
    r.check(sum as u64);
    r.check(list.iter().map(|item| item.0).sum::<i64>() as u64);
    r.check(0); // there are no rows
    r.operations += LIVE + OPERATIONS;
}

// --- dict ------------------------------------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Entry {
    hash: u64, // 0: empty
    key: Option<Box_>,
    value: Option<Box_>,
}
struct Dict {
    table: Vec<Entry>,
    used: usize,
}

fn table(room: usize) -> Vec<Entry> {
    (0..room).map(|_| Entry::default()).collect()
}
fn key_hash(key: i64) -> u64 {
    let h = key as u64;
    let h = (h ^ h >> 32).wrapping_mul(0x9E3779B97F4A7C15);
    (h ^ h >> 29).max(1)
}

impl Dict {
    fn find(&self, hash: u64, key: &Box_) -> usize {
        let mask = self.table.len() - 1;
        let mut i = hash as usize & mask;
        loop {
            let e = &self.table[i];
            if e.hash == 0 || e.hash == hash && e.key.as_ref().map_or(false, |k| k.0 == key.0) {
                return i;
            }
            i = (i + 1) & mask;
        }
    }
    #[cold]
    fn grow(&mut self) {
        let larger = table(2 * self.table.len());
        let mask = larger.len() - 1;
        for e in std::mem::replace(&mut self.table, larger) {
            if e.hash == 0 {
                continue;
            }
            let mut i = e.hash as usize & mask;
            while self.table[i].hash != 0 {
                i = (i + 1) & mask;
            }
            self.table[i] = e;
        }
    }
    fn get(&self, key: &Box_) -> Option<Box_> {
        self.table[self.find(key_hash(key.0), key)].value.clone()
    }
    fn put(&mut self, key: Box_, value: Box_) {
        let hash = key_hash(key.0);
        let mut i = self.find(hash, &key);
        if self.table[i].hash != 0 {
            self.table[i].value = Some(value);
            return;
        }
        if self.used * 3 >= self.table.len() * 2 {
            self.grow();
            i = self.find(hash, &key);
        }
        self.table[i] = Entry { hash, key: Some(key), value: Some(value) };
        self.used += 1;
    }
    fn remove(&mut self, key: &Box_) -> Option<Box_> {
        let mut at = self.find(key_hash(key.0), key);
        if self.table[at].hash == 0 {
            return None;
        }
        let out = std::mem::take(&mut self.table[at]);
        self.used -= 1;
        let mask = self.table.len() - 1; // closes the gap (Knuth's algorithm R)
        let mut i = (at + 1) & mask;
        while self.table[i].hash != 0 {
            let home = self.table[i].hash as usize & mask;
            if (i.wrapping_sub(home) & mask) >= (i.wrapping_sub(at) & mask) {
                self.table.swap(at, i);
                at = i;
            }
            i = (i + 1) & mask;
        }
        out.value
    }
}

fn value_or_0(b: Option<Box_>) -> i64 {
    b.map_or(0, |b| b.0)
}

fn dict(r: &mut Rival) {
    const LIVE: u64 = 1 << 18;
    const ROUNDS: u64 = 500000;
    let end = 2 * LIVE + 2 * r.threads as u64;
    let key = |k: u64| boxed(VALUE_BASE + k as i64);
    let mut d = Dict { table: table(8), used: 0 };
    for k in 0..LIVE {
        let made = key(k);
        d.put(made, boxed(r.value_for(k, end)));
    }
    let mut sum = 0;
    for _ in 0..ROUNDS {
        sum += value_or_0(d.get(&key(r.below(2 * LIVE))));
        let k = r.below(2 * LIVE);
        let made = key(k);
        d.put(made, boxed(r.value_for(k, end)));
        sum += value_or_0(d.get(&key(r.below(2 * LIVE))));
        sum += value_or_0(d.remove(&key(r.below(2 * LIVE))));
    }
    r.check(sum as u64);
    r.check(0); // nothing was misplaced by others
    r.check(d.table.iter().map(|e| e.value.as_ref().map_or(0, |v| v.0)).sum::<i64>() as u64);
    r.check(d.used as u64);
    r.operations += LIVE + 4 * ROUNDS;
}

// --- ring, graph -----------------------------------------------------------------------------------------------------------------------

struct Edge<N>(UnsafeCell<Option<Rc<N>>>);
impl<N> Edge<N> {
    fn none() -> Self {
        Edge(UnsafeCell::new(None))
    }
    // Sound: no reference to what is inside leaves these functions, and nodes stay with their thread.
    fn set(&self, to: Option<Rc<N>>) {
        drop(unsafe { std::mem::replace(&mut *self.0.get(), to) });
    }
    fn get(&self) -> Option<Rc<N>> {
        unsafe { (*self.0.get()).clone() }
    }
    fn read(&self, of: impl Fn(&N) -> i64) -> i64 {
        unsafe { (*self.0.get()).as_ref().map_or(0, |n| of(n)) }
    }
}

struct Link {
    v: i64,
    next: Edge<Link>,
    previous: Edge<Link>,
}

fn ring(r: &mut Rival) {
    let link = |v| Rc::new(Link { v, next: Edge::none(), previous: Edge::none() });
    for _ in 0..2000000 / NODES {
        let first = link(1);
        let mut last = first.clone();
        for v in 2..=NODES {
            let x = link(v as i64);
            x.previous.set(Some(last.clone()));
            last.next.set(Some(x.clone()));
            last = x;
        }
        first.previous.set(Some(last.clone()));
        last.next.set(Some(first.clone()));
        let mut sum = first.v;
        let mut at = first.clone();
        for _ in 1..NODES {
            if let Some(next) = at.next.get() {
                at = next;
            }
            sum += at.v;
        }
        r.check(sum as u64);
        r.operations += NODES as u64;
    }
}

struct Vertex {
    v: i64,
    e: [Edge<Vertex>; FANOUT],
}

fn graph(r: &mut Rival) {
    let mut plans = [[[0usize; FANOUT]; NODES]; PLANS];
    for to in plans.iter_mut().flatten().flatten() {
        *to = r.below(NODES as u64) as usize;
    }
    for made in 0..1000000 / NODES {
        let plan = &plans[made % PLANS];
        let mut nodes: Vec<Rc<Vertex>> = Vec::with_capacity(NODES);
        for v in 1..=NODES {
            nodes.push(Rc::new(Vertex { v: v as i64, e: [Edge::none(), Edge::none(), Edge::none(), Edge::none()] }));
        }
        for (x, to) in nodes.iter().zip(plan) {
            for (e, t) in x.e.iter().zip(to) {
                e.set(Some(nodes[*t].clone()));
            }
        }
        let mut sum = 0;
        for x in &nodes {
            sum += x.v + x.e.iter().map(|e| e.read(|y| y.v)).sum::<i64>();
        }
        r.check(sum as u64);
        r.operations += NODES as u64;
    }
}

// --- rcP, rcS --------------------------------------------------------------------------------------------------------------------------

#[inline(never)]
fn take_some(hand: &[Box_]) -> i64 {
    let a: [Box_; TAKEN] = std::array::from_fn(|i| hand[i].clone());
    a[3].0
}

fn take(r: &mut Rival, objects: &[Box_], held: usize, operations: u64) {
    let mut hand: Vec<Box_> = Vec::with_capacity(held);
    for i in 0..held {
        hand.push(objects[i % objects.len()].clone());
    }
    let mut sum = 0;
    for _ in 0..operations / TAKEN as u64 {
        let at = r.below((held - TAKEN + 1) as u64) as usize;
        sum += take_some(&hand[at..at + TAKEN]);
    }
    r.check(sum as u64);
    r.operations += operations;
}

fn objects(r: &mut Rival, live: u64) -> Vec<Box_> {
    let mut made = Vec::with_capacity(live as usize);
    for i in 0..live {
        made.push(boxed(r.value_for(i, live)));
    }
    made
}

fn take_private(r: &mut Rival) {
    let objects = objects(r, 64);
    take(r, &objects, 64, 32000000);
}

struct Everybodys {
    barrier: Barrier,
    #[cfg(atomic)]
    objects: std::sync::RwLock<Vec<Box_>>,
}

#[cfg(atomic)]
fn take_shared(r: &mut Rival) {
    let all = r.everybodys;
    if r.index == 0 {
        *all.objects.write().unwrap() = objects(r, 1);
    }
    all.barrier.wait();
    let shared = all.objects.read().unwrap().clone();
    take(r, &shared, TAKEN, 4000000);
    all.barrier.wait();
}
#[cfg(not(atomic))]
fn take_shared(r: &mut Rival) {
    unreachable!("thread {} cannot share plain counts", r.index); // see lacks()
}

// --- gen, genl -------------------------------------------------------------------------------------------------------------------------

const ITEMS: i64 = 1 << 18;
const PASSES: i64 = 32;

trait Generator {
    fn next(&mut self) -> Option<Box_>;
}
struct Range {
    at: i64,
    stop: i64,
}
impl Generator for Range {
    fn next(&mut self) -> Option<Box_> {
        if self.at == self.stop {
            return None;
        }
        self.at += 1;
        Some(boxed(self.at - 1))
    }
}
#[inline(never)]
fn range(first: i64) -> Box<dyn Generator> {
    Box::new(Range { at: first, stop: first + ITEMS })
}

fn pull(r: &mut Rival) -> i64 {
    let mut g = range(VALUE_BASE + r.below(1 << 20) as i64);
    let mut sum = 0;
    while let Some(b) = g.next() {
        sum += b.0;
    }
    sum
}
fn materialise(r: &mut Rival) -> i64 {
    let first = VALUE_BASE + r.below(1 << 20) as i64;
    let mut list: Vec<Box_> = Vec::new();
    for i in 0..ITEMS {
        list.push(boxed(first + i));
    }
    let mut sum = 0;
    for item in &list {
        sum += item.clone().0;
    }
    sum
}
fn generators(r: &mut Rival, one: fn(&mut Rival) -> i64) {
    let mut sum = 0;
    for _ in 0..PASSES {
        sum += one(r);
    }
    r.check(sum as u64);
    r.operations += (PASSES * ITEMS) as u64;
}

// --- The rival -------------------------------------------------------------------------------------------------------------------------

fn lacks(program: &str) -> Option<&'static str> {
    if cfg!(not(atomic)) && program == "rcS" {
        return Some("plain counts are not for objects that threads share");
    }
    None
}

fn run(r: &mut Rival, program: &str) {
    match program {
        "treesS" => trees(r, 8, 0, 18, 0, 32000000),
        "treesL" => trees(r, 16, 0, -1, 0, 8000000),
        "treesV" => trees(r, 13, 4, -1, 37, 8000000),
        "list" => list(r),
        "dict" => dict(r),
        "ring" => ring(r),
        "graph" => graph(r),
        "rcP" => take_private(r),
        "rcS" => take_shared(r),
        "gen" => generators(r, pull),
        "genl" => generators(r, materialise),
        _ => panic!("no program {}", program),
    }
}

/// struct rusage of Linux, 64 bits.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Usage {
    user: [i64; 2], // s, us
    system: [i64; 2],
    maxrss: i64, // KiB
    rest: [i64; 13],
}
extern "C" {
    fn getrusage(who: i32, usage: *mut Usage) -> i32;
}
fn usage() -> Usage {
    let mut u = Usage::default();
    unsafe { getrusage(0, &mut u) };
    u
}
fn ns(t: [i64; 2]) -> i64 {
    t[0] * 1000000000 + t[1] * 1000
}

struct Options {
    program: String,
    threads: usize,
    warmup: usize,
    iterations: usize,
    seed: u64,
}

/// The measured threads: every iteration begins and ends with all of them. The first one takes the times.
fn work(
    o: &Options,
    index: usize,
    everybodys: &Everybodys,
    report: &std::sync::mpsc::Sender<(u64, u64)>,
) -> Vec<(Instant, Usage, Instant, Usage)> {
    let mut edges = Vec::new();
    for _ in 0..o.warmup + o.iterations {
        let seed = mix64(o.seed.wrapping_add(0x51D7348E1A2F0C3Bu64.wrapping_mul(index as u64)));
        let mut r = Rival { threads: o.threads, index, rng: seed.max(1), operations: 0, checksum: 0, everybodys };
        everybodys.barrier.wait();
        let (at, used) = (Instant::now(), usage());
        everybodys.barrier.wait();
        run(&mut r, &o.program);
        everybodys.barrier.wait();
        edges.push((at, used, Instant::now(), usage()));
        report.send((r.operations, r.checksum)).unwrap();
        everybodys.barrier.wait(); // each iteration's reports before the next one's
    }
    edges
}

fn options() -> Option<Options> {
    let mut o = Options { program: String::new(), threads: 1, warmup: 1, iterations: 1, seed: 1 };
    let mut args = env::args().skip(1);
    while let Some(flag) = args.next() {
        if !flag.starts_with('-') {
            o.program = flag;
            continue;
        }
        let value = args.next()?;
        match flag.as_str() {
            "--threads" => o.threads = value.parse().ok()?,
            "--seed" => o.seed = value.parse().ok()?,
            "--warmup" => o.warmup = value.parse().ok()?,
            "--iterations" => o.iterations = value.parse().ok()?,
            "--heap" => (), // counting has no limit
            _ => return None,
        }
    }
    if o.program.is_empty() || o.threads == 0 || o.iterations == 0 {
        return None;
    }
    Some(o)
}

fn main() {
    let o = options().expect("usage: rust PROGRAM [--threads N] [--seed N] [--warmup N] [--iterations N] [--heap BYTES]");
    let version = option_env!("RIVAL_VERSION").unwrap_or("rustc");
    let head = |status: &str, reason: &str| {
        print!("{{\"status\":\"{}\",\"reason\":\"{}\",\"version\":\"{}\",\"program\":\"{}\",\"threads\":{},\"seed\":{},\"iterations\":[",
               status, reason, version, o.program, o.threads, o.seed);
    };
    if let Some(reason) = lacks(&o.program) {
        head("not-applicable", reason);
        println!("]}}");
        return;
    }
    let everybodys = Everybodys {
        barrier: Barrier::new(o.threads),
        #[cfg(atomic)]
        objects: std::sync::RwLock::new(Vec::new()),
    };
    let (report, reports) = std::sync::mpsc::channel();
    let mut edges = Vec::new();
    std::thread::scope(|s| {
        for i in 1..o.threads {
            let (o, everybodys, report) = (&o, &everybodys, report.clone());
            s.spawn(move || work(o, i, everybodys, &report));
        }
        edges = work(&o, 0, &everybodys, &report);
    });
    head("ok", "");
    for (i, (at, before, end, after)) in edges.iter().enumerate() {
        let (operations, checksum) =
            (0..o.threads).map(|_| reports.recv().unwrap()).fold((0, 0u64), |a, b| (a.0 + b.0, a.1.wrapping_add(b.1)));
        print!("{}\n{{\"phase\":\"{}\",\"operations\":{},\"wall_ns\":{},\"cpu_user_ns\":{},\"cpu_system_ns\":{},\"rss_peak_bytes\":{},\"checksum\":\"{:016x}\"}}",
               if i > 0 { "," } else { "" }, if i < o.warmup { "warmup" } else { "measured" }, operations, (*end - *at).as_nanos(),
               ns(after.user) - ns(before.user), ns(after.system) - ns(before.system), 1024 * after.maxrss, checksum);
    }
    println!("]}}");
}
