/** Files that the examples and tests name, made in a temporary folder. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueCa, issueCertificate, issueCrl } from "../../crypto/node/issue.ts";
import { toPem } from "../../crypto/node/pem.ts";

/** The time that the certificates are made for. */
export const testTime = Date.UTC(2026, 0, 1);
const day = 86_400_000;

/** A folder with keys and certificates for one server and its members. */
export function testFolder(): {
  readonly folder: string;
  write(name: string, text: string, mode?: number): string;
  remove(): void;
} {
  const folder = mkdtempSync(join(tmpdir(), "keyherald-config-"));
  const write = (name: string, text: string, mode = 0o600) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  const ecdsa = { kind: "ecdsa", curve: "P-256" } as const;
  const from = { notBefore: testTime - day, notAfter: testTime + 365 * day };
  const ca = issueCa({ subject: "CN=CA,O=Utility", algorithm: ecdsa, ...from });
  const authority = { certificate: ca.certificate, key: ca.key };
  const issue = (subject: string, times = from) =>
    issueCertificate({
      ca: authority,
      subject,
      algorithm: ecdsa,
      addresses: ["192.0.2.1"],
      dnsNames: ["ks.example"],
      ...times,
    });
  const server = issue("CN=server,O=Utility");
  const old = issue("CN=old,O=Utility", { notBefore: testTime - 9 * day, notAfter: testTime - day });
  for (const name of ["gm1.psk", "gm2.psk", "ks1.psk", "paris.psk", "alice.psk"])
    write(name, "correct horse battery staple\n");
  write("short.psk", "secret\n");
  write("empty.psk", "\n");
  write("lines.psk", "one\ntwo\n");
  write("nothex.psk", "hex:xyz\n");
  write("open.psk", "correct horse battery staple\n", 0o644);
  write("state.key", `${"ab".repeat(32)}\n`);
  write("short.key", "abcd\n");
  write("ca.pem", ca.certificatePem, 0o644);
  write(
    "ca.crl",
    toPem(
      "X509 CRL",
      issueCrl({ ca: authority, revoked: [], number: 1, thisUpdate: testTime, nextUpdate: testTime + day }),
    ),
    0o644,
  );
  write("server.pem", server.certificatePem + ca.certificatePem, 0o644);
  write("kdc.pem", server.certificatePem, 0o644);
  write("server.key", server.keyPem);
  write("open.key", server.keyPem, 0o640);
  write("other.key", issue("CN=other").keyPem);
  write("old.pem", old.certificatePem, 0o644);
  write("old.key", old.keyPem);
  const p384 = issueCertificate({
    ca: authority,
    subject: "CN=server,O=Utility",
    algorithm: { kind: "ecdsa", curve: "P-384" },
    addresses: [],
    dnsNames: [],
    ...from,
  });
  write("push384.key", p384.keyPem);
  write("p384.pem", p384.certificatePem, 0o644);
  const ed25519 = issueCertificate({
    ca: authority,
    subject: "CN=berlin,O=Utility",
    algorithm: { kind: "ed25519" },
    addresses: [],
    dnsNames: ["berlin.example"],
    ...from,
  });
  write("ed25519.pem", ed25519.certificatePem, 0o644);
  write("ed25519.key", ed25519.keyPem);
  mkdirSync(join(folder, "folder"));
  return { folder, write, remove: () => rmSync(folder, { recursive: true }) };
}
