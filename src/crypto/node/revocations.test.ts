import { createPrivateKey, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { CertificateReference } from "../provider.ts";
import { element, elementAt, elementsIn, sequence } from "./der.ts";
import { nodeCrypto } from "./index.ts";
import { issueCa, issueCertificate, issueCrl } from "./issue.ts";

const now = Date.UTC(2026, 0, 1);
const terms = {
  algorithm: { kind: "ecdsa", curve: "P-256" },
  notBefore: now - 1_000,
  notAfter: now + 86_400_000,
} as const;
const ca = issueCa({ ...terms, subject: "CN=Utility CA" });
const namesake = issueCa({ ...terms, subject: "CN=Utility CA" });
const device = issueCertificate({ ...terms, ca, subject: "CN=ied1", serialHex: "8a" });

const list = (by: typeof ca, ...revoked: string[]) =>
  issueCrl({ ca: by, revoked, number: 1, thisUpdate: now, nextUpdate: terms.notAfter });

async function referenceOf(certificate: Uint8Array): Promise<CertificateReference> {
  const request = { chain: [certificate], anchors: [ca.certificate], crls: [], at: now };
  const verdict = await nodeCrypto.verifyChain(request);
  return (verdict.ok && verdict.reference) || expect.fail("no reference");
}

describe("a certificate that was accepted", () => {
  test("is known by the reference that its verdict carries", async () => {
    const reference = await referenceOf(device.certificate);
    expect(reference.issuer).toEqual(ca.certificate);
    expect(nodeCrypto.revocations([list(ca, "8b"), list(ca, "8a")], [ca.certificate])(reference)).toBe(true);
    expect(nodeCrypto.revocations([list(ca, "8b", "8a00")], [ca.certificate])(reference)).toBe(false);
    expect(nodeCrypto.revocations([], [ca.certificate])(reference)).toBe(false);
  });

  test("is not revoked by a namesake of its issuer, nor by what is no list", async () => {
    const reference = await referenceOf(device.certificate);
    const damaged = list(ca, "8a").slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    expect(
      nodeCrypto.revocations([list(namesake, "8a"), damaged, new Uint8Array(9)], [ca.certificate])(reference),
    ).toBe(false);
  });

  test("has no reference when it is a trust anchor itself", async () => {
    const request = { chain: [device.certificate], anchors: [device.certificate], crls: [], at: now };
    const verdict = await nodeCrypto.verifyChain(request);
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict).not.toHaveProperty("reference");
  });
});

/** An authority below `root`: the certificate of one, with another issuer and signed again. */
function below(root: typeof ca, subject: string, serialHex: string) {
  const own = issueCa({ ...terms, subject, serialHex });
  const parts = (der: Uint8Array) => elementsIn(elementAt(der, 0)?.contents ?? der) ?? [];
  const [tbs, algorithm] = parts(own.certificate);
  const fields = parts(tbs?.der ?? own.certificate).map(({ der }) => der);
  fields[3] = nodeCrypto.parseCertificate(root.certificate).subject;
  const signed = sequence(...fields);
  const key = createPrivateKey({ key: Buffer.from(root.key), format: "der", type: "pkcs8" });
  const signature = element(0x03, new Uint8Array(1), new Uint8Array(sign("sha256", signed, key)));
  return { ...own, certificate: sequence(signed, algorithm?.der ?? signed, signature) };
}

test("a certificate goes with its issuer's, unless that is an anchor", async () => {
  const sub = below(ca, "CN=Station CA", "51");
  const leaf = issueCertificate({ ...terms, ca: sub, subject: "CN=ied3", serialHex: "8c" });
  const chain = [leaf.certificate, sub.certificate];
  const verdict = await nodeCrypto.verifyChain({ chain, anchors: [ca.certificate], crls: [], at: now });
  const reference = (verdict.ok && verdict.reference) || expect.fail("no reference");
  const revoked = (crls: Uint8Array[], ...anchors: (typeof ca)[]) =>
    nodeCrypto.revocations(
      crls,
      anchors.map(({ certificate }) => certificate),
    )(reference);
  expect(revoked([list(ca, "51")], ca)).toBe(true);
  expect(revoked([list(ca, "8c")], ca)).toBe(false);
  expect(revoked([list(namesake, "51")], ca, namesake)).toBe(false);
  expect(revoked([list(ca, "51")], ca, sub)).toBe(false);
  expect(revoked([list(ca), list(sub, "8c")], ca)).toBe(true);
});

test("certificates can be issued for one key", () => {
  const other = issueCertificate({ ...terms, ca, subject: "CN=ied2", key: device.key });
  const [a, b] = [device, other].map(({ certificate }) => nodeCrypto.parseCertificate(certificate));
  expect(b?.publicKey).toEqual(a?.publicKey);
  expect(b?.subjectText).toBe("CN=ied2");
  expect(other.key).toEqual(device.key);
});
