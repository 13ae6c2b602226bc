#!/bin/sh
# Makes the secrets that an example names, in its folder secrets/, and the folder state/. What is there is left alone.
# usage: examples/setup.sh psk|certificates|multicast|lkh|substation|tunnel-psk|tunnel-certificates
# KEYHERALD is how to call the program; in a clone: KEYHERALD="npm run --silent keyherald --"
set -eu
example=$1
keyherald=${KEYHERALD:-keyherald}
here=$(cd "$(dirname "$0")" && pwd)
secrets=$here/$example/secrets
umask 077
mkdir -p "$secrets" "$here/$example/state"

# 32 octets in hexadecimal
random() { od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'; }

# the key of each daemon's store
case $example in
  tunnel-psk) daemons="berlin paris" ;;
  tunnel-certificates) daemons="gateway client" ;;
  *) daemons="key-server member-1 member-2 member-3" ;;
esac
for who in $daemons; do
  [ -e "$secrets/$who.state" ] || random >"$secrets/$who.state"
done

if [ "$example" = certificates ]; then
  [ -e "$secrets/ca.pem" ] || $keyherald pki ca --subject "CN=Example CA,O=Utility" --out "$secrets/ca"
  [ -e "$secrets/key-server.pem" ] ||
    $keyherald pki issue --ca "$secrets/ca" --subject "CN=ks1,O=Utility" --address 127.0.0.1 --out "$secrets/key-server"
  for n in 1 2; do
    [ -e "$secrets/member-$n.pem" ] ||
      $keyherald pki issue --ca "$secrets/ca" --subject "CN=gm$n,O=Utility" --address "127.0.0.1$n" --out "$secrets/member-$n"
  done
elif [ "$example" = substation ]; then
  # RSA with 2048 bits is what every device has
  issue() {
    [ -e "$secrets/$1.pem" ] ||
      $keyherald pki issue --ca "$secrets/ca" --subject "CN=$2,O=Utility" --algorithm rsa-2048 --out "$secrets/$1"
  }
  [ -e "$secrets/ca.pem" ] || $keyherald pki ca --subject "CN=Example CA,O=Utility" --out "$secrets/ca"
  [ -e "$secrets/ca.crl" ] || $keyherald pki crl --ca "$secrets/ca"
  issue key-server kdc
  issue member-1 publisher
  issue member-2 subscriber-1
  issue member-3 subscriber-2
elif [ "$example" = tunnel-psk ]; then
  [ -e "$secrets/tunnel.psk" ] || printf "hex:%s\n" "$(random)" >"$secrets/tunnel.psk"
elif [ "$example" = tunnel-certificates ]; then
  [ -e "$secrets/ca.pem" ] || $keyherald pki ca --subject "CN=Example CA,O=Example" --out "$secrets/ca"
  for who in gateway client; do
    [ -e "$secrets/$who.pem" ] ||
      $keyherald pki issue --ca "$secrets/ca" --subject "CN=$who,O=Example" --dns "$who.example" --out "$secrets/$who"
  done
else
  # a pre-shared key for each member
  for n in 1 2 3; do
    [ -e "$secrets/gm$n.psk" ] || printf "hex:%s\n" "$(random)" >"$secrets/gm$n.psk"
  done
fi
