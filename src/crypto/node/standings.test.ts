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
  return verdict.ok ? verdict.reference : expect.fail(verdict.why);
}

describe("a certificate that was accepted", () => {
  test("is known by the reference that its verdict carries", async () => {
    const reference = await referenceOf(device.certificate);
    expect(reference.issuer).toEqual(ca.certificate);
    expect(nodeCrypto.standings([list(ca, "8b"), list(ca, "8a")], [ca.certificate])(reference)).toBe("revoked");
    expect(nodeCrypto.standings([list(ca, "8b", "8a00")], [ca.certificate])(reference)).toBe("good");
    expect(nodeCrypto.standings([], [ca.certificate])(reference)).toBe("good");
  });

  test("is not revoked by a namesake of its issuer, nor by what is no list", async () => {
    const reference = await referenceOf(device.certificate);
    const damaged = list(ca, "8a").slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    expect(nodeCrypto.standings([list(namesake, "8a"), damaged, new Uint8Array(9)], [ca.certificate])(reference)).toBe(
      "good",
    );
  });

  test("stands as long as an anchor has its issuer's name and key, or issued that", async () => {
    const reference = await referenceOf(device.certificate);
    const standing = (...anchors: Uint8Array[]) => nodeCrypto.standings([], anchors)(reference);
    const renewed = signedAnew(ca, ca, (fields) => {
      fields[1] = element(0x02, Uint8Array.of(0x77));
    });
    expect(nodeCrypto.parseCertificate(renewed).serialHex).toBe("77");
    expect(standing(renewed)).toBe("good");
    expect(standing(namesake.certificate)).toBe("untrusted");
    expect(standing()).toBe("untrusted");
    expect(standing(new Uint8Array(9))).toBe("untrusted");
  });

  test("that is a trust anchor itself stands as long as it, or its issuer, is one", async () => {
    const request = { chain: [device.certificate], anchors: [device.certificate], crls: [], at: now };
    const verdict = await nodeCrypto.verifyChain(request);
    const reference = verdict.ok ? verdict.reference : expect.fail(verdict.why);
    expect(reference).toEqual({ issuer: device.certificate, above: [], serialHex: "008a" });
    const standing = (...anchors: Uint8Array[]) => nodeCrypto.standings([], anchors)(reference);
    expect(standing(device.certificate)).toBe("good");
    expect(standing(ca.certificate)).toBe("good");
    expect(standing(namesake.certificate)).toBe("untrusted");
  });
});

/** The certificate of `of` with other fields, signed again by `by`. */
function signedAnew(of: typeof ca, by: typeof ca, change: (fields: Uint8Array[]) => void): Uint8Array {
  const parts = (der: Uint8Array) => elementsIn(elementAt(der, 0)?.contents ?? der) ?? [];
  const [tbs, algorithm] = parts(of.certificate);
  const fields = parts(tbs?.der ?? of.certificate).map(({ der }) => der);
  change(fields);
  const signed = sequence(...fields);
  const key = createPrivateKey({ key: Buffer.from(by.key), format: "der", type: "pkcs8" });
  const signature = element(0x03, new Uint8Array(1), new Uint8Array(sign("sha256", signed, key)));
  return sequence(signed, algorithm?.der ?? signed, signature);
}

/** An authority below `root`. */
function below(root: typeof ca, subject: string, serialHex: string) {
  const own = issueCa({ ...terms, subject, serialHex });
  const certificate = signedAnew(own, root, (fields) => {
    fields[3] = nodeCrypto.parseCertificate(root.certificate).subject;
  });
  return { ...own, certificate };
}

test("a certificate goes with those above it, up to an anchor", async () => {
  const sub = below(ca, "CN=Station CA", "51");
  const bay = below(sub, "CN=Bay CA", "52");
  const leaf = issueCertificate({ ...terms, ca: bay, subject: "CN=ied3", serialHex: "8c" });
  const chain = [leaf.certificate, sub.certificate, bay.certificate];
  const verdict = await nodeCrypto.verifyChain({ chain, anchors: [ca.certificate], crls: [], at: now });
  const reference = verdict.ok ? verdict.reference : expect.fail(verdict.why);
  expect(reference.above).toEqual([sub.certificate, ca.certificate]);
  const standing = (crls: Uint8Array[], ...anchors: (typeof ca)[]) =>
    nodeCrypto.standings(
      crls,
      anchors.map(({ certificate }) => certificate),
    )(reference);
  expect(standing([], ca)).toBe("good");
  expect(standing([], sub)).toBe("good");
  expect(standing([], bay)).toBe("good");
  expect(standing([], namesake)).toBe("untrusted");
  expect(standing([list(ca, "51")], ca)).toBe("revoked");
  expect(standing([list(sub, "52")], ca)).toBe("revoked");
  expect(standing([list(ca, "8c")], ca)).toBe("good");
  expect(standing([list(namesake, "51")], ca, namesake)).toBe("good");
  expect(standing([list(ca, "51")], ca, sub)).toBe("good");
  expect(standing([list(ca), list(bay, "8c")], ca)).toBe("revoked");
});

test("certificates can be issued for one key", () => {
  const other = issueCertificate({ ...terms, ca, subject: "CN=ied2", key: device.key });
  const [a, b] = [device, other].map(({ certificate }) => nodeCrypto.parseCertificate(certificate));
  expect(b?.publicKey).toEqual(a?.publicKey);
  expect(b?.subjectText).toBe("CN=ied2");
  expect(other.key).toEqual(device.key);
});
