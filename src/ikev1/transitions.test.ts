import { describe, expect, test } from "vitest";
import type { Payload, ReceivedPayload } from "../wire/payloads.ts";
import { contentsOf } from "./contents.ts";
import * as table from "./transitions.ts";

const rows: table.Transition[] = Object.values(table).filter((row) => typeof row === "object");
const octets = new Uint8Array(8);
const samples: Readonly<Partial<Record<Payload["kind"], Payload>>> = {
  SA: { kind: "SA", doi: 2, situation: 1, proposals: [] },
  KE: { kind: "KE", data: octets },
  NONCE: { kind: "NONCE", data: octets },
  ID: { kind: "ID", idType: 2, protocolId: 0, port: 0, data: octets },
  HASH: { kind: "HASH", data: octets },
  SIG: { kind: "SIG", data: octets },
  CERT: { kind: "CERT", encoding: 4, data: octets },
  CR: { kind: "CR", encoding: 4, authority: octets },
  N: { kind: "N", doi: 2, protocolId: 1, spi: octets, notifyType: 1, data: octets },
  D: { kind: "D", doi: 2, protocolId: 1, spiSize: 16, spis: [] },
  VID: { kind: "VID", data: octets },
  UNKNOWN: { kind: "UNKNOWN", type: 130, data: octets },
  SEQ: { kind: "SEQ", sequenceNumber: 1 },
};

const message = (...kinds: readonly Payload["kind"][]): ReceivedPayload[] =>
  kinds.flatMap((kind) => {
    const payload = samples[kind];
    return payload === undefined ? [] : [{ payload, octets, offset: 0 }];
  });

describe("the table of main mode", () => {
  test("leads from the first message to an SA in either role, and through every state", () => {
    const reached = new Set<string>(["START", "SA-SENT"]);
    for (let before = 0; before !== reached.size; ) {
      before = reached.size;
      for (const { from, to } of rows) if (reached.has(from)) for (const state of to) reached.add(state);
    }
    expect([...reached].sort()).toEqual(
      ["START", "SA-SENT", "SA-ANSWERED", "KE-SENT", "KE-ANSWERED", "ID-SENT", "ESTABLISHED"]
        .concat("VERIFYING-INITIATOR", "VERIFYING-RESPONDER")
        .sort(),
    );
  });

  test.each(rows)("takes what it must and refuses what it must: $story", (row) => {
    const { required, optional } = row;
    expect(contentsOf(message(...required), row).ok).toBe(true);
    expect(contentsOf(message(...required, ...optional, "N", "N", "VID", "VID", "UNKNOWN"), row).ok).toBe(true);
    for (const kind of required) {
      const without = required.filter((one) => one !== kind);
      expect(contentsOf(message(...without), row)).toEqual({ ok: false, error: `payload ${kind} is missing` });
      expect(contentsOf(message(...required, kind), row)).toEqual({ ok: false, error: `payload ${kind} occurs twice` });
    }
    expect(contentsOf(message(...required, "SEQ"), row)).toEqual({ ok: false, error: "payload SEQ is not expected" });
  });

  test("no two rows of one state take the same message", () => {
    for (const [i, one] of rows.entries()) {
      for (const another of rows.slice(i + 1)) {
        if (one.from !== another.from || one.encrypted !== another.encrypted || one.from === "START") continue;
        expect(contentsOf(message(...another.required), one).ok, `${one.story} and ${another.story}`).toBe(false);
      }
    }
  });
});
