#!/bin/bash
# The three services of the submission rules (Node, Python, Go) as submissions: their sources from tests/services, their
# dependencies fetched and vendored the way the rules tell a submitter to. Each answers HTTP on $HOST:$PORT with
# `/`, `/hello/NAME` and `/health`.
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SOURCES=$CHECKOUT/tests/services
SERVICES=$FLAREO_TEST_PARTS/services
# Where the Go dependencies come from: no Go module proxy, but Debian packages the same sources.
GO_SUITE=bookworm
GO_PACKAGES='golang-github-google-uuid-dev golang-github-gorilla-mux-dev'

# sources LANGUAGE: everything that decides what the submission holds, as one string.
recipe() { find "$SOURCES/$1" -type f | sort | xargs cat && cat "${BASH_SOURCE[0]}"; }

# service LANGUAGE: copies the sources, vendors, puts the folder in place.
service() {
  local language=$1 work
  made "$SERVICES/$language" "$(recipe "$language")" && return 0
  can_install || return 1
  say "vendoring the $language service's dependencies"
  work=$(scratch)
  mkdir "$work/context"
  # From a checkout, so nothing of git's and no leftovers of an editor are there; modes as git would have them.
  cp -R "$SOURCES/$language/." "$work/context/"
  if ! (cd "$work/context" && "vendor_$language" "$work") >"$work/log" 2>&1; then
    say "the $language service's dependencies could not be had:"
    tail -n 5 "$work/log" >&2
    return 1
  fi
  chmod -R u=rwX,go=rX "$work/context"
  mkdir -p "$SERVICES"
  put_in_place "$work/context" "$SERVICES/$language"
  now_made "$SERVICES/$language" "$(recipe "$language")"
  rm -rf "$work"
}

vendor_node() {
  npm ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --cache "$1/npm" || return 1
  # npm's note to itself about what it installed from where: no part of the service.
  rm -f node_modules/.package-lock.json
}

vendor_python() {
  python3 -m venv "$1/venv" &&
    "$1/venv/bin/pip" install -q --disable-pip-version-check --no-compile --no-deps --require-hashes \
      --only-binary :all: --implementation py --abi none --platform any \
      --target vendor -r requirements.txt || return 1
  # The commands' first lines name this machine's Python; the service imports the packages and runs no command.
  rm -rf vendor/bin
  sed -i '\#^\(\.\./\)*bin/#d' vendor/*.dist-info/RECORD
}

# What `go mod vendor` would have laid out for the modules of go.mod, which must be the versions that Debian has.
vendor_go() {
  local path version package modules=$1/modules.txt
  # shellcheck disable=SC2086 # a list of words
  unpack_debs "$GO_SUITE" "$1/deb" $GO_PACKAGES || return 1
  while read -r path version; do
    package=$(grep -l "^module $path\$" "$1/deb/usr/share/gocode/src/$path/go.mod") || return 1
    grep -q " ${version#v}-" "$1/deb/.versions" || {
      echo "Debian's $path is not $version"
      return 1
    }
    mkdir -p "vendor/$path"
    # Vendored are the package's own files, without tests.
    find "${package%/go.mod}" -maxdepth 1 -type f ! -name '*_test.go' ! -name go.mod ! -name go.sum -exec cp {} "vendor/$path/" \;
    printf '# %s %s\n## explicit%s\n%s\n' "$path" "$version" "$(sed -n 's/^go \(.*\)/; go \1/p' "$package")" "$path"
  done < <(sed -n 's/^\t\([^ ]* v[^ ]*\)$/\1/p' go.mod) >"$modules"
  [ -s "$modules" ] || return 1
  mv "$modules" vendor/modules.txt
}

part_begins
failed=0
for language in node python go; do service "$language" || failed=1; done
if [ "$failed" = 0 ]; then
  found FLAREO_TEST_SERVICES "$SERVICES"
elif can_install; then
  missing FLAREO_TEST_SERVICES -- "the services' dependencies: not all could be fetched, see above"
else
  missing FLAREO_TEST_SERVICES -- "the services' dependencies: $(why_not)"
fi
