/** Registered members of one group: compact records, found by identity, by address, or by slot. */
import type { Endpoint, Instant } from "../../core/engine.ts";
import { type Identity, identityKey, identityText } from "../../core/identity.ts";
import type { CryptoProvider } from "../../crypto/provider.ts";
import { IdType } from "../../iana/isakmp.ts";
import { addressOctets, addressText } from "../../util/address.ts";
import { fromHex } from "../../util/octets.ts";
import type { MemberCertificate } from "./certificates.ts";
import type { SidRange } from "./sids.ts";

export type Standing = "registered" | "removed" | "evicted";

/** One member. Its slot indexes the arrays of every rekey and is never given to another member. */
export class Member {
  readonly slot: number;
  /** identityKey of its Phase 1 identity. */
  readonly key: string;
  readonly name: string;
  standing: Standing = "registered";
  reason: string | undefined = undefined;
  /** Source address and port of its last GROUPKEY-PULL: where pushes go, and what its ACKs must name (RFC 8263 3.4). */
  address = "";
  port = 0;
  /** The address as an integer when it is IPv4, else -1: compared with each ACK. */
  ipv4 = -1;
  /** The local socket that its GROUPKEY-PULL came to. */
  local: Endpoint = NOWHERE;
  /** What it proved its identity with when it registered. */
  certificate: MemberCertificate | undefined = undefined;
  registeredAt: Instant = 0;
  registrations = 0;
  /** The group's epoch when it registered: SIDs, leaf and keys of another epoch are gone. */
  epoch = 0;
  sids: SidRange = NO_SIDS;
  /** SIDs of that epoch that it was given in all until `sidsCountedUntil`, when the count begins anew. */
  sidsTaken = 0;
  sidsCountedUntil: Instant = 0;
  /** The last generation of TEKs when it registered: it was given all that lived up to this one. */
  generation = 0;
  /** Its leaf of that epoch's key tree, 0 without one. */
  leaf = 0;
  /** It acknowledged the deletion of all keys, so it holds none until it registers again. */
  keyless = false;
  everAcked = false;
  lastAckAt: Instant = 0;
  lastAckSeq = 0;
  /** Rekeys in a row that it did not acknowledge, and the number of the last of them. */
  missed = 0;
  missedNumber = 0;

  constructor(slot: number, key: string, name: string) {
    this.slot = slot;
    this.key = key;
    this.name = name;
  }

  /** Takes over where it registered from. */
  locate(address: string, port: number, local: Endpoint): void {
    this.address = address;
    this.port = port;
    this.local = local;
    const octets = addressOctets(address);
    this.ipv4 = octets?.length === 4 ? uint32(octets, 0) : -1;
  }
}

const NOWHERE: Endpoint = { address: "0.0.0.0", port: 0 };
const NO_SIDS: SidRange = { from: 0, count: 0 };

/** Four octets from `at` as an unsigned integer. */
export function uint32(octets: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
  return a * 0x1000000 + ((b << 16) | (c << 8) | d);
}

/** What people call an identity: a host name as it is, everything else in the spelling of identityText. */
export function memberName(identity: Identity, crypto: CryptoProvider): string {
  const text = identityText(identity, crypto);
  if (identity.type !== IdType.ID_FQDN || !text.startsWith("fqdn:")) return text;
  const bare = text.slice("fqdn:".length);
  // a name that could be taken for something else keeps its scheme
  return bare.includes(":") || addressOctets(bare) !== undefined ? text : bare;
}

/** The identity of an identityKey. */
export function identityOf(key: string): Identity {
  const colon = key.indexOf(":");
  return { type: Number(key.slice(0, colon)), data: fromHex(key.slice(colon + 1)) };
}

export class MemberTable {
  readonly #slots: Member[] = [];
  readonly #byKey = new Map<string, Member>();
  readonly #byName = new Map<string, Member>();
  /** Registered members by address; a list only where several share one. */
  readonly #byAddress = new Map<string, Member | Member[]>();
  registered = 0;

  /** One more than the highest slot. */
  get size(): number {
    return this.#slots.length;
  }

  at(slot: number): Member | undefined {
    return this.#slots[slot];
  }

  find(identity: Identity): Member | undefined {
    return this.#byKey.get(identityKey(identity));
  }

  /** By its name, or by an address that only it has. */
  named(name: string): Member | undefined {
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    const there = this.#byAddress.get(name);
    return Array.isArray(there) ? (there.length === 1 ? there[0] : undefined) : there;
  }

  /** Registered members at an address. */
  atAddress(address: string): Member | readonly Member[] | undefined {
    return this.#byAddress.get(address);
  }

  /** The member of an identity, made when it is new. It is not registered yet. */
  open(identity: Identity, crypto: CryptoProvider): Member {
    const known = this.find(identity);
    if (known !== undefined) return known;
    const member = new Member(this.#slots.length, identityKey(identity), memberName(identity, crypto));
    member.standing = "removed";
    this.#insert(member);
    return member;
  }

  /** Puts back a member of an earlier life; slots that no record has stay empty. */
  restore(member: Member): void {
    this.#insert(member);
    if (member.standing === "registered") this.#index(member);
  }

  /** Registered from now on, at this address. */
  register(member: Member, address: string, port: number, local: Endpoint): void {
    if (member.standing === "registered") this.#unindex(member);
    member.standing = "registered";
    member.reason = undefined;
    member.keyless = false;
    member.locate(address, port, local);
    this.#index(member);
  }

  /** No longer registered. */
  withdraw(member: Member, standing: "removed" | "evicted", reason: string): void {
    if (member.standing === "registered") this.#unindex(member);
    member.standing = standing;
    member.reason = reason;
  }

  /** Registered members. */
  *present(): Iterable<Member> {
    for (const member of this.#slots) if (member?.standing === "registered") yield member;
  }

  /** Everybody that was ever registered. */
  *all(): Iterable<Member> {
    for (const member of this.#slots) if (member !== undefined) yield member;
  }

  #insert(member: Member): void {
    this.#slots[member.slot] = member;
    this.#byKey.set(member.key, member);
    this.#byName.set(member.name, member);
  }

  #index(member: Member): void {
    this.registered += 1;
    const there = this.#byAddress.get(member.address);
    if (there === undefined) this.#byAddress.set(member.address, member);
    else if (Array.isArray(there)) there.push(member);
    else this.#byAddress.set(member.address, [there, member]);
  }

  #unindex(member: Member): void {
    this.registered -= 1;
    const there = this.#byAddress.get(member.address);
    const rest = Array.isArray(there) ? there.filter((other) => other !== member) : [];
    if (rest.length === 0) this.#byAddress.delete(member.address);
    else this.#byAddress.set(member.address, rest);
  }
}

/** Whether an ACK's ID is the member's registered address. */
export function hasAddress(member: Member, idType: number, id: Uint8Array): boolean {
  if (idType === IdType.ID_IPV4_ADDR) return id.length === 4 && member.ipv4 === uint32(id, 0);
  return idType === IdType.ID_IPV6_ADDR && id.length === 16 && member.ipv4 < 0 && addressText(id) === member.address;
}
