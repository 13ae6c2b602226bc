import { describe, expect, test } from "vitest";
import { KdType, SaTekAttribute, TekKeyAttribute, TekProtocol } from "../../src/iana/gdoi.ts";
import { Doi, IdType } from "../../src/iana/isakmp.ts";
import { hex, u32 } from "../../src/util/octets.ts";
import { oidText } from "../../src/util/oid.ts";
import { attribute } from "../../src/wire/attributes.ts";
import { decodeOidSelector, oidSelectorText } from "../../src/wire/gdoi/iec61850.ts";
import type { GdoiSaPayload, IdPayload, KdPayload } from "../../src/wire/payloads.ts";
import { captureNames, decodeClear, decryptedCapture, hexOf, vectorFile } from "../support/golden.ts";

interface Registration {
  readonly group: string;
  readonly teks: readonly {
    readonly spi: number;
    readonly tek_algorithm_key?: string;
    readonly tek_integrity_key?: string;
    readonly oid: string;
    readonly selector?: string;
    readonly auth: number;
    readonly enc: number;
    readonly lifetime_s: number;
    /** 0 when there is none. */
    readonly atd_s: number;
    /** -1 when there is none. */
    readonly kda: number;
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

  test("announces the TEKs of RFC 8052 that its member read", () => {
    const sats = groupSa?.attributes.filter((a) => a.kind === "SAT") ?? [];
    const read = sats.map(({ protocolId, iec61850: tek }) => ({
      protocolId,
      spi: hexOf(tek?.spi),
      oid: tek && oidText(tek.oid),
      oidForm: tek?.oidForm ?? "der",
      selector: hexOf(tek?.oidSpecificPayload),
      auth: tek?.authAlg,
      enc: tek?.encAlg,
      lifetime_s: tek?.remainingLifetime,
      attributes: tek?.attributes.map(({ type, value }) => [type, typeof value === "number" ? value : hex(value)]),
    }));
    const expected = registration.teks.map((tek) => ({
      protocolId: TekProtocol.IEC_61850,
      spi: hex(u32(tek.spi)),
      oid: tek.oid,
      oidForm: "der",
      selector: tek.selector ?? "",
      auth: tek.auth,
      enc: tek.enc,
      lifetime_s: tek.lifetime_s,
      attributes: [
        // V with four octets, and B
        ...(tek.atd_s > 0 ? [[SaTekAttribute.SA_ATD, hex(u32(tek.atd_s))]] : []),
        ...(tek.kda >= 0 ? [[SaTekAttribute.SA_KDA, tek.kda]] : []),
      ],
    }));
    expect(read).toEqual(expected);
  });

  test("has the DOI of its name in Phase 1 and that of GDOI in the group's SA", () => {
    const dois = all.flatMap((p) => (p.kind === "SA" ? [p.doi] : []));
    expect(dois).toEqual(name.endsWith("doi1") ? [Doi.IPSEC, Doi.IPSEC] : [Doi.GDOI, Doi.GDOI]);
    expect(groupSa?.doi).toBe(Doi.GDOI);
  });

  test("names the group by the identity that its member asked for", () => {
    const id = all.findLast((p): p is IdPayload => p.kind === "ID");
    if (name.includes("keyid")) expect([id?.idType, hexOf(id?.data)]).toEqual([IdType.ID_KEY_ID, hex(u32(1234))]);
    else {
      expect(id?.idType).toBe(IdType.ID_OID);
      const selector = decodeOidSelector(id?.data ?? new Uint8Array());
      expect(selector.ok && oidSelectorText(selector.value)).toBe(registration.group.replace("group ", ""));
    }
    expect([id?.protocolId, id?.port]).toEqual([0, 0]);
  });
});
