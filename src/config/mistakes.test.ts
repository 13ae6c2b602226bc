import { afterAll, beforeAll, expect, test } from "vitest";
import { exampleConfiguration } from "./example.ts";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";
import type { ConfigProblem } from "./types.ts";

let made: ReturnType<typeof testFolder>;
beforeAll(() => {
  made = testFolder();
});
afterAll(() => made.remove());

function problems(text: string): readonly ConfigProblem[] {
  const loaded = loadConfiguration(made.write("keyherald.yaml", text), {}, testTime);
  return loaded.ok ? [] : loaded.error;
}

/** Number of the first line that has `part`. */
function lineOf(text: string, part: string): number {
  return text.slice(0, text.indexOf(part)).split("\n").length;
}

interface Mistake {
  /** Text of the example, and what stands in its place. */
  readonly edit: readonly [from: string, to: string];
  readonly path: string;
  /** Part of the line that is named; the new text when left out. */
  readonly at?: string;
  /** What message and expectation together say. */
  readonly says: RegExp;
}

const cert = (chain: string, key: string, more = "") =>
  `identity: certificate\n  certificate:\n    chain: ${chain}\n    key: ${key}\n  trust: { anchors: [ca.pem] }${more}`;
const own = "identity: 192.0.2.1               #";
const tek = "cipher: aes-gcm-16-128    #";
const peer2 = "name: gm2, address: 192.0.2.11, psk: { file: gm2.psk }";
const push = "push: { transport: unicast }";
const socket = "control: { socket: control.sock }";

const mistakes: Readonly<Record<string, Mistake>> = {
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
    says: /no Phase 1 identity.*fqdn:HOST/,
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

test.each(Object.entries(mistakes))("%s is told with its line, its path and what was expected", (_, mistake) => {
  const [from, to] = mistake.edit;
  const text = exampleConfiguration("both").replace(from, () => to);
  expect(text).not.toBe(exampleConfiguration("both"));
  const found = problems(text);
  const here = found.find((one) => one.path === mistake.path);
  expect(found.map((one) => one.path)).toContain(mistake.path);
  expect(`${here?.message} (${here?.expected})`).toMatch(mistake.says);
  const at = mistake.at ?? to;
  expect(here?.line).toBe(lineOf(text, at) + (at.startsWith("\n") ? 1 : 0));
  expect(here?.severity).toBe("error");
});

test("all that is wrong is told at once, in the order of the lines", () => {
  const text = exampleConfiguration("both")
    .replace("level: info", "level: loud")
    .replace("file: gm2.psk", "file: nowhere.psk")
    .replace("acknowledge: lkh-sha256", "acknowledge: none")
    .replace("whenMissing: alert", "whenMissing: remove")
    .replace("keyServers: [ks1]", "keyServers: [ks7]");
  expect(problems(text).map((one) => one.path)).toEqual([
    "log.level",
    "keyServer.peers[1].psk.file",
    "keyServer.groups[0].acknowledgements.whenMissing",
    "member.groups[0].keyServers[0]",
  ]);
});

test("whatever stands in the place of a value, there is a problem and never an exception", () => {
  const whole = exampleConfiguration("both");
  const places = [...whole.matchAll(/: ?([^\s,}\]#][^,}\]#\n]*)/g)].filter(
    ({ index }) => !/#[^\n]*$/.test(whole.slice(0, index)),
  );
  expect(places.length).toBeGreaterThan(40);
  for (const { 0: match, 1: value = "", index } of places) {
    for (const other of ["", "[1, x]", "{ a: b }", "-1", "true", '""', "'$&'"]) {
      const from = index + match.length - value.length;
      const text = whole.slice(0, from) + other + whole.slice(from + value.length);
      for (const one of problems(text)) {
        expect(one.line).toBeGreaterThan(0);
        expect(one.message).not.toBe("");
        expect(`${one.path} ${other} ${one.message}: ${one.expected}`).not.toMatch(/: $/);
      }
    }
  }
});

test("a file without a role, or with a list or a word for all, is refused", () => {
  const state = "state: { file: state.db, key: { file: state.key } }";
  expect(problems(state)).toMatchObject([{ path: "", line: 1, message: "has no role" }]);
  expect(problems("- a\n- b")).toMatchObject([{ path: "", expected: "a section" }]);
  expect(problems("word")).toMatchObject([{ path: "", expected: "a section" }]);
  expect(problems("")).toMatchObject([{ message: "the file is empty" }]);
});
