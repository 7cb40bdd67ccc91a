#!/bin/sh
# Makes this machine a GPU host, brings its agent up to date, or takes it away again. As root:
#
#   curl -fsSL https://gpulab.ai/agent.sh -o agent.sh
#   GPULAB_API_URL=https://gpulab.example.com GPULAB_JOIN_TOKEN_FILE=join-token sh agent.sh
#   sh agent.sh                  # a newer version; containers go on running
#   sh agent.sh uninstall        # with --purge its key and state too, with --force although containers are left
#
# GPULAB_API_URL          the control plane, for the first time
# GPULAB_JOIN_TOKEN_FILE  a file with a token of "gpulab hosts add NAME", for the first time
# GPULAB_VERSION          a release such as v1.2.0 (the latest)
# GPULAB_DOWNLOAD_URL     where releases are, for mirrors
#
# Nothing is moved into place before its checksum has been compared. A version that does not start is taken back.
set -eu

fail() {
  printf 'gpulab-agent: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  %s\n' "$2" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# What a test puts in front of every path.
root=${GPULAB_ROOT:-}
home=$root/opt/gpulab-agent
unit=$root/etc/systemd/system/gpulab-agent.service
settings=$root/etc/gpulab/agent.env
state=$root/var/lib/gpulab/agent

require_machine() {
  [ "$(uname -s)" = Linux ] || fail 'A GPU host is a Linux machine.'
  arch=$(uname -m)
  case $arch in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "There is no release for $arch." ;;
  esac
  [ "$(id -u)" = 0 ] || fail 'Only root can do this.' 'Run it again with sudo.'
  has systemctl || fail 'systemd is needed, and it is not here.' \
    'Run the agent another way: docs/operations/hosts.md in the release.'
}

download() {
  if has curl; then
    curl -fsSL --retry 2 --connect-timeout 20 -o "$2" "$1"
  elif has wget; then
    wget -q -T 20 -O "$2" "$1"
  else
    fail 'curl or wget is needed, and neither is here.'
  fi || fail "$1 could not be downloaded." 'Check the network, and GPULAB_VERSION if you have set it.'
}

# Leaves the checked release unpacked in $staged.
fetch() {
  base=${GPULAB_DOWNLOAD_URL:-https://github.com/gpulab/gpulab-cli/releases}
  wanted=${GPULAB_VERSION:-latest}
  if [ "$wanted" = latest ]; then from=$base/latest/download; else from=$base/download/$wanted; fi
  archive=gpulab-agent_linux_$arch.tar.gz
  temporary=$(mktemp -d)
  staged=$home/versions/.new.$$
  trap 'rm -rf "$temporary" "$staged"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  printf 'Downloading gpulab-agent (%s) for linux/%s …\n' "$wanted" "$arch"
  download "$from/checksums.txt" "$temporary/checksums.txt"
  expected=$(awk -v name="$archive" '$2 == name { print $1 }' "$temporary/checksums.txt")
  [ "${#expected}" -eq 64 ] || fail "$from/checksums.txt has no checksum of $archive."
  download "$from/$archive" "$temporary/$archive"
  [ "$(sha256sum "$temporary/$archive" | cut -d ' ' -f 1)" = "$expected" ] ||
    fail "The checksum of $archive is not the one that was published." 'The download may be damaged: try again.'
  mkdir -p "$staged"
  tar -xzf "$temporary/$archive" -C "$staged" --no-same-owner || fail "$archive cannot be unpacked."
  version=$("$staged/gpulab-agent" --version) || fail 'The program does not run on this machine.'
  case $version in
    '' | *[!0-9A-Za-z.+-]*) fail 'The program does not tell its version.' ;;
  esac
}

# Runs the agent's program with its settings, as systemd does.
with_settings() {
  # Names and values without spaces, which is all that there are.
  env $(sed -n 's/^\([A-Z_]*=[^ ]*\)$/\1/p' "$settings") "$home/current/gpulab-agent" "$@"
}

# Points to a version at once, whatever happens meanwhile.
switch_to() {
  ln -sfn "versions/$1" "$home/.current.$$"
  mv -fT "$home/.current.$$" "$home/current"
}

write_settings() {
  mkdir -p "$root/etc/gpulab"
  if [ ! -e "$settings" ]; then
    (umask 077 && printf '%s\n' '# Settings of gpulab-agent, one NAME=value a line: gpulab-agent --help lists them.' \
      '# GPULAB_MONITOR_LISTEN=127.0.0.1:9464' >"$settings")
  fi
}

join() {
  [ ! -e "$state/identity.json" ] || return 0
  if [ -z "${GPULAB_API_URL:-}" ] || [ -z "${GPULAB_JOIN_TOKEN_FILE:-}" ]; then
    printf '\nThis machine is no host yet. With a token of "gpulab hosts add NAME":\n'
    printf '  %s/current/gpulab-agent join --api URL --token-file FILE && systemctl enable --now gpulab-agent\n' "$home"
    exit 0
  fi
  with_settings join --api "$GPULAB_API_URL" --token-file "$GPULAB_JOIN_TOKEN_FILE" ||
    fail 'This machine could not join.' 'Mend what is named above, and run this again.'
}

# Whether the agent runs and answers, within half a minute.
is_well() {
  tries=0
  while [ "$tries" -lt "${GPULAB_START_TRIES:-30}" ]; do
    if systemctl is-active --quiet gpulab-agent && with_settings status >/dev/null 2>&1; then
      return 0
    fi
    tries=$((tries + 1))
    sleep 1
  done
  return 1
}

install() {
  require_machine
  fetch
  old=$(readlink "$home/current" 2>/dev/null || true)
  old=${old#versions/}
  if [ "$old" = "$version" ]; then
    rm -rf "$staged"
  else
    rm -rf "$home/versions/$version"
    mv "$staged" "$home/versions/$version"
  fi
  switch_to "$version"
  write_settings
  mkdir -p "$root/etc/systemd/system"
  cp "$home/current/gpulab-agent.service" "$unit.new"
  mv -f "$unit.new" "$unit"
  systemctl daemon-reload
  join
  systemctl enable --quiet gpulab-agent
  systemctl restart gpulab-agent
  if ! is_well; then
    if [ -n "$old" ] && [ "$old" != "$version" ]; then
      switch_to "$old"
      cp "$home/current/gpulab-agent.service" "$unit"
      systemctl daemon-reload
      systemctl restart gpulab-agent
      fail "Version $version does not start here, so $old is back." 'journalctl -u gpulab-agent tells why.'
    fi
    fail "Version $version does not start here." 'journalctl -u gpulab-agent tells why.'
  fi
  # The one before stays, for whoever wants it back.
  for folder in "$home"/versions/*; do
    case ${folder##*/} in
      "$version" | "$old") ;;
      *) rm -rf "$folder" ;;
    esac
  done
  printf '✓ gpulab-agent %s runs on this machine; its containers have gone on\n' "$version"
}

uninstall() {
  purge=no
  force=no
  for option in "$@"; do
    case $option in
      --purge) purge=yes ;;
      --force) force=yes ;;
      *) fail "There is no option $option." ;;
    esac
  done
  require_machine
  if [ "$force" = no ] && has docker; then
    left=$(docker ps --quiet --filter label=ai.gpulab.container | wc -l)
    [ "$left" -eq 0 ] || fail "$left containers of users run on this machine." \
      'Empty it first: gpulab hosts drain NAME --wait, then gpulab hosts rm NAME. --force leaves them running.'
  fi
  systemctl disable --now --quiet gpulab-agent 2>/dev/null || true
  # The firewall keeps tenants from the host: it stays with their containers.
  if [ "$force" = no ] && [ -x "$home/current/gpulab-agent" ]; then
    with_settings cleanup || printf 'gpulab-agent: its firewall chains are left\n' >&2
  fi
  rm -f "$unit"
  systemctl daemon-reload
  rm -rf "$home"
  if [ "$purge" = yes ]; then
    # Volumes are users' data: whoever wants them gone removes them by hand.
    rm -rf "$state/identity.json" "$state/joining.json" "$state/sessions" "$state/guest" "$settings"
    printf '✓ gpulab-agent is gone, its key too; volumes are left in %s\n' "$state/volumes"
  else
    printf '✓ gpulab-agent is gone; its key is left in %s, so that it can come back\n' "$state"
  fi
}

main() {
  case ${1:-install} in
    install) install ;;
    uninstall)
      shift
      uninstall "$@"
      ;;
    *) fail "There is no command $1." 'There are install and uninstall.' ;;
  esac
}

# Last, so that a script that arrived only in part does nothing.
main "$@"
