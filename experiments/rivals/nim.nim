## nim.nim: the reference programs in Nim, whose memory management is chosen by the compiler's switch: --gc:arc counts, --gc:orc counts and
## collects cycles by trial deletion, --gc:refc defers counts and traces cycles. Integers are `ref`s. Where the compiler sees that a copy of
## a reference is only looked at, it does not count it: that is its way of borrowing.

import std/[monotimes, os, posix, strutils]

# --- The random numbers, the checksum, the books (runtime/random.h) ---

const
  valueBase = 257 # values are above the small integers that some languages make once
  nodes = 100     # of a ring or graph
  fanout = 4
  plans = 8
  taken = 8

type Rival = object
  threads, index: int
  rng, operations, checksum: uint64

proc mix64(x: uint64): uint64 =
  result = x + 0x9E3779B97F4A7C15'u64
  result = (result xor result shr 30) * 0xBF58476D1CE4E5B9'u64
  result = (result xor result shr 27) * 0x94D049BB133111EB'u64
  result = result xor result shr 31

proc next(r: var Rival): uint64 {.inline.} =
  r.rng = r.rng xor r.rng shr 12
  r.rng = r.rng xor r.rng shl 25
  r.rng = r.rng xor r.rng shr 27
  r.rng * 0x2545F4914F6CDD1D'u64
proc below(r: var Rival, n: int): int {.inline.} = int((r.next() shr 32) * uint64(n) shr 32)
proc check(r: var Rival, value: int) = r.checksum += mix64(cast[uint64](value))
proc did(r: var Rival, operations: int) = r.operations += uint64(operations)

proc valueFor(r: var Rival, at, n: int): int {.inline.} =
  ## A fresh value for one of n places or keys.
  at + n * (valueBase + int(r.next() shr 44))

type
  Int {.acyclic.} = object
    v: int
  Boxed = ref Int
proc box(v: int): Boxed {.inline.} = Boxed(v: v)

# --- treesS, treesL, treesV ---

type
  TreeNode {.acyclic.} = object
    l, r: Tree
    v: int
  Tree = ref TreeNode

proc treeNodes(depth: int): int = (2 shl depth) - 1
proc treeMake(depth: int): Tree =
  if depth == 0: return Tree(v: 1)
  let l = treeMake(depth - 1)
  Tree(l: l, r: treeMake(depth - 1), v: depth + 1)
proc chainMake(n: int): Tree =
  for i in 1 .. n: result = Tree(l: result, v: i)
proc treeSum(t: Tree): int =
  if t == nil: 0 else: t.v + treeSum(t.l) + treeSum(t.r)

proc oneTree(depth, odd: int): int =
  let
    links = chainMake(odd)
    tree = treeMake(depth)
  result = treeSum(tree) + odd
  if links == nil and odd > 0: quit "the chain is gone"

proc trees(r: var Rival, least, spread, keptDepth, chain, enough: int) =
  var
    sum, made = 0
    kept: Tree
  if keptDepth >= 0:
    kept = treeMake(keptDepth)
    r.did treeNodes(keptDepth)
  while made < enough:
    let
      depth = least + r.below(spread + 1)
      odd = if chain > 0: 1 + r.below(chain) else: 0
    sum += oneTree(depth, odd)
    made += treeNodes(depth)
    r.did treeNodes(depth) + odd
  r.check sum + treeSum(kept)

# --- list ---

proc sumOf(list: seq[Boxed]): int =
  for item in list: result += item.v

proc temporary(r: var Rival): int =
  const length = 16
  let first = valueBase + int(r.next() shr 44)
  var list = newSeqOfCap[Boxed](length)
  for i in 0 ..< length: list.add box(first + i)
  for i in 0 ..< length:
    let item = list[i]
    result += item.v

proc list(r: var Rival) =
  const
    live = 1000000
    rounds = 2000000
  var
    list: seq[Boxed]
    sum = 0
  for i in 0 ..< live: list.add box(r.valueFor(i, live))
  for k in 1 .. rounds:
    let i = r.below(live)
    list[i] = box(r.valueFor(i, live))
    if k mod 4 == 0:
      sum += list.pop().v
      list.add box(r.valueFor(live - 1, live))
    if k mod 16 == 0: sum += r.temporary()
  r.check sum
  r.check sumOf(list)
  r.check 0 # there are no rows
  r.did live + rounds

# --- dict ---

type
  Entry = object
    hash: uint64 # 0: empty
    key, value: Boxed
  Dict = object
    table: seq[Entry]
    used: int

proc keyHash(key: int): uint64 {.inline.} =
  result = cast[uint64](key)
  result = (result xor result shr 32) * 0x9E3779B97F4A7C15'u64
  result = result xor result shr 29
  if result == 0: result = 1

proc mask(d: Dict): int {.inline.} = d.table.len - 1
proc find(d: Dict, hash: uint64, key: Boxed): int {.inline.} =
  result = int(hash and uint64(d.mask))
  while d.table[result].hash != 0 and not (d.table[result].hash == hash and d.table[result].key.v == key.v):
    result = (result + 1) and d.mask

proc grow(d: var Dict) =
  var old = newSeq[Entry](2 * d.table.len)
  swap old, d.table
  for e in mitems(old):
    if e.hash == 0: continue
    var i = int(e.hash and uint64(d.mask))
    while d.table[i].hash != 0: i = (i + 1) and d.mask
    d.table[i] = move e

proc get(d: Dict, key: Boxed): Boxed = d.table[d.find(keyHash(key.v), key)].value
proc put(d: var Dict, key, value: sink Boxed) =
  let hash = keyHash(key.v)
  var i = d.find(hash, key)
  if d.table[i].hash != 0:
    d.table[i].value = value
    return
  if d.used * 3 >= d.table.len * 2:
    d.grow()
    i = d.find(hash, key)
  d.table[i] = Entry(hash: hash, key: key, value: value)
  inc d.used
proc remove(d: var Dict, key: Boxed): Boxed =
  ## Closes the gap (Knuth's algorithm R).
  var at = d.find(keyHash(key.v), key)
  if d.table[at].hash == 0: return nil
  result = move d.table[at].value
  d.table[at].key = nil
  var i = (at + 1) and d.mask
  while d.table[i].hash != 0:
    let home = int(d.table[i].hash and uint64(d.mask))
    if ((i - home) and d.mask) >= ((i - at) and d.mask):
      d.table[at] = move d.table[i]
      at = i
    i = (i + 1) and d.mask
  d.table[at].hash = 0
  dec d.used

proc valueOr0(b: Boxed): int {.inline.} =
  if b == nil: 0 else: b.v

proc dict(r: var Rival) =
  const
    live = 1 shl 18
    rounds = 500000
  let limit = 2 * live + 2 * r.threads
  var
    d = Dict(table: newSeq[Entry](8))
    sum = 0
  template key(k: int): Boxed = box(valueBase + k)
  template set(place: int) =
    let
      k = place
      made = key(k)
    d.put(made, box(r.valueFor(k, limit)))
  for k in 0 ..< live: set(k)
  for i in 1 .. rounds:
    sum += valueOr0(d.get(key(r.below(2 * live))))
    set(r.below(2 * live))
    sum += valueOr0(d.get(key(r.below(2 * live))))
    sum += valueOr0(d.remove(key(r.below(2 * live))))
  r.check sum
  r.check 0 # nothing was misplaced by others
  sum = 0
  for e in d.table: sum += valueOr0(e.value)
  r.check sum
  r.check d.used
  r.did live + 4 * rounds

# --- ring, graph ---

type
  Link = ref object
    v: int
    next, previous: Link
  Vertex = ref object
    v: int
    e: array[fanout, Vertex]

proc oneRing(): int =
  let first = Link(v: 1)
  var last = first
  for v in 2 .. nodes:
    let x = Link(v: v)
    x.previous = last
    last.next = x
    last = x
  first.previous = last
  last.next = first
  var at = first
  result = first.v
  for i in 1 ..< nodes:
    at = at.next
    result += at.v

proc ring(r: var Rival) =
  for i in 1 .. 2000000 div nodes:
    r.check oneRing()
    r.did nodes

type Plan = array[nodes, array[fanout, int]]

proc oneGraph(plan: Plan): int =
  var all = newSeqOfCap[Vertex](nodes)
  for v in 1 .. nodes: all.add Vertex(v: v)
  for v in 0 ..< nodes:
    for e in 0 ..< fanout: all[v].e[e] = all[plan[v][e]]
  for x in all:
    result += x.v
    for y in x.e: result += y.v

proc graph(r: var Rival) =
  var all: array[plans, Plan]
  for plan in mitems(all):
    for to in mitems(plan):
      for e in mitems(to): e = r.below(nodes)
  for made in 0 ..< 1000000 div nodes:
    r.check oneGraph(all[made mod plans])
    r.did nodes

# --- rcP, rcS ---

proc takeSome(hand: seq[Boxed], at: int): int {.noinline.} =
  var a: array[taken, Boxed]
  for i in 0 ..< taken: a[i] = hand[at + i]
  a[3].v

proc take(r: var Rival, live, held, rounds: int) =
  var
    objects, hand: seq[Boxed]
    sum = 0
  for i in 0 ..< live: objects.add box(r.valueFor(i, live))
  for i in 0 ..< held: hand.add objects[i mod live]
  for k in 1 .. rounds: sum += takeSome(hand, r.below(held - taken + 1))
  r.check sum
  r.did rounds * taken

# --- gen, genl ---

const
  items = 1 shl 18
  passes = 32

type
  Generator = ref object of RootObj
    next: proc (g: Generator): Boxed {.nimcall, gcsafe.} # nil: no more
  Span = ref object of Generator
    at, stop: int

proc spanNext(g: Generator): Boxed =
  let s = cast[Span](g)
  if s.at == s.stop: return nil
  inc s.at
  box(s.at - 1)

proc pull(first: int): int =
  let g: Generator = Span(next: spanNext, at: first, stop: first + items)
  while true:
    let b = g.next(g)
    if b == nil: break
    result += b.v

proc materialise(first: int): int =
  var list: seq[Boxed]
  for i in 0 ..< items: list.add box(first + i)
  for i in 0 ..< items:
    let item = list[i]
    result += item.v

proc generators(r: var Rival, one: proc (first: int): int {.nimcall, gcsafe.}) =
  var sum = 0
  for i in 1 .. passes: sum += one(valueBase + r.below(1 shl 20))
  r.check sum
  r.did passes * items

# --- The rival ---

proc run(r: var Rival, program: string) =
  case program
  of "treesS": trees(r, 8, 0, 18, 0, 32000000)
  of "treesL": trees(r, 16, 0, -1, 0, 8000000)
  of "treesV": trees(r, 13, 4, -1, 37, 8000000)
  of "list": list(r)
  of "dict": dict(r)
  of "ring": ring(r)
  of "graph": graph(r)
  of "rcP": take(r, 64, 64, 32000000 div taken)
  of "rcS": take(r, 1, taken, 4000000 div taken)
  of "gen": generators(r, pull)
  of "genl": generators(r, materialise)
  else: quit "no program " & program

const most = 64 # threads, iterations

type Edge = object
  at: int64
  use: Rusage

var # plain data: a thread may read another's
  program: array[16, char]
  threads, warmup, iterations = 1
  seed = 1'u64
  gate: Pthread_barrier
  start, finish: array[most, Edge]
  results: array[most, array[most, Rival]] # of each thread and iteration

proc meet() =
  if threads > 1: discard pthread_barrier_wait(addr gate)

proc stamp(): Edge =
  result.at = getMonoTime().ticks
  discard getrusage(RUSAGE_SELF, addr result.use)

proc work(index: int) {.thread.} =
  let name = $cast[cstring](addr program[0])
  for i in 0 ..< warmup + iterations:
    var r = Rival(threads: threads, index: index, rng: mix64(seed + 0x51D7348E1A2F0C3B'u64 * uint64(index)))
    if r.rng == 0: r.rng = 1
    meet()
    if index == 0: start[i] = stamp()
    meet()
    r.run(name)
    meet()
    if index == 0: finish[i] = stamp()
    results[index][i] = r

proc ns(t: Timeval): int64 = int64(t.tv_sec) * 1000000000 + int64(t.tv_usec) * 1000

proc row(i: int): string =
  let
    (a, b) = (start[i], finish[i])
    phase = if i < warmup: "warmup" else: "measured"
  var operations, checksum: uint64
  for t in 0 ..< threads:
    operations += results[t][i].operations
    checksum += results[t][i].checksum
  "\n{\"phase\":\"" & phase & "\",\"operations\":" & $operations & ",\"wall_ns\":" & $(b.at - a.at) & ",\"cpu_user_ns\":" &
    $(ns(b.use.ru_utime) - ns(a.use.ru_utime)) & ",\"cpu_system_ns\":" & $(ns(b.use.ru_stime) - ns(a.use.ru_stime)) &
    ",\"rss_peak_bytes\":" & $(1024 * b.use.ru_maxrss) & ",\"checksum\":\"" & toHex(checksum).toLowerAscii & "\"}"

proc read(): string =
  var i = 1
  while i <= paramCount():
    let word = paramStr(i)
    inc i
    if not word.startsWith("-"):
      result = word
      continue
    let value = paramStr(i)
    inc i
    case word
    of "--threads": threads = parseInt(value)
    of "--seed": seed = parseBiggestUInt(value)
    of "--warmup": warmup = parseInt(value)
    of "--iterations": iterations = parseInt(value)
    of "--heap": discard # there is no limit to set
    else: quit "unknown " & word
  for k, c in result: program[k] = c

proc main() =
  let
    name = read()
    head = "\",\"version\":\"Nim " & NimVersion & "\",\"program\":\"" & name & "\",\"threads\":" & $threads & ",\"seed\":" & $seed &
      ",\"iterations\":["
  if name == "rcS":
    echo "{\"status\":\"not-applicable\",\"reason\":\"plain counts are not for objects that threads share", head, "]}"
    return
  if threads > most or warmup + iterations > most: quit "at most " & $most & " threads and iterations"
  discard pthread_barrier_init(addr gate, nil, cint(threads))
  var others: array[most, Thread[int]]
  for i in 1 ..< threads: createThread(others[i], work, i)
  work(0)
  for i in 1 ..< threads: joinThread(others[i])
  var rows: seq[string]
  for i in 0 ..< warmup + iterations: rows.add row(i)
  echo "{\"status\":\"ok\",\"reason\":\"", head, rows.join(","), "]}"

main()
