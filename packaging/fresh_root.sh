# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Sourced: a fresh Debian or Ubuntu in a folder of its own. Needs root, debootstrap and a mirror (DEER_MIRROR: which, if
# it is not the one of this machine's sources).

make_root() { # make_root SUITE: sets $root, which is removed at the end
  root=$(mktemp -d --tmpdir deer-root.XXXXXX)
  trap remove_root EXIT
  debootstrap --variant=minbase "$1" "$root" ${DEER_MIRROR:+"$DEER_MIRROR"} >/dev/null
  mount -t proc proc "$root/proc"
  local file
  for file in /etc/apt/apt.conf.d/*proxy*; do
    [[ -f $file ]] && cp "$file" "$root$file"
  done
  # This machine's sources are those of its own release.
  if [[ $1 == "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" ]]; then
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
      [[ -f $file ]] && cp "$file" "$root$file"
    done
  fi
  cp /etc/resolv.conf "$root/etc/"
  inside apt-get update -q >/dev/null
}

remove_root() {
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root" # never what is still mounted in it
}

inside() { # inside COMMAND...
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
