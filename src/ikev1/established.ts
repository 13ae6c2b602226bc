/** Established Phase 1 SAs: one small object each, found by cookies and by the peer's identity. */
import type { Endpoint, Instant } from "../core/engine.ts";
import { type Identity, identityKey } from "../core/identity.ts";
import type { CertificateReference, CryptoProvider, SecretKey } from "../crypto/provider.ts";
import { concat, fromHex, hex } from "../util/octets.ts";
import { BLOCK_LENGTH } from "./phase2.ts";
import type { Phase1Proposal, Phase1Sa } from "./types.ts";

/** One peer may have this many SAs at once; the oldest gives way. */
export const SAS_PER_IDENTITY = 8;

/** Message IDs of protected Informational exchanges that are remembered against replay. */
const REMEMBERED_MESSAGE_IDS = 16;

/** Digits of one cookie. */
const COOKIE_DIGITS = 16;

/**
 * An SA that stands. Ten thousand of them must stay small, and most of them are idle; an octet string costs a quarter of
 * a KiB however short it is, a key inside the provider three quarters. So cookies, last block, identity and keys are kept
 * as text, one character an octet or digit, and are made when they are asked for, which takes a microsecond or two.
 */
export class EstablishedSa implements Phase1Sa {
  readonly id: string;
  readonly role: "initiator" | "responder";
  local: Endpoint;
  remote: Endpoint;
  readonly localIdentity: Identity;
  readonly peerName: string;
  readonly proposal: Phase1Proposal;
  readonly doi: number;
  readonly establishedAt: Instant;
  readonly expiresAt: Instant;
  readonly certificateSubject?: string;
  readonly certificate?: CertificateReference;
  /** identityKey of the peer's identity: type and data. */
  readonly peerKey: string;
  /** The one before of the same peer. */
  older: EstablishedSa | undefined = undefined;
  readonly #crypto: CryptoProvider;
  /** Last block, key of the cipher, SKEYID_a: an octet a character. */
  readonly #secrets: string;
  #messageIds: number[] | undefined = undefined;

  constructor(from: Omit<Phase1Sa, "id">, crypto: CryptoProvider) {
    this.id = saId(from.initiatorCookie, from.responderCookie);
    this.role = from.role;
    this.local = from.local;
    this.remote = from.remote;
    this.localIdentity = from.localIdentity;
    this.peerName = from.peerName;
    this.proposal = from.proposal;
    this.doi = from.doi;
    this.establishedAt = from.establishedAt;
    this.expiresAt = from.expiresAt;
    if (from.certificateSubject !== undefined) this.certificateSubject = from.certificateSubject;
    if (from.certificate !== undefined) this.certificate = from.certificate;
    this.peerKey = identityKey(from.peerIdentity);
    this.#crypto = crypto;
    const keys = [from.encryptionKey, from.skeyidA].map((key) => crypto.exportSecret(key));
    this.#secrets = Buffer.concat([from.lastBlock, ...keys]).toString("latin1");
  }

  get initiatorCookie(): Uint8Array {
    return fromHex(this.id.slice(0, COOKIE_DIGITS));
  }

  get responderCookie(): Uint8Array {
    return fromHex(this.id.slice(COOKIE_DIGITS));
  }

  get lastBlock(): Uint8Array {
    return this.#part(0, BLOCK_LENGTH);
  }

  get encryptionKey(): SecretKey {
    return this.#crypto.importSecret(this.#part(BLOCK_LENGTH, this.#keyEnd));
  }

  get skeyidA(): SecretKey {
    return this.#crypto.importSecret(this.#part(this.#keyEnd, this.#secrets.length));
  }

  get peerIdentity(): Identity {
    const colon = this.peerKey.indexOf(":");
    return { type: Number(this.peerKey.slice(0, colon)), data: fromHex(this.peerKey.slice(colon + 1)) };
  }

  get #keyEnd(): number {
    return BLOCK_LENGTH + this.proposal.keyBits / 8;
  }

  #part(start: number, end: number): Uint8Array {
    return new Uint8Array(Buffer.from(this.#secrets.slice(start, end), "latin1"));
  }

  /** Notes the Message ID of a genuine Informational exchange; false when it was there before: a replay. */
  takeMessageId(messageId: number): boolean {
    this.#messageIds ??= [];
    if (this.#messageIds.includes(messageId)) return false;
    this.#messageIds.push(messageId);
    if (this.#messageIds.length > REMEMBERED_MESSAGE_IDS) this.#messageIds.shift();
    return true;
  }
}

/** Hex of both cookies: the name of an SA or of an exchange on its way to one. */
export function saId(initiatorCookie: Uint8Array, responderCookie: Uint8Array): string {
  return hex(concat(initiatorCookie, responderCookie));
}

export class EstablishedSas {
  readonly #byId = new Map<string, EstablishedSa>();
  /** The newest of each peer. */
  readonly #newest = new Map<string, EstablishedSa>();

  add(sa: EstablishedSa): void {
    this.#byId.set(sa.id, sa);
    sa.older = this.#newest.get(sa.peerKey);
    this.#newest.set(sa.peerKey, sa);
  }

  /** False when it was not there. */
  remove(sa: EstablishedSa): boolean {
    if (!this.#byId.delete(sa.id)) return false;
    const newest = this.#newest.get(sa.peerKey);
    if (newest === sa) {
      if (sa.older === undefined) this.#newest.delete(sa.peerKey);
      else this.#newest.set(sa.peerKey, sa.older);
    }
    for (let one = newest; one !== undefined; one = one.older) if (one.older === sa) one.older = sa.older;
    return true;
  }

  get(id: string): EstablishedSa | undefined {
    return this.#byId.get(id);
  }

  /** SAs of the same peer identity as this one, which is among them; newest first. */
  like(sa: EstablishedSa): EstablishedSa[] {
    const found: EstablishedSa[] = [];
    for (let one = this.#newest.get(sa.peerKey); one !== undefined; one = one.older) found.push(one);
    return found;
  }

  all(): Iterable<EstablishedSa> {
    return this.#byId.values();
  }
}
