#!/bin/sh
# Installs the gpulab command:
#
#   curl -fsSL https://gpulab.ai/cli.sh | sh
#
# GPULAB_VERSION       a release such as v1.2.0 (the latest)
# GPULAB_INSTALL_DIR   where to put it (/usr/local/bin where that can be written, else ~/.local/bin)
# GPULAB_DOWNLOAD_URL  where releases are, for mirrors
#
# Nothing is moved into place before its checksum has been compared, and nothing is run as another user.
set -eu

fail() {
  printf 'gpulab: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  %s\n' "$2" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

find_system() {
  os=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $os in
    linux | darwin) ;;
    *) fail "There is no release for $os." 'On Windows, use it in WSL.' ;;
  esac
  arch=$(uname -m)
  case $arch in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "There is no release for $arch." ;;
  esac
  # A shell that is translated on an Apple processor says x86_64.
  if [ "$os" = darwin ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then arch=arm64; fi
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

checksum() {
  if has sha256sum; then
    sha256sum "$1"
  elif has shasum; then
    shasum -a 256 "$1"
  else
    fail 'sha256sum or shasum is needed to check the download, and neither is here.'
  fi | cut -d ' ' -f 1
}

choose_directory() {
  if [ -n "${GPULAB_INSTALL_DIR:-}" ]; then
    directory=$GPULAB_INSTALL_DIR
  elif [ -d /usr/local/bin ] && [ -w /usr/local/bin ]; then
    directory=/usr/local/bin
  else
    directory=$HOME/.local/bin
  fi
  mkdir -p "$directory" 2>/dev/null && [ -w "$directory" ] ||
    fail "$directory cannot be written." 'Name another folder with GPULAB_INSTALL_DIR.'
}

tell_what_next() {
  printf '✓ %s installed to %s\n' "$version" "$directory/gpulab"
  first=$(command -v gpulab || true)
  case :$PATH: in
    *:"$directory":*)
      [ -z "$first" ] || [ "$first" = "$directory/gpulab" ] ||
        printf '\ngpulab: %s comes first in PATH, so that one will run.\n  Remove it, or put %s before it.\n' \
          "$first" "$directory" >&2
      ;;
    *)
      printf '\ngpulab: %s is not in PATH.\n  Add it: export PATH="%s:$PATH"\n' "$directory" "$directory" >&2
      ;;
  esac
  printf '\nGet started:\n  gpulab auth login\n'
}

main() {
  find_system
  choose_directory
  base=${GPULAB_DOWNLOAD_URL:-https://github.com/gpulab/gpulab-cli/releases}
  wanted=${GPULAB_VERSION:-latest}
  if [ "$wanted" = latest ]; then from=$base/latest/download; else from=$base/download/$wanted; fi
  archive=gpulab_${os}_${arch}.tar.gz
  temporary=$(mktemp -d)
  staged=$directory/.gpulab.$$
  trap 'rm -rf "$temporary" "$staged"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  printf 'Downloading gpulab (%s) for %s/%s …\n' "$wanted" "$os" "$arch"
  download "$from/checksums.txt" "$temporary/checksums.txt"
  expected=$(awk -v name="$archive" '$2 == name { print $1 }' "$temporary/checksums.txt")
  [ "${#expected}" -eq 64 ] || fail "$from/checksums.txt has no checksum of $archive."
  download "$from/$archive" "$temporary/$archive"
  [ "$(checksum "$temporary/$archive")" = "$expected" ] ||
    fail "The checksum of $archive is not the one that was published." 'The download may be damaged: try again.'
  tar -xzf "$temporary/$archive" -C "$temporary" gpulab || fail "$archive cannot be unpacked."
  version=$("$temporary/gpulab" version) || fail 'The program does not run on this machine.'

  # In its own folder first, so that it replaces an older one at once, which may be running.
  cp "$temporary/gpulab" "$staged"
  chmod 755 "$staged"
  mv -f "$staged" "$directory/gpulab"
  tell_what_next
}

# Last, so that a script that arrived only in part does nothing.
main
