#!/usr/bin/env bash
# Includes point one way only, and no condition tests a strategy's name (the rules: include-graph.awk). Then the test of the
# test: each kind of violation, planted in a copy of the tree, must be found, in the file and for the reason planted.
#
#   include-graph.sh SOURCE
set -euo pipefail
source=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LC_ALL=C

sources() { # DIR: its sources, each ended by a null byte
  local folder folders=()
  for folder in runtime strategies workloads harness; do
    [ ! -d "$1/$folder" ] || folders+=("$folder")
  done
  (cd "$1" && find "${folders[@]}" -name '*.[ch]' -print0 | sort -z)
}

graph() { # DIR: the faults of one tree
  sources "$1" | (cd "$1" && xargs -0 awk -f "$here/include-graph.awk")
}

graph "$source" || { echo "include-graph: the includes above point the wrong way" && exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Two strategies and a header of every layer, so that the plants below do not depend on what the tree has today.
copy() {
  rm -rf "$scratch/tree"
  mkdir -p "$scratch/tree"
  sources "$source" | (cd "$source" && xargs -0 cp --parents -t "$scratch/tree")
  mkdir -p "$scratch"/tree/{runtime,strategies/parts,workloads,harness/cell}
  local file
  for file in runtime/base-copy.h strategies/parts/copy.h strategies/copy-a.h strategies/copy-b.h runtime/mm-copy.h runtime/layout-copy.h \
    runtime/objects-copy.h workloads/copy.h harness/cell/copy.h; do
    : >"$scratch/tree/$file"
  done
}

failed=0 planted=0
plant() { # FILE LINE EXPECTED: with LINE in FILE, a fault of FILE that contains EXPECTED; with EXPECTED empty, none
  local file=$1 line=$2 expected=$3 faults
  planted=$((planted + 1))
  copy
  printf '%b\n' "$line" >>"$scratch/tree/$file"
  faults=$(graph "$scratch/tree") || true
  if [ -z "$expected" ]; then
    [ -z "$faults" ] && return
  else
    grep -F "$file:" <<<"$faults" | grep -qF "$expected" && [ "$(grep -c . <<<"$faults")" -eq 1 ] && return
  fi
  printf 'include-graph: %s in %s: expected "%s", found "%s"\n' "$line" "$file" "$expected" "$faults"
  failed=1
}

plant runtime/base-copy.h '#include "strategies/parts/copy.h"' "comes after it"
plant strategies/parts/copy.h '#include "strategies/copy-a.h"' "comes after it"
plant strategies/copy-a.h '#  include "runtime/mm-copy.h"' "comes after it"
plant runtime/mm-copy.h '#include "runtime/layout-copy.h"' "comes after it"
plant runtime/layout-copy.h '#include "runtime/objects-copy.h"' "comes after it"
plant runtime/objects-copy.h '#include "workloads/copy.h"' "comes after it"
plant strategies/copy-a.h '#include "copy-b.h"' "one strategy includes another's"
plant strategies/copy-a.c '#include "strategies/copy-b.h"' "one strategy includes another's"
plant strategies/copy-a.c '#include "runtime/objects-copy.h"' "comes after it"
plant strategies/parts/copy.h '#include MM_STRATEGY_HEADER' "from below it"
plant strategies/parts/copy.c '#include MM_STRATEGY_HEADER' ""
plant harness/cell/copy.h '#include "runtime/base-copy.h"' "the harness includes"
plant harness/cell/copy.h '#include "../../workloads/copy.h"' "the harness includes"
plant workloads/copy.h '#include "harness/cell/copy.h"' "knows the harness"
plant workloads/copy.h '#include "runtime/gone.h"' "no file of the project"
plant runtime/objects-copy.h '#if defined(MM_MOVES) && \\\\\n  defined(MM_COPY_A)\n#endif' "a condition on a strategy's name: MM_COPY_A"
plant workloads/copy.h '#ifdef STRATEGY_COPY_B\n#endif' "a condition on a strategy's name: STRATEGY_COPY_B"
plant harness/cell/copy.h '#if MM_STRATEGY_NAME\n#endif' "a condition on a strategy's name: MM_STRATEGY_NAME"
# What must not be found.
plant workloads/copy.h '#include "runtime/objects-copy.h"\n#include "strategies/parts/copy.h"' ""
plant strategies/copy-a.c '#include "copy-a.h"\n#include "runtime/layout-copy.h"' ""
plant runtime/mm-copy.h '#include MM_STRATEGY_HEADER\n#if MM_MOVES /* COPY_A */\n#endif' ""
plant harness/cell/copy.h '#include "runtime/descriptor.h"\n#include "version.h"' ""

[ "$failed" -eq 0 ] && echo "include-graph: the tree is clean; $planted plants judged rightly"
exit "$failed"
