/** Mistakes in the configuration of a substation: TEKs of IEC 61850, what goes with them, and what their profile forbids. */
import type { Mistake } from "./mistake.ts";

const group = "keyServer.groups[0]";
const clause = /IEC 62351-9 clause 8\.\d/;
const says = (words: RegExp) => new RegExp(`${words.source}.*${clause.source}`);

export const mistakenStreams: Readonly<Record<string, Mistake>> = {
  "an OID that is none": {
    edit: ["oid: 1.2.840.10070.61850.8.1.1", "oid: 1.2.x"],
    path: `${group}.teks[1].oid`,
    says: /"1.2.x" is no OID/,
  },
  "a group's OID that is none": {
    edit: ['"oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001"', '"oid:3.1"'],
    path: `${group}.id`,
    says: /oid:/,
  },
  "a selector without quotes": {
    edit: ['selector: "0404efc00002"', "selector: 0404000002"],
    path: `${group}.teks[1].selector`,
    says: /read as a number; put it in quotes/,
  },
  "a selector that is not hexadecimal": {
    edit: ['selector: "0404efc00002"', "selector: 239.192.0.2"],
    path: `${group}.teks[1].selector`,
    says: /not hexadecimal/,
  },
  "a selector that is no DER": {
    edit: ['selector: "0404efc00002"', 'selector: "0405efc00002"'],
    path: `${group}.teks[1].selector`,
    says: /not one element of DER \(RFC 8052 2.2\)/,
  },
  "a selector that is too long": {
    edit: ['selector: "0404efc00002"', `selector: "0482${"0401"}${"00".repeat(1025)}"`],
    path: `${group}.teks[1].selector`,
    says: /at most 1024 octets/,
  },
  "a selector without an OID": {
    edit: ["oid: 1.2.840.10070.61850.8.1.1\n", "\n"],
    at: "selector:",
    path: `${group}.teks[1].selector`,
    says: /belongs to an OID/,
  },
  "a stream without a name": {
    edit: ['"oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001"\n      profile', "1234\n      profile"],
    at: "{ name: trip",
    path: `${group}.teks[0]`,
    says: /names no stream.*oid/,
  },
  "one stream twice": {
    edit: ['          oid: 1.2.840.10070.61850.8.1.1\n          selector: "0404efc00002"\n', ""],
    at: "- name: values",
    path: `${group}.teks[1]`,
    says: /same stream/,
  },
  "the stream of the group once more, by its name": {
    edit: [
      '          oid: 1.2.840.10070.61850.8.1.1\n          selector: "0404efc00002"\n',
      '          oid: 1.2.840.10070.61850.8.1.2\n          selector: "0404EFC00001"\n',
    ],
    at: "- name: values",
    path: `${group}.teks[1]`,
    says: /same stream/,
  },
  "next keys that come into use when the old ones have ended": {
    edit: [
      "      teks:\n        - { name: trip, protocol: iec-61850, authentication: hmac-sha256-128, lifetime: 24h }",
      "      renew: 19%\n      teks:\n        - { name: trip, protocol: iec-61850, authentication: hmac-sha256-128, lifetime: 10s }",
    ],
    at: "renew: 19%",
    path: `${group}.renew`,
    says: /of 10s leaves less than 2s.*at least 20%/,
  },
  "an authentication that is none": {
    edit: ["authentication: hmac-sha256-128", "authentication: hmac-sha256-256"],
    path: `${group}.teks[0].authentication`,
    says: /did you mean "hmac-sha256-128"/,
  },
  "a stream that says nothing of its protection": {
    edit: ["authentication: hmac-sha256-128, ", ""],
    at: "{ name: trip",
    path: `${group}.teks[0]`,
    says: /neither how the stream is authenticated/,
  },
  "encryption without authentication": {
    edit: ["encryption: aes-gcm-256", "encryption: aes-cbc-256"],
    path: `${group}.teks[1].encryption`,
    says: /must not be used without authentication \(RFC 8052 2.2.3\)/,
  },
  "two authentications of a stream": {
    edit: ["authentication: none", "authentication: aes-gmac-128"],
    at: "encryption: aes-gcm-256",
    path: `${group}.teks[1].encryption`,
    says: /authenticates by itself.*\(RFC 8052 2.2.3\)/,
  },
  "an address for a stream": {
    edit: ["authentication: none", "destination: 239.192.0.1"],
    path: `${group}.teks[1].destination`,
    says: /does not belong to a TEK of iec-61850/,
  },
  "an OID for ESP": {
    edit: ["protocol: iec-61850\n", "protocol: esp\n"],
    at: "oid: 1.2.840.10070.61850.8.1.1",
    path: `${group}.teks[1].oid`,
    says: /does not belong to a TEK of esp/,
  },
  "ESP that is to be handed out before its time": {
    edit: [
      "      teks:\n",
      "      handOutNext: true\n      teks:\n        - { name: data, cipher: aes-gcm-16-128, destination: 239.192.0.1 }\n",
    ],
    at: "handOutNext: true",
    path: `${group}.handOutNext`,
    says: /TEK data.*ESP and AH have no activation delay/,
  },
  "a level of more than all": {
    edit: ["level: 90%", "level: 101%"],
    path: `${group}.assurance.level`,
    says: /too large/,
  },
  "assurance without acknowledgements": {
    edit: ["acknowledge: kek-sha256", "acknowledge: none"],
    at: "assurance:",
    path: `${group}.assurance`,
    says: /nobody is asked/,
  },
  "a profile that is none": {
    edit: ["profile: iec-62351-9\n", "profile: iec-62351-6\n"],
    path: `${group}.profile`,
    says: /did you mean "iec-62351-9"/,
  },
  "in the profile, another port to listen on": {
    edit: ['listen: ["192.0.2.1:848"]', 'listen: ["192.0.2.1:8480"]'],
    path: "keyServer.listen[0]",
    says: says(/port 8480 is refused: GDOI runs on port 848/),
  },
  "in the profile, another port for pushes": {
    edit: ["address: 239.192.1.1, port: 848", "address: 239.192.1.1, port: 849"],
    path: `${group}.push.port`,
    says: says(/port 849 is refused/),
  },
  "in the profile, another port of a device": {
    edit: ["local: 192.0.2.10:848", "local: 192.0.2.10:8480"],
    path: "member.local",
    says: says(/port 8480 is refused/),
  },
  "in the profile, another port of the key server": {
    edit: ["port: 848, identity", "port: 8480, identity"],
    path: "member.keyServers[0].port",
    says: says(/port 8480 is refused/),
  },
  "in the profile, a pre-shared key": {
    edit: ["address: 192.0.2.0/24 }", "address: 192.0.2.0/24, psk: { file: gm1.psk } }"],
    path: "keyServer.peers[0].psk",
    says: says(/pre-shared key is refused: certificates only/),
  },
  "in the profile, a pre-shared key of a device": {
    edit: ['identity: "dn:CN=server,O=Utility" }', 'identity: "dn:CN=server,O=Utility", psk: { file: ks1.psk } }'],
    path: "member.keyServers[0].psk",
    says: says(/certificates only/),
  },
  "in the profile, no certificate": {
    edit: [
      "  identity: certificate\n  certificate: { chain: kdc.pem, key: server.key }\n  trust: { anchors: [ca.pem], crls: [ca.crl] }\n",
      "",
    ],
    at: "keyServer:",
    path: "keyServer",
    says: says(/there is no certificate/),
  },
  "in the profile, an identity that is no subject": {
    edit: ["identity: certificate", "identity: 192.0.2.1"],
    path: "keyServer.identity",
    says: says(/192.0.2.1 is refused: the identity is ID_DER_ASN1_DN/),
  },
  "in the profile, the subject of somebody else": {
    edit: ["identity: certificate", 'identity: "dn:CN=other,O=Utility"'],
    path: "keyServer.identity",
    says: says(/equal to the certificate's subject/),
  },
  "in the profile, a peer that is no subject": {
    edit: ['identity: "dn:CN=server,O=Utility" }', "identity: 192.0.2.1 }"],
    path: "member.keyServers[0].identity",
    says: says(/subjects of their certificates/),
  },
  "in the profile, members by address": {
    edit: ['members: ["dn:CN=*,O=Utility"]', "members: [10.0.0.0/8]"],
    path: `${group}.members[0]`,
    says: says(/names nobody here.*ID_DER_ASN1_DN/),
  },
  "in the profile, publishers by address": {
    edit: ['publishers: ["dn:CN=server,O=Utility"]', "publishers: [192.0.2.7]"],
    path: `${group}.assurance.publishers[0]`,
    says: clause,
  },
  "in the profile, a key on another curve": {
    edit: ["chain: kdc.pem, key: server.key }\n  trust", "chain: p384.pem, key: push384.key }\n  trust"],
    path: "keyServer.certificate.chain",
    says: says(/P-384 is refused: RSA from 2048 bits, or ECDSA on P-256/),
  },
  "in the profile, ECDSA on another curve": {
    edit: ["authentication: [ecdsa-256]", "authentication: [ecdsa-384]"],
    path: "keyServer.phase1.authentication[0]",
    says: says(/ecdsa-384 is refused/),
  },
  "in the profile, certificates asked for": {
    edit: ["authentication: [ecdsa-256] }", "authentication: [ecdsa-256], sendCertificateRequest: true }"],
    path: "keyServer.phase1.sendCertificateRequest",
    says: says(/not asked for/),
  },
  "in the profile, AES-192 in Phase 1": {
    edit: ["aes-cbc-256/sha2-256/modp-3072", "aes-cbc-192/sha2-256/modp-3072"],
    path: "keyServer.phase1.proposals[0]",
    says: says(/aes-cbc-192 is refused/),
  },
  "in the profile, SHA-1 in Phase 1": {
    edit: ["aes-cbc-256/sha2-256/modp-3072", "aes-cbc-256/sha1/modp-3072"],
    path: "keyServer.phase1.proposals[0]",
    says: says(/"sha1" is refused: SHA-1 is broken/),
  },
  "in the profile, a MODP group below 2048 bits": {
    edit: ["aes-cbc-256/sha2-256/modp-3072", "aes-cbc-256/sha2-256/modp-1536"],
    path: "keyServer.phase1.proposals[0]",
    says: says(/"modp-1536" is refused: MODP groups below 2048 bits are too short/),
  },
  "in the profile, 3DES in Phase 1": {
    edit: ["aes-cbc-256/sha2-256/modp-3072", "3des/sha2-256/modp-3072"],
    path: "keyServer.phase1.proposals[0]",
    says: says(/"3des" is refused/),
  },
  "in the profile, a hash that is not known": {
    edit: ["aes-cbc-256/sha2-256/modp-3072", "aes-cbc-256/sha2-224/modp-3072"],
    path: "keyServer.phase1.proposals[0]",
    says: says(/"sha2-224" is no Phase 1 hash/),
  },
  "in the profile, a method that is not known": {
    edit: ["authentication: [ecdsa-256]", "authentication: [dsa]"],
    path: "keyServer.phase1.authentication[0]",
    says: says(/"dsa" is none of the words/),
  },
  "in the profile, an old signature of pushes": {
    edit: ["algorithm: rsa-sha256", "algorithm: rsa-sha1"],
    path: `${group}.kek.signature.algorithm`,
    says: says(/"rsa-sha1" is refused/),
  },
  "in the profile, an old cipher for the KEK": {
    edit: ["cipher: aes-cbc-256", "cipher: 3des-cbc"],
    path: `${group}.kek.cipher`,
    says: says(/"3des-cbc" is refused/),
  },
  "in the profile, an elliptic curve group": {
    edit: ["aes-cbc-256/sha2-256/modp-3072", "aes-cbc-256/sha2-256/ecp-256"],
    path: "keyServer.phase1.proposals[0]",
    says: says(/elliptic curve group is refused: MODP groups 14 to 18/),
  },
  "in the profile, AES-192 for the KEK": {
    edit: ["cipher: aes-cbc-256", "cipher: aes-cbc-192"],
    path: `${group}.kek.cipher`,
    says: says(/192 bits is refused/),
  },
  "in the profile, pushes that nobody acknowledges": {
    edit: ["acknowledge: kek-sha256", "acknowledge: none"],
    path: `${group}.kek.acknowledge`,
    says: says(/to be acknowledged/),
  },
  "in the profile, acknowledgements with another hash than the signature's": {
    edit: ["acknowledge: kek-sha256", "acknowledge: kek-sha512"],
    path: `${group}.kek.acknowledge`,
    says: says(/kek-sha512 does not go with rsa-sha256/),
  },
  "in the profile, a signature with SHA-384": {
    edit: ["algorithm: rsa-sha256", "algorithm: rsa-sha384"],
    path: `${group}.kek.signature.algorithm`,
    says: says(/rsa-sha384 is refused/),
  },
  "in the profile, a signature on another curve": {
    edit: ["algorithm: rsa-sha256", "algorithm: ecdsa-521"],
    path: `${group}.kek.signature.algorithm`,
    says: says(/ecdsa-521 is refused/),
  },
};
