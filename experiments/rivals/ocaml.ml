(* ocaml.ml: the reference programs in OCaml 4. Integers are boxed as records of one mutable field, as a `ref` is; lists are arrays that
   grow. Numbers are drawn in 64 bits that the compiler keeps out of the heap; everything else fits the 63 of an int.

   The minor heap is 8 MiB, or a quarter of the limit if that is less; the pacer of the major heap aims at the limit being three times the
   live data (space_overhead 200), since there is no fixed heap. One domain, hence one thread. *)

external stamp : int array -> unit = "rival_stamp" [@@noalloc]
external get64 : Bytes.t -> int -> int64 = "%caml_bytes_get64u"
external set64 : Bytes.t -> int -> int64 -> unit = "%caml_bytes_set64u"

(* --- The random numbers, the checksum, the books (runtime/random.h) --- *)

let value_base = 257 (* values are above the small integers that some languages make once *)
let nodes = 100 (* of a ring or graph *)
let fanout = 4
let plans = 8
let taken = 8

let state = Bytes.create 16 (* of the random numbers; the checksum *)
let operations = ref 0

let mix64 x =
  let open Int64 in
  let x = add x 0x9E3779B97F4A7C15L in
  let x = mul (logxor x (shift_right_logical x 30)) 0xBF58476D1CE4E5B9L in
  let x = mul (logxor x (shift_right_logical x 27)) 0x94D049BB133111EBL in
  logxor x (shift_right_logical x 31)
[@@inline]

let next () =
  let open Int64 in
  let s = get64 state 0 in
  let s = logxor s (shift_right_logical s 12) in
  let s = logxor s (shift_left s 25) in
  let s = logxor s (shift_right_logical s 27) in
  set64 state 0 s;
  mul s 0x2545F4914F6CDD1DL
[@@inline]

let top bits = Int64.to_int (Int64.shift_right_logical (next ()) (64 - bits)) [@@inline]
let below n = Int64.to_int (Int64.shift_right_logical (Int64.mul (Int64.shift_right_logical (next ()) 32) (Int64.of_int n)) 32) [@@inline]
let check value = set64 state 8 (Int64.add (get64 state 8) (mix64 (Int64.of_int value)))

(* A fresh value for one of n places or keys. *)
let value_for at n = at + (n * (value_base + top 20)) [@@inline]

type box = { mutable v : int }

let box v = { v } [@@inline]

(* --- treesS, treesL, treesV --- *)

type tree = Empty | Tree of { mutable l : tree; mutable r : tree; mutable n : int }

let tree_nodes depth = (2 lsl depth) - 1

let rec tree_make depth =
  if depth = 0 then Tree { l = Empty; r = Empty; n = 1 }
  else
    let l = tree_make (depth - 1) in
    let r = tree_make (depth - 1) in
    Tree { l; r; n = depth + 1 }

let chain_make n =
  let head = ref Empty in
  for i = 1 to n do
    head := Tree { l = !head; r = Empty; n = i }
  done;
  !head

let rec tree_sum = function Empty -> 0 | Tree t -> t.n + tree_sum t.l + tree_sum t.r

let trees least spread kept_depth chain enough =
  let sum = ref 0 and made = ref 0 in
  let kept = if kept_depth < 0 then Empty else tree_make kept_depth in
  if kept_depth >= 0 then operations := !operations + tree_nodes kept_depth;
  while !made < enough do
    let depth = least + below (spread + 1) in
    let odd = if chain > 0 then 1 + below chain else 0 in
    let links = chain_make odd in
    let tree = tree_make depth in
    sum := !sum + tree_sum tree + odd;
    ignore (Sys.opaque_identity links);
    made := !made + tree_nodes depth;
    operations := !operations + tree_nodes depth + odd
  done;
  check (!sum + tree_sum kept)

(* --- Growing arrays --- *)

type vec = { mutable items : box array; mutable len : int }

let nothing = box 0
let vec room = { items = Array.make room nothing; len = 0 }

let grow l =
  let n = Array.length l.items in
  let items = Array.make (n + (n / 2) + 4) nothing in
  Array.blit l.items 0 items 0 n;
  l.items <- items

let push l item =
  if l.len = Array.length l.items then grow l;
  l.items.(l.len) <- item;
  l.len <- l.len + 1
[@@inline]

let vec_sum l =
  let sum = ref 0 in
  for i = 0 to l.len - 1 do
    sum := !sum + l.items.(i).v
  done;
  !sum

(* --- list --- *)

let temporary () =
  let length = 16 in
  let first = value_base + top 20 in
  let l = vec length in
  for i = 0 to length - 1 do
    push l (box (first + i))
  done;
  vec_sum l

let list () =
  let live = 1000000 and rounds = 2000000 in
  let l = vec 4 in
  for i = 0 to live - 1 do
    push l (box (value_for i live))
  done;
  let sum = ref 0 in
  for k = 1 to rounds do
    let i = below live in
    l.items.(i) <- box (value_for i live);
    if k land 3 = 0 then begin
      l.len <- l.len - 1;
      sum := !sum + l.items.(l.len).v;
      push l (box (value_for (live - 1) live))
    end;
    if k land 15 = 0 then sum := !sum + temporary ()
  done;
  check !sum;
  check (vec_sum l);
  check 0 (* there are no rows *);
  operations := !operations + live + rounds

(* --- dict: hashes apart from keys and values, since there are no arrays of structs --- *)

type dict = { mutable hash : int array (* 0: empty *); mutable pair : box array (* key and value *); mutable used : int }

let key_hash key =
  let open Int64 in
  let h = of_int key in
  let h = mul (logxor h (shift_right_logical h 32)) 0x9E3779B97F4A7C15L in
  let h = to_int (logxor h (shift_right_logical h 29)) in
  if h = 0 then 1 else h
[@@inline]

let rec find d hash (key : box) i =
  let h = d.hash.(i) in
  if h = 0 || (h = hash && d.pair.(2 * i).v = key.v) then i else find d hash key ((i + 1) land (Array.length d.hash - 1))

let find d hash key = find d hash key (hash land (Array.length d.hash - 1)) [@@inline]

let set d i hash key value =
  d.hash.(i) <- hash;
  d.pair.(2 * i) <- key;
  d.pair.((2 * i) + 1) <- value

let dict_grow d =
  let hash = d.hash and pair = d.pair in
  let room = 2 * Array.length hash in
  d.hash <- Array.make room 0;
  d.pair <- Array.make (2 * room) nothing;
  Array.iteri
    (fun k h ->
      if h <> 0 then begin
        let i = ref (h land (room - 1)) in
        while d.hash.(!i) <> 0 do
          i := (!i + 1) land (room - 1)
        done;
        set d !i h pair.(2 * k) pair.((2 * k) + 1)
      end)
    hash

let get d (key : box) =
  let i = find d (key_hash key.v) key in
  if d.hash.(i) = 0 then 0 else d.pair.((2 * i) + 1).v

let put d (key : box) value =
  let hash = key_hash key.v in
  let i = find d hash key in
  if d.hash.(i) <> 0 then d.pair.((2 * i) + 1) <- value
  else begin
    let full = d.used * 3 >= Array.length d.hash * 2 in
    if full then dict_grow d;
    set d (if full then find d hash key else i) hash key value;
    d.used <- d.used + 1
  end

(* Closes the gap (Knuth's algorithm R). *)
let remove d (key : box) =
  let at = ref (find d (key_hash key.v) key) and mask = Array.length d.hash - 1 in
  if d.hash.(!at) = 0 then 0
  else begin
    let value = d.pair.((2 * !at) + 1).v and i = ref ((!at + 1) land mask) in
    while d.hash.(!i) <> 0 do
      let home = d.hash.(!i) land mask in
      if (!i - home) land mask >= (!i - !at) land mask then begin
        set d !at d.hash.(!i) d.pair.(2 * !i) d.pair.((2 * !i) + 1);
        at := !i
      end;
      i := (!i + 1) land mask
    done;
    set d !at 0 nothing nothing;
    d.used <- d.used - 1;
    value
  end

let dict () =
  let live = 1 lsl 18 and rounds = 500000 in
  let limit = (2 * live) + 2 in
  let key k = Sys.opaque_identity (box (value_base + k)) in
  let d = { hash = Array.make 8 0; pair = Array.make 16 nothing; used = 0 } in
  let set k =
    let made = key k in
    put d made (box (value_for k limit))
  in
  for k = 0 to live - 1 do
    set k
  done;
  let sum = ref 0 in
  for _ = 1 to rounds do
    sum := !sum + get d (key (below (2 * live)));
    set (below (2 * live));
    sum := !sum + get d (key (below (2 * live)));
    sum := !sum + remove d (key (below (2 * live)))
  done;
  check !sum;
  check 0 (* nothing was misplaced by others *);
  sum := 0;
  Array.iteri (fun i h -> if h <> 0 then sum := !sum + d.pair.((2 * i) + 1).v) d.hash;
  check !sum;
  check d.used;
  operations := !operations + live + (4 * rounds)

(* --- ring, graph --- *)

type link = { w : int; mutable next : link; mutable previous : link }

let one_ring () =
  let rec first = { w = 1; next = first; previous = first } in
  let first = Sys.opaque_identity first in
  let last = ref first in
  for w = 2 to nodes do
    let x = { w; next = first; previous = !last } in
    !last.next <- x;
    last := x
  done;
  first.previous <- !last;
  let sum = ref first.w and at = ref first in
  for _ = 2 to nodes do
    at := !at.next;
    sum := !sum + !at.w
  done;
  !sum

let ring () =
  for _ = 1 to 2000000 / nodes do
    check (one_ring ());
    operations := !operations + nodes
  done

type vertex = { x : int; mutable a : vertex; mutable b : vertex; mutable c : vertex; mutable d : vertex }

let rec nowhere = { x = 0; a = nowhere; b = nowhere; c = nowhere; d = nowhere }

let one_graph plan =
  let all = Array.make nodes nowhere in
  for v = 0 to nodes - 1 do
    all.(v) <- { x = v + 1; a = nowhere; b = nowhere; c = nowhere; d = nowhere }
  done;
  for v = 0 to nodes - 1 do
    let x = all.(v) and to_ = plan.(v) in
    x.a <- all.(to_.(0));
    x.b <- all.(to_.(1));
    x.c <- all.(to_.(2));
    x.d <- all.(to_.(3))
  done;
  let sum = ref 0 in
  for v = 0 to nodes - 1 do
    let x = all.(v) in
    sum := !sum + x.x + x.a.x + x.b.x + x.c.x + x.d.x
  done;
  !sum

let graph () =
  let draw n f = Array.init n (fun _ -> f ()) in
  let all = draw plans (fun () -> draw nodes (fun () -> draw fanout (fun () -> below nodes))) in
  for made = 0 to (1000000 / nodes) - 1 do
    check (one_graph all.(made mod plans));
    operations := !operations + nodes
  done

(* --- rcP, rcS: without counts a reference is taken by copying it and dropped by forgetting it --- *)

let take live held rounds =
  let objects = Array.init live (fun i -> box (value_for i live)) in
  let hand = Array.init held (fun i -> objects.(i mod live)) in
  let some = Array.make taken nothing and sum = ref 0 in
  for _ = 1 to rounds do
    let at = below (held - taken + 1) in
    for i = 0 to taken - 1 do
      some.(i) <- hand.(at + i)
    done;
    sum := !sum + some.(3).v
  done;
  check !sum;
  operations := !operations + (rounds * taken)

(* --- gen, genl: a closure is what yields --- *)

let items = 1 lsl 18
let passes = 32

let range first =
  let at = ref first and stop = first + items in
  fun () ->
    if !at = stop then nothing
    else begin
      let b = box !at in
      incr at;
      b
    end
[@@inline never]

let pull first =
  let next = range first and sum = ref 0 in
  let b = ref (next ()) in
  while !b != nothing do
    sum := !sum + !b.v;
    b := next ()
  done;
  !sum

let materialise first =
  let l = vec 4 in
  for i = 0 to items - 1 do
    push l (box (first + i))
  done;
  vec_sum l

let generators one =
  let sum = ref 0 in
  for _ = 1 to passes do
    sum := !sum + one (value_base + below (1 lsl 20))
  done;
  check !sum;
  operations := !operations + (passes * items)

(* --- The rival --- *)

let run = function
  | "treesS" -> trees 8 0 18 0 32000000
  | "treesL" -> trees 16 0 (-1) 0 8000000
  | "treesV" -> trees 13 4 (-1) 37 8000000
  | "list" -> list ()
  | "dict" -> dict ()
  | "ring" -> ring ()
  | "graph" -> graph ()
  | "rcP" -> take 64 64 (32000000 / taken)
  | "rcS" -> take 1 taken (4000000 / taken)
  | "gen" -> generators pull
  | "genl" -> generators materialise
  | program -> failwith ("no program " ^ program)

let program = ref "" and threads = ref 1 and seed = ref "1" and warmup = ref 1 and iterations = ref 1 and heap = ref 0

let set_heap () =
  let word = 8 and nursery = 8 lsl 20 in
  let bytes = if !heap > 0 then min nursery (!heap / 4) else nursery in
  Gc.set { (Gc.get ()) with minor_heap_size = bytes / word; space_overhead = 200 }

let iterate i =
  let first = mix64 (Int64.of_string ("0u" ^ !seed)) in
  set64 state 0 (if first = 0L then 1L else first);
  set64 state 8 0L;
  operations := 0;
  let a = [| 0; 0; 0; 0 |] and b = [| 0; 0; 0; 0 |] in
  stamp a;
  run !program;
  stamp b;
  Printf.sprintf
    "\n{\"phase\":\"%s\",\"operations\":%d,\"wall_ns\":%d,\"cpu_user_ns\":%d,\"cpu_system_ns\":%d,\"rss_peak_bytes\":%d,\"checksum\":\"%016Lx\"}"
    (if i < !warmup then "warmup" else "measured")
    !operations (b.(0) - a.(0)) (b.(1) - a.(1)) (b.(2) - a.(2)) b.(3) (get64 state 8)

let () =
  Arg.parse
    [ ("--threads", Arg.Set_int threads, ""); ("--seed", Arg.Set_string seed, ""); ("--warmup", Arg.Set_int warmup, "");
      ("--iterations", Arg.Set_int iterations, ""); ("--heap", Arg.Set_int heap, "bytes") ]
    (fun word -> program := word)
    "ocaml PROGRAM [--threads N] [--seed N] [--warmup N] [--iterations N] [--heap BYTES]";
  let status, reason, rows =
    if !threads > 1 then ("not-applicable", "OCaml 4 has one domain", [])
    else begin
      set_heap ();
      ("ok", "", List.init (!warmup + !iterations) Fun.id |> List.map iterate)
    end
  in
  Printf.printf "{\"status\":\"%s\",\"reason\":\"%s\",\"version\":\"OCaml %s\",\"program\":\"%s\",\"threads\":%d,\"seed\":%s,\"iterations\":[%s]}\n"
    status reason Sys.ocaml_version !program !threads !seed (String.concat "," rows)
