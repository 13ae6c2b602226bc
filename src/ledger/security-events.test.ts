import { expect, test } from "vitest";
import { catalogue } from "./catalogue/index.ts";
import type { Told } from "./event.ts";
import { decidedKinds, securityEvent } from "./security-events.ts";

function event(kind: string, more: Partial<Told> = {}): Told {
  return { kind, subjects: [{ kind: "server", name: "server" }], cause: "peer", level: "info", ...more };
}

test("what is decided about by name is a kind of the ledger, and decided about once", () => {
  expect(decidedKinds.filter((kind) => !(kind in catalogue))).toEqual([]);
  expect(new Set(decidedKinds).size).toBe(decidedKinds.length);
});

test("names fit the MSGID of RFC 5424: at most 32 characters, printable, of the ledger's form", () => {
  const codes = ["no-proposal-chosen", "invalid-certificate", "half-open-displaced", "refused-by-peer", "anything"];
  const faults = ["expired", "not-yet-valid", "revoked", "untrusted", "weak"];
  for (const kind of decidedKinds) {
    for (const code of codes) {
      for (const detail of faults) {
        const name = securityEvent(event(kind, { figures: { code, detail } }))?.name ?? kind;
        expect(name).toMatch(/^(?=.{1,32}$)(server|phase1|gcks|gm)\.[a-z0-9-]+$/);
      }
    }
  }
});

test("what was refused in Phase 1 has the name and severity of its reason", () => {
  const refused = (figures: Record<string, string>) => securityEvent(event("phase1.refused", { figures }));
  expect(refused({ code: "invalid-certificate", detail: "revoked" })).toEqual({
    name: "phase1.certificate-revoked",
    severity: "alarm",
  });
  expect(refused({ code: "invalid-certificate", detail: "weak" })?.name).toBe("phase1.certificate-refused");
  expect(refused({ code: "invalid-identity" })).toEqual({ name: "phase1.identity-refused", severity: "error" });
  expect(refused({ code: "constructor" })).toEqual({ name: "phase1.refused", severity: "error" });
  expect(securityEvent(event("phase1.dropped", { figures: { code: "too-many-half-open" } }))?.severity).toBe("alarm");
});

test("a member that is missing, put out or revoked has a severity of its own", () => {
  expect(securityEvent(event("gcks.ack-missing", { level: "alert" }))?.severity).toBe("alarm");
  expect(securityEvent(event("gcks.ack-missing", { level: "warning" }))?.severity).toBe("warning");
  expect(securityEvent(event("gcks.member-evicted", { reason: "stolen" }))?.severity).toBe("warning");
  expect(securityEvent(event("gcks.member-evicted", { cause: "policy", reason: "certificate revoked" }))).toEqual({
    name: "gcks.member-revoked",
    severity: "alarm",
  });
  expect(securityEvent(event("gcks.ack-received"))).toBeUndefined();
});

test("an event of a kind that nobody declared counts by its level", () => {
  expect(securityEvent(event("other.thing", { level: "alert" }))).toEqual({ name: "other.thing", severity: "alarm" });
  expect(securityEvent(event("other.thing"))).toBeUndefined();
});
