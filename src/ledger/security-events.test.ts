import { expect, test } from "vitest";
import { catalogue } from "./catalogue/index.ts";
import type { Told } from "./event.ts";
import { routineKinds, type Sort, securityEventTable } from "./security-event-table.ts";
import { decidedKinds, securityEvent } from "./security-events.ts";

const table: Readonly<Record<string, Sort>> = securityEventTable;

function event(kind: string, more: Partial<Told> = {}): Told {
  return { kind, subjects: [{ kind: "server", name: "server" }], cause: "peer", level: "info", ...more };
}

test("what is decided about by name is a kind of the ledger; every kind of it is in the table, or no security event", () => {
  expect(decidedKinds.filter((kind) => !(kind in catalogue))).toEqual([]);
  expect(routineKinds.filter((kind) => kind in table)).toEqual([]);
  const others = ["server", "phase1", "gcks", "gm"];
  const undecided = Object.keys(catalogue).filter(
    (kind) => others.includes(kind.split(".")[0] ?? "") && !(kind in table) && !routineKinds.includes(kind),
  );
  // it counts by its level: a note, or a stream without protection
  expect(undecided).toEqual(["gm.tek-noted"]);
});

test("sorts fit the MSGID of RFC 5424: at most 32 characters, printable, of the ledger's form", () => {
  for (const sort of Object.keys(table)) expect(sort).toMatch(/^(?=.{1,32}$)(server|phase1|gcks|gm)\.[a-z0-9-]+$/);
});

test("names and numbers of the standard have its form, and one number has one name and severity", () => {
  const known = new Map<string, string>();
  for (const { name, id, severity } of Object.values(table)) {
    expect(name === undefined).toBe(id === undefined);
    if (name === undefined || id === undefined) continue;
    expect(name).toMatch(/^\w{1,64}$/);
    expect(id).toMatch(/^IEC62351-(9|14):[1-9]\d*\.[1-9]\d*$/);
    expect(known.get(id) ?? `${name} ${severity}`).toBe(`${name} ${severity}`);
    known.set(id, `${name} ${severity}`);
  }
  expect(known.size).toBeGreaterThan(15);
});

test("what was refused in Phase 1 has the name, number and severity of its reason", () => {
  const refused = (figures: Record<string, string>) => securityEvent(event("phase1.refused", { figures }));
  expect(refused({ code: "invalid-certificate", detail: "revoked" })).toEqual({
    name: "CERT_V_REVOKED",
    id: "IEC62351-9:4.1",
    severity: "alarm",
  });
  const faults = ["malformed", "weak", "expired", "not-yet-valid", "untrusted", "not-allowed"];
  expect(faults.map((detail) => refused({ code: "invalid-certificate", detail })?.id)).toEqual(
    [1, 5, 6, 7, 10, 11].map((number) => `IEC62351-9:2.${number}`),
  );
  expect(refused({ code: "invalid-certificate", detail: "more than one" })?.name).toBe("phase1.certificate-refused");
  expect(refused({ code: "no-proposal-chosen" })?.name).toBe("IKEv1_CALG_MISMATCH");
  expect(refused({ code: "malformed", detail: "undecipherable" })?.name).toBe("IKEv1_PADDING");
  expect(refused({ code: "malformed" })?.name).toBe("phase1.message-malformed");
  expect(refused({ code: "authentication-failed" })?.severity).toBe("alarm");
  expect(refused({ code: "invalid-identity" })).toEqual({ name: "phase1.identity-refused", severity: "error" });
  expect(refused({ code: "constructor" })).toEqual({ name: "phase1.refused", severity: "error" });
  expect(securityEvent(event("phase1.dropped", { figures: { code: "too-many-half-open" } }))?.severity).toBe("alarm");
});

test("what was wrong with a GROUPKEY-PULL, a push or an acknowledgement has the standard's name", () => {
  const named = (kind: string, figures: Record<string, string>) => securityEvent(event(kind, { figures }))?.name;
  expect(named("gcks.pull-refused", { code: "unknown-group" })).toBe("GROUP_PULL_PHASE2_GROUP_NONEXISTENT");
  expect(named("gcks.pull-refused", { code: "not-authorised" })).toBe("gcks.pull-refused");
  const pull = (code: string) => named("gcks.datagram-dropped", { exchange: "GROUPKEY-PULL", code });
  expect(pull("unknown-sa")).toBe("GROUP_PULL_EXPIRED_SA");
  expect(pull("not-authentic")).toBe("GROUP_PULL_PHASE2_DECRYPTION");
  expect(pull("replay")).toBe("gcks.datagram-dropped");
  expect(named("gcks.datagram-dropped", { code: "malformed" })).toBe("gcks.datagram-dropped");
  expect(named("gm.push-refused", { code: "push-signature" })).toBe("COMM_PACKET_AUTHENTICATION_FAIL");
  expect(named("gm.push-refused", { code: "push-replayed" })).toBe("gm.push-refused");
  expect(named("gcks.ack-missing", {})).toBe("GROUP_PUSH_UNREACHABLE_DESTINATION");
});

test("a member that is put out, revoked or trusted no more has a name of its own", () => {
  const evicted = (more: Partial<Told>) => securityEvent(event("gcks.member-evicted", more));
  expect(evicted({ cause: "operator", reason: "stolen" })?.severity).toBe("warning");
  expect(evicted({ cause: "operator", reason: "certificate revoked" })?.name).toBe("gcks.member-evicted");
  expect(evicted({ cause: "policy", reason: "certificate revoked" })?.name).toBe("CERT_V_REVOKED");
  expect(evicted({ cause: "policy", reason: "certificate no longer trusted" })?.name).toBe("CERT_V_PK_TA");
  expect(securityEvent(event("gcks.rekey-settled", { figures: { missing: 1 } }))?.severity).toBe("warning");
  expect(securityEvent(event("gcks.rekey-settled", { figures: { missing: 0 } }))?.severity).toBe("notice");
  expect(securityEvent(event("gcks.ack-received"))).toBeUndefined();
});

test("the operator's names take the place of these, and what they leave out stays", () => {
  const names = new Map([
    ["phase1.certificate-revoked", { name: "REVOKED", severity: "error" as const }],
    ["gcks.pull-refused", { id: "IEC62351-9:5.9" }],
  ]);
  const figures = { code: "invalid-certificate", detail: "revoked" };
  expect(securityEvent(event("phase1.refused", { figures }), names)).toEqual({
    name: "REVOKED",
    id: "IEC62351-9:4.1",
    severity: "error",
  });
  expect(securityEvent(event("gcks.pull-refused"), names)).toEqual({
    name: "gcks.pull-refused",
    id: "IEC62351-9:5.9",
    severity: "error",
  });
  expect(securityEvent(event("gm.left"), names)).toEqual({ name: "gm.left", severity: "notice" });
});

test("an event of a kind that nobody declared counts by its level", () => {
  expect(securityEvent(event("other.thing", { level: "alert" }))).toEqual({ name: "other.thing", severity: "alarm" });
  expect(securityEvent(event("other.thing"))).toBeUndefined();
  expect(securityEvent(event("toString"))).toBeUndefined();
});
