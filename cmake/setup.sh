# setup.sh: what ./bench and ./check have in common; sourced by both. The rule in it: look first, install only what is missing,
# build only what changed, and stay quiet unless something fails.
#
# The caller sets ROOT (the project's folder) and ME (its own name, for messages).
# shellcheck shell=bash

say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() {
  say "$@"
  exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

# --- What is there ---------------------------------------------------------------------------------------------------------

# Whether the folders that CMake would search hold a file: holds SUBFOLDERS NAME, as in `holds 'include' hwloc.h`.
holds() {
  local prefix sub prefixes=()
  IFS=':;' read -ra prefixes <<<"${CMAKE_PREFIX_PATH:-}"
  prefixes+=(/usr/local /usr)
  for prefix in "${prefixes[@]}"; do
    for sub in $1; do
      compgen -G "$prefix/$sub/$2" >/dev/null && return 0
    done
  done
  return 1
}

# A compiler alone is not enough: on a bare Debian, gcc can be there and the C library's headers not.
compiles() {
  local cc
  for cc in "${CC:-}" cc gcc clang; do
    # shellcheck disable=SC2086 # CC may hold flags
    [ -n "$cc" ] && printf '#include <stdio.h>\nint main(void) { return 0; }\n' | $cc -x c - -o /dev/null 2>/dev/null && return 0
  done
  return 1
}

# Prints "package what-for" for each part of the core that is missing; further libraries as HEADER:PACKAGE.
missing() {
  local library
  compiles || printf '%s\n' "gcc a C compiler" "libc6-dev the C library's headers"
  have cmake || echo "cmake CMake, 3.21 or newer"
  have ninja || have make || echo "ninja-build Ninja or make"
  for library in hwloc.h:libhwloc-dev jansson.h:libjansson-dev ini.h:libinih-dev "$@"; do
    holds 'include include/*-linux-*' "${library%%:*}" || echo "${library##*:} ${library%%:*}"
  done
}

# --- Installing ------------------------------------------------------------------------------------------------------------

# The command by which packages can be installed, as an array INSTALLER; fails where there is none.
installer() {
  have apt-get || return 1
  if [ "$(id -u)" -eq 0 ]; then
    INSTALLER=(env DEBIAN_FRONTEND=noninteractive apt-get)
  elif have sudo && sudo -n true 2>/dev/null; then
    INSTALLER=(sudo -n env DEBIAN_FRONTEND=noninteractive apt-get)
  else
    return 1
  fi
  INSTALLER+=(-qq -o DPkg::Lock::Timeout=300)
}

# Refreshes the package lists, once per start.
refresh() { # LOG
  [ -z "${UPDATED:-}" ] || return 0
  UPDATED=1
  "${INSTALLER[@]}" update </dev/null >>"$1" 2>&1 || say "the package lists could not be refreshed (log: $1); trying with those at hand"
}

# install LOG PACKAGE...: fails when apt does.
install() {
  local log=$1
  shift
  refresh "$log"
  "${INSTALLER[@]}" install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1
}

# need_core LOG [HEADER:PACKAGE...]: installs what is missing of the core, or says what to install and exits 2.
need_core() {
  local log=$1 packages=() wants=() package want
  shift
  while read -r package want; do
    packages+=("$package")
    wants+=("$want")
  done < <(missing "$@")
  [ ${#packages[@]} -gt 0 ] || return 0
  if installer; then
    say "installing ${packages[*]}"
    install "$log" "${packages[@]}" && return 0
    tail -n 15 "$log" >&2
    die "apt-get could not install ${packages[*]} (log: $log)"
  fi
  printf '%s: missing: %s\n' "$ME" "$(printf '%s, ' "${wants[@]}" | sed 's/, $//')" >&2
  printf '  Debian, Ubuntu (as root): apt-get install %s\n' "${packages[*]}" >&2
  printf '  elsewhere: the packages that hold these; libraries can also lie under a prefix named in CMAKE_PREFIX_PATH\n' >&2
  exit 2
}

# has_optional NAME: whether something that is useful but not needed is there. A malloc to preload is looked for where the
# dynamic linker does, a library to link with where CMake does.
has_optional() {
  local library
  case $1 in
  jemalloc | mimalloc) library=lib$1.so.2 ;;
  libgc)
    holds 'include include/*-linux-*' gc/gc_mark.h && holds 'lib lib64 lib/*-linux-*' libgc.so
    return
    ;;
  *)
    have "$1"
    return
    ;;
  esac
  CMAKE_PREFIX_PATH=${LD_LIBRARY_PATH:-} holds '. lib lib64 lib/*-linux-*' "$library"
}

# Debian and Ubuntu put the library's version into the package's name; prints what this release calls it.
optional_package() {
  case $1 in
  jemalloc) echo libjemalloc2 ;;
  mimalloc) apt-cache search --names-only '^libmimalloc2[0-9.]*(t64)?$' 2>/dev/null | awk '{ print $1 }' | sort -V | tail -n 1 ;;
  gnuplot) echo gnuplot-nox ;;
  libgc) echo libgc-dev ;;
  *) echo "$1" ;;
  esac
}

# want_optional LOG NAME=CONSEQUENCE...: has apt try once for what is absent, and says what stays absent.
want_optional() {
  local log=$1 entry name package
  shift
  for entry in "$@"; do
    name=${entry%%=*}
    has_optional "$name" && continue
    if ! grep -qx "$name" "${log%/*}/tried" 2>/dev/null && installer; then
      echo "$name" >>"${log%/*}/tried"
      refresh "$log"
      package=$(optional_package "$name")
      if [ -n "$package" ]; then
        say "installing $package"
        install "$log" "$package" && has_optional "$name" && continue
      fi
    fi
    say "no $name here: ${entry#*=}"
  done
}

# --- Building --------------------------------------------------------------------------------------------------------------

# lock DIR: makes a build folder and waits until nobody else builds in it. Held until unlock or the end of the script.
lock() {
  { mkdir -p "$1" && : >>"$1/.lock"; } 2>/dev/null || die "cannot write to $1"
  exec {LOCK}>>"$1/.lock"
  have flock || return 0
  flock -n "$LOCK" && return 0
  say "waiting for another build in $1"
  flock "$LOCK"
}
unlock() { exec {LOCK}>&-; }

# configured DIR: whether DIR is a complete build folder, of today's presets and of this very checkout (and not one that was
# copied or moved with it), and knows of the optional library that is there.
configured() {
  [ -e "$1/build.ninja" ] || [ -e "$1/Makefile" ] || return 1
  [ ! "$ROOT/CMakePresets.json" -nt "$1/CMakeCache.txt" ] || return 1
  ! grep -q '^RECLAIM_LIBGC_[A-Z]*:.*-NOTFOUND$' "$1/CMakeCache.txt" 2>/dev/null || ! has_optional libgc || return 1
  grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$1/CMakeCache.txt" 2>/dev/null
}

# configure DIR PRESET: returns CMake's status; its output is in DIR/build.log.
configure() {
  local generator=()
  rm -rf "$1/CMakeCache.txt" "$1/CMakeFiles"
  [ -n "${CMAKE_GENERATOR:-}" ] || { have ninja && generator=(-G Ninja); } || generator=(-G "Unix Makefiles")
  (cd "$ROOT" && cmake --preset "$2" -B "$1" "${generator[@]}") >"$1/build.log" 2>&1
}

# build DIR: brings a configured folder up to date; does next to nothing when it is. Returns CMake's status.
build() { cmake --build "$1" --parallel "$(nproc)" >"$1/build.log" 2>&1; }

# show_failure DIR WHAT
show_failure() {
  tail -n 40 "$1/build.log" >&2
  say "$2 failed (log: $1/build.log)"
}

# The CPUs that this process may use, or one where that cannot be told.
nproc() { command nproc 2>/dev/null || echo 1; }
