/**
 * The GROUPKEY-PUSH ACK (RFC 8263 3):
 *
 *     GM                      GCKS
 *     HDR, HASH, SEQ, ID   ---->
 */
import type { Env } from "../core/engine.ts";
import { type Identity, sameIdentity } from "../core/identity.ts";
import type { SecretKey } from "../crypto/provider.ts";
import { KekAckRequested } from "../iana/gdoi.ts";
import { ExchangeType, IdType, PayloadType } from "../iana/isakmp.ts";
import { concat, u16, utf8 } from "../util/octets.ts";
import type { AckView } from "../wire/gdoi/ack.ts";
import { encodeChain, encodeMessage } from "../wire/message.ts";
import type { Payload } from "../wire/payloads.ts";

type CryptoEnv = Pick<Env, "crypto">;

/** The label with its NUL (READINGS 33). */
const LABEL = utf8("GROUPKEY-PUSH ACK\0");

/** The prf of a KEK_ACK_REQUESTED type (RFC 8263 2.1-2.4). */
export function ackPrf(type: number): "sha256" | "sha512" {
  return type === KekAckRequested.REKEY_ACK_KEK_SHA512 || type === KekAckRequested.REKEY_ACK_LKH_SHA512
    ? "sha512"
    : "sha256";
}

/** Whether the type's base_key is the member's LKH leaf key (RFC 8263 2.2, 2.4), not the KEK. */
export function ackUsesLeaf(type: number): boolean {
  return type === KekAckRequested.REKEY_ACK_LKH_SHA256 || type === KekAckRequested.REKEY_ACK_LKH_SHA512;
}

/** Whether the type is one of RFC 8263; with any other a member takes part without acknowledging (RFC 8263 4). */
export function isAckType(type: number | undefined): type is 1 | 2 | 3 | 4 {
  return type === 1 || type === 2 || type === 3 || type === 4;
}

/**
 * ack_key = prf(base_key, "GROUPKEY-PUSH ACK" NUL | SPI | L), with L in bits, 512 or 1024 (READINGS 32).
 * @param baseKey the KEK's or the leaf's key without its IV.
 * @param spi 16 octets of the push's HDR.
 */
export function ackKey(type: number, baseKey: Uint8Array, spi: Uint8Array, env: CryptoEnv): SecretKey {
  const prf = ackPrf(type);
  const bits = u16(prf === "sha256" ? 512 : 1024);
  return env.crypto.importSecret(env.crypto.hmac(prf, env.crypto.importSecret(baseKey), LABEL, spi, bits));
}

/**
 * Makes the datagram.
 * @param spi of the KEK that decrypted the push.
 * @param sender the member's own address, 4 or 16 octets, or the ID_OID that it asked for (see ackNames).
 */
export function buildAck(
  type: number,
  key: SecretKey,
  spi: Uint8Array,
  seq: number,
  sender: Uint8Array | Identity,
  env: CryptoEnv,
): Uint8Array {
  const { type: idType, data: id } = sender instanceof Uint8Array ? addressIdentity(sender) : sender;
  const covered: Payload[] = [
    { kind: "SEQ", sequenceNumber: seq },
    { kind: "ID", idType, protocolId: 0, port: 0, data: id },
  ];
  const data = env.crypto.hmac(ackPrf(type), key, encodeChain(covered, PayloadType.NONE));
  return encodeMessage(
    {
      initiatorCookie: spi.subarray(0, 8),
      responderCookie: spi.subarray(8, 16),
      exchangeType: ExchangeType.GROUPKEY_PUSH_ACK,
      flags: 0,
      messageId: 0,
    },
    [{ kind: "HASH", data }, ...covered],
  );
}

function addressIdentity(data: Uint8Array): Identity {
  return { type: data.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR, data };
}

/**
 * Whether an ACK's ID is an ID_OID of one of these: what the group, or a TEK of it, is named by. RFC 8263 3.4 allows
 * ID_OID without saying which, and in the same breath wants the ID to be the member's address, which an OID has none
 * of. It is read so: the ID is the one of the member's GROUPKEY-PULL (RFC 8052 2.1), or a stream that it was given the
 * TEK of; that the address is the one of the most recent GROUPKEY-PULL is to be asked of the datagram.
 */
export function ackNames(view: AckView, names: Iterable<Identity>): boolean {
  if (view.idType !== IdType.ID_OID) return false;
  const id = { type: view.idType, data: view.id };
  for (const name of names) if (sameIdentity(name, id)) return true;
  return false;
}

/** Whether HASH is the one that the ack_key yields over SEQ and ID with their generic headers. */
export function verifyAck(type: number, key: SecretKey, view: AckView, env: CryptoEnv): boolean {
  return env.crypto.equal(env.crypto.hmac(ackPrf(type), key, view.covered), view.hash);
}

/** SPI of a push or an ACK: both cookies of HDR. */
export function spiOf(header: {
  readonly initiatorCookie: Uint8Array;
  readonly responderCookie: Uint8Array;
}): Uint8Array {
  return concat(header.initiatorCookie, header.responderCookie);
}
