/** Policy and keys of RFC 8052 as other programs made them, read by the GDOI layer and made again from what it read. */
import { describe, expect, test } from "vitest";
import { iec61850TekPolicy } from "../../src/gdoi/iec61850.ts";
import { readKd } from "../../src/gdoi/key-packets.ts";
import { buildSa, readSa } from "../../src/gdoi/policy-payloads.ts";
import { buildSat, fitKeys, readSat } from "../../src/gdoi/tek-payloads.ts";
import { equal, hex } from "../../src/util/octets.ts";
import type { Result } from "../../src/util/result.ts";
import { encodePayload } from "../../src/wire/message.ts";
import type { GdoiSaPayload, KdPayload, ReceivedPayload } from "../../src/wire/payloads.ts";
import { captureNames, decodeClear, decryptedCapture } from "../support/golden.ts";

function good<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

describe.each(captureNames())("the TEKs of %s", (name) => {
  const received: ReceivedPayload[] = decryptedCapture(name).flatMap((message) => [...decodeClear(message).payloads]);
  const sa = received.find((r): r is ReceivedPayload & { payload: GdoiSaPayload } => r.payload.kind === "GDOI-SA");
  const kd = received.map(({ payload }) => payload).find((p): p is KdPayload => p.kind === "KD");
  if (sa === undefined || kd === undefined) throw new Error("no SA or no KD");
  const { sats } = good(readSa(sa.payload));
  const teks = sats.map((sat) => {
    const description = good(readSat(sat));
    if (description?.iec61850 === undefined) throw new Error("not of IEC 61850");
    return { ...description, iec61850: description.iec61850 };
  });

  test("are understood without a remark", () => {
    expect(teks).toHaveLength(5);
    for (const tek of teks) expect(tek.notes).toEqual([]);
  });

  test("make the same SA payload again", () => {
    const again = teks.map(({ spi, lifetimeSeconds, activationSeconds, iec61850 }) => {
      const { keyDeliveryAssurance } = iec61850;
      return buildSat(good(iec61850TekPolicy({ name: "stream", lifetimeSeconds, ...iec61850 })), spi, lifetimeSeconds, {
        ...(activationSeconds !== undefined && { activationSeconds }),
        ...(keyDeliveryAssurance !== undefined && { keyDeliveryAssurance }),
      });
    });
    expect(hex(encodePayload(buildSa(again), sa.octets[0] ?? 0))).toBe(hex(sa.octets));
  });

  test("have keys of their lengths, salts included", () => {
    const keys = good(readKd(kd, "pull")).teks;
    for (const tek of teks) {
      const own = keys.find(({ spi }) => equal(spi, tek.spi));
      expect(own && fitKeys(tek, own)).toEqual({ ok: true, value: [] });
    }
  });
});
