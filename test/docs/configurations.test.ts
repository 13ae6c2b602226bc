import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadConfiguration } from "../../src/config/load.ts";
import { type Issued, issueCa, issueCertificate } from "../../src/crypto/node/issue.ts";
import { documents, documentText } from "../support/documents.ts";

/** The YAML blocks of a document that have a role in them, or a group for one. */
const blocks = documents().flatMap((document) =>
  [...documentText(document).matchAll(/^```yaml\n(.*?)^```$/gmsu)].map(([, text = ""], index) => ({
    name: `${document}, block ${index + 1}`,
    text,
  })),
);

const roles = blocks.filter(({ text }) => /^(keyServer|member|ikev2):$/mu.test(text));
const groups = blocks.filter(({ text }) => /^ {2}groups:$/mu.test(text) && !roles.some((role) => role.text === text));

describe("configurations in the documents", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyherald-documents-"));
  const validity = { notBefore: Date.now() - 86_400_000, notAfter: Date.now() + 365 * 86_400_000 };
  const algorithm = { kind: "ecdsa", curve: "P-256" } as const;

  const secret = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  const pair = (name: string, issued: Issued) => {
    secret(`${name}.pem`, issued.certificatePem);
    secret(`${name}.key`, issued.keyPem);
  };

  beforeAll(() => {
    secret("state.key", "00".repeat(32));
    for (const name of ["gm1.psk", "gm2.psk", "paris.psk"]) secret(name, `hex:${"11".repeat(32)}\n`);
    const ca = issueCa({ subject: "CN=Lab CA,O=Utility", algorithm, ...validity });
    pair("ca", ca);
    for (const name of ["ks1", "gm1", "berlin", "paris"]) {
      const dnsNames = [`${name}.example`];
      const request = { subject: `CN=${name},O=Utility`, algorithm, ...validity, dnsNames, addresses: [] };
      pair(name, issueCertificate({ ...request, ca: { certificate: ca.certificate, key: ca.keyPem } }));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What is wrong with a text as a file in that folder. */
  const problems = (text: string) => {
    const file = join(folder, "keyherald.yaml");
    const state = /^state:$/mu.test(text) ? "" : "state: { file: state.db, key: { file: state.key } }\n";
    writeFileSync(file, state + text.replaceAll("/etc/keyherald/", ""));
    const loaded = loadConfiguration(file, {});
    return loaded.ok ? loaded.value.warnings : loaded.error;
  };

  test("are found", () => {
    expect(roles.length).toBeGreaterThan(5);
    expect(groups.length).toBeGreaterThan(0);
  });

  test.each(roles)("is valid and without warnings: $name", ({ text }) => {
    expect(problems(text)).toEqual([]);
  });

  test.each(groups)("is valid inside of a key server: $name", ({ text }) => {
    const peers = "  peers: [{ name: gm1, address: 192.0.2.10, psk: { file: gm1.psk } }]\n";
    expect(problems(`keyServer:\n  listen: ["192.0.2.1:848"]\n${peers}${text}`)).toEqual([]);
  });

  test("are all YAML", () => {
    for (const { text } of blocks) expect(() => parse(text)).not.toThrow();
  });
});
