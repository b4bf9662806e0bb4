#!/bin/bash
# Two ordinary users for the rootless tests: flareo-ranges may map subordinate ids (/etc/subuid, /etc/subgid),
# flareo-plain has none. They stay on the machine, as packages do; `userdel -r` takes them away.
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
part_begins

have_user() { getent passwd "$1" >/dev/null; }
has_range() { grep -q "^$1:" /etc/subuid 2>/dev/null && grep -q "^$1:" /etc/subgid 2>/dev/null; }

# next_free: the first id after every range given so far, in both files.
next_free() {
  cat /etc/subuid /etc/subgid 2>/dev/null |
    awk -F: 'BEGIN { free = 100000 } { end = $2 + $3; if (end > free) free = end } END { print free }'
}

if can_install; then
  touch /etc/subuid /etc/subgid
  for user in flareo-ranges flareo-plain; do
    # A system user gets no ranges by itself; a home folder it needs, for the XDG paths.
    have_user "$user" || useradd --system --user-group --create-home --home-dir "/var/lib/$user" --shell /bin/sh "$user"
  done
  if ! has_range flareo-ranges; then
    first=$(next_free)
    usermod --add-subuids "$first-$((first + 65535))" --add-subgids "$first-$((first + 65535))" flareo-ranges
  fi
fi

if ! is_root; then
  missing FLAREO_TEST_USER_RANGES FLAREO_TEST_USER_PLAIN -- \
    "other ordinary users: not root, so tests can't become them; run tests/run as root"
elif have_user flareo-ranges && have_user flareo-plain && has_range flareo-ranges && ! has_range flareo-plain; then
  found FLAREO_TEST_USER_RANGES flareo-ranges
  found FLAREO_TEST_USER_PLAIN flareo-plain
else
  missing FLAREO_TEST_USER_RANGES FLAREO_TEST_USER_PLAIN -- \
    "users flareo-ranges and flareo-plain: $(why_not); see tests/parts/users.sh"
fi
