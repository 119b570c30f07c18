// go.go: the reference programs in Go. Integers are *int64, each allocated anew; lists are slices of them. The limit of the heap is the
// soft memory limit of the runtime, with the pacer off (GOGC=off): it collects when the limit is near, as a fixed heap would.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// --- The random numbers, the checksum, the books (runtime/random.h) ---

const (
	valueBase = 257 // values are above the small integers that some languages make once
	nodes     = 100 // of a ring or graph
	fanout    = 4
	plans     = 8
	taken     = 8
)

type rival struct {
	index                     int
	rng, operations, checksum uint64
}

func mix64(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
func (r *rival) next() uint64 {
	r.rng ^= r.rng >> 12
	r.rng ^= r.rng << 25
	r.rng ^= r.rng >> 27
	return r.rng * 0x2545F4914F6CDD1D
}
func (r *rival) below(n uint64) uint64 { return (r.next() >> 32) * n >> 32 }
func (r *rival) check(value uint64)    { r.checksum += mix64(value) }

// A fresh value for one of n places or keys.
func (r *rival) valueFor(at, n uint64) int64 { return int64(at + n*(valueBase+r.next()>>44)) }

func box(v int64) *int64 {
	b := new(int64)
	*b = v
	return b
}

// --- treesS, treesL, treesV ---

type tree struct {
	l, r *tree
	v    int64
}

func treeNodes(depth int) int { return 2<<depth - 1 }
func treeMake(depth int) *tree {
	if depth == 0 {
		return &tree{v: 1}
	}
	l := treeMake(depth - 1)
	return &tree{l, treeMake(depth - 1), int64(depth + 1)}
}
func chainMake(n int) (head *tree) {
	for i := 1; i <= n; i++ {
		head = &tree{l: head, v: int64(i)}
	}
	return
}
func treeSum(t *tree) int64 {
	if t == nil {
		return 0
	}
	return t.v + treeSum(t.l) + treeSum(t.r)
}

func trees(r *rival, least, spread, keptDepth, chain, enough int) {
	var sum int64
	var kept *tree
	if keptDepth >= 0 {
		kept = treeMake(keptDepth)
		r.operations += uint64(treeNodes(keptDepth))
	}
	for made := 0; made < enough; {
		depth, odd := least+int(r.below(uint64(spread+1))), 0
		if chain > 0 {
			odd = 1 + int(r.below(uint64(chain)))
		}
		links, t := chainMake(odd), treeMake(depth)
		sum += treeSum(t) + int64(odd)
		runtime.KeepAlive(links)
		made += treeNodes(depth)
		r.operations += uint64(treeNodes(depth) + odd)
	}
	r.check(uint64(sum + treeSum(kept)))
}

// --- list ---

func temporary(r *rival) (sum int64) {
	const length = 16
	first := valueBase + int64(r.next()>>44)
	list := make([]*int64, 0, length)
	for i := int64(0); i < length; i++ {
		list = append(list, box(first+i))
	}
	return sumOf(list)
}
func sumOf(list []*int64) (sum int64) {
	for _, item := range list {
		sum += *item
	}
	return
}
func list(r *rival) {
	const live, rounds = 1000000, 2000000
	var list []*int64
	for i := uint64(0); i < live; i++ {
		list = append(list, box(r.valueFor(i, live)))
	}
	var sum int64
	for k := 1; k <= rounds; k++ {
		i := r.below(live)
		list[i] = box(r.valueFor(i, live))
		if k%4 == 0 {
			last := len(list) - 1
			sum += *list[last]
			list[last] = nil
			list = append(list[:last], box(r.valueFor(live-1, live)))
		}
		if k%16 == 0 {
			sum += temporary(r)
		}
	}
	r.check(uint64(sum))
	r.check(uint64(sumOf(list)))
	r.check(0) // there are no rows
	r.operations += live + rounds
}

// --- dict ---

type entry struct {
	hash       uint64 // 0: empty
	key, value *int64
}
type dict struct {
	table []entry
	used  int
}

func keyHash(key int64) uint64 {
	h := uint64(key)
	h = (h ^ h>>32) * 0x9E3779B97F4A7C15
	h ^= h >> 29
	if h == 0 {
		return 1
	}
	return h
}
func (d *dict) find(hash uint64, key *int64) *entry {
	mask := uint64(len(d.table) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := &d.table[i]
		if e.hash == 0 || e.hash == hash && *e.key == *key {
			return e
		}
	}
}
func (d *dict) grow() {
	old := d.table
	d.table = make([]entry, 2*len(old))
	mask := uint64(len(d.table) - 1)
	for k := range old {
		if old[k].hash == 0 {
			continue
		}
		i := old[k].hash & mask
		for d.table[i].hash != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = old[k]
	}
}
func (d *dict) get(key *int64) *int64 { return d.find(keyHash(*key), key).value }
func (d *dict) put(key, value *int64) {
	hash := keyHash(*key)
	e := d.find(hash, key)
	if e.hash != 0 {
		e.value = value
		return
	}
	if d.used*3 >= len(d.table)*2 {
		d.grow()
		e = d.find(hash, key)
	}
	*e = entry{hash, key, value}
	d.used++
}
func (d *dict) remove(key *int64) *int64 { // closes the gap (Knuth's algorithm R)
	mask, hash := uint64(len(d.table)-1), keyHash(*key)
	at := hash & mask
	for d.table[at].hash != 0 && (d.table[at].hash != hash || *d.table[at].key != *key) {
		at = (at + 1) & mask
	}
	if d.table[at].hash == 0 {
		return nil
	}
	value := d.table[at].value
	for i := (at + 1) & mask; d.table[i].hash != 0; i = (i + 1) & mask {
		if home := d.table[i].hash & mask; (i-home)&mask >= (i-at)&mask {
			d.table[at] = d.table[i]
			at = i
		}
	}
	d.table[at] = entry{}
	d.used--
	return value
}

func valueOr0(b *int64) int64 {
	if b == nil {
		return 0
	}
	return *b
}
func dicts(r *rival) {
	const live, rounds = 1 << 18, 500000
	end := uint64(2*live + 2*threads)
	key := func(k uint64) *int64 { return box(valueBase + int64(k)) }
	d := &dict{table: make([]entry, 8)}
	set := func(k uint64) {
		made := key(k)
		d.put(made, box(r.valueFor(k, end)))
	}
	for k := uint64(0); k < live; k++ {
		set(k)
	}
	var sum int64
	for i := 0; i < rounds; i++ {
		sum += valueOr0(d.get(key(r.below(2 * live))))
		set(r.below(2 * live))
		sum += valueOr0(d.get(key(r.below(2 * live))))
		sum += valueOr0(d.remove(key(r.below(2 * live))))
	}
	r.check(uint64(sum))
	r.check(0) // nothing was misplaced by others
	sum = 0
	for i := range d.table {
		sum += valueOr0(d.table[i].value)
	}
	r.check(uint64(sum))
	r.check(uint64(d.used))
	r.operations += live + 4*rounds
}

// --- ring, graph ---

type link struct {
	next, previous *link
	v              int64
}

func ring(r *rival) {
	for made := 0; made < 2000000; made += nodes {
		first := &link{v: 1}
		last := first
		for v := int64(2); v <= nodes; v++ {
			x := &link{v: v, previous: last}
			last.next = x
			last = x
		}
		first.previous = last
		last.next = first
		at, sum := first, first.v
		for i := 1; i < nodes; i++ {
			at = at.next
			sum += at.v
		}
		r.check(uint64(sum))
		r.operations += nodes
	}
}

type vertex struct {
	e [fanout]*vertex
	v int64
}

func graph(r *rival) {
	var all [plans][nodes][fanout]uint8
	for k := range all {
		for v := range all[k] {
			for e := range all[k][v] {
				all[k][v][e] = uint8(r.below(nodes))
			}
		}
	}
	for made := 0; made < 1000000/nodes; made++ {
		plan := &all[made%plans]
		ns := make([]*vertex, nodes)
		for v := range ns {
			ns[v] = &vertex{v: int64(v + 1)}
		}
		for v, x := range ns {
			for e, to := range plan[v] {
				x.e[e] = ns[to]
			}
		}
		var sum int64
		for _, x := range ns {
			sum += x.v
			for _, y := range x.e {
				sum += y.v
			}
		}
		r.check(uint64(sum))
		r.operations += nodes
	}
}

// --- rcP, rcS: without counts a reference is taken by copying it and dropped by forgetting it ---

var everybodys []*int64

func objects(r *rival, live int) []*int64 {
	made := make([]*int64, live)
	for i := range made {
		made[i] = box(r.valueFor(uint64(i), uint64(live)))
	}
	return made
}
func take(r *rival, objects []*int64, held, rounds int) {
	hand := make([]*int64, held)
	for i := range hand {
		hand[i] = objects[i%len(objects)]
	}
	some := make([]*int64, taken)
	var sum int64
	for k := 0; k < rounds; k++ {
		at := r.below(uint64(held - taken + 1))
		copy(some, hand[at:at+taken])
		sum += *some[3]
	}
	r.check(uint64(sum))
	r.operations += uint64(rounds) * taken
}
func takeShared(r *rival) {
	if r.index == 0 {
		everybodys = objects(r, 1)
	}
	meet()
	take(r, everybodys, taken, 4000000/taken)
	meet()
}

// --- gen, genl ---

const items, passes = 1 << 18, 32

type generator interface {
	next() *int64 // nil: no more
}
type span struct{ at, stop int64 }

func (s *span) next() *int64 {
	if s.at == s.stop {
		return nil
	}
	s.at++
	return box(s.at - 1)
}

//go:noinline
func spanFrom(first int64) generator { return &span{first, first + items} }

func pull(first int64) (sum int64) {
	g := spanFrom(first)
	for b := g.next(); b != nil; b = g.next() {
		sum += *b
	}
	return
}
func materialise(first int64) int64 {
	var list []*int64
	for i := int64(0); i < items; i++ {
		list = append(list, box(first+i))
	}
	return sumOf(list)
}
func generators(r *rival, one func(int64) int64) {
	var sum int64
	for i := 0; i < passes; i++ {
		sum += one(valueBase + int64(r.below(1<<20)))
	}
	r.check(uint64(sum))
	r.operations += passes * items
}

// --- The rival ---

func run(r *rival) {
	switch program {
	case "treesS":
		trees(r, 8, 0, 18, 0, 32000000)
	case "treesL":
		trees(r, 16, 0, -1, 0, 8000000)
	case "treesV":
		trees(r, 13, 4, -1, 37, 8000000)
	case "list":
		list(r)
	case "dict":
		dicts(r)
	case "ring":
		ring(r)
	case "graph":
		graph(r)
	case "rcP":
		take(r, objects(r, 64), 64, 32000000/taken)
	case "rcS":
		takeShared(r)
	case "gen":
		generators(r, pull)
	case "genl":
		generators(r, materialise)
	default:
		panic("no program " + program)
	}
}

var (
	program                     string
	threads, warmup, iterations        = 1, 1, 1
	seed                        uint64 = 1
	gate                        barrier
)

// All threads wait for each other.
type barrier struct {
	mutex sync.Mutex
	all   chan struct{}
	n     int
}

func meet() {
	if threads == 1 {
		return
	}
	gate.mutex.Lock()
	all := gate.all
	gate.n++
	if gate.n == threads {
		gate.n, gate.all = 0, make(chan struct{})
		close(all)
	}
	gate.mutex.Unlock()
	<-all
}

type edge struct {
	at  time.Time
	use syscall.Rusage
}

func stamp() (e edge) {
	e.at = time.Now()
	syscall.Getrusage(syscall.RUSAGE_SELF, &e.use)
	return
}

type row struct{ start, end edge }

// One measured thread; the first one takes the times.
func work(index int, rows []row, did []rival) {
	runtime.LockOSThread()
	for i := range did {
		r := &rival{index: index, rng: mix64(seed + 0x51D7348E1A2F0C3B*uint64(index))}
		if r.rng == 0 {
			r.rng = 1
		}
		meet()
		if index == 0 {
			rows[i].start = stamp()
		}
		meet()
		run(r)
		meet()
		if index == 0 {
			rows[i].end = stamp()
		}
		did[i] = *r
	}
}

func read(args []string) (heap int64) {
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			program = args[i]
			continue
		}
		flag := args[i]
		i++
		v, err := strconv.ParseUint(args[i], 10, 64)
		if err != nil {
			panic(err)
		}
		switch flag {
		case "--threads":
			threads = int(v)
		case "--seed":
			seed = v
		case "--warmup":
			warmup = int(v)
		case "--iterations":
			iterations = int(v)
		case "--heap":
			heap = int64(v)
		default:
			panic("unknown " + flag)
		}
	}
	return
}

func main() {
	heap := read(os.Args[1:])
	if heap > 0 {
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(heap)
	}
	runtime.GOMAXPROCS(threads)
	gate.all = make(chan struct{})
	rows, did := make([]row, warmup+iterations), make([][]rival, threads)
	var others sync.WaitGroup
	for t := range did {
		did[t] = make([]rival, warmup+iterations)
		others.Add(1)
		go func(t int) {
			work(t, rows, did[t])
			others.Done()
		}(t)
	}
	others.Wait()
	fmt.Printf(`{"status":"ok","reason":"","version":"%s","program":"%s","threads":%d,"seed":%d,"iterations":[`, runtime.Version(), program, threads, seed)
	for i, e := range rows {
		var operations, checksum uint64
		for t := range did {
			operations += did[t][i].operations
			checksum += did[t][i].checksum
		}
		phase, comma := "measured", ""
		if i < warmup {
			phase = "warmup"
		}
		if i > 0 {
			comma = ","
		}
		fmt.Printf("%s\n"+`{"phase":"%s","operations":%d,"wall_ns":%d,"cpu_user_ns":%d,"cpu_system_ns":%d,"rss_peak_bytes":%d,"checksum":"%016x"}`,
			comma, phase, operations, e.end.at.Sub(e.start.at).Nanoseconds(), e.end.use.Utime.Nano()-e.start.use.Utime.Nano(),
			e.end.use.Stime.Nano()-e.start.use.Stime.Nano(), 1024*e.end.use.Maxrss, checksum)
	}
	fmt.Println("]}")
}
