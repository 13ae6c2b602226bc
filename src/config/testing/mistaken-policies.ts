/** Weak algorithms, policies that do not fit together, files that cannot be used. */
import type { Mistake } from "./mistake.ts";

const cert = (chain: string, key: string, more = "") =>
  `identity: certificate\n  certificate:\n    chain: ${chain}\n    key: ${key}\n  trust: { anchors: [ca.pem] }${more}`;
const own = "identity: 192.0.2.1               #";
const tek = "cipher: aes-gcm-16-128    #";
const push = "push: { transport: unicast }";
const socket = "control: { socket: control.sock }";

function manyAddresses(count: number): string {
  return Array.from({ length: count }, (_, n) => `10.9.${n >> 8}.${n & 255}`).join(", ");
}

export const mistakenPolicies: Readonly<Record<string, Mistake>> = {
  "3DES for the KEK": {
    edit: ["cipher: aes-cbc-128", "cipher: 3des-cbc"],
    path: "keyServer.groups[0].kek.cipher",
    says: /refused: DES and 3DES.*use aes-cbc-128/,
  },
  "an unknown cipher": {
    edit: ["cipher: aes-cbc-128", "cipher: aes-cbc-512"],
    path: "keyServer.groups[0].kek.cipher",
    says: /did you mean "aes-cbc-1/,
  },
  "MD5 in Phase 1": {
    edit: [own, `${own}\n  phase1: { proposals: [aes-cbc-256/md5/ecp-256] }\n  #`],
    at: "/md5/",
    path: "keyServer.phase1.proposals[0]",
    says: /refused: MD5.*use sha2-256/,
  },
  "SHA-1 in Phase 1": {
    edit: [own, `${own}\n  phase1: { proposals: [aes-cbc-256/sha1/ecp-256] }\n  #`],
    at: "/sha1/",
    path: "keyServer.phase1.proposals[0]",
    says: /refused: SHA-1/,
  },
  "a short MODP group": {
    edit: [own, `${own}\n  phase1: { proposals: [aes-cbc-256/sha2-256/modp-1024] }\n  #`],
    at: "modp-1024",
    path: "keyServer.phase1.proposals[0]",
    says: /below 2048 bits.*use modp-2048/,
  },
  "a proposal of two parts": {
    edit: [own, `${own}\n  phase1: { proposals: [aes-cbc-256/sha2-256] }\n  #`],
    at: "[aes-cbc-256/sha2-256]",
    path: "keyServer.phase1.proposals[0]",
    says: /three parts.*CIPHER\/HASH\/GROUP/,
  },
  "SHA-1 in a signature": {
    edit: ["algorithm: ecdsa-256", "algorithm: rsa-sha1"],
    path: "keyServer.groups[0].kek.signature.algorithm",
    says: /refused: SHA-1.*rsa-sha256/,
  },
  "LKH acknowledgements without LKH": {
    edit: ["management: lkh             #", "management: none #"],
    at: "acknowledge: lkh",
    path: "keyServer.groups[0].kek.acknowledge",
    says: /needs a key tree.*management: lkh/,
  },
  "more members than a key tree has leaves": {
    edit: ["members: [192.0.2.10,", `members: [${manyAddresses(32_768)},`],
    path: "keyServer.groups[0].members",
    says: /more than a key tree has leaves.*at most 32768/,
  },
  "AES-192 in a key tree": {
    edit: ["cipher: aes-cbc-128", "cipher: aes-cbc-192"],
    path: "keyServer.groups[0].kek.cipher",
    says: /does not fit a key tree.*aes-cbc-128 or aes-cbc-256/,
  },
  "retransmission that does not ascend": {
    edit: ["retransmit: [2s, 5s, 10s]", "retransmit: [2s, 10s, 5s]"],
    path: "keyServer.groups[0].acknowledgements.retransmit[2]",
    says: /not later.*ascend/,
  },
  "an ESP cipher that does not authenticate": {
    edit: [tek, "cipher: aes-cbc-128 #"],
    path: "keyServer.groups[0].teks[0].cipher",
    at: "cipher: aes-cbc-128 #",
    says: /does not authenticate.*integrity: sha2-256-128/,
  },
  "two authentications": {
    edit: [tek, "integrity: sha2-256-128\n          cipher: aes-gcm-16-128 #"],
    at: "integrity: sha2-256-128\n",
    path: "keyServer.groups[0].teks[0].integrity",
    says: /authenticates by itself/,
  },
  "AH with a cipher": {
    edit: ["protocol: esp", "protocol: ah\n          integrity: sha2-256-128"],
    at: tek,
    path: "keyServer.groups[0].teks[0].cipher",
    says: /AH does not encrypt/,
  },
  "a width of Sender-IDs that is not in use": {
    edit: ["activationDelay: 5s", "sidBits: 0"],
    path: "keyServer.groups[0].sidBits",
    says: /8, 12 or 16/,
  },
  "two IP versions": {
    edit: ["destination: 239.192.0.1", 'destination: "ff02::1"'],
    at: "source: 0.0.0.0/0",
    path: "keyServer.groups[0].teks[0].source",
    says: /different IP versions/,
  },
  "ports without a protocol": {
    edit: ["mode: tunnel", "destinationPort: 102"],
    path: "keyServer.groups[0].teks[0].destinationPort",
    says: /ipProtocol: udp or tcp/,
  },
  "keys active after the old ones ended": {
    edit: ["activationDelay: 5s", "activationDelay: 721s"],
    path: "keyServer.groups[0].activationDelay",
    says: /at most 720s/,
  },
  "old keys that end first": {
    edit: ["activationDelay: 5s", "activationDelay: 5s\n      deactivationDelay: 2s"],
    at: "deactivationDelay",
    path: "keyServer.groups[0].deactivationDelay",
    says: /would end before/,
  },
  "multicast without an address": {
    edit: [push, "push: { transport: multicast }"],
    path: "keyServer.groups[0].push",
    says: /needs an address/,
  },
  "multicast to one": {
    edit: [push, "push: { transport: multicast, address: 192.0.2.9 }"],
    path: "keyServer.groups[0].push.address",
    says: /no multicast address/,
  },
  "unicast to an address": {
    edit: [push, "push: { transport: unicast, address: 239.1.1.1 }"],
    path: "keyServer.groups[0].push.address",
    says: /own addresses/,
  },
  "the same port for both roles": {
    edit: ["local: 0.0.0.0:8480", "local: 192.0.2.10:848"],
    path: "member.local",
    says: /listens on port 848 there/,
  },
  "a socket too long": {
    edit: [socket, `control: { socket: ${"x".repeat(120)} }`],
    path: "control.socket",
    says: /too long for a socket/,
  },
  "a key file that is not there": {
    edit: ["file: gm2.psk", "file: gm3.psk"],
    path: "keyServer.peers[1].psk.file",
    says: /gm3.psk does not exist/,
  },
  "a key file that is a folder": {
    edit: ["file: gm2.psk", "file: folder"],
    path: "keyServer.peers[1].psk.file",
    says: /is a folder/,
  },
  "a key file that others may read": {
    edit: ["file: gm2.psk", "file: open.psk"],
    path: "keyServer.peers[1].psk.file",
    says: /run: chmod 600 .*open.psk/,
  },
  "an empty pre-shared key": {
    edit: ["file: gm2.psk", "file: empty.psk"],
    path: "keyServer.peers[1].psk.file",
    says: /is empty.*one line/,
  },
  "a pre-shared key of two lines": {
    edit: ["file: gm2.psk", "file: lines.psk"],
    path: "keyServer.peers[1].psk.file",
    says: /more than one line/,
  },
  "hexadecimal that is none": {
    edit: ["file: gm2.psk", "file: nothex.psk"],
    path: "keyServer.peers[1].psk.file",
    says: /is not hex/,
  },
  "a pre-shared key in the file itself": {
    edit: ["psk: { file: gm2.psk }", "psk: secret"],
    path: "keyServer.peers[1].psk",
    says: /wrong kind/,
  },
  "two sources of a key": {
    edit: ["psk: { file: gm2.psk }", "psk: { file: gm2.psk, environment: PSK }"],
    path: "keyServer.peers[1].psk.environment",
    says: /PSK is not set/,
  },
  "a variable that is not set": {
    edit: ["key: { file: state.key }", "key: { environment: NOWHERE }"],
    path: "state.key.environment",
    says: /NOWHERE is not set/,
  },
  "a key of the store that is too short": {
    edit: ["file: state.key", "file: short.key"],
    path: "state.key.file",
    says: /32 octets.*openssl rand/,
  },
  "a private key that others may read": {
    edit: [own, `${cert("server.pem", "open.key")} #`],
    at: "key: open.key",
    path: "keyServer.certificate.key",
    says: /chmod 600/,
  },
  "the key of another certificate": {
    edit: [own, `${cert("server.pem", "other.key")} #`],
    at: "key: other.key",
    path: "keyServer.certificate.key",
    says: /not the key of the certificate of CN=server,O=Utility/,
  },
  "a key for a certificate": {
    edit: [own, `${cert("server.key", "server.key")} #`],
    at: "chain: server.key",
    path: "keyServer.certificate.chain",
    says: /no certificate in it/,
  },
  "a certificate for a key": {
    edit: [own, `${cert("server.pem", "state.key")} #`],
    at: "key: state.key\n",
    path: "keyServer.certificate.key",
    says: /holds no private key/,
  },
  "a method that does not fit the key": {
    edit: [own, `${cert("server.pem", "server.key", "\n  phase1: { authentication: [psk, rsa] }")} #`],
    at: "[psk, rsa]",
    path: "keyServer.phase1.authentication[1]",
    says: /rsa does not fit.*ecdsa-256/,
  },
  "a method without a certificate": {
    edit: [own, `${own}\n  phase1: { authentication: [psk, rsa] } #`],
    at: "[psk, rsa]",
    path: "keyServer.phase1.authentication[1]",
    says: /there is no certificate/,
  },
  "a signing key of another algorithm": {
    edit: ["key: generated }", "key: { file: push384.key } }"],
    path: "keyServer.groups[0].kek.signature.key.file",
    says: /no key for ecdsa-256/,
  },
  "a signing key from nowhere": {
    edit: ["key: generated }", "key: made }"],
    path: "keyServer.groups[0].kek.signature.key",
    says: /wrong kind/,
  },
  "a peer nobody can authenticate": {
    edit: ["identity: 192.0.2.1, psk: { file: ks1.psk } }", "identity: 192.0.2.1 }"],
    path: "member.keyServers[0]",
    says: /no way to authenticate/,
  },
  "a name twice": { edit: ["renew: 20%", "renew: 20%\n      renew: 30%"], at: "renew: 30%", path: "", says: /unique/ },
  "a tab for indentation": {
    edit: ["    - name: substation\n      id: 1234\n", "    - name: substation\n\tid: 1234\n"],
    at: "\tid: 1234",
    path: "",
    says: /not valid YAML/,
  },
  "a bracket that does not close": {
    edit: ["keyServers: [ks1] ", "keyServers: [ks1 "],
    path: "",
    at: "sids: 1",
    says: /not valid YAML/,
  },
};
