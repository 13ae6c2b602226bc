import { describe, expect, test } from "vitest";
import { ExchangeType, ProtocolId } from "../../../src/iana/ikev2.ts";
import { ProvisionalNotifyType } from "../../../src/iana/provisional.ts";
import type { LedgerEvent } from "../../../src/ledger/event.ts";
import { sentence } from "../../../src/ledger/story.ts";
import { concat, fromHex, hex, u16, utf8 } from "../../../src/util/octets.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads.ts";
import { bringUp, childSas, ikeSas, ikev2World } from "../../support/ikev2.ts";
import { Impostor } from "../../support/ikev2-impostor.ts";

const deleteIke: Payload = { kind: "D", protocolId: ProtocolId.IKE, spiSize: 0, spis: [] };

function reason(...data: Uint8Array[]): Payload {
  const type = ProvisionalNotifyType.DELETE_REASON;
  return { kind: "N", protocolId: 0, spi: new Uint8Array(), type, data: concat(...data) };
}

/** What the right gateway makes of a request of its peer: the events, and how it answers on the wire. */
async function heard(...payloads: Payload[]) {
  const pair = ikev2World({ policy: { keyLog: true } });
  await bringUp(pair);
  const { world, right } = pair;
  const impostor = new Impostor(pair);
  const before = world.events.length;
  impostor.say(ExchangeType.INFORMATIONAL, 2, payloads);
  await world.runFor(100);
  const events = world.events.slice(before).flatMap(({ host, event }) => (host === right.name ? [event] : []));
  const counters = right.engine.status().counters;
  const answer = impostor.heard().map(({ payload }) => payload.kind);
  return {
    events,
    counters,
    answer,
    ikeSas: ikeSas(right).length,
    childSas: childSas(right).length,
    change: right.sadChanges.length,
  };
}

const deletions = (events: readonly LedgerEvent[]) => events.filter(({ kind }) => kind === "ikev2.deleted");

/** What no text may have that is stored, printed or shown. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}${}\\`]/u;

const hostile: readonly (readonly [string, Uint8Array])[] = [
  ["terminal escapes", utf8("\u001b[2J\u001b]0;owned\u0007\u009b31mred")],
  ["bidirectional overrides", utf8("\u202etxt.exe\u2066x\u2069\u200f")],
  ["NUL and new lines", utf8("gone\0\r\n14:55:03  peer established the IKE SA")],
  ["octets that are not UTF-8", fromHex("6f6bfffec0afeda080f88880806f6b")],
  ["a command for a shell", utf8(`$(reboot) \`reboot\` $${"{IFS}"}; reboot \\`)],
  ["60 kB of text", utf8("\u001b[31mlong ".repeat(6000))],
  ["60 kB of characters without width", utf8("\u200b\u0301".repeat(12_000))],
];

describe("a reason that means harm", () => {
  test.each(hostile)("is told without it, bounded, and kept as it came: %s", async (_name, octets) => {
    const { events, ikeSas: left, answer } = await heard(deleteIke, reason(u16(120), octets));
    const [deleted, ...others] = deletions(events);
    if (deleted === undefined) throw new Error("nothing is told");
    expect(others).toEqual([]);
    expect(deleted.reason).not.toMatch(UNSAFE);
    expect([...(deleted.reason ?? "")].length).toBeLessThanOrEqual(255);
    expect(deleted.figures).toMatchObject({
      raw: hex(octets.subarray(0, 512)),
      octets: octets.length,
      downtimeSeconds: 120,
    });
    for (const event of events) {
      expect(sentence(event)).not.toMatch(UNSAFE);
      expect(JSON.stringify(event).length).toBeLessThan(4000);
    }
    expect([left, answer]).toEqual([0, []]);
  });

  test("in HTML is text of the ledger as it is, for the page to escape", async () => {
    const { events } = await heard(deleteIke, reason(u16(0), utf8("<script>alert(1)</script>")));
    expect(deletions(events)[0]?.reason).toBe("<script>alert(1)</script>");
  });
});

describe("a reason that is none", () => {
  test.each([
    ["of no octets", fromHex("")],
    ["of one octet", fromHex("78")],
  ])("%s spoils nothing, and is counted", async (_name, data) => {
    const { events, counters, ikeSas: left } = await heard(deleteIke, reason(data));
    expect(deletions(events).map((event) => sentence(event))).toEqual(["peer deleted the IKE SA without a reason"]);
    expect(counters["delete-reason.malformed"]).toBe(1);
    expect(left).toBe(0);
  });

  test("without a Delete is ignored and counted, and everything stands", async () => {
    const { events, counters, answer, ...stands } = await heard(reason(u16(9), utf8("\u001bnothing is deleted")));
    expect(events).toEqual([]);
    expect(counters["delete-reason.no-delete"]).toBe(1);
    expect(answer).toEqual([]);
    expect(stands).toMatchObject({ ikeSas: 1, childSas: 1 });
  });
});

test("several reasons in one message are all told, the first with its downtime", async () => {
  const said = ["first \u001b", "second $(reboot)", "third"].map((text, i) => reason(u16(60 * (i + 1)), utf8(text)));
  const { events } = await heard(reason(fromHex("00")), ...said, deleteIke);
  const [deleted] = deletions(events);
  expect(deleted?.reason).toBe("first \ufffd");
  expect(deleted?.figures).toMatchObject({
    downtimeSeconds: 60,
    further: ["second \ufffd(reboot)", "third"],
    furtherRaw: [hex(utf8("second $(reboot)")), hex(utf8("third"))],
  });
  expect(deleted && sentence(deleted)).toMatch(
    /^peer deleted the IKE SA: "first \ufffd", and also "second \ufffd\(reboot\)" and "third", expects to be back in about 60 s \(/,
  );
});

test("whatever it says, the same is answered and the same is gone", async () => {
  const silent = await heard(deleteIke);
  for (const data of [utf8("\0\x78ok"), fromHex(""), new Uint8Array(60_000).fill(0x1b)]) {
    const spoken = await heard(deleteIke, reason(data));
    const { answer, ikeSas: left, childSas: children, change } = spoken;
    expect({ answer, left, children, change }).toEqual({
      answer: silent.answer,
      left: silent.ikeSas,
      children: silent.childSas,
      change: silent.change,
    });
  }
});
