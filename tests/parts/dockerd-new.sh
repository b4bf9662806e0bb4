#!/bin/bash
# A newer Docker Engine than Debian 12's: the one whose BuildKit the engine's differential tests compare with. Debian's
# newer suites have it; it wants a newer C library than this machine's, so its packages are unpacked, with all that they
# stand on, into a root of their own in the cache, and nothing is installed. Its client and build plugin run as they are.
#   dockerd-new.sh          unpacks it
#   dockerd-new.sh start    starts the engine in $PARTS_RUN and waits until it answers
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ROOT=$FLAREO_TEST_PARTS/dockerd-new
PACKAGES=docker.io,docker-cli,docker-buildx,containerd,runc,xz-utils
# The first suite whose engine is this new: its frontend knows what Docker's reference has up to syntax 1.19.
SUITES='forky sid'
OLDEST=28
THIS=${BASH_SOURCE[0]}

ours() { DOCKER_CONFIG=$PARTS_RUN/new/config "$ROOT/usr/bin/docker" --host "unix://$PARTS_RUN/new/docker.sock" "$@"; }

# version_in SUITE: of its docker.io.
version_in() {
  apt-cache -c "$(private_apt "$1" main-only)" policy docker.io 2>/dev/null | sed -n 's/^ *Candidate: //p'
}

unpack() {
  local suite version work
  made "$ROOT" "$THIS" && return 0
  can_install && on_path mmdebstrap >/dev/null || return 0
  for suite in $SUITES; do
    version=$(version_in "$suite") || continue
    [ "${version%%.*}" -ge "$OLDEST" ] 2>/dev/null || continue
    say "unpacking Docker Engine $version of Debian's $suite"
    work=$(scratch)
    machine_apt_network >"$work/apt.conf"
    machine_sources "$suite" main-only | mmdebstrap --mode=root --variant=extract --include="$PACKAGES" \
      --aptopt='Apt::Install-Recommends "false"' --aptopt="$work/apt.conf" \
      --dpkgopt='path-exclude=/usr/share/*' "$suite" "$work/root" - >"$work/log" 2>&1 || {
      say "mmdebstrap could not unpack it:"
      tail -n 5 "$work/log" >&2
      continue
    }
    furnish "$work/root"
    chroot "$work/root" /usr/sbin/dockerd --version >/dev/null || continue
    put_in_place "$work/root" "$ROOT"
    now_made "$ROOT" "$THIS"
    rm -rf "$work"
    return 0
  done
}

# furnish ROOT: what the engine needs of a machine beside its packages.
furnish() {
  local name
  for name in bin sbin lib lib64; do
    [ -e "$1/$name" ] || ln -s "usr/$name" "$1/$name"
  done
  mkdir -p "$1"/{proc,sys,dev,run,tmp,etc,var/lib/docker}
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\n' >"$1/etc/group"
  : >"$1/etc/resolv.conf"
}

# inside DATA: becomes the engine. Its mounts are of a namespace of its own and go with it.
inside() {
  mount --bind "$ROOT" "$ROOT"
  mount --rbind /proc "$ROOT/proc"
  mount --rbind /sys "$ROOT/sys"
  mount --rbind /dev "$ROOT/dev"
  mount -t tmpfs tmpfs "$ROOT/tmp"
  mount -t tmpfs tmpfs "$ROOT/run"
  mkdir "$ROOT/run/flareo"
  mount --bind "$PARTS_RUN/new" "$ROOT/run/flareo"
  mount --bind "$1" "$ROOT/var/lib/docker"
  # Images are kept as containerd keeps them: only so can a build be written out as an OCI layout in one go.
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$ROOT" /usr/sbin/dockerd \
    --config-file /run/flareo/dockerd.json \
    --host unix:///run/flareo/docker.sock --group root \
    --data-root /var/lib/docker --exec-root /run/flareo/exec --pidfile /run/flareo/own-pid \
    --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
    --storage-driver overlayfs --log-level warn
}

start() {
  local data variables=(FLAREO_TEST_DOCKER_NEW_HOST FLAREO_TEST_DOCKER_NEW FLAREO_TEST_DOCKER_NEW_CONFIG)
  part_begins
  if [ -n "${FLAREO_TEST_DOCKER_NEW_HOST:-}" ]; then
    found FLAREO_TEST_DOCKER_NEW_HOST "$FLAREO_TEST_DOCKER_NEW_HOST"
    found FLAREO_TEST_DOCKER_NEW "${FLAREO_TEST_DOCKER_NEW:-$(on_path docker)}"
    found FLAREO_TEST_DOCKER_NEW_CONFIG "${FLAREO_TEST_DOCKER_NEW_CONFIG:-}"
    return
  fi
  if ! made "$ROOT" "$THIS"; then
    missing "${variables[@]}" -- \
      "newer Docker Engine: $(can_install && printf 'not in the suites %s of this machine'\''s mirror' "$SUITES" || why_not); set FLAREO_TEST_DOCKER_NEW_HOST to the socket of one (version $OLDEST or newer, with containerd's image store)"
    return
  fi
  if ! is_root; then
    missing "${variables[@]}" -- "newer Docker Engine: not root, so none can be started"
    return
  fi
  data=$(data_root)
  printf '%s\n' "$data" >>"$PARTS_RUN/elsewhere" # for stop_servers to take away
  mkdir -p "$PARTS_RUN/new/config"
  printf '{ "features": { "containerd-snapshotter": true } }\n' >"$PARTS_RUN/new/dockerd.json"
  printf '{ "cliPluginsExtraDirs": ["%s"] }\n' "$ROOT/usr/libexec/docker/cli-plugins" >"$PARTS_RUN/new/config/config.json"
  start_server dockerd-new unshare --mount --propagation private "$THIS" inside "$data"
  if wait_for dockerd-new 60 ours version; then
    found FLAREO_TEST_DOCKER_NEW_HOST "unix://$PARTS_RUN/new/docker.sock"
    found FLAREO_TEST_DOCKER_NEW "$ROOT/usr/bin/docker"
    found FLAREO_TEST_DOCKER_NEW_CONFIG "$PARTS_RUN/new/config"
  else
    missing "${variables[@]}" -- "newer Docker Engine: it did not start (are there cgroups?)"
  fi
}

case ${1:-} in
  start) start ;;
  inside) inside "$2" ;;
  *) unpack ;;
esac
