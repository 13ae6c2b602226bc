/** What both roles say about Phase 1: who they are, whom they trust, what they offer. */
import type * as z from "zod";
import type { Identity } from "../../core/identity.ts";
import { unboundBecause } from "../../core/identity-binding.ts";
import { nodeCrypto } from "../../crypto/node/index.ts";
import type { KeyAlgorithm } from "../../crypto/provider.ts";
import { IdType } from "../../iana/isakmp.ts";
import type { AuthenticationName, LocalCredentials, PeerPolicy, Phase1Policy } from "../../ikev1/types.ts";
import { defaultTransforms, phase1Transform, profileTransforms } from "../algorithms.ts";
import {
  choice,
  field,
  flag,
  growing,
  integer,
  type Loose,
  list,
  oneOf,
  type Report,
  section,
  textOf,
} from "../field.ts";
import type { Surroundings } from "../files.ts";
import { duration, identityWords, parseWritten, seconds, type WrittenIdentity } from "../values.ts";
import { certificateSection, checkKeyFits, trustSection, type WrittenPeer } from "./credentials.ts";

const authenticationNames = ["psk", "rsa", "ecdsa-256", "ecdsa-384", "ecdsa-521"] as const;

/** `identity: certificate` stands for the subject of the own certificate. */
export function ownIdentity(): z.ZodType<WrittenIdentity | "certificate"> {
  return field(`${identityWords}; or the word certificate for the subject of the own one`, (input) =>
    input === "certificate" ? "certificate" : parseWritten(textOf(input)),
  );
}

/** The parts of `keyServer` and `member` that Phase 1 is made of. */
export function phase1Shape(around: Surroundings) {
  return {
    identity: ownIdentity().optional(),
    certificate: certificateSection(around).optional(),
    trust: trustSection(around).optional(),
    phase1: section({
      proposals: list(phase1Transform(), 1, 20).optional(),
      authentication: list(choice(...authenticationNames), 1, authenticationNames.length).optional(),
      lifetime: seconds("60s", "30d").default(28_800),
      doi: choice("gdoi", "ipsec").default("gdoi"),
      ecdsaSigns: choice("hash-of-HASH", "HASH").default("hash-of-HASH"),
      sendCertificateRequest: flag().optional(),
      retransmission: growing(
        section({
          first: duration("100ms", "60s").default(2_000),
          factor: integer(1, 10).default(2),
          max: duration("100ms", "10m").default(30_000),
          tries: integer(1, 20).default(6),
        }),
      ).prefault({}),
      halfOpen: section({
        total: integer(1, 1_000_000).default(4_096),
        perSource: integer(1, 1_000_000).default(64),
        timeout: duration("1s", "10m").default(30_000),
      }).prefault({}),
    }).prefault({}),
  };
}

type Shape = ReturnType<typeof phase1Shape>;
/** What phase1Shape yields. */
export type Phase1Section = { [Name in keyof Shape]?: z.output<Shape[Name]> | undefined };

/**
 * Checks what Phase 1 needs together: keys that fit, somebody to trust, a method for each way.
 * @param profiled the profile looks at the identity.
 */
export function checkPhase1(
  section: Loose<Phase1Section>,
  peers: readonly (Loose<WrittenPeer> | undefined)[],
  profiled: boolean,
  report: Report,
): void {
  const { certificate, trust, phase1, identity } = section;
  const leaf = certificate?.chain?.certificates[0];
  checkKeyFits(certificate, [], report);
  if (certificate !== undefined && trust === undefined) {
    report(["certificate"], "there is a certificate, but no trust.anchors to check peers against", "a section trust");
  }
  if (identity === "certificate" && certificate === undefined) {
    report(["identity"], "names the certificate, but there is none", "a section certificate, or another identity");
  }
  const methods = phase1?.authentication ?? [];
  const psk = peers.some((peer) => peer?.psk !== undefined);
  methods.forEach((method, index) => {
    const at = ["phase1", "authentication", index] as const;
    if (method === undefined) return;
    if (method === "psk") {
      if (!psk) report(at, "psk is asked for, but no peer has one", "a psk at a peer, or another method");
    } else if (certificate === undefined) {
      report(at, `${method} is asked for, but there is no certificate`, "a section certificate, or psk");
    } else if (leaf !== undefined && methodOf(leaf.algorithm) !== method) {
      const fits = methodOf(leaf.algorithm) ?? "another certificate";
      report(at, `${method} does not fit the key of the certificate`, fits);
    }
  });
  if (psk && methods.length > 0 && !methods.includes("psk")) {
    report(
      ["phase1", "authentication"],
      "leaves out psk, though a peer has one",
      oneOf(["psk", ...methods.map(String)]),
    );
  }
  const wanted = identity === "certificate" || identity === undefined ? undefined : identity;
  if (wanted !== undefined && leaf !== undefined && !psk && !profiled) {
    const why = unboundBecause(wanted.identity, leaf, nodeCrypto);
    if (why !== undefined) {
      report(["identity"], `peers would refuse ${wanted.text}: ${why}`, "an identity that the certificate has");
    }
  }
}

function methodOf(algorithm: KeyAlgorithm): AuthenticationName | undefined {
  if (algorithm.kind === "rsa") return "rsa";
  if (algorithm.kind !== "ecdsa") return undefined;
  return algorithm.curve === "P-256" ? "ecdsa-256" : algorithm.curve === "P-384" ? "ecdsa-384" : "ecdsa-521";
}

/**
 * The policy of Phase 1.
 * @param fallback the identity when neither the configuration nor a certificate gives one.
 * @param profiled in the profile one certificate is sent and taken, and none is asked for.
 */
export function buildPhase1(
  section: z.output<z.ZodObject<Shape>>,
  peers: readonly PeerPolicy[],
  fallback: Identity | undefined,
  profiled: boolean,
): Phase1Policy {
  const { certificate, trust, phase1 } = section;
  const methods = phase1.authentication ?? defaultMethods(section, peers);
  const transforms = phase1.proposals ?? (profiled ? profileTransforms : defaultTransforms);
  const local = credentials(section, fallback);
  return {
    local: profiled ? { ...local, certificates: local.certificates.slice(0, 1) } : local,
    proposals: transforms.flatMap((transform) => methods.map((authentication) => ({ ...transform, authentication }))),
    peers: peers.length === 0 && certificate !== undefined ? [{ name: "any", addresses: [] }] : peers,
    anchors: trust?.anchors.flatMap(({ certificates }) => certificates.map(({ der }) => der)) ?? [],
    crls: trust?.crls?.flatMap(({ lists }) => lists) ?? [],
    doi: phase1.doi === "gdoi" ? 2 : 1,
    lifetimeSeconds: phase1.lifetime,
    ecdsaSigns: phase1.ecdsaSigns,
    sendCertificateRequest: phase1.sendCertificateRequest ?? !profiled,
    ...(profiled && { peersAreSubjects: true }),
    retransmission: {
      firstMs: phase1.retransmission.first,
      factor: phase1.retransmission.factor,
      maxMs: phase1.retransmission.max,
      tries: phase1.retransmission.tries,
    },
    halfOpen: {
      total: phase1.halfOpen.total,
      perSource: phase1.halfOpen.perSource,
      timeoutMs: phase1.halfOpen.timeout,
    },
  };
}

function defaultMethods(section: Phase1Section, peers: readonly PeerPolicy[]): AuthenticationName[] {
  const leaf = section.certificate?.chain.certificates[0];
  const signed = leaf === undefined ? undefined : methodOf(leaf.algorithm);
  const psk = peers.some((peer) => peer.psk !== undefined);
  return [...(signed === undefined ? [] : [signed]), ...(psk ? (["psk"] as const) : [])];
}

function credentials({ identity, certificate }: Phase1Section, fallback: Identity | undefined): LocalCredentials {
  const leaf = certificate?.chain.certificates[0];
  const subject = leaf === undefined ? undefined : { type: IdType.ID_DER_ASN1_DN, data: leaf.subject };
  const written = identity === "certificate" || identity === undefined ? (subject ?? fallback) : identity.identity;
  return {
    // the check of the section has made sure of one
    identity: written ?? { type: IdType.ID_IPV4_ADDR, data: new Uint8Array(4) },
    certificates: certificate?.chain.certificates.map(({ der }) => der) ?? [],
    ...(certificate !== undefined && { signer: certificate.key }),
  };
}

/** The identity that an own address stands for; undefined for a wildcard. */
export function addressIdentity(address: Uint8Array | undefined): Identity | undefined {
  if (address === undefined || address.every((octet) => octet === 0)) return undefined;
  return { type: address.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR, data: address };
}
