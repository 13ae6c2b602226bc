import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { z } from "zod";
import type { gmGroupView } from "../../api/views.ts";
import { memberStreamsTable } from "./views.ts";

const now = Date.UTC(2026, 10, 23, 12);
const group: Omit<z.infer<typeof gmGroupView>, "teks"> = {
  name: "substation",
  id: "oid:1.2.840.10070.61850.8.1.2",
  state: "registered",
  sids: [],
  pushesAccepted: 0,
  acksSent: 0,
};
const stream = { protocol: "IEC_61850", oid: "1.2.840.10070.61850.8.1.2", activateAt: now - 60_000 };

test("a member's streams have their key's times, and how many have it where that is told", () => {
  const teks = [
    { ...stream, spi: "00000001", expiresAt: now - 120_000, kept: true },
    { ...stream, spi: "00000002", selector: "0404efc00001", keyDeliveryAssurance: 95 },
  ];
  const [head, first, second] = stripVTControlCharacters(memberStreamsTable([{ ...group, teks }], now)).split("\n");
  expect(head).toMatch(/STREAM +SELECTOR +SPI .*DELIVERED/);
  expect(first).toMatch(/1\.2\.840\.10070\.61850\.8\.1\.2 +- +00000001 +11:59:00Z +2 min ago, kept +-$/);
  expect(second).toMatch(/0404efc00001 +00000002 +11:59:00Z +never +95%$/);
});

test("there is no table without streams", () => {
  const teks = [{ spi: "00000001", protocol: "IPSEC_ESP", activateAt: now }];
  expect(memberStreamsTable([{ ...group, teks }], now)).toBe("");
});
