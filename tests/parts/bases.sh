#!/bin/bash
# Base images without a hub: root file systems as tars, made from Debian's packages.
#
#   debian.tar         Debian minbase                          stands in for debian:12-slim
#   debian-node.tar    the same with Node.js, user node        stands in for node:20-slim, node:22-slim
#   debian-python.tar  the same with Python, `python`          stands in for python:3.11-slim, python:3.12-slim
#   debian-go.tar      the same with Go, no C compiler         stands in for golang:1.22, golang:1.23
#   busybox.tar        busybox-static and its applet links, of no known distribution
#   alpine-like.tar    busybox.tar with what makes a scanner see Alpine 3.19: os-release and an apk database with
#                      one entry, both written by hand         stands in for alpine:3.19
#   VERSIONS.txt       what each of them really holds
#
# (dockerd.sh makes docker-archives and OCI archives of two of them.) Documentation, manuals, translations and those of
# Go's own tools and libraries that building a service doesn't touch are left out; dpkg's database stays whole, for the scanner's sake.
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=bookworm
BASES=$FLAREO_TEST_PARTS/bases
THIS=${BASH_SOURCE[0]}

# rootfs NAME HOOK PACKAGE...: NAME.tar out of Debian's packages; HOOK is a shell line run in the finished root.
rootfs() {
  local name=$1 hook=$2 work include started=$SECONDS
  shift 2
  made "$BASES/$name.tar" "$THIS" && return 0
  say "making $name.tar"
  work=$(scratch)
  machine_apt_network >"$work/apt.conf"
  include=$(IFS=, && printf '%s' "$*")
  # The mirror's name is no part of an image: the lists and sources go, and with them apt's own configuration.
  machine_sources "$SUITE" | mmdebstrap --mode=root --variant=minbase ${include:+--include="$include"} \
    --aptopt='Apt::Install-Recommends "false"' \
    --aptopt="$work/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --dpkgopt='path-exclude=/usr/share/go-*/test/*' \
    --dpkgopt='path-exclude=/usr/share/go-*/src/cmd/*' \
    --dpkgopt='path-exclude=/usr/share/go-*/src/*_test.go' \
    --dpkgopt='path-exclude=/usr/share/go-*/src/*/testdata/*' \
    --dpkgopt='path-exclude=/usr/lib/go-*/pkg/linux_*/cmd/*' \
    --dpkgopt='path-exclude=/usr/lib/go-*/pkg/tool/*/trace' \
    --dpkgopt='path-exclude=/usr/lib/go-*/pkg/tool/*/pprof' \
    --dpkgopt='path-exclude=/usr/lib/go-*/pkg/tool/*/api' \
    --dpkgopt='path-exclude=/usr/lib/go-*/pkg/tool/*/vet' \
    --customize-hook="chroot \"\$1\" sh -ec '$hook'" \
    --customize-hook="chroot \"\$1\" dpkg-query -W -f '\${Package} \${Version}\n' >'$work/packages'" \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap' \
    --customize-hook='rm -rf "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap' \
    "$SUITE" "$work/$name.tar" - >"$work/log" 2>&1 || {
    say "mmdebstrap could not make $name.tar:"
    tail -n 5 "$work/log" >&2
    return 1
  }
  mv "$work/packages" "$BASES/$name.packages"
  mv "$work/$name.tar" "$BASES/$name.tar"
  now_made "$BASES/$name.tar" "$THIS"
  rm -rf "$work"
  say "made $name.tar in $((SECONDS - started)) s"
}

# busybox: both images of a single static binary.
busybox() {
  local work root version applet
  made "$BASES/alpine-like.tar" "$THIS" && return 0
  say "making busybox.tar and alpine-like.tar"
  work=$(scratch)
  root=$work/root
  unpack_debs "$SUITE" "$work/deb" busybox-static || return 1
  version=$(sed -n 's/^busybox-static //p' "$work/deb/.versions")
  mkdir -p "$root"/{bin,sbin,dev,etc,home,proc,sys,run,usr/bin,usr/sbin,usr/local/bin,var/tmp,var/log}
  mkdir -m 1777 "$root/tmp"
  mkdir -m 700 "$root/root"
  chmod 1777 "$root/var/tmp"
  install -m 755 "$work/deb/bin/busybox" "$root/bin/busybox"
  "$root/bin/busybox" --list-full | while read -r applet; do
    [ "$applet" = bin/busybox ] || { mkdir -p "$root/${applet%/*}" && ln -s /bin/busybox "$root/$applet"; }
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65533:\nnobody:x:65534:\n' >"$root/etc/group"
  printf 'root:*::0:::::\nnobody:!::0:::::\n' >"$root/etc/shadow"
  chmod 640 "$root/etc/shadow"
  printf 'busybox-static %s\n' "$version" >"$BASES/busybox.packages"
  pack "$root" "$BASES/busybox.tar"

  # The shape is Alpine's, the content is ours: one package, which is what really is in there.
  printf '3.19.1\n' >"$root/etc/alpine-release"
  printf 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Stand-in for Alpine Linux v3.19 (busybox-static)"\n' \
    >"$root/etc/os-release"
  mkdir -p "$root/lib/apk/db" "$root/etc/apk"
  version=${version#*:} # without Debian's epoch and revision
  {
    printf 'P:busybox\nV:%s-r0\nA:x86_64\n' "${version%%-*}"
    printf 'T:Size optimized toolbox of many common UNIX utilities\nL:GPL-2.0-only\no:busybox\n'
    printf 'F:bin\nR:busybox\na:0:0:755\n\n'
  } >"$root/lib/apk/db/installed"
  printf 'busybox\n' >"$root/etc/apk/world"
  cp "$BASES/busybox.packages" "$BASES/alpine-like.packages"
  pack "$root" "$BASES/alpine-like.tar"
  rm -rf "$work"
}

pack() { # ROOT TAR
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu \
    -C "$1" -cf "$2.tmp" .
  mv "$2.tmp" "$2"
  now_made "$2" "$THIS"
}

versions() {
  version_of() { sed -n "s/^$2 //p" "$BASES/$1.packages" 2>/dev/null; }
  {
    printf 'What the base images really hold; they stand in for the names in the last column.\n\n'
    for name in debian debian-node debian-python debian-go; do
      printf '%-18s Debian %s (base-files %s)' "$name.tar" "$SUITE" "$(version_of "$name" base-files)"
      case $name in
        debian) printf ' — for debian:12-slim\n' ;;
        debian-node) printf ', nodejs %s, no npm — for node:20-slim\n' "$(version_of "$name" nodejs)" ;;
        debian-python) printf ', python3 %s, no pip — for python:3.11-slim\n' "$(version_of "$name" python3)" ;;
        debian-go) printf ', golang-go %s, no C compiler — for golang:1.22\n' "$(version_of "$name" golang-go)" ;;
      esac
    done
    printf '%-18s busybox-static %s, no distribution\n' busybox.tar "$(version_of busybox busybox-static)"
    printf '%-18s the same with a hand-written os-release and apk database — for alpine:3.19\n' alpine-like.tar
    printf '\nAll packages of each: NAME.packages\n'
  } >"$BASES/VERSIONS.txt.tmp"
  mv "$BASES/VERSIONS.txt.tmp" "$BASES/VERSIONS.txt"
}

all_made() {
  local name
  for name in debian debian-node debian-python debian-go busybox alpine-like; do
    made "$BASES/$name.tar" "$THIS" || return 1
  done
}

part_begins
mkdir -p "$BASES"
failed=0
if ! all_made && can_install; then
  # Two at a time: unpacking is mostly one core's work, and a third would only queue.
  (
    busybox && rootfs debian true && rootfs debian-node \
      "groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home --shell /bin/bash node" nodejs
  ) &
  first=$!
  rootfs debian-python true python3 python-is-python3 && rootfs debian-go true golang-go || failed=1
  wait "$first" || failed=1
  versions
fi
if all_made; then
  found FLAREO_TEST_BASES "$BASES"
elif [ "$failed" = 1 ]; then
  missing FLAREO_TEST_BASES -- "base images: not all could be made, see above"
else
  missing FLAREO_TEST_BASES -- "base images: $(why_not)"
fi
