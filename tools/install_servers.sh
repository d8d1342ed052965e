#!/usr/bin/env bash
# Installs what the tests drive besides Python: Debian's own browser with a library that its driver needs, a Japanese
# font, a PostgreSQL server, litecoind (a Bitcoin-like node), anvil, an Ethereum node (one file out of its npm package),
# and ElectrumX, an Electrum server (a Python environment of its own).
# Installs only what is missing, and only where root or sudo is at hand; else it says so and goes on, and the tests
# that need the tool are reported as not run (a failure with CI=true).
# A later server has its place here too: one line in `wanted` when Debian packages it, else a function of its own.
set -euo pipefail

# An Ethereum node, kept in the environment: it needs no root, and `make clean` takes it away. npm compares each archive
# with the hash that the registry states; the one for x86_64 is also compared with the one that was tested.
anvil_version=1.7.1
install_anvil() {
  local place=.venv/servers/anvil arch sum='' folder
  [ -x "$place/anvil" ] && "$place/anvil" --version 2>/dev/null | grep -qF " $anvil_version" && return
  case $(uname -m) in
    x86_64) arch=amd64 sum=5727dd8f08f3bf6dde4ec1d9832e87c43f9315ef824bff1ab18486bf51bc7af3 ;;
    aarch64) arch=arm64 ;;
    *)
      echo "anvil is not built for $(uname -m); the tests that need it are reported as not run." >&2
      return
      ;;
  esac
  if ! command -v npm >/dev/null; then
    echo "Missing for the tests: anvil, which npm fetches. Install npm, then: make servers" >&2
    return
  fi
  echo "Installing for the tests: anvil $anvil_version"
  folder=$(mktemp -d)
  if (cd "$folder" && npm pack --silent "@foundry-rs/anvil-linux-$arch@$anvil_version") >"$folder/log" 2>&1 &&
    { [ -z "$sum" ] || sha256sum --check --status <<<"$sum  $(echo "$folder"/*.tgz)"; } &&
    tar -xzf "$folder"/*.tgz -C "$folder" package/bin/anvil; then
    mkdir -p "$place"
    install -m 755 "$folder/package/bin/anvil" "$place/anvil"
  else
    tail -n 5 "$folder/log" >&2
    echo "Could not install anvil; the tests that need it are reported as not run." >&2
  fi
  rm -rf "$folder"
}

# An Electrum server, in an environment of its own: none of its packages are the tracer's. Every file is hashed.
install_electrumx() {
  local place=.venv/servers/electrumx log
  cmp -s tools/electrumx.lock "$place/installed.lock" && return
  echo "Installing for the tests: ElectrumX"
  log=$(mktemp)
  if { "${PYTHON:-python3.11}" -m venv --clear "$place" &&
    "$place/bin/python" -m pip --disable-pip-version-check --no-input -q install --no-compile \
      --require-hashes -r tools/electrumx.lock; } >"$log" 2>&1; then
    cp tools/electrumx.lock "$place/installed.lock"
  else
    tail -n 5 "$log" >&2
    echo "Could not install ElectrumX; the tests that need it are reported as not run." >&2
  fi
  rm -f "$log"
}
cd "$(dirname "$0")/.."
install_anvil
install_electrumx

have_font() { fc-list ":lang=$1" 2>/dev/null | grep -q .; }
have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
# the Node runtime inside the playwright wheel links against it
have_libatomic() { compgen -G '/usr/lib*/*/libatomic.so.1' >/dev/null || compgen -G '/usr/lib*/libatomic.so.1' >/dev/null; }

wanted=()
command -v chromium >/dev/null || wanted+=(chromium)
have_libatomic || wanted+=(libatomic1)
have_font ja || wanted+=(fontconfig fonts-noto-cjk)
have_postgres || wanted+=(postgresql)
command -v litecoind >/dev/null || wanted+=(litecoind)
command -v openssl >/dev/null || wanted+=(openssl)
[ "${#wanted[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    echo "Missing for the tests: ${wanted[*]}. Install them as root: apt-get install ${wanted[*]}" >&2
    exit 0
  fi
fi
if ! command -v apt-get >/dev/null; then
  echo "Missing for the tests: ${wanted[*]}. This system has no apt-get: install them by its own means." >&2
  exit 0
fi
echo "Installing for the tests: ${wanted[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"
}
if ! install >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "Could not install ${wanted[*]}; the tests that need them are reported as not run." >&2
fi
