/**
 * The profile of IEC 62351-9 clause 8 for GDOI: what a group that has it demands of itself, and of the role that it
 * belongs to. Each refusal names the clause, by the edition of 2023, and says the rule in plain words.
 */

import type { Endpoint } from "../../core/engine.ts";
import { unboundBecause } from "../../core/identity-binding.ts";
import { nodeCrypto } from "../../crypto/node/index.ts";
import type { MemberRule } from "../../gdoi/policy.ts";
import { IdType } from "../../iana/isakmp.ts";
import { OakleyGroup } from "../../iana/oakley.ts";
import type { Path } from "../document.ts";
import { choice, type Leaf, type Loose, type Report } from "../field.ts";
import type { WrittenIdentity } from "../values.ts";
import { pskOf, type WrittenPeer } from "./credentials.ts";
import { type KekOfGroup, signatureOf } from "./kek.ts";
import type { Phase1Section } from "./phase1.ts";

/** Clauses of the profile: what Phase 1 is made of, main mode, whom it proves, pushes, the way of living with it. */
export type Clause = "8.2" | "8.3" | "8.3.5" | "8.6" | "8.7.3";

/** A clause as it stands at the end of a message. */
export function inClause(clause: Clause): string {
  return `IEC 62351-9 clause ${clause}`;
}

/** GDOI's own port (RFC 6407 2). */
const gdoiPort = 848;

/** `profile` of a group. */
export function profileField() {
  return choice("iec-62351-9").optional();
}

/** Whether one of the groups has the profile: then it holds for Phase 1, which they share. */
export function hasProfile(groups: readonly (Loose<{ profile?: string }> | undefined)[] | undefined): boolean {
  return (groups ?? []).some((group) => group?.profile !== undefined);
}

/** A report whose messages end with the clause. */
function citing(report: Report): (clause: Clause, ...parameters: Parameters<Report>) => void {
  return (clause, path, message, expected) => report(path, `${message} (${inClause(clause)})`, expected);
}

type Refuse = ReturnType<typeof citing>;

type Rules = readonly ({ readonly rule: MemberRule } & Leaf)[];

/** Whether a rule can admit anybody where all peers are the subjects of their certificates. */
export function namesSubjects(rule: MemberRule): boolean {
  return rule.rule === "dn" || (rule.rule === "identity" && rule.identity.type === IdType.ID_DER_ASN1_DN);
}

/** A group as far as the profile looks at it. */
interface ProfiledGroup extends KekOfGroup {
  readonly members: Rules;
  readonly assurance?: { readonly publishers: Rules } | undefined;
}

/** What the profile refuses in a group of the key server. */
export function checkProfileGroup(group: Loose<ProfiledGroup>, report: Report): void {
  if (group.profile === undefined) return;
  const refuse = citing(report);
  const { kek } = group;
  const aes = "aes-cbc-128 or aes-cbc-256";
  if (kek?.cipher === 192)
    refuse("8.6", ["kek", "cipher"], "a KEK of 192 bits is refused: AES-CBC with 128 or 256 bits", aes);
  if (kek !== undefined) checkPush(group, refuse);
  const onlyNames = (rules: Loose<Rules> | undefined, path: Path) =>
    rules?.forEach((one, index) => {
      if (one?.rule === undefined || namesSubjects(one.rule)) return;
      const message = "names nobody here: members are the subjects of their certificates, ID_DER_ASN1_DN";
      refuse("8.3.5", [...path, index], message, "dn:CN=*,O=…");
    });
  onlyNames(group.members, ["members"]);
  onlyNames(group.assurance?.publishers, ["assurance", "publishers"]);
}

function checkPush(group: Loose<ProfiledGroup>, refuse: Refuse): void {
  const { kek } = group;
  const signature = signatureOf(group);
  const wrongSignature = !["rsa-sha256", "rsa-sha512", "ecdsa-256"].includes(signature.name);
  if (wrongSignature) {
    const message = `${signature.name} is refused: pushes are signed by RSA, or by ECDSA on P-256, with SHA-256 or SHA-512`;
    refuse("8.6", ["kek", "signature", "algorithm"], message, "rsa-sha256, rsa-sha512 or ecdsa-256");
  }
  if (kek?.acknowledge === "none") {
    refuse(
      "8.6",
      ["kek", "acknowledge"],
      "pushes are to be acknowledged",
      "kek-sha256, lkh-sha256, kek-sha512 or lkh-sha512",
    );
  } else if (kek?.acknowledge !== undefined && !wrongSignature) {
    const hash = signature.hash === 5 ? "sha512" : "sha256";
    if (kek.acknowledge.endsWith(hash)) return;
    const message = `${kek.acknowledge} does not go with ${signature.name}: acknowledgements and SIG_HASH have the same hash`;
    refuse("8.6", ["kek", "acknowledge"], message, `kek-${hash} or lkh-${hash}, or a signature with the other hash`);
  }
}

/** What both roles are looked at for. */
interface ProfiledRole extends Loose<Phase1Section> {
  /** Ports other than 848 are allowed, which a warning tells. */
  readonly labPorts?: boolean | undefined;
}

interface ProfiledPeer extends Loose<WrittenPeer> {
  readonly identity?: Loose<WrittenIdentity> | undefined;
}

/** A port with the place where it is written. */
export type PortAt = readonly [Path, Loose<Pick<Endpoint, "port">> | undefined];

/**
 * What the profile refuses in the role that a group with it belongs to.
 * @param peersAt name of the list of peers, @param ports every port that the role has.
 */
export function checkProfileRole(
  role: ProfiledRole,
  peersAt: string,
  peers: readonly (ProfiledPeer | undefined)[],
  ports: readonly PortAt[],
  report: Report,
): void {
  const refuse = citing(report);
  for (const [path, at] of ports) {
    if (role.labPorts === true || at?.port === undefined || at.port === gdoiPort) continue;
    refuse(
      "8.2",
      path,
      `port ${at.port} is refused: GDOI runs on port 848`,
      "port 848; in a laboratory labPorts: true",
    );
  }
  peers.forEach((peer, index) => {
    if (peer === undefined) return;
    if (pskOf(peer) !== undefined) {
      refuse("8.2", [peersAt, index, "psk"], "a pre-shared key is refused: certificates only", "no psk");
    }
    if (peer.identity?.identity !== undefined && peer.identity.identity.type !== IdType.ID_DER_ASN1_DN) {
      const message = "is refused: peers are the subjects of their certificates, ID_DER_ASN1_DN";
      refuse("8.3.5", [peersAt, index, "identity"], message, "dn:CN=…");
    }
  });
  checkCertificate(role, refuse);
  checkAlgorithms(role, refuse);
}

function checkCertificate(role: ProfiledRole, refuse: Refuse): void {
  const { certificate, identity } = role;
  const leaf = certificate?.chain?.certificates[0];
  if (!("certificate" in role))
    refuse("8.2", [], "there is no certificate: certificates only", "certificate and trust");
  if (leaf?.algorithm.kind === "ecdsa" && leaf.algorithm.curve !== "P-256") {
    const message = `a key on ${leaf.algorithm.curve} is refused: RSA from 2048 bits, or ECDSA on P-256`;
    refuse("8.2", ["certificate", "chain"], message, "a certificate with such a key");
  }
  if (identity === undefined || identity === "certificate" || identity.identity === undefined) return;
  const { type, data } = identity.identity;
  const isSubject =
    leaf === undefined ||
    (type !== undefined && data !== undefined && unboundBecause({ type, data }, leaf, nodeCrypto) === undefined);
  if (type !== IdType.ID_DER_ASN1_DN || !isSubject) {
    const message = `${identity.text} is refused: the identity is ID_DER_ASN1_DN, equal to the certificate's subject`;
    refuse("8.3.5", ["identity"], message, "identity: certificate, or nothing");
  }
}

function checkAlgorithms({ phase1 }: ProfiledRole, refuse: Refuse): void {
  if (phase1?.sendCertificateRequest === true) {
    refuse("8.3", ["phase1", "sendCertificateRequest"], "certificates are not asked for", "false, or nothing");
  }
  phase1?.authentication?.forEach((method, index) => {
    if (method === undefined || method === "rsa" || method === "ecdsa-256") return;
    const message = `${method} is refused: RSA from 2048 bits, or ECDSA on P-256`;
    refuse("8.2", ["phase1", "authentication", index], message, "rsa or ecdsa-256");
  });
  phase1?.proposals?.forEach((transform, index) => {
    const at = ["phase1", "proposals", index];
    if (transform?.keyBits === 192) {
      refuse("8.2", at, "aes-cbc-192 is refused: AES-CBC with 128 or 256 bits", "aes-cbc-128 or aes-cbc-256");
    }
    if (transform?.group !== undefined && transform.group > OakleyGroup.MODP_8192) {
      refuse("8.2", at, "an elliptic curve group is refused: MODP groups 14 to 18", "modp-2048 (14) to modp-8192 (18)");
    }
  });
}
