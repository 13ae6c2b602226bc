import { expect, test } from "vitest";
import { sentence } from "../story.ts";

const at = Date.UTC(2026, 0, 1, 14, 57, 3);

function told(kind: string, figures: Record<string, string | number>, reason?: string): string {
  const subjects = [{ kind: "connection", name: "paris" }] as const;
  return sentence({ kind, subjects, cause: "peer", level: "info", figures, ...(reason !== undefined && { reason }) });
}

test("what a peer says with its Delete is told in its words, and that it says nothing is told as well", () => {
  const heard = { by: "peer", heldSeconds: 5, raw: "", octets: 18, downtimeSeconds: 120, expectedAt: at };
  expect(told("ikev2.deleted", heard, "host is restarting")).toBe(
    'peer deleted the IKE SA: "host is restarting", expects to be back in about 120 s (14:57:03 UTC)',
  );
  expect(told("ikev2.deleted", { by: "peer", octets: 0, downtimeSeconds: 60, expectedAt: at })).toBe(
    "peer deleted the IKE SA without words, expects to be back in about 60 s (14:57:03 UTC)",
  );
  expect(told("ikev2.deleted", { by: "peer", octets: 4, downtimeSeconds: 0 }, "bye")).toBe(
    'peer deleted the IKE SA: "bye"',
  );
  expect(told("ikev2.deleted", { by: "peer" })).toBe("peer deleted the IKE SA without a reason");
});

test("a return is held against what was announced", () => {
  const back = (awayMs: number, lateMs?: number) =>
    told("ikev2.reestablished", { awayMs, by: "peer", ...(lateMs !== undefined && { lateMs }) });
  expect(back(138_000, 18_000)).toBe("re-established after 138 s, 18 s later than announced");
  expect(back(90_000, -30_000)).toBe("re-established after 90 s, 30 s earlier than announced");
  expect(back(120_400, 400)).toBe("re-established after 120 s, as announced");
  expect(back(7_260_000)).toBe("re-established after 2 h 1 min");
});
