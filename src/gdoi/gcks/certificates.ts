/** Certificates that members have registered with, and what becomes of those that are revoked. */
import type { Env, StoreRecord } from "../../core/engine.ts";
import type { CertificateReference, CryptoProvider } from "../../crypto/provider.ts";
import type { Phase1Policy } from "../../ikev1/types.ts";
import { hex } from "../../util/octets.ts";
import { Fields } from "./plain.ts";

/** Why members are put out whose certificates were revoked. */
export const CERTIFICATE_REVOKED = "certificate revoked";

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
  readonly #issuers = new Map<string, Uint8Array>();
  #lists: { readonly of: Trust; readonly check: (one: CertificateReference) => boolean } | undefined;

  /** Takes issuers back that an earlier life stored. @throws Error when a record is not of the form it was written in. */
  restore(records: Iterable<StoreRecord>): void {
    for (const { kind, key, value } of records) {
      if (kind === KIND) this.#issuers.set(key, new Fields(value, `${kind} ${key}`).octets("certificate"));
    }
  }

  /** Everything durable. */
  records(): StoreRecord[] {
    return [...this.#issuers].map(([key, certificate]) => ({ kind: KIND, key, value: { certificate } }));
  }

  /** What a member's record says of its certificate, with a record to be stored when the issuer is new. */
  note(of: CertificateReference, crypto: CryptoProvider): { certificate: MemberCertificate; record?: StoreRecord } {
    const certificate = noteOf(of, crypto);
    const { issuer } = certificate;
    if (this.#issuers.has(issuer)) return { certificate };
    this.#issuers.set(issuer, of.issuer.slice());
    return { certificate, record: { kind: KIND, key: issuer, value: { certificate: of.issuer } } };
  }

  /** Whether a member's certificate, or its issuer's, is in one of the lists. */
  memberRevoked({ issuer, serialHex }: MemberCertificate, trust: Trust, env: Pick<Env, "crypto">): boolean {
    const found = this.#issuers.get(issuer);
    return found !== undefined && this.revoked({ issuer: found, serialHex }, trust, env);
  }

  /** Whether a certificate, or its issuer's, is in one of the lists. */
  revoked(certificate: CertificateReference, trust: Trust, { crypto }: Pick<Env, "crypto">): boolean {
    if (trust.crls.length === 0) return false;
    if (this.#lists?.of !== trust) this.#lists = { of: trust, check: crypto.revocations(trust.crls, trust.anchors) };
    return this.#lists.check(certificate);
  }
}

function noteOf({ issuer, serialHex }: CertificateReference, crypto: CryptoProvider): MemberCertificate {
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
