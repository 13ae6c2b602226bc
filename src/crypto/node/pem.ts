/** PEM (RFC 7468) to DER and back. */
import { CryptoError } from "../provider.ts";

/** One block: the label between `-----BEGIN ` and `-----`, and what it encloses. */
export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array<ArrayBuffer>;
}

/**
 * All blocks of a text, in their order; what stands between them is passed over.
 * @throws CryptoError "bad-key" for a block that does not end, or whose contents are not base64.
 */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let base64 = "";
  for (const line of text.split(/\r?\n/)) {
    const [, edge, name] = /^-----(BEGIN|END) ([^-]+)-----\s*$/.exec(line) ?? [];
    if (edge === "BEGIN" && label === undefined) {
      label = name;
      base64 = "";
    } else if (edge === "END" && label === name && label !== undefined) {
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
        throw new CryptoError("bad-key", `the PEM block ${label} is not base64`);
      blocks.push({ label, der: new Uint8Array(Buffer.from(base64, "base64")) });
      label = undefined;
    } else if (edge !== undefined) {
      throw new CryptoError("bad-key", `"${line.trim()}" does not fit the PEM block before it`);
    } else if (label !== undefined) {
      base64 += line.trim();
    }
  }
  if (label !== undefined) throw new CryptoError("bad-key", `the PEM block ${label} does not end`);
  return blocks;
}

/**
 * The certificates of a PEM text, DER, in their order; of one DER certificate, itself.
 * @throws CryptoError "bad-key" as pemBlocks, and when there is none.
 */
export function certificatesFrom(file: Uint8Array): Uint8Array[] {
  if (file[0] === 0x30) return [file];
  const certificates = pemBlocks(Buffer.from(file).toString("latin1")).filter(({ label }) => label === "CERTIFICATE");
  if (certificates.length === 0) throw new CryptoError("bad-key", "no certificate in it, neither DER nor PEM");
  return certificates.map(({ der }) => der);
}

/** The revocation lists of a PEM text, or one in DER. @throws CryptoError "bad-key" as certificatesFrom. */
export function crlsFrom(file: Uint8Array): Uint8Array[] {
  if (file[0] === 0x30) return [file];
  const lists = pemBlocks(Buffer.from(file).toString("latin1")).filter(({ label }) => label === "X509 CRL");
  if (lists.length === 0) throw new CryptoError("bad-key", "no certificate revocation list in it, neither DER nor PEM");
  return lists.map(({ der }) => der);
}

/** A PEM block with lines of 64 characters, for instance of label `CERTIFICATE` or `PRIVATE KEY`. */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString("base64");
  return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}
