/**
 * The GROUPKEY-PUSH datagram (RFC 6407 4):
 *
 *     GM                    GCKS
 *                     <---- HDR*, SEQ, [D,] [SA, KD,] SIG
 *
 * The signature covers 'rekey', HDR as it is sent, and the payloads before SIG with their generic headers, not the
 * padding (READINGS 21, 22). The IV is the one that came with the KEK, for every push (READINGS 23).
 */
import type { Env } from "../core/engine.ts";
import type { SecretKey, Signer, Verifier } from "../crypto/provider.ts";
import { ExchangeType, Flag, PayloadType } from "../iana/isakmp.ts";
import { concat, utf8 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { WireError } from "../wire/error.ts";
import { encodeHeader, HEADER_LENGTH } from "../wire/header.ts";
import { decodeChain, encodeChain, encodePayload, payloadType } from "../wire/message.ts";
import type { DeletePayload, GdoiSaPayload, Header, KdPayload, Payload, ReceivedPayload } from "../wire/payloads.ts";
import { pushScheme, signatureOctets } from "./signature.ts";

type CryptoEnv = Pick<Env, "crypto">;

const BLOCK = 16;
const LABEL = utf8("rekey");

/** What a Rekey SA encrypts with. */
export interface KekKey {
  /** 16 octets: the cookies of HDR. */
  readonly spi: Uint8Array;
  readonly iv: Uint8Array;
  readonly key: SecretKey;
}

/** SIG_ALGORITHM, SIG_HASH_ALGORITHM and the key for them. */
export interface SignatureChoice {
  readonly algorithm: number;
  readonly hash: number;
  readonly signer: Signer;
}

/** The KekKey of KEK_ALGORITHM_KEY octets: IV | key (RFC 6407 5.6.2.1). The octets are copied. */
export function kekKey(spi: Uint8Array, ivAndKey: Uint8Array, env: CryptoEnv): KekKey {
  return { spi, iv: ivAndKey.slice(0, BLOCK), key: env.crypto.importSecret(ivAndKey.slice(BLOCK)) };
}

/** The key without the IV in front of it: base_key of RFC 8263 3.2. */
export function keyOfIvAndKey(ivAndKey: Uint8Array): Uint8Array {
  return ivAndKey.subarray(BLOCK);
}

/**
 * Makes the datagram.
 * @param payloads SEQ, [D...], [SA, KD], without SIG.
 * @throws RangeError when signature algorithm, hash and key do not fit, or SEQ does not come first.
 */
export function buildPush(
  kek: KekKey,
  payloads: readonly Payload[],
  signature: SignatureChoice,
  env: CryptoEnv,
): Uint8Array {
  const scheme = pushScheme(signature.algorithm, signature.hash);
  const octets = signatureOctets(signature.algorithm, signature.signer.algorithm);
  if (scheme === undefined || octets === undefined) throw new RangeError("signature algorithm and key do not fit");
  const [first] = payloads;
  if (first?.kind !== "SEQ") throw new RangeError("a GROUPKEY-PUSH begins with SEQ");
  const chain = encodeChain(payloads, PayloadType.SIG);
  const plaintext = new Uint8Array(pushOctets(chain.length, octets) - HEADER_LENGTH);
  const header = encodeHeader({
    initiatorCookie: kek.spi.subarray(0, 8),
    responderCookie: kek.spi.subarray(8, 16),
    nextPayload: payloadType(first),
    exchangeType: ExchangeType.GROUPKEY_PUSH,
    flags: Flag.ENCRYPTION,
    messageId: 0,
    length: HEADER_LENGTH + plaintext.length,
  });
  const data = signature.signer.sign(scheme, concat(LABEL, header, chain));
  plaintext.set(chain);
  plaintext.set(encodePayload({ kind: "SIG", data }, PayloadType.NONE), chain.length);
  return concat(header, env.crypto.aesCbcEncrypt(kek.key, kek.iv, plaintext));
}

/** Octets of a push whose payloads before SIG have `chainOctets` and whose signature has `signature`: to split large ones. */
export function pushOctets(chainOctets: number, signature: number): number {
  return HEADER_LENGTH + Math.ceil((chainOctets + 4 + signature) / BLOCK) * BLOCK;
}

/** A push whose form is right; SEQ and signature are still to be judged. */
export interface OpenedPush {
  readonly payloads: readonly ReceivedPayload[];
  readonly seq: number;
  readonly deletes: readonly DeletePayload[];
  readonly sa?: GdoiSaPayload;
  readonly kd?: KdPayload;
  readonly signedOctets: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Decrypts a push and checks its form (RFC 6407 4 and 4.2): flags, Message ID, order of payloads, padding of zeros.
 * A SEQ and SIG alone, an SA without KD and a KD without SA are refused (READINGS 29).
 */
export function openPush(
  kek: KekKey,
  datagram: Uint8Array,
  header: Header,
  env: CryptoEnv,
): Result<OpenedPush, WireError> {
  if (header.flags !== Flag.ENCRYPTION) return form("bad-value", "Flags must have the Encryption bit alone", 19);
  if (header.messageId !== 0) return form("bad-value", "Message ID must be zero", 20);
  const ciphertext = datagram.subarray(HEADER_LENGTH);
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0) {
    return form("bad-length", `${ciphertext.length} octets of ciphertext, expected a multiple of ${BLOCK}`, 24);
  }
  const plaintext = env.crypto.aesCbcDecrypt(kek.key, kek.iv, ciphertext);
  const chain = decodeChain(header.nextPayload, plaintext, 0, "gdoi", "zeros");
  if (!chain.ok) return chain;
  return readForm(chain.value.payloads, datagram.subarray(0, HEADER_LENGTH), plaintext);
}

function readForm(
  payloads: readonly ReceivedPayload[],
  header: Uint8Array,
  plaintext: Uint8Array,
): Result<OpenedPush, WireError> {
  let at = 0;
  const take = () => payloads[at]?.payload;
  const seq = take();
  if (seq?.kind !== "SEQ") return form("unexpected", "SEQ must come first", 0);
  at++;
  const deletes: DeletePayload[] = [];
  for (let d = take(); d?.kind === "D"; d = take()) {
    deletes.push(d);
    at++;
  }
  let policy: { sa: GdoiSaPayload; kd: KdPayload } | undefined;
  const sa = take();
  if (sa?.kind === "GDOI-SA") {
    at++;
    const kd = take();
    if (kd?.kind !== "KD") return form("unexpected", "KD must follow SA", payloads[at]?.offset ?? plaintext.length);
    at++;
    policy = { sa, kd };
  }
  const last = payloads[at];
  if (last?.payload.kind !== "SIG") return form("unexpected", "expected SIG", last?.offset ?? plaintext.length);
  if (at !== payloads.length - 1) return form("unexpected", "SIG must come last", last.offset);
  if (deletes.length === 0 && policy === undefined) return form("unexpected", "neither D nor SA and KD", last.offset);
  return ok({
    payloads,
    seq: seq.sequenceNumber,
    deletes,
    ...policy,
    signedOctets: concat(LABEL, header, plaintext.subarray(0, last.offset)),
    signature: last.payload.data,
  });
}

/** Whether SIG is the key's under SIG_ALGORITHM and SIG_HASH_ALGORITHM; false also for what is not supported. */
export function verifyPush(opened: OpenedPush, verifier: Verifier, algorithm: number, hash: number): boolean {
  const scheme = pushScheme(algorithm, hash);
  if (scheme === undefined || signatureOctets(algorithm, verifier.algorithm) !== opened.signature.length) return false;
  return verifier.verify(scheme, opened.signedOctets, opened.signature);
}

function form(code: WireError["code"], message: string, offset: number): Result<never, WireError> {
  return err({ code, message, offset, path: "GROUPKEY-PUSH", section: "RFC 6407 4" });
}
