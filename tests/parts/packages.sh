#!/bin/bash
# The Debian packages that the parts need, as far as their programs are not there yet.
#   packages.sh wanted   names the packages that would be installed (nothing when all is there)
#   packages.sh          installs them
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# program, package, what for
NEEDS='
dockerd docker.io the Docker Engine
docker docker.io the Docker client
docker-registry docker-registry an OCI registry
mmdebstrap mmdebstrap Debian base images
git git patches of lint
newuidmap uidmap user namespaces of ordinary users
skopeo skopeo archives in the formats of others
tmux tmux the console in a real terminal
npm npm the dependencies of the Node service
setpriv util-linux running as an ordinary user
'

# The image may have a Python without the parts that make a virtual environment.
venv_works() { python3 -c 'import venv, ensurepip' 2>/dev/null; }

# A busybox that needs nothing beside it is the root file system of the engine's tests; one with libraries is not.
busybox_works() {
  local busybox
  for busybox in /bin/busybox /usr/bin/busybox /bin/busybox.static; do
    if "$busybox" true 2>/dev/null && ! ldd "$busybox" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

wanted() {
  local program package rest
  while read -r program package rest; do
    if [ -n "$program" ] && ! on_path "$program" >/dev/null; then printf '%s\n' "$package"; fi
  done <<<"$NEEDS" | sort -u
  if ! venv_works; then printf 'python3-venv\n'; fi
  if ! busybox_works; then printf 'busybox-static\n'; fi
}

install_packages() {
  local packages
  mapfile -t packages < <(wanted)
  [ "${#packages[@]}" -gt 0 ] || return 0
  if ! can_install; then
    say "not installed, as $(why_not): ${packages[*]}"
    return 0
  fi
  say "installing: ${packages[*]}"
  local log=$FLAREO_TEST_PARTS/packages.log tries=0
  # Someone else's apt may hold the lock on the lists; apt waits by itself only for dpkg's.
  until apt-get -q update >"$log" 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 6 ] || break
    sleep 5
  done
  # Debian starts the servers of a package as it installs them. The tests start their own, with their own data: so
  # ask Debian to start none, unless the machine has a say in that already.
  local policy=/usr/sbin/policy-rc.d ours=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=1
  fi
  local rc=0
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 \
    install "${packages[@]}" >>"$log" 2>&1 || rc=$?
  [ "$ours" = 0 ] || rm -f "$policy"
  if [ "$rc" != 0 ]; then
    say "apt-get could not install all of: ${packages[*]} (the end of $log:)"
    tail -n 5 "$log" >&2
  fi
}

case ${1:-} in
  wanted) wanted ;;
  *)
    part_begins
    install_packages
    if tmux=$(on_path tmux); then
      found FLAREO_TEST_TMUX "$tmux"
    else
      missing FLAREO_TEST_TMUX -- "tmux: not installed; apt-get install tmux"
    fi
    if skopeo=$(on_path skopeo); then
      found FLAREO_TEST_SKOPEO "$skopeo"
    else
      missing FLAREO_TEST_SKOPEO -- "skopeo: not installed; apt-get install skopeo"
    fi
    ;;
esac
