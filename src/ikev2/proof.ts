/** AUTH and the certificates beside it, both ways (RFC 7296 2.15; RFC 4945 3.1 for what a certificate entitles to). */
import type { Endpoint } from "../core/engine.ts";
import { type Identity, identityText } from "../core/identity.ts";
import { samePeer, unboundBecause } from "../core/identity-binding.ts";
import { type ChainVerdict, CryptoError, type Verifier } from "../crypto/provider.ts";
import { AuthenticationMethod, IdType } from "../iana/ikev2.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { addressOctets, within } from "../util/address.ts";
import { err, ok, type Result } from "../util/result.ts";
import { encodePayloads } from "../wire/ikev2/message.ts";
import type { AuthPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { pskAuth, signAuth, signedOctets, verifyPskAuth, verifySignatureAuth } from "./auth.ts";
import { certificatePayloads, certificateRequest, receivedCertificates } from "./certificates.ts";
import { payloadOf, payloadsOf, receivedOf } from "./contents.ts";
import { identityPayload, readIdentity } from "./identity.ts";
import type { Ikev2, InitExchange, Peer, Role, Secured } from "./state.ts";
import type { AddressRange, Connection } from "./types.ts";

/** Octets in front of a payload's contents. */
const GENERIC_HEADER = 4;

/** What `role` signs: its own IKE_SA_INIT message, the other's nonce, its own identity (RFC 7296 2.15). */
function octetsToSign(ike: Ikev2, secured: Secured, init: InitExchange, role: Role, identity: Uint8Array): Uint8Array {
  const initiator = role === "initiator";
  return signedOctets(ike.env.crypto, secured.suite.prf, {
    message: initiator ? init.request : init.response,
    peerNonce: initiator ? init.nonces.responder : init.nonces.initiator,
    identity,
    skP: initiator ? init.pi : init.pr,
  });
}

/**
 * Our identity and its proof: ID, [CERT,] AUTH.
 * @param requested authorities that the peer asks certificates of
 */
export function prove(
  ike: Ikev2,
  { local, psk, signatures }: Connection,
  secured: Secured,
  init: InitExchange,
  role: Role,
  requested: readonly Uint8Array[],
): Result<{ readonly id: Payload; readonly certificates: readonly Payload[]; readonly auth: Payload }, string> {
  const { crypto } = ike.env;
  const id = identityPayload(role === "initiator" ? "IDi" : "IDr", local.identity);
  const octets = octetsToSign(ike, secured, init, role, encodePayloads([id]).subarray(GENERIC_HEADER));
  const { authentication } = local;
  if (authentication.method === "psk") {
    if (psk === undefined) return err("there is no pre-shared key");
    const data = pskAuth(crypto, secured.suite.prf, psk, octets);
    return ok({ id, certificates: [], auth: { kind: "AUTH", method: AuthenticationMethod.SHARED_KEY_MIC, data } });
  }
  const proof = signAuth(authentication.signer, octets, init.peerHashes, signatures);
  if (!proof.ok) return proof;
  const { method, data } = proof.value;
  const certificates = certificatePayloads(crypto, authentication.certificates, requested);
  return ok({ id, certificates, auth: { kind: "AUTH", method, data } });
}

/** What we ask certificates of: the trust anchors of peers that prove themselves by signatures. */
export function requestCertificates(ike: Ikev2, configs: readonly Connection[]): readonly Payload[] {
  const anchors = configs.flatMap(({ remote: { authentication } }) =>
    authentication.method === "signature" ? authentication.anchors : [],
  );
  const request = certificateRequest(ike.env.crypto, anchors);
  return request === undefined ? [] : [request];
}

/** Who the peer says that it is. */
export function claimedIdentity(payloads: readonly ReceivedPayload[], kind: "IDi" | "IDr"): Result<Identity, string> {
  const payload = payloadOf(payloads, kind);
  return payload === undefined ? err(`no ${kind} payload`) : readIdentity(payload);
}

/** Why a peer is not let in; the peer is told nothing of it. */
export interface ProofFault {
  readonly code: string;
  readonly why: string;
}

/** A peer's proof, verified as far as that is quick; with certificates the path to a trust anchor is left to find. */
export type Proven =
  | { readonly by: "psk"; readonly peer: Peer }
  | {
      readonly by: "signature";
      readonly chain: readonly Uint8Array[];
      readonly crls: readonly Uint8Array[];
      /** The peer, once its path is found. */
      readonly peer: (verdict: ChainVerdict) => Result<Peer, ProofFault>;
    };

/** Verifies AUTH of the peer that claims `identity`, as a connection asks for. */
export function verifyProof(
  ike: Ikev2,
  config: Connection,
  secured: Secured,
  init: InitExchange,
  payloads: readonly ReceivedPayload[],
  peerRole: Role,
  identity: Identity,
): Result<Proven, ProofFault> {
  const { crypto } = ike.env;
  const auth = payloadOf(payloads, "AUTH");
  const id = receivedOf(payloads, peerRole === "initiator" ? "IDi" : "IDr");
  if (auth === undefined || id === undefined)
    return err({ code: "no-auth", why: "there is no AUTH payload (EAP is not supported)" });
  const octets = octetsToSign(ike, secured, init, peerRole, id.octets.subarray(GENERIC_HEADER));
  const { authentication } = config.remote;
  if (authentication.method === "psk") {
    const { psk } = config;
    if (auth.method !== AuthenticationMethod.SHARED_KEY_MIC)
      return err({ code: "method", why: "the peer does not use the pre-shared key" });
    if (psk === undefined || !verifyPskAuth(crypto, secured.suite.prf, psk, octets, auth.data)) {
      return err({ code: "wrong-auth", why: "the pre-shared keys differ" });
    }
    return ok({ by: "psk", peer: { identity, authentication: "psk", certificate: undefined } });
  }
  if (auth.method === AuthenticationMethod.SHARED_KEY_MIC)
    return err({ code: "method", why: "the peer uses a pre-shared key, a signature is expected" });
  return verifySignature(ike, config, init, payloads, auth, octets, identity);
}

function verifySignature(
  ike: Ikev2,
  { signatures }: Connection,
  { peerHashes }: InitExchange,
  payloads: readonly ReceivedPayload[],
  auth: AuthPayload,
  octets: Uint8Array,
  identity: Identity,
): Result<Proven, ProofFault> {
  const { crypto } = ike.env;
  const { chain, crls } = receivedCertificates(payloadsOf(payloads, "CERT"));
  const [leaf] = chain;
  const verifier = leaf === undefined ? undefined : leafKey(ike, leaf);
  if (verifier === undefined) return err({ code: "no-certificate", why: "the peer sent no certificate of its own" });
  // possession first: it is the cheaper question
  const verified = verifySignatureAuth(verifier, octets, auth, peerHashes !== undefined, signatures);
  if (!verified.ok) return err({ code: "wrong-auth", why: verified.error.why });
  const peer = (verdict: ChainVerdict): Result<Peer, ProofFault> => {
    // a certificate's names are whatever its holder, or anybody who signs it himself, wrote
    if (!verdict.ok) return err({ code: `certificate-${verdict.code}`, why: sanitise(verdict.why) });
    const unbound = unboundBecause(identity, verdict.leaf, crypto);
    if (unbound !== undefined) {
      const name = sanitise(identityText(identity, crypto));
      return err({ code: "identity", why: `the certificate does not entitle to ${name}: ${sanitise(unbound)}` });
    }
    return ok({ identity, authentication: verified.value, certificate: verdict.reference });
  };
  return ok({ by: "signature", chain, crls, peer });
}

function leafKey({ env: { crypto } }: Ikev2, der: Uint8Array): Verifier | undefined {
  try {
    return crypto.importVerifier(crypto.parseCertificate(der).publicKey);
  } catch (thrown) {
    if (thrown instanceof CryptoError) return undefined;
    throw thrown;
  }
}

/** Whether a connection lets `identity` in; `named` when it says so by name. */
export function admits(ike: Ikev2, config: Connection, identity: Identity): "named" | "any" | undefined {
  if (config.remote.identity !== undefined) return samePeer(config.remote.identity, identity) ? "named" : undefined;
  if (config.remote.authentication.method === "psk" && !mayClaim(ike, config, identity)) return undefined;
  return "any";
}

/**
 * A pre-shared key that several peers may have proves no more than that it is one of them: it must not be somebody whom
 * another connection knows by name, nor claim an address from elsewhere.
 */
function mayClaim(ike: Ikev2, { remote: { addresses } }: Connection, identity: Identity): boolean {
  for (const { config } of ike.connections.values()) {
    const { identity: named } = config.remote;
    if (named !== undefined && samePeer(named, identity)) return false;
  }
  const isAddress = identity.type === IdType.ID_IPV4_ADDR || identity.type === IdType.ID_IPV6_ADDR;
  return !isAddress || inRanges(addresses, identity.data);
}

/** Whether a connection is for a peer that comes from there, by that socket of ours. */
export function serves({ local, remote }: Connection, from: Endpoint, via: Endpoint): boolean {
  return (local.address === undefined || local.address === via.address) && inRanges(remote.addresses, from.address);
}

/** No range at all is any address. */
function inRanges(ranges: readonly AddressRange[], address: Uint8Array | string): boolean {
  if (ranges.length === 0) return true;
  const octets = typeof address === "string" ? addressOctets(address) : address;
  return octets !== undefined && ranges.some(({ from, to }) => within(octets, from, to));
}
