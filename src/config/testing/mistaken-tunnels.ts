/** What is wrong in a section `ikev2`. */
import type { Mistake } from "./mistake.ts";

const connection = "ikev2.connections[0]";
const lan = '          remote: ["10.2.0.0/16"]\n';
const children = "      children:\n        - name: lan\n";

export const mistakenTunnels: Readonly<Record<string, Mistake>> = {
  "a misspelled role": { edit: ["\nikev2:", "\nikve2:"], path: "ikve2", says: /did you mean "ikev2"/ },
  "a misspelled name in a connection": {
    edit: ["liveness: 30s", "livenes: 30s"],
    path: `${connection}.livenes`,
    says: /did you mean "liveness"/,
  },
  "an address with a port to listen on": {
    edit: ['listen: ["0.0.0.0"]', 'listen: ["192.0.2.1:500"]'],
    path: "ikev2.listen[0]",
    says: /is no address.*IPv4 or IPv6 address/,
  },
  "an address twice to listen on": {
    edit: ['listen: ["0.0.0.0"]', 'listen: ["192.0.2.1", "192.0.2.1"]'],
    path: "ikev2.listen[1]",
    says: /there already/,
  },
  "one port for both": {
    edit: ["# ports: { ike: 500, nat: 4500 }", "ports: { ike: 4500, nat: 4500 }"],
    path: "ikev2.ports.nat",
    says: /is the port of IKE already/,
  },
  "a connection twice": {
    edit: ["- name: road-warriors", "- name: office-paris #"],
    path: "ikev2.connections[1].name",
    says: /connection office-paris is there already/,
  },
  "a connection name with a slash": {
    edit: ["- name: office-paris", "- name: office/paris"],
    path: `${connection}.name`,
    says: /is no name/,
  },
  "a peer by host name": {
    edit: ["address: 203.0.113.9 ", "address: paris.example "],
    path: `${connection}.remote.address`,
    says: /host names are not looked up.*the word any/,
  },
  "nobody to call": {
    edit: ["address: 203.0.113.9 ", "address: any "],
    at: "start: always",
    path: `${connection}.start`,
    says: /no one address that could be called.*manual/,
  },
  "an identity that is none": {
    edit: ['identity: "fqdn:paris.example"', "identity: O=Paris"],
    path: `${connection}.remote.identity`,
    says: /names no identity.*fqdn:HOST/,
  },
  "no psk and no certificate": {
    edit: ["      psk: { file: paris.psk }", "      #"],
    at: "- name: office-paris",
    path: connection,
    says: /nothing to prove the own identity with.*psk, or certificate/,
  },
  "a certificate that is not there": {
    edit: ["# auth: certificate ", "auth: certificate #"],
    at: "- name: office-paris",
    path: connection,
    says: /nobody to believe the peer's certificate of.*trust with anchors/,
  },
  "no identity to show": {
    edit: ['      local: { identity: "fqdn:berlin.example" }    #', "      #"],
    at: "- name: office-paris",
    path: `${connection}.local`,
    says: /needs an identity.*fqdn:…, for instance/,
  },
  "a broken cipher": {
    edit: [
      '# proposals: ["aes-gcm-16-256 / prf-hmac-sha384 / curve25519, ecp-384"]',
      "proposals: [3des / prf-hmac-sha256 / ecp-256]",
    ],
    path: `${connection}.proposals[0]`,
    says: /"3des" is refused: DES and 3DES are broken or too short; use aes-gcm-16-256/,
  },
  "a broken hash": {
    edit: [
      '# proposals: ["aes-gcm-16-256 / prf-hmac-sha384 / curve25519, ecp-384"]',
      "proposals: [aes-gcm-16-256 / prf-hmac-sha1 / ecp-256]",
    ],
    path: `${connection}.proposals[0]`,
    says: /SHA-1 is broken; use prf-hmac-sha256, prf-hmac-sha384 or prf-hmac-sha512/,
  },
  "a group that is too short": {
    edit: [
      '# proposals: ["aes-gcm-16-256 / prf-hmac-sha384 / curve25519, ecp-384"]',
      "proposals: [aes-gcm-16-256 / prf-hmac-sha256 / modp-1024]",
    ],
    path: `${connection}.proposals[0]`,
    says: /below 2048 bits are too short; use curve25519/,
  },
  "an algorithm that is misspelled": {
    edit: ['# proposals: ["aes-gcm-16-128 / curve25519"]', "proposals: [aes-gmc-16-128 / curve25519]"],
    path: `${connection}.children[0].proposals[0]`,
    says: /did you mean "aes-gcm-16-128"/,
  },
  "a proposal in two by its comma": {
    edit: ['# proposals: ["aes-gcm-16-128 / curve25519"]', "proposals: [aes-gcm-16-128 / curve25519, ecp-256]"],
    path: `${connection}.children[0].proposals[1]`,
    says: /names no encryption/,
  },
  "a cipher without integrity": {
    edit: ['# proposals: ["aes-gcm-16-128 / curve25519"]', "proposals: [aes-cbc-256]"],
    path: `${connection}.children[0].proposals[0]`,
    says: /aes-cbc-256 needs an integrity algorithm/,
  },
  "a selector that is none": {
    edit: [lan, '          remote: ["paris-net"]\n'],
    path: `${connection}.children[0].remote[0]`,
    says: /names no addresses.*a subnet such as/,
  },
  "a selector with bits behind its prefix": {
    edit: [lan, '          remote: ["10.2.0.1/16"]\n'],
    path: `${connection}.children[0].remote[0]`,
    says: /did you mean "10.2.0.0\/16"/,
  },
  "a protocol that is none": {
    edit: [lan, '          remote: ["10.2.0.0/16[tpc/80]"]\n'],
    path: `${connection}.children[0].remote[0]`,
    says: /tpc is no protocol/,
  },
  "ports backwards": {
    edit: [lan, '          remote: ["10.2.0.0/16[tcp/90-80]"]\n'],
    path: `${connection}.children[0].remote[0]`,
    says: /neither a port nor a range of ports/,
  },
  "ports of no protocol": {
    edit: [lan, '          remote: ["10.2.0.0/16[any/80]"]\n'],
    path: `${connection}.children[0].remote[0]`,
    says: /ports need a protocol/,
  },
  "two IP versions": {
    edit: [lan, '          remote: ["2001:db8::/32"]\n'],
    path: `${connection}.children[0].remote`,
    says: /another IP version than `local`/,
  },
  "transport between networks": {
    edit: ["mode: tunnel ", "mode: transport "],
    at: 'local: ["10.1.0.0/16"]',
    path: `${connection}.children[0].local[0]`,
    says: /between two hosts, not networks/,
  },
  "no children": {
    edit: [children, "      children: []\n      nothing:\n        - name: lan\n"],
    at: "children: []",
    path: `${connection}.children`,
    says: /too few.*at least 1/,
  },
  "an end before its rekey": {
    edit: ["# lifetime: 4.4h ", "lifetime: 3h #"],
    path: `${connection}.lifetime`,
    says: /ends before it is rekeyed/,
  },
  "a time that is neither that nor never": {
    edit: ["reauthenticate: never", "reauthenticate: sometimes"],
    path: `${connection}.reauthenticate`,
    says: /is no time.*or never/,
  },
  "waits that shrink": {
    edit: ["retry: { first: 5s, max: 5m }", "retry: { first: 5s, max: 1s }"],
    path: `${connection}.retry.max`,
    says: /shorter than the first wait/,
  },
  "a pool that is not there": {
    edit: ["pools: [clients] ", "pools: [client] "],
    path: "ikev2.connections[1].pools[0]",
    says: /no pool client; did you mean "clients"/,
  },
  "a name server of another IP version": {
    edit: ["dns: [10.1.0.53]", 'dns: ["2001:db8::53"]'],
    path: "ikev2.pools[0].dns[0]",
    says: /another IP version than the pool/,
  },
  "an address asked for by the side that is called": {
    edit: ["pools: [clients] ", "requestAddress: [ipv4] "],
    path: "ikev2.connections[1].requestAddress",
    says: /asked for by the side that begins/,
  },
  "a gateway that is none": {
    edit: ["# redirectTo: 192.0.2.77 ", "redirectTo: nowhere! "],
    path: "ikev2.connections[1].redirectTo",
    says: /neither an address nor a host name/,
  },
  "a cause that is none": {
    edit: ["host-restart: 120s", "host-reboot: 120s"],
    path: "ikev2.deleteReason.downtime.host-reboot",
    says: /not known here.*host-restart/,
  },
  "a downtime that its field has no room for": {
    edit: ["host-restart: 120s", "host-restart: 19h"],
    path: "ikev2.deleteReason.downtime.host-restart",
    says: /too long.*to 65535s/,
  },
  "a number that is no status notify": {
    edit: ["notifyType: 40960", "notifyType: 42"],
    path: "ikev2.deleteReason.notifyType",
    says: /too small.*16384/,
  },
};
