/** Main mode messages 5 and 6: ID, certificates and HASH or SIG, behind encryption. */
import type { Endpoint } from "../core/engine.ts";
import { type Identity, identityText } from "../core/identity.ts";
import { unboundBecause } from "../core/identity-binding.ts";
import type { ChainVerdict, CryptoProvider } from "../crypto/provider.ts";
import { CertificateEncoding, ExchangeType, IdType, NotifyType, ProtocolId } from "../iana/isakmp.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { addressText } from "../util/address.ts";
import { concat } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import { decodeChain, encodeChain, encodePayload, payloadType } from "../wire/message.ts";
import type { Header, Payload } from "../wire/payloads.ts";
import { type ProofInput, prove, verifyHash, verifySignature } from "./authentication.ts";
import { contentsOf } from "./contents.ts";
import type { Authenticated, Context, Keyed, Proof, Refused } from "./exchange.ts";
import { identityPayload, readIdentity } from "./identity-payload.ts";
import { protect, unprotect } from "./phase2.ts";
import type { Transition } from "./transitions.ts";
import type { Phase1Policy } from "./types.ts";

/** Certificates of one peer that are looked at. */
const CERTIFICATES_AT_MOST = 8;

/** Decrypts and reads message 5 or 6; nothing of it is proven yet. */
export function readProof(
  keyed: Keyed,
  row: Transition,
  header: Header,
  datagram: Uint8Array,
  ctx: Context,
): Result<Proof, Refused> {
  const opened = unprotect(keyed, ctx.env, header, datagram, keyed.iv);
  if (!opened.ok) return err({ code: "malformed", why: opened.error.message });
  const { plaintext, nextIv } = opened.value;
  const end = chainEnd(header.nextPayload, plaintext);
  const chain = decodeChain(header.nextPayload, plaintext.subarray(0, end), 0, "phase1", "none");
  if (!chain.ok) return err(undecipherable(keyed));
  const contents = contentsOf(chain.value.payloads, row);
  if (!contents.ok) return err({ code: "malformed", why: contents.error });
  const { id, hash, sig, certificates, notifications } = contents.value;
  const evidence = hash ?? sig;
  if (id === undefined || evidence === undefined) return err({ code: "malformed", why: "ID or proof is missing" });
  const read = readIdentity(id.payload);
  if (!read.ok) return err({ code: "invalid-identity", why: read.error });
  return ok({
    identity: read.value.identity,
    body: id.body,
    evidence: evidence.data,
    certificates: certificates
      .filter(({ encoding }) => ctx.policy.peersAreSubjects || encoding === CertificateEncoding.X509_SIGNATURE)
      .slice(0, CERTIFICATES_AT_MOST)
      .map(({ data }) => data),
    initialContact: notifications.some(({ notifyType }) => notifyType === NotifyType.INITIAL_CONTACT),
    notes: read.value.note === undefined ? [] : [read.value.note],
    lastBlock: nextIv,
  });
}

/** Garbage after decryption: with pre-shared keys the usual cause is that the keys differ. */
function undecipherable(keyed: Keyed): Refused {
  return keyed.psk === undefined
    ? { code: "malformed", why: "the message does not decrypt to payloads", detail: "undecipherable" }
    : {
        code: "authentication-failed",
        why: "wrong pre-shared key or damaged message: it does not decrypt to payloads",
      };
}

/**
 * Where the payload chain ends. What follows is padding, whose content is the sender's business: RFC 2409 App. B asks
 * for zeros, but a peer that pads otherwise is understood without doubt. Total; a chain that runs over the end is left to the
 * decoder to name.
 */
export function chainEnd(first: number, octets: Uint8Array): number {
  let type = first;
  let at = 0;
  while (type !== 0) {
    const [next, , high, low] = octets.subarray(at, at + 4);
    if (next === undefined || high === undefined || low === undefined) return octets.length;
    const length = high * 256 + low;
    if (length < 4 || at + length > octets.length) return octets.length;
    at += length;
    type = next;
  }
  return at;
}

/** The HASH of a peer with a pre-shared key. */
export function checkHash(input: ProofInput, proof: Proof, ctx: Context): Result<readonly string[], Refused> {
  if (!verifyHash(ctx.env.crypto, input, proof.evidence)) {
    return err({ code: "authentication-failed", why: "HASH does not match: wrong pre-shared key or altered exchange" });
  }
  return ok(proof.notes);
}

/** Why the certificates and the identity of a peer that signs need not be looked at any further; undefined when they do. */
export function unacceptable({ certificates, identity }: Proof, ctx: Context): Refused | undefined {
  const { policy, env } = ctx;
  if (certificates.length === 0) return { code: "invalid-certificate", why: "no certificate was sent" };
  if (policy.peersAreSubjects !== true) return undefined;
  if (certificates.length > 1) {
    const why = `${certificates.length} certificates were sent, exactly one is taken`;
    return { code: "invalid-certificate", why, detail: "more than one" };
  }
  if (identity.type === IdType.ID_DER_ASN1_DN) return undefined;
  const claimed = sanitise(identityText(identity, env.crypto));
  return {
    code: "invalid-identity",
    why: `identity ${claimed} is no ID_DER_ASN1_DN, the subject of the certificate`,
    detail: "not the subject of the certificate",
  };
}

/** Certificate, identity and signature of a peer, once its chain has been looked at. */
export function checkSignature(
  input: ProofInput,
  proof: Proof,
  verdict: ChainVerdict,
  ctx: Context,
): Result<Omit<Authenticated, "proof" | "peer">, Refused> {
  const { crypto } = ctx.env;
  if (!verdict.ok) {
    const { code: detail, why } = verdict;
    return err({ code: "invalid-certificate", why: `certificate ${detail}: ${sanitise(why)}`, detail });
  }
  const subject = sanitise(verdict.leaf.subjectText);
  const unbound = unboundBecause(proof.identity, verdict.leaf, crypto);
  if (unbound !== undefined) {
    const claimed = sanitise(identityText(proof.identity, crypto));
    return err({
      code: "invalid-identity",
      why: `identity ${claimed} is not in the certificate: ${sanitise(unbound)}`,
      detail: "not in the certificate",
    });
  }
  const verifier = crypto.importVerifier(verdict.leaf.publicKey);
  const reading = verifySignature(crypto, verifier, input, proof.evidence);
  if (reading === undefined) {
    return err({ code: "authentication-failed", why: `signature does not verify with the key of ${subject}` });
  }
  const { subjectText: certificateSubject, notAfter: certificateEnd } = verdict.leaf;
  const { reference: certificate } = verdict;
  return ok({ certificateSubject, certificateEnd, certificate, notes: [...proof.notes, `signature: ${reading}`] });
}

/** With a pre-shared key: an address identity that is not where the peer is deserves a note. */
export function addressNote(identity: Identity, remote: Endpoint): readonly string[] {
  if (identity.type !== IdType.ID_IPV4_ADDR && identity.type !== IdType.ID_IPV6_ADDR) return [];
  return addressText(identity.data) === remote.address ? [] : [`identity is not the source address ${remote.address}`];
}

/** Our message 5 or 6. `lastBlock` is its last ciphertext block. */
export function buildProof(
  keyed: Keyed,
  whose: "initiator" | "responder",
  offer: Uint8Array,
  iv: Uint8Array,
  initialContact: { readonly doi: number } | undefined,
  ctx: Context,
): { datagram: Uint8Array; lastBlock: Uint8Array } {
  const { policy, env } = ctx;
  const id = identityPayload(policy.local.identity);
  const identity = encodePayload(id, 0).subarray(4);
  const signs = keyed.proposal.authentication !== "psk";
  const payloads: Payload[] = [id];
  if (signs) payloads.push(...certificatePayloads(policy));
  const over = { ...keyed.exchanged, offer, identity };
  payloads.push(prove(env.crypto, policy, { proposal: keyed.proposal, skeyid: keyed.skeyid, whose, over }));
  if (signs && whose === "initiator") payloads.push(...certificateRequests(policy, env.crypto));
  if (initialContact !== undefined) {
    payloads.push({
      kind: "N",
      doi: initialContact.doi,
      protocolId: ProtocolId.PROTO_ISAKMP,
      spi: concat(keyed.initiatorCookie, keyed.responderCookie),
      notifyType: NotifyType.INITIAL_CONTACT,
      data: new Uint8Array(0),
    });
  }
  const { datagram, nextIv } = protect(
    keyed,
    env,
    ExchangeType.IDENTITY_PROTECTION,
    0,
    payloadType(id),
    encodeChain(payloads),
    iv,
  );
  return { datagram, lastBlock: nextIv };
}

function certificatePayloads(policy: Phase1Policy): Payload[] {
  return policy.local.certificates.map((data) => ({
    kind: "CERT",
    encoding: CertificateEncoding.X509_SIGNATURE,
    data,
  }));
}

const authorities = new WeakMap<Phase1Policy, readonly Uint8Array[]>();

/** One CR for each trust anchor: its subject as DER Name (RFC 2408 3.10); none when the policy sends none. */
export function certificateRequests(policy: Phase1Policy, crypto: CryptoProvider): Payload[] {
  if (!policy.sendCertificateRequest) return [];
  let names = authorities.get(policy);
  if (names === undefined) {
    names = policy.anchors.map((der) => crypto.parseCertificate(der).subject);
    authorities.set(policy, names);
  }
  return names.map((authority) => ({ kind: "CR", encoding: CertificateEncoding.X509_SIGNATURE, authority }));
}
