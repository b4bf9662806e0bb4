#!/bin/bash
# A Docker Engine of the tests' own: own data, own socket, own containerd, no bridge and no packet-filter rules, so
# that it lives beside any other on the machine. Containers have no network or the host's (`--network host`).
#   dockerd.sh          says which programs there are
#   dockerd.sh start    starts the engine in $PARTS_RUN and waits until it answers
#   dockerd.sh images   gives it the base images under the names that Dockerfiles use
#   dockerd.sh archives makes, of two of the bases, NAME.docker-archive.tar (docker save) and NAME.oci-archive.tar
#                       (skopeo), with a configuration as the real ones have it
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The client of the package, as the machine's own may be of another age than its engine.
client() { if [ -x /usr/bin/docker ]; then printf /usr/bin/docker; else on_path docker; fi; }

ours() { DOCKER_CONFIG=$PARTS_RUN/docker-config "$(client)" --host "unix://$PARTS_RUN/docker.sock" "$@"; }

start() {
  local dockerd data
  part_begins
  if [ -n "${FLAREO_TEST_DOCKER_HOST:-}" ] && "$(client)" --host "$FLAREO_TEST_DOCKER_HOST" version >/dev/null 2>&1; then
    found FLAREO_TEST_DOCKER_HOST "$FLAREO_TEST_DOCKER_HOST"
    found FLAREO_TEST_DOCKER "${FLAREO_TEST_DOCKER:-$(client)}"
    return
  fi
  if ! dockerd=$(on_path dockerd) || ! client >/dev/null; then
    missing FLAREO_TEST_DOCKER_HOST FLAREO_TEST_DOCKER -- \
      "Docker Engine: not installed; apt-get install docker.io, or set FLAREO_TEST_DOCKER_HOST to a socket"
    return
  fi
  if ! is_root; then
    missing FLAREO_TEST_DOCKER_HOST FLAREO_TEST_DOCKER -- \
      "Docker Engine: not root, so none can be started; set FLAREO_TEST_DOCKER_HOST to the socket of one"
    return
  fi
  data=$(data_root)
  printf '%s\n' "$data" >>"$PARTS_RUN/elsewhere" # for stop_servers to take away
  mkdir -p "$PARTS_RUN/docker-config"
  # 20.10 writes a key under /etc/docker otherwise; later engines no longer know the setting.
  if "$dockerd" --version | grep -q 'version 2[0-3]\.'; then
    printf '{ "deprecated-key-path": "%s" }\n' "$PARTS_RUN/docker-key.json"
  else
    printf '{}\n'
  fi >"$PARTS_RUN/dockerd.json"
  start_server dockerd "$dockerd" --config-file "$PARTS_RUN/dockerd.json" \
    --host "unix://$PARTS_RUN/docker.sock" --group root \
    --data-root "$data" --exec-root "$PARTS_RUN/exec" --pidfile "$PARTS_RUN/dockerd.own-pid" \
    --containerd-namespace flareo --containerd-plugins-namespace flareo-plugins \
    --bridge none --iptables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
    --storage-driver overlay2 --log-level warn
  if wait_for dockerd 60 ours version; then
    found FLAREO_TEST_DOCKER_HOST "unix://$PARTS_RUN/docker.sock"
    found FLAREO_TEST_DOCKER "$(client)"
    found FLAREO_TEST_DOCKER_ROOT "$data"
  else
    missing FLAREO_TEST_DOCKER_HOST FLAREO_TEST_DOCKER -- "Docker Engine: dockerd did not start (are there cgroups?)"
  fi
}

# images: what the approved list of names means in the tests; kept in step with bases.sh.
images() {
  local bases=$FLAREO_TEST_PARTS/bases
  [ -S "$PARTS_RUN/docker.sock" ] && [ -f "$bases/VERSIONS.txt" ] || return 0
  # Once an engine, until the bases are made anew.
  if made "$PARTS_RUN/docker.sock" "$bases"/*.tar.made; then return 0; fi
  # Two at a time: an import is one core's work. The largest goes first.
  xargs -P 2 -L 1 "$0" image <<'NAMES'
debian-go.tar golang:1.22 golang:1.23
debian-node.tar node:20-slim node:22-slim
debian-python.tar python:3.11-slim python:3.12-slim
debian.tar debian:12-slim
alpine-like.tar alpine:3.19
busybox.tar busybox:latest
NAMES
  now_made "$PARTS_RUN/docker.sock" "$bases"/*.tar.made
}

image() { # TAR NAME...
  local tar=$1 first=$2 name
  shift 2
  ours import "$FLAREO_TEST_PARTS/bases/$tar" "$first" >/dev/null
  for name in "$@"; do ours tag "$first" "$name"; done
}

archives() {
  local bases=$FLAREO_TEST_PARTS/bases name command skopeo
  [ -S "$PARTS_RUN/docker.sock" ] && skopeo=$(on_path skopeo) || return 0
  while read -r name command; do
    if [ ! -f "$bases/$name.tar.made" ] || made "$bases/$name.oci-archive.tar" "$bases/$name.tar.made"; then continue; fi
    say "making archives of $name"
    ours import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
      --change "CMD [\"$command\"]" "$bases/$name.tar" "flareo-archive/$name:latest" >/dev/null
    ours save -o "$bases/$name.docker-archive.tar.tmp" "flareo-archive/$name:latest"
    ours rmi "flareo-archive/$name:latest" >/dev/null
    rm -f "$bases/$name.oci-archive.tar.tmp"
    "$skopeo" --insecure-policy --tmpdir "$PARTS_RUN" copy -q "docker-archive:$bases/$name.docker-archive.tar.tmp" \
      "oci-archive:$bases/$name.oci-archive.tar.tmp:latest"
    mv "$bases/$name.docker-archive.tar.tmp" "$bases/$name.docker-archive.tar"
    chmod 644 "$bases/$name.docker-archive.tar"
    mv "$bases/$name.oci-archive.tar.tmp" "$bases/$name.oci-archive.tar"
    now_made "$bases/$name.oci-archive.tar" "$bases/$name.tar.made"
  done <<'NAMES'
debian bash
busybox sh
NAMES
}

# Several runs may share the servers that --up left running.
one_at_a_time() { exec 7>"$PARTS_RUN/lock" && flock 7; }

case ${1:-} in
  start) start ;;
  images)
    one_at_a_time
    images 7>&-
    ;;
  image)
    shift
    image "$@"
    ;;
  archives)
    one_at_a_time
    archives 7>&-
    ;;
  *) say "docker: $(client || echo none), dockerd: $(on_path dockerd || echo none)" ;;
esac
