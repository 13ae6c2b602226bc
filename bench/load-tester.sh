#!/usr/bin/env bash
# Builds strongSwan with its load-tester plugin, which no package of Debian has, out of Debian's source package: the peer
# of the benchmark of IKEv2 handshakes. Needs apt-get and a compiler (build-essential, pkg-config, libssl-dev); as root it
# installs what is missing of these. Prints the folder in which it is installed, where it is kept for the next time.
# usage: bench/load-tester.sh
set -euo pipefail
exec 3>&1 >&2

version=5.9.8
tarball=strongswan_$version.orig.tar.bz2
sum=d3303a43c0bd7b75a12b64855e8edcb53696f06190364f26d1533bde1f2e453c
prefix=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/keyherald/strongswan-$version-load-tester
charon=$prefix/libexec/ipsec/charon

if [ -x "$charon" ]; then
  printf '%s\n' "$prefix" >&3
  exit 0
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/keyherald-strongswan.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

die() {
  printf 'the load-tester of strongSwan cannot be built: %s\n' "$1"
  exit 1
}

compilers=(build-essential pkg-config libssl-dev)
for package in "${compilers[@]}"; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' && continue
  [ "$(id -u)" = 0 ] || die "$package is missing"
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${compilers[@]}"; } \
    >apt.log 2>&1 || { tail -n 20 apt.log; die "${compilers[*]} cannot be installed"; }
  break
done

# sources of our own, so that those of the machine stay as they are
mkdir -p lists/partial cache/archives/partial
cat >sources.list <<S
deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main
S
apt=(
  -q -o "Dir::Etc::sourcelist=$scratch/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=
)
apt-get "${apt[@]}" update >apt.log 2>&1 || { tail -n 20 apt.log; die "no list of Debian's source packages"; }
apt-get "${apt[@]}" source --download-only strongswan >>apt.log 2>&1 || true
[ -e "$tarball" ] || { tail -n 20 apt.log; die "Debian 12 has no $tarball"; }
printf '%s  %s\n' "$sum" "$tarball" | sha256sum --check --quiet || die "$tarball is not what it was"

printf 'building strongSwan %s with its load-tester, once for all times\n' "$version"
tar xf "$tarball"
cd "strongswan-$version"
options=(
  --prefix="$prefix" --sysconfdir="$prefix/etc" --with-piddir="$prefix/run" --disable-defaults --enable-charon
  --enable-ikev2 --enable-load-tester --enable-kernel-netlink --enable-socket-default --enable-random --enable-nonce
  --enable-openssl --enable-aes --enable-sha1 --enable-sha2 --enable-hmac --enable-kdf --enable-gcm --enable-curve25519
  --enable-x509 --enable-pubkey --enable-pem --enable-pkcs1 --enable-pkcs8 --enable-revocation --enable-constraints
)
{ ./configure "${options[@]}" && make -j"$(nproc)" && make install DESTDIR="$scratch/root"; } >"$scratch/build.log" 2>&1 ||
  { tail -n 20 "$scratch/build.log"; die "its build failed"; }
# whole or not at all
rm -rf "$prefix"
mkdir -p "$(dirname "$prefix")" "$scratch/root$prefix/run"
mv "$scratch/root$prefix" "$prefix"
printf '%s\n' "$prefix" >&3
