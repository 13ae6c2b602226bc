/** Names and values that are wrong by themselves. */
import type { Mistake } from "./mistake.ts";

const own = "identity: 192.0.2.1               #";
const peer2 = "name: gm2, address: 192.0.2.11, psk: { file: gm2.psk }";
const push = "push: { transport: unicast }";

export const mistakenValues: Readonly<Record<string, Mistake>> = {
  "a misspelled section": { edit: ["\nkeyServer:", "\nkeySever:"], path: "keySever", says: /did you mean "keyServer"/ },
  "a misspelled name in a group": {
    edit: ["renew: 20%", "renev: 20%"],
    path: "keyServer.groups[0].renev",
    says: /did you mean "renew"/,
  },
  "a name of nowhere": {
    edit: ["log: { level: info }", "log: { level: info, zebra: 1 }"],
    path: "log.zebra",
    says: /not known here.*level/,
  },
  "a wrong case": {
    edit: ["missingAfter: 15s", "missingafter: 15s"],
    path: "keyServer.groups[0].acknowledgements.missingafter",
    says: /"missingAfter"/,
  },
  "a missing group name": {
    edit: ["- name: substation\n      id: 1234  ", "- id: 1234  "],
    path: "keyServer.groups[0].name",
    says: /is missing.*a name/,
  },
  "a missing state section": {
    edit: ["state:\n  file: state/state.db\n  key: { file: state.key }", "\n"],
    at: "control:",
    path: "state",
    says: /is missing.*a section/,
  },
  "a missing key of the store": {
    edit: ["  key: { file: state.key }", ""],
    at: "state:",
    path: "state.key",
    says: /is missing.*a section/,
  },
  "no value": {
    edit: ["lifetime: 24h", "lifetime:"],
    at: "lifetime:\n",
    path: "keyServer.groups[0].kek.lifetime",
    says: /has no value/,
  },
  "a text for a section": {
    edit: [push, "push: unicast"],
    path: "keyServer.groups[0].push",
    says: /wrong kind.*a section/,
  },
  "a text for a list": {
    edit: ["keyServers: [ks1]", "keyServers: ks1"],
    path: "member.groups[0].keyServers",
    says: /"ks1" is of the wrong kind.*a list/,
  },
  "a section for a text": {
    edit: ["cipher: aes-cbc-128", "cipher: { a: 1 }"],
    path: "keyServer.groups[0].kek.cipher",
    says: /no text.*aes-cbc-128/,
  },
  "an empty list": {
    edit: ["keyServers: [ks1]", "keyServers: []"],
    path: "member.groups[0].keyServers",
    says: /too few.*at least 1/,
  },
  "a level that is none": {
    edit: ["level: info", "level: inof"],
    path: "log.level",
    says: /did you mean "info".*debug, info/,
  },
  "a security event that is none": {
    edit: ["log: { level: info }", "log: { level: info }\nsecurityEvents:\n  phase1.certificate-revokd: { name: X }"],
    at: "phase1.certificate-revokd",
    path: "securityEvents.phase1.certificate-revokd",
    says: /"phase1.certificate-revokd" is no sort of security event; did you mean "phase1.certificate-revoked"\?.*table in docs/,
  },
  "a security event with a name that does not fit": {
    edit: ["log: { level: info }", 'log: { level: info }\nsecurityEvents:\n  gm.left: { name: "A B" }'],
    at: "gm.left",
    path: "securityEvents.gm.left.name",
    says: /"A B" cannot be the name of an event.*1 to 64 letters/,
  },
  "a security event with a long name and no id": {
    edit: ["log: { level: info }", `log: { level: info }\nsecurityEvents:\n  gm.left: { name: ${"L".repeat(33)} }`],
    at: "gm.left",
    path: "securityEvents.gm.left.name",
    says: /33 characters needs an id/,
  },
  "a security event with an id that is none": {
    edit: ["log: { level: info }", 'log: { level: info }\nsecurityEvents:\n  gm.left: { id: "IEC62351-9:5.0" }'],
    at: "gm.left",
    path: "securityEvents.gm.left.id",
    says: /"IEC62351-9:5.0" is no number of an event.*DOMAIN:GROUP.NUMBER/,
  },
  "a security event with a severity that is none": {
    edit: ["log: { level: info }", "log: { level: info }\nsecurityEvents:\n  gm.left: { severity: info }"],
    at: "gm.left",
    path: "securityEvents.gm.left.severity",
    says: /notice, warning, error or alarm/,
  },
  "a security event of which nothing is said": {
    edit: ["log: { level: info }", "log: { level: info }\nsecurityEvents:\n  gm.left: {}"],
    at: "gm.left",
    path: "securityEvents.gm.left",
    says: /says nothing.*name, id or severity/,
  },
  "a syslog server by name": {
    edit: ["log: { level: info }", "log: { level: info }\nsyslog: { to: udp://logs.example } #"],
    at: "syslog:",
    path: "syslog.to",
    says: /host names are not looked up.*unix:\/dev\/log/,
  },
  "a syslog socket that is no path": {
    edit: ["log: { level: info }", "log: { level: info }\nsyslog: { to: unix:log } #"],
    at: "syslog:",
    path: "syslog.to",
    says: /names no syslog server/,
  },
  "a syslog facility that is none": {
    edit: ["log: { level: info }", "log: { level: info }\nsyslog: { to: unix:/dev/log, facility: security } #"],
    at: "syslog:",
    path: "syslog.facility",
    says: /none of the words.*authpriv/,
  },
  "a number for a time": { edit: ["age: 90d", "age: 90"], path: "retention.age", says: /has no unit.*such as/ },
  "a time that is none": {
    edit: ["lifetime: 24h", "lifetime: 1 day"],
    path: "keyServer.groups[0].kek.lifetime",
    says: /is no time/,
  },
  "a time too short": {
    edit: ["lifetime: 24h", "lifetime: 1s"],
    path: "keyServer.groups[0].kek.lifetime",
    says: /too short.*from 10s to 365d/,
  },
  "missing before 10 s": {
    edit: ["missingAfter: 15s", "missingAfter: 9s"],
    path: "keyServer.groups[0].acknowledgements.missingAfter",
    says: /too short.*from 10s/,
  },
  "acknowledgements later than 5 s": {
    edit: ["jitter: 4s", "jitter: 6s"],
    path: "member.acknowledgements.jitter",
    says: /too long.*to 5s/,
  },
  "a share without per cent": {
    edit: ["renew: 20%", "renew: 0.2"],
    path: "keyServer.groups[0].renew",
    says: /per cent.*such as 20%/,
  },
  "a share too large": {
    edit: ["reregisterWithin: 20%", "reregisterWithin: 95%"],
    path: "member.reregisterWithin",
    says: /too large/,
  },
  "a whole number that is none": {
    edit: ["sids: 1 ", "sids: 1.5 "],
    path: "member.groups[0].sids",
    says: /no whole number/,
  },
  "too many events": {
    edit: ["events: 1000000", "events: 10"],
    path: "retention.events",
    says: /too small.*from 1000/,
  },
  "a word for true": {
    edit: ["unicastJitter: false", "unicastJitter: no"],
    path: "member.acknowledgements.unicastJitter",
    says: /true or false/,
  },
  "a host name to listen on": {
    edit: ['listen: ["0.0.0.0:848"]', 'listen: ["ks.example:848"]'],
    path: "keyServer.listen[0]",
    says: /host names are not looked up/,
  },
  "a port that is none": {
    edit: ['listen: ["0.0.0.0:848"]', 'listen: ["0.0.0.0:84800"]'],
    path: "keyServer.listen[0]",
    says: /no UDP port/,
  },
  "an address twice": {
    edit: ['listen: ["0.0.0.0:848"]', 'listen: ["0.0.0.0:848", "0.0.0.0"]'],
    path: "keyServer.listen[1]",
    says: /there already/,
  },
  "an address that is none": {
    edit: ["address: 192.0.2.1, identity", "address: 192.0.2.256, identity"],
    path: "member.keyServers[0].address",
    says: /is no address/,
  },
  "a subnet with bits behind its prefix": {
    edit: ["address: 192.0.2.10,", "address: 10.0.0.1/8,"],
    path: "keyServer.peers[0].address",
    says: /did you mean "10.0.0.0\/8"/,
  },
  "a prefix too long": {
    edit: ["address: 192.0.2.10,", "address: 10.0.0.0/33,"],
    path: "keyServer.peers[0].address",
    says: /33 bits is too long/,
  },
  "a range backwards": {
    edit: ["address: 192.0.2.10,", "address: 10.0.0.9-10.0.0.1,"],
    path: "keyServer.peers[0].address",
    says: /ends before it begins/,
  },
  "a range of two versions": {
    edit: ["address: 192.0.2.10,", "address: '10.0.0.9-ff00::1',"],
    path: "keyServer.peers[0].address",
    says: /mixes/,
  },
  "an identity that is none": {
    edit: ["identity: 192.0.2.10", "identity: O=Utility"],
    path: "member.identity",
    says: /no identity.*fqdn:HOST/,
  },
  "a certificate that is not there": {
    edit: [own, "identity: certificate #"],
    path: "keyServer.identity",
    says: /there is none/,
  },
  "no identity at all": { edit: [own, "#"], at: "\nkeyServer:", path: "keyServer", says: /needs an identity/ },
  "a member that is none": {
    edit: ["members: [192.0.2.10,", "members: [everybody!,"],
    path: "keyServer.groups[0].members[0]",
    says: /names nobody/,
  },
  "a subject pattern that is none": {
    edit: ["dn:CN=*,O=Utility", "dn:Utility"],
    path: "keyServer.groups[0].members[2]",
    says: /known type such as CN=/,
  },
  "a group id too large": {
    edit: ["id: 1234  ", "id: 4294967296  "],
    path: "keyServer.groups[0].id",
    says: /no 4 octets/,
  },
  "a key ID of three octets": {
    edit: ["id: 1234  ", "id: keyid:0004d2  "],
    path: "keyServer.groups[0].id",
    says: /exactly 4 octets/,
  },
  "a group name with a slash": {
    edit: ["- name: substation\n      id: 1234\n", "- name: sub/station\n      id: 1234\n"],
    at: "sub/station",
    path: "member.groups[0].name",
    says: /is no name.*letters/,
  },
  "a peer twice": {
    edit: [peer2, peer2.replace("gm2", "gm1")],
    path: "keyServer.peers[1].name",
    says: /gm1 is there already/,
  },
  "an unknown key server": {
    edit: ["keyServers: [ks1]", "keyServers: [ks2]"],
    path: "member.groups[0].keyServers[0]",
    says: /no key server ks2; did you mean "ks1"/,
  },
};
