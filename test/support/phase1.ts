/** Phase 1 alone as an engine, and peers for it: what its tests run in a World. */
import type { Endpoint, Engine, Env, Input, Output, StoreRecord } from "../../src/core/engine.ts";
import type { Identity } from "../../src/core/identity.ts";
import { parseIdentity } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { issueCa, issueCertificate, issueCrl } from "../../src/crypto/node/issue.ts";
import type { KeyAlgorithm } from "../../src/crypto/provider.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { Phase1Endpoint } from "../../src/ikev1/endpoint.ts";
import type {
  AuthenticationName,
  LocalCredentials,
  PeerPolicy,
  Phase1Policy,
  Phase1Proposal,
  Phase1Sa,
  Phase1Upcall,
} from "../../src/ikev1/types.ts";
import type { Link } from "../../src/sim/network.ts";
import { type Host, World } from "../../src/sim/world.ts";
import { addressOctets } from "../../src/util/address.ts";
import { utf8 } from "../../src/util/octets.ts";
import { decodeHeader } from "../../src/wire/header.ts";

/** Starts main mode; answered with the attempt's number. */
export interface Initiate {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly peer: string;
}

/** Deletes every SA. */
export interface DeleteAll {
  readonly deleteAll: true;
}

export type Phase1Command = Initiate | DeleteAll;

/** A Phase1Endpoint with nothing above it; what it tells is collected. */
export class Phase1Engine implements Engine<Phase1Command> {
  readonly phase1: Phase1Endpoint;
  readonly upcalls: Phase1Upcall[] = [];
  #workId = 0;

  constructor(policy: Phase1Policy) {
    this.phase1 = new Phase1Endpoint(policy, () => ++this.#workId);
  }

  step(input: Input<Phase1Command>, env: Env): Output[] {
    const out: Output[] = [];
    if (input.in === "datagram") {
      const header = decodeHeader(input.bytes);
      if (header.ok) this.upcalls.push(...this.phase1.receive(input, header.value, env, out));
    } else if (input.in === "deadline") this.upcalls.push(...this.phase1.deadline(env, out));
    else if (input.in === "done") this.upcalls.push(...this.phase1.done(input.id, input.result, env, out));
    else if ("deleteAll" in input.command) {
      for (const sa of this.sas()) this.phase1.delete(sa, "the test deletes it", env, out);
      out.push({ out: "reply", id: input.id, reply: null });
    } else {
      const { local, remote, peer } = input.command;
      const reply = this.phase1.initiate(local, remote, peer, env, out);
      out.push({ out: "reply", id: input.id, reply });
    }
    out.push({ out: "wake", at: this.phase1.next() });
    return out;
  }

  restore(_records: Iterable<StoreRecord>, _env: Env): Output[] {
    return [{ out: "wake", at: Number.POSITIVE_INFINITY }];
  }

  /** SAs that stand. */
  sas(): Phase1Sa[] {
    return [...this.phase1.sas()];
  }

  /** Why attempts or exchanges failed. */
  failures(): (Phase1Upcall & { readonly up: "failed" })[] {
    return this.upcalls.filter((upcall) => upcall.up === "failed");
  }
}

export const initiatorAddress = "192.0.2.10";
export const responderAddress = "192.0.2.1";
export const mallory = "192.0.2.66";

/** A proposal with the defaults of these tests. */
export function proposal(changed: Partial<Phase1Proposal> = {}): Phase1Proposal {
  return { cipher: "aes-cbc", keyBits: 256, hash: "sha256", group: 19, authentication: "psk", ...changed };
}

/** The identity that `text` names. @throws for none */
export function identity(text: string): Identity {
  const parsed = parseIdentity(text);
  if (parsed === undefined) throw new Error(`${text} is no identity`);
  return parsed;
}

/** A peer of one address, by default with the key that both sides have. */
export function peer(address: string, changed: Partial<PeerPolicy> = {}): PeerPolicy {
  const octets = addressOctets(address) ?? new Uint8Array(4);
  return { name: "peer", addresses: [{ from: octets, to: octets }], psk: secret("keyherald-test-psk"), ...changed };
}

export function secret(text: string) {
  return nodeCrypto.importSecret(utf8(text));
}

/** A whole policy with the defaults of these tests. */
export function policy(changed: Partial<Phase1Policy> & Pick<Phase1Policy, "peers">): Phase1Policy {
  return {
    local: { identity: identity("fqdn:nobody.example"), certificates: [] },
    proposals: [proposal()],
    anchors: [],
    crls: [],
    doi: 2,
    lifetimeSeconds: 28_800,
    ecdsaSigns: "hash-of-HASH",
    sendCertificateRequest: true,
    retransmission: { firstMs: 1000, factor: 1.8, maxMs: 10_000, tries: 6 },
    halfOpen: { total: 100, perSource: 10, timeoutMs: 30_000 },
    ...changed,
  };
}

const YEAR = 365 * 86_400_000;
/** The World's clock begins here. */
export const START = 1_767_225_600_000;

/** Kinds of keys that certificates are made for. */
export type CertifiedKey = Exclude<AuthenticationName, "psk"> | "ed25519";

const algorithms: Readonly<Record<CertifiedKey, KeyAlgorithm>> = {
  rsa: { kind: "rsa", bits: 2048 },
  "ecdsa-256": { kind: "ecdsa", curve: "P-256" },
  "ecdsa-384": { kind: "ecdsa", curve: "P-384" },
  "ecdsa-521": { kind: "ecdsa", curve: "P-521" },
  ed25519: { kind: "ed25519" },
};

/** A certification authority and what it issued. */
export interface Pki {
  readonly anchor: Uint8Array;
  /** Credentials with a fresh certificate; `valid` in milliseconds since the epoch. */
  credentials(name: string, options?: IssueOptions): LocalCredentials;
  /** A revocation list with these serial numbers. */
  revoke(serials: readonly string[]): Uint8Array;
}

export interface IssueOptions {
  readonly identity?: Identity;
  readonly valid?: { readonly from: number; readonly to: number };
  readonly addresses?: readonly string[];
}

const made = new Map<string, Pki>();

/** The authority of that name for a kind of key; keys are expensive, so each is made once. */
export function pki(authentication: CertifiedKey, name = "Lab CA"): Pki {
  const known = made.get(`${authentication} ${name}`);
  if (known !== undefined) return known;
  const algorithm = algorithms[authentication];
  const period = { notBefore: START - YEAR, notAfter: START + 10 * YEAR };
  const ca = issueCa({ subject: `CN=${name},O=Keyherald`, algorithm, ...period });
  const issued = new Map<string, LocalCredentials>();
  const fresh: Pki = {
    anchor: ca.certificate,
    revoke: (revoked) => issueCrl({ ca, revoked, number: 1, thisUpdate: START - YEAR, nextUpdate: START + YEAR }),
    credentials(subject, options = {}) {
      const key = `${subject} ${JSON.stringify(options)}`;
      const before = issued.get(key);
      if (before !== undefined) return before;
      const { certificate, key: pkcs8 } = issueCertificate({
        subject: `CN=${subject},O=Keyherald`,
        algorithm,
        ca,
        notBefore: options.valid?.from ?? period.notBefore,
        notAfter: options.valid?.to ?? period.notAfter,
        dnsNames: [subject],
        addresses: options.addresses ?? [],
      });
      const credentials = {
        identity: options.identity ?? identity(`fqdn:${subject}`),
        certificates: [certificate],
        signer: nodeCrypto.importSigner(pkcs8),
      };
      issued.set(key, credentials);
      return credentials;
    },
  };
  made.set(`${authentication} ${name}`, fresh);
  return fresh;
}

export type Phase1Host = Host<Phase1Command, Phase1Engine>;

export interface Pair {
  readonly world: World;
  readonly initiator: Phase1Host;
  readonly responder: Phase1Host;
  /** Begins main mode. */
  initiate(): void;
  /** Both have the same number of SAs, above zero, and the initiator's attempt is over. */
  established(): boolean;
}

/** An initiator and a responder on one network; nothing has run yet. */
export function pair(options: {
  readonly seed?: number;
  readonly link?: Link;
  readonly startAt?: number;
  readonly initiator: Phase1Policy;
  readonly responder: Phase1Policy;
}): Pair {
  const world = new World({
    seed: options.seed ?? 1,
    crypto: nodeCrypto,
    randomFor: seededRandom,
    startAt: options.startAt ?? START,
    ...(options.link === undefined ? {} : { link: options.link }),
  });
  const initiator = world.host({
    name: "initiator",
    address: initiatorAddress,
    create: () => new Phase1Engine(options.initiator),
  });
  const responder = world.host({
    name: "responder",
    address: responderAddress,
    create: () => new Phase1Engine(options.responder),
  });
  return {
    world,
    initiator,
    responder,
    initiate: () => {
      const local = { address: initiatorAddress, port: 848 };
      initiator.command({ local, remote: { address: responderAddress, port: 848 }, peer: "peer" });
    },
    established: () => initiator.engine.sas().length > 0 && responder.engine.sas().length > 0,
  };
}

/** Policies of both sides with one pre-shared key. */
export function pskPolicies(changed: Partial<Phase1Policy> = {}): {
  readonly initiator: Phase1Policy;
  readonly responder: Phase1Policy;
} {
  return {
    initiator: policy({
      local: { identity: identity("fqdn:gm.example"), certificates: [] },
      peers: [peer(responderAddress)],
      ...changed,
    }),
    responder: policy({
      local: { identity: identity("fqdn:gcks.example"), certificates: [] },
      peers: [peer(initiatorAddress)],
      ...changed,
    }),
  };
}

/** Policies of both sides with certificates of one authority. */
export function certificatePolicies(
  authentication: Exclude<AuthenticationName, "psk">,
  changed: Partial<Phase1Policy> = {},
): { readonly initiator: Phase1Policy; readonly responder: Phase1Policy } {
  const authority = pki(authentication);
  const common = { anchors: [authority.anchor], proposals: [proposal({ authentication })] };
  const noKey = { name: "peer", addresses: [] };
  return {
    initiator: policy({ local: authority.credentials("gm.example"), peers: [noKey], ...common, ...changed }),
    responder: policy({ local: authority.credentials("gcks.example"), peers: [noKey], ...common, ...changed }),
  };
}
