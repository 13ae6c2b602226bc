import { describe, expect, test } from "vitest";
import { KdType, TekKeyAttribute, TekProtocol } from "../../src/iana/gdoi.ts";
import { Doi, IdType } from "../../src/iana/isakmp.ts";
import { hex, u32 } from "../../src/util/octets.ts";
import { attribute } from "../../src/wire/attributes.ts";
import type { GdoiSaPayload, IdPayload, KdPayload } from "../../src/wire/payloads.ts";
import { captureNames, decodeClear, decryptedCapture, hexOf, vectorFile } from "../support/golden.ts";

interface Registration {
  readonly group: string;
  readonly teks: readonly {
    readonly spi: number;
    readonly tek_algorithm_key?: string;
    readonly tek_integrity_key?: string;
  }[];
}

/** The payloads of one kind in all messages of a capture. */
function payloads(name: string) {
  return decryptedCapture(name).flatMap((message) => decodeClear(message).payloads.map(({ payload }) => payload));
}

describe.each(captureNames())("the registration %s, made by another implementation", (name) => {
  const registration = vectorFile<Registration>(`${name}.json`);
  const all = payloads(name);
  const kd = all.find((p): p is KdPayload => p.kind === "KD");
  const groupSa = all.find((p): p is GdoiSaPayload => p.kind === "GDOI-SA");

  test("is six messages of main mode and four of GROUPKEY-PULL", () => {
    const exchanges = decryptedCapture(name).map((message) => decodeClear(message).header.exchangeType);
    expect(exchanges.filter((type) => type === 2)).toHaveLength(6);
    expect(exchanges.filter((type) => type === 32)).toHaveLength(4);
  });

  test("downloads the keys that its member received", () => {
    const teks = kd?.packets.filter((packet) => packet.kdType === KdType.TEK) ?? [];
    expect(teks.map((packet) => hex(packet.spi))).toEqual(registration.teks.map((tek) => hex(u32(tek.spi))));
    for (const [i, packet] of teks.entries()) {
      const key = (type: number) => hexOf(attribute(packet.attributes, type)?.value);
      expect(key(TekKeyAttribute.TEK_ALGORITHM_KEY)).toBe(registration.teks[i]?.tek_algorithm_key ?? "");
      expect(key(TekKeyAttribute.TEK_INTEGRITY_KEY)).toBe(registration.teks[i]?.tek_integrity_key ?? "");
    }
  });

  test("announces a TEK of RFC 8052 for each key, kept opaque with its SPI in it", () => {
    const sats = groupSa?.attributes.filter((a) => a.kind === "SAT") ?? [];
    expect(sats).toHaveLength(registration.teks.length);
    for (const [i, sat] of sats.entries()) {
      expect(sat.protocolId).toBe(TekProtocol.IEC_61850);
      expect(sat.body).toBeUndefined();
      expect(hexOf(sat.opaque)).toContain(hex(u32(registration.teks[i]?.spi ?? 0)));
    }
  });

  test("has the DOI of its name in Phase 1 and that of GDOI in the group's SA", () => {
    const dois = all.flatMap((p) => (p.kind === "SA" ? [p.doi] : []));
    expect(dois).toEqual(name.endsWith("doi1") ? [Doi.IPSEC, Doi.IPSEC] : [Doi.GDOI, Doi.GDOI]);
    expect(groupSa?.doi).toBe(Doi.GDOI);
  });

  test("names the group by the identity that its member asked for", () => {
    const id = all.findLast((p): p is IdPayload => p.kind === "ID");
    if (name.includes("keyid")) expect([id?.idType, hexOf(id?.data)]).toEqual([IdType.ID_KEY_ID, hex(u32(1234))]);
    else expect(id?.idType).toBe(IdType.ID_OID);
    expect([id?.protocolId, id?.port]).toEqual([0, 0]);
  });
});
