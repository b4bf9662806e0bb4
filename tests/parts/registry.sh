#!/bin/bash
# A real registry (docker-registry, the `distribution` project's 2.8) on loopback, empty at each start, which lets
# blobs and manifests be deleted.
#   registry.sh start    starts it in $PARTS_RUN and waits until it answers
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

answers() { # PORT: does a registry answer there? (no curl needed)
  exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /v2/ HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3 | grep -q ' 200 '
}

start() {
  local registry port
  part_begins
  if [ -n "${FLAREO_TEST_REGISTRY:-}" ] && (answers "${FLAREO_TEST_REGISTRY##*:}") 2>/dev/null; then
    found FLAREO_TEST_REGISTRY "$FLAREO_TEST_REGISTRY"
    return
  fi
  if ! registry=$(on_path docker-registry); then
    missing FLAREO_TEST_REGISTRY -- "registry: not installed; apt-get install docker-registry"
    return
  fi
  # A port that was free a moment ago may be taken by now: try another then.
  for _ in 1 2 3; do
    port=$(free_port)
    cat >"$PARTS_RUN/registry.yml" <<CONF
version: 0.1
log: { level: warn, accesslog: { disabled: true } }
storage:
  filesystem: { rootdirectory: $PARTS_RUN/registry }
  delete: { enabled: true }
  maintenance: { uploadpurging: { enabled: false } }
http: { addr: 127.0.0.1:$port }
CONF
    # A secret out of the environment would change the registry's behaviour; ours has none.
    start_server registry env -u REGISTRY_HTTP_SECRET OTEL_TRACES_EXPORTER=none "$registry" serve "$PARTS_RUN/registry.yml"
    if wait_for registry 20 answers "$port"; then
      found FLAREO_TEST_REGISTRY "127.0.0.1:$port"
      return
    fi
  done
  missing FLAREO_TEST_REGISTRY -- "registry: docker-registry did not start"
}

case ${1:-} in
  start) start ;;
  *) say "docker-registry: $(on_path docker-registry || echo none)" ;;
esac
