/** Certificates that members have registered with, and what becomes of those that are revoked. */
import type { Env, StoreRecord } from "../../core/engine.ts";
import type { CertificateReference, CryptoProvider } from "../../crypto/provider.ts";
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

const KIND = "gcks.issuer";

/** The certificates of issuers, and the revocation lists that are asked about what they issued. */
export class Certificates {
  readonly #issuers = new Map<string, Uint8Array>();
  #lists: { readonly crls: readonly Uint8Array[]; readonly check: (one: CertificateReference) => boolean } | undefined;

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

  /** Whether a member's certificate is in one of the lists. */
  memberRevoked(
    { issuer, serialHex }: MemberCertificate,
    crls: readonly Uint8Array[],
    env: Pick<Env, "crypto">,
  ): boolean {
    const found = this.#issuers.get(issuer);
    return found !== undefined && this.revoked({ issuer: found, serialHex }, crls, env);
  }

  /** Whether a certificate is in one of the lists. */
  revoked(certificate: CertificateReference, crls: readonly Uint8Array[], { crypto }: Pick<Env, "crypto">): boolean {
    if (crls.length === 0) return false;
    if (this.#lists?.crls !== crls) this.#lists = { crls, check: crypto.revocations(crls) };
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
