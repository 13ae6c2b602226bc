/** Certificates that members have registered with, and what becomes of those that are revoked or trusted no more. */

import { certificateFault } from "../../core/certificate-standing.ts";
import type { Env, StoreRecord } from "../../core/engine.ts";
import type { CertificateReference, CertificateStanding, CryptoProvider } from "../../crypto/provider.ts";
import type { Phase1Policy } from "../../ikev1/types.ts";
import { equal, hex } from "../../util/octets.ts";
import { Fields } from "../plain.ts";

/** A member's certificate; its issuer is kept once, by fingerprint, for all members. */
export interface MemberCertificate {
  /** SHA-256 of the issuer's certificate, in hexadecimal. */
  readonly issuer: string;
  readonly serialHex: string;
}

/** Whose certificates are taken, and what they have revoked. */
type Trust = Pick<Phase1Policy, "anchors" | "crls">;

const KIND = "gcks.issuer";

/** The certificates of issuers, and the revocation lists that are asked about what they issued. */
export class Certificates {
  readonly #issuers = new Map<string, Issuer>();
  #judge: { readonly of: Trust; readonly standing: (one: CertificateReference) => CertificateStanding } | undefined;

  /** Takes issuers back that an earlier life stored. @throws Error when a record is not of the form it was written in. */
  restore(records: Iterable<StoreRecord>): void {
    for (const { kind, key, value } of records) {
      if (kind !== KIND) continue;
      const fields = new Fields(value, `${kind} ${key}`);
      const above = fields.list("above").map((one) => one.octets("certificate"));
      this.#issuers.set(key, { issuer: fields.octets("certificate"), above });
    }
  }

  /** Everything durable. */
  records(): StoreRecord[] {
    return [...this.#issuers].map(([key, issuer]) => recordOf(key, issuer));
  }

  /** What a member's record says of its certificate, with a record to be stored when the issuer, or its path, is new. */
  note(of: CertificateReference, crypto: CryptoProvider): { certificate: MemberCertificate; record?: StoreRecord } {
    const certificate = noteOf(of, crypto);
    const { issuer } = certificate;
    const known = this.#issuers.get(issuer);
    if (known !== undefined && samePath(known.above, of.above)) return { certificate };
    const own = { issuer: of.issuer.slice(), above: of.above.map((one) => one.slice()) };
    this.#issuers.set(issuer, own);
    return { certificate, record: recordOf(issuer, own) };
  }

  /** Why a member with this certificate must go: undefined when it may stay. */
  memberFault({ issuer, serialHex }: MemberCertificate, trust: Trust, env: Pick<Env, "crypto">): string | undefined {
    const found = this.#issuers.get(issuer);
    return found && this.fault({ ...found, serialHex }, trust, env);
  }

  /** Why a certificate is not good any more: undefined when it is. */
  fault(certificate: CertificateReference, trust: Trust, { crypto }: Pick<Env, "crypto">): string | undefined {
    if (this.#judge?.of !== trust) this.#judge = { of: trust, standing: crypto.standings(trust.crls, trust.anchors) };
    return certificateFault(this.#judge.standing(certificate));
  }
}

/** An issuer, with the path above it that it was last accepted by. */
type Issuer = Pick<CertificateReference, "issuer" | "above">;

function recordOf(key: string, { issuer, above }: Issuer): StoreRecord {
  const value = { certificate: issuer, above: above.map((certificate) => ({ certificate })) };
  return { kind: KIND, key, value };
}

function samePath(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((one, i) => equal(one, b[i] ?? new Uint8Array(0)));
}

function noteOf({ issuer, serialHex }: Omit<CertificateReference, "above">, crypto: CryptoProvider): MemberCertificate {
  return { issuer: hex(crypto.hash("sha256", issuer)), serialHex };
}

/** Whether this is the certificate that a member registered with. */
export function isCertificateOf(
  known: MemberCertificate,
  certificate: CertificateReference,
  crypto: CryptoProvider,
): boolean {
  const { issuer, serialHex } = noteOf(certificate, crypto);
  return issuer === known.issuer && serialHex === known.serialHex;
}
