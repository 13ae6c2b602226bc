import { describe, expect, test } from "vitest";
import { fromHex, utf8 } from "../util/octets.ts";
import { readIdentity } from "./identity-payload.ts";

test("the empty distinguished name, which many certificates have, names nobody", () => {
  const payload = { kind: "ID", idType: 9, protocolId: 0, port: 0, data: fromHex("3000") } as const;
  expect(readIdentity(payload)).toEqual({ ok: false, error: "an empty identity" });
});

describe("an ID payload", () => {
  const id = (changed: object) => ({
    kind: "ID" as const,
    idType: 2,
    protocolId: 0,
    port: 0,
    data: utf8("gm1.example"),
    ...changed,
  });

  test("names 0/0 or UDP/500, and UDP/848 with a note", () => {
    expect(readIdentity(id({}))).toEqual({ ok: true, value: { identity: { type: 2, data: utf8("gm1.example") } } });
    expect(readIdentity(id({ protocolId: 17, port: 500 })).ok).toBe(true);
    expect(readIdentity(id({ protocolId: 17, port: 848 }))).toMatchObject({
      ok: true,
      value: { note: expect.stringContaining("848") },
    });
    for (const other of [
      { port: 500 },
      { protocolId: 17 },
      { protocolId: 17, port: 4500 },
      { protocolId: 6, port: 500 },
    ]) {
      expect(readIdentity(id(other)).ok).toBe(false);
    }
  });

  test("is refused when its type cannot name a peer or its length is not that of its type", () => {
    for (const wrong of [{ idType: 4 }, { idType: 13 }, { idType: 1 }, { idType: 5 }, { data: new Uint8Array(0) }]) {
      expect(readIdentity(id(wrong)).ok).toBe(false);
    }
  });
});
