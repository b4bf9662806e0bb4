#!/bin/bash
# cosign 2 and cosign 3, which verify what we sign. Debian 12 has neither; its newer suites have one each, and both
# programs are static enough to run here. Their packages are unpacked into the cache, never installed.
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
part_begins

# cosign_of MAJOR SUITE...: from the first of the suites that has that major version.
cosign_of() {
  local major=$1 variable=FLAREO_TEST_COSIGN$1 dir=$FLAREO_TEST_PARTS/cosign$1 suite version work path
  shift
  if [ -x "${!variable:-}" ]; then
    found "$variable" "${!variable}"
    return
  fi
  if ! made "$dir" "$major $*" && can_install; then
    for suite in "$@"; do
      version=$(apt-cache -c "$(private_apt "$suite" main-only)" policy cosign 2>/dev/null |
        sed -n 's/^ *Candidate: //p') || continue
      case $version in "$major".*) ;; *) continue ;; esac
      work=$(scratch)
      unpack_debs "$suite" "$work" cosign || continue
      "$work/usr/bin/cosign" version >/dev/null 2>&1 || continue
      put_in_place "$work" "$dir"
      now_made "$dir" "$major $*"
      break
    done
  fi
  if [ -x "$dir/usr/bin/cosign" ]; then
    found "$variable" "$dir/usr/bin/cosign"
  elif path=$(on_path cosign) && "$path" version 2>/dev/null | grep -q "^GitVersion: *v\?$major\."; then
    found "$variable" "$path"
  elif can_install; then
    missing "$variable" -- "cosign $major: not in this machine's mirror of Debian's suites $*; set $variable to one"
  else
    missing "$variable" -- "cosign $major: $(why_not); put one on the PATH or set $variable to it"
  fi
}

cosign_of 2 trixie
cosign_of 3 forky sid
