/** Established Phase 1 SAs: one small object each, found by cookies and by the peer's identity. */
import type { Endpoint, Instant } from "../core/engine.ts";
import { type Identity, identityKey } from "../core/identity.ts";
import type { SecretKey } from "../crypto/provider.ts";
import { concat, hex } from "../util/octets.ts";
import type { Phase1Proposal, Phase1Sa } from "./types.ts";

/** One peer may have this many SAs at once; the oldest gives way. */
export const SAS_PER_IDENTITY = 8;

/** Message IDs of protected Informational exchanges that are remembered against replay. */
const REMEMBERED_MESSAGE_IDS = 16;

/** All cookies and blocks are kept in one octet string: ten thousand of these must stay small. */
export class EstablishedSa implements Phase1Sa {
  readonly id: string;
  readonly role: "initiator" | "responder";
  local: Endpoint;
  remote: Endpoint;
  readonly localIdentity: Identity;
  readonly peerIdentity: Identity;
  readonly peerName: string;
  readonly proposal: Phase1Proposal;
  readonly doi: number;
  readonly skeyidA: SecretKey;
  readonly encryptionKey: SecretKey;
  readonly establishedAt: Instant;
  readonly expiresAt: Instant;
  readonly certificateSubject?: string;
  /** CKY-I, CKY-R, last block. */
  readonly #octets: Uint8Array;
  #messageIds: number[] | undefined = undefined;

  constructor(from: Omit<Phase1Sa, "id">) {
    this.id = saId(from.initiatorCookie, from.responderCookie);
    this.role = from.role;
    this.local = from.local;
    this.remote = from.remote;
    this.localIdentity = from.localIdentity;
    // of its own: what was received is part of a whole datagram
    this.peerIdentity = { type: from.peerIdentity.type, data: from.peerIdentity.data.slice() };
    this.peerName = from.peerName;
    this.proposal = from.proposal;
    this.doi = from.doi;
    this.skeyidA = from.skeyidA;
    this.encryptionKey = from.encryptionKey;
    this.establishedAt = from.establishedAt;
    this.expiresAt = from.expiresAt;
    if (from.certificateSubject !== undefined) this.certificateSubject = from.certificateSubject;
    this.#octets = concat(from.initiatorCookie, from.responderCookie, from.lastBlock);
  }

  get initiatorCookie(): Uint8Array {
    return this.#octets.subarray(0, 8);
  }

  get responderCookie(): Uint8Array {
    return this.#octets.subarray(8, 16);
  }

  get lastBlock(): Uint8Array {
    return this.#octets.subarray(16);
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
  return hex(initiatorCookie) + hex(responderCookie);
}

export class EstablishedSas {
  readonly #byId = new Map<string, EstablishedSa>();
  readonly #byIdentity = new Map<string, EstablishedSa[]>();

  add(sa: EstablishedSa): void {
    this.#byId.set(sa.id, sa);
    const key = identityKey(sa.peerIdentity);
    const others = this.#byIdentity.get(key);
    if (others === undefined) this.#byIdentity.set(key, [sa]);
    else others.push(sa);
  }

  /** False when it was not there. */
  remove(sa: Phase1Sa): boolean {
    if (!this.#byId.delete(sa.id)) return false;
    const key = identityKey(sa.peerIdentity);
    const left = this.#byIdentity.get(key)?.filter((one) => one.id !== sa.id) ?? [];
    if (left.length === 0) this.#byIdentity.delete(key);
    else this.#byIdentity.set(key, left);
    return true;
  }

  get(id: string): EstablishedSa | undefined {
    return this.#byId.get(id);
  }

  /** SAs of one peer identity, oldest first. */
  of(identity: Identity): readonly EstablishedSa[] {
    return this.#byIdentity.get(identityKey(identity)) ?? [];
  }

  all(): Iterable<EstablishedSa> {
    return this.#byId.values();
  }

  get size(): number {
    return this.#byId.size;
  }
}
