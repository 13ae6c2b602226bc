import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProvisionalNotifyType } from "../iana/provisional.ts";
import { type DeleteCause, deleteReasons } from "../ledger/delete-reasons.ts";
import { concat, fromHex, hex, u16, utf8 } from "../util/octets.ts";
import { decodePayloads, encodePayloads, firstPayload } from "../wire/ikev2/message.ts";
import type { NotifyPayload, Payload } from "../wire/ikev2/payloads.ts";
import { buildDeleteReason, processDeleteReasons, type ReasonToSend } from "./delete-reason.ts";

const type = ProvisionalNotifyType.DELETE_REASON;
const policy = { send: true, notifyType: type, downtimeSeconds: { "host-restart": 120 } };
const deleteIke: Payload = { kind: "D", protocolId: 1, spiSize: 0, spis: [] };
const deleteEsp: Payload = { kind: "D", protocolId: 3, spiSize: 4, spis: [fromHex("c0000001")] };

function built(reason: ReasonToSend): NotifyPayload {
  const payload = buildDeleteReason(reason, policy);
  if (payload === undefined) throw new Error("nothing was built");
  return payload;
}

/** Downtime, and the words as octets. */
function parts({ data }: NotifyPayload): [number, Uint8Array] {
  return [new DataView(data.buffer, data.byteOffset).getUint16(0), data.subarray(2)];
}

function notify(...data: Uint8Array[]): Payload {
  return { kind: "N", protocolId: 0, spi: new Uint8Array(), type, data: concat(...data) };
}

/** What is made of a message with these payloads, over the wire. */
function processed(...payloads: Payload[]) {
  const decoded = decodePayloads(firstPayload(payloads), encodePayloads(payloads));
  if (!decoded.ok) throw new Error(decoded.error.message);
  return processDeleteReasons(decoded.value, type);
}

describe("the DELETE_REASON that we send", () => {
  test("has Protocol ID 0, no SPI, and the words of its cause", () => {
    for (const cause of Object.keys(deleteReasons) as DeleteCause[]) {
      const payload = built({ cause });
      expect(payload).toMatchObject({ kind: "N", protocolId: 0, spi: new Uint8Array(), type: 40960 });
      expect(Buffer.from(parts(payload)[1]).toString()).toBe(deleteReasons[cause].text);
    }
  });

  test("is octet for octet the figure of the draft: Downtime, then Reason Message without a terminator", () => {
    expect(hex(built({ cause: "operator", text: "ok", downtimeSeconds: 600 }).data)).toBe("02586f6b");
    expect(hex(encodePayloads([built({ cause: "operator", text: "ok", downtimeSeconds: 600 })]))).toBe(
      "0000000c0000a00002586f6b",
    );
  });

  test("says the operator's words and downtime before those that are configured, and 0 where nothing is", () => {
    expect(parts(built({ cause: "host-restart" }))[0]).toBe(120);
    expect(parts(built({ cause: "host-restart", downtimeSeconds: 5 }))[0]).toBe(5);
    expect(parts(built({ cause: "host-shutdown" }))[0]).toBe(0);
    expect(Buffer.from(parts(built({ cause: "operator", text: "neue Leitung" }))[1]).toString()).toBe("neue Leitung");
  });

  test.each([
    [0, 0],
    [1, 1],
    [0.2, 1],
    [65_534, 65_534],
    [65_535, 65_535],
    [65_536, 65_535],
    [86_400, 65_535],
    [Number.POSITIVE_INFINITY, 65_535],
    [-1, 0],
    [Number.NaN, 0],
  ])("announces %d s as %d", (seconds, announced) => {
    expect(parts(built({ cause: "operator", downtimeSeconds: seconds }))[0]).toBe(announced);
  });

  test.each([
    ["x".repeat(256), 255],
    ["é".repeat(200), 254],
    ["変".repeat(100), 255],
    [`ab${"変".repeat(100)}`, 254],
    ["😀".repeat(100), 252],
    [`abc${"😀".repeat(100)}`, 255],
  ])("is cut between two characters: %s", (text, octets) => {
    const [, message] = parts(built({ cause: "operator", text }));
    expect(message).toHaveLength(octets);
    const words = new TextDecoder("utf-8", { fatal: true }).decode(message);
    expect(text.startsWith(words)).toBe(true);
  });

  test("is not there when reasons are switched off, and has the number that is configured", () => {
    expect(buildDeleteReason({ cause: "lifetime" }, { ...policy, send: false })).toBeUndefined();
    expect(buildDeleteReason({ cause: "lifetime" }, { ...policy, notifyType: 50_000 })?.type).toBe(50_000);
  });

  test("is what a receiver reads, whatever the words", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.nat(70_000), (text, downtimeSeconds) => {
        const { reasons, ignored } = processed(deleteIke, built({ cause: "operator", text, downtimeSeconds }));
        expect(ignored).toEqual([]);
        expect(reasons).toHaveLength(1);
        expect(reasons[0]?.downtimeSeconds).toBe(Math.min(65_535, downtimeSeconds));
        expect(hex(utf8(text)).startsWith(reasons[0]?.raw ?? "?")).toBe(true);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("a DELETE_REASON that is received", () => {
  const reason = notify(u16(120), utf8("host is restarting"));
  const read = { downtimeSeconds: 120, text: "host is restarting", raw: hex(utf8("host is restarting")), octets: 18 };

  test("applies to the Deletes of its message, before them or behind, one or several", () => {
    for (const message of [
      [deleteIke, reason],
      [reason, deleteEsp],
      [deleteEsp, reason, deleteIke],
    ]) {
      expect(processed(...message)).toEqual({ reasons: [read], ignored: [] });
    }
  });

  test("is ignored in a message without a Delete, well formed or not", () => {
    expect(processed(reason)).toEqual({ reasons: [], ignored: ["no-delete"] });
    expect(processed(reason, { kind: "V", data: utf8("D") }, notify())).toEqual({
      reasons: [],
      ignored: ["no-delete", "no-delete"],
    });
    expect(processed()).toEqual({ reasons: [], ignored: [] });
  });

  test("of no octets or one is malformed, and spoils neither its message nor another reason", () => {
    expect(processed(deleteIke, notify())).toEqual({ reasons: [], ignored: ["malformed"] });
    expect(processed(notify(fromHex("00")), reason, deleteIke)).toEqual({ reasons: [read], ignored: ["malformed"] });
  });

  test("without words says the downtime alone", () => {
    expect(processed(deleteIke, notify(u16(65_535)))).toEqual({
      reasons: [{ downtimeSeconds: 65_535, text: "", raw: "", octets: 0 }],
      ignored: [],
    });
  });

  test("counts whatever Protocol ID and SPI stand in it", () => {
    const odd: Payload = { kind: "N", protocolId: 3, spi: fromHex("c0000001"), type, data: fromHex("00006f6b") };
    expect(processed(deleteEsp, odd).reasons).toMatchObject([{ text: "ok" }]);
  });

  test("is told by its configured number: other notifications are none", () => {
    const other: Payload = { kind: "N", protocolId: 0, spi: new Uint8Array(), type: 16384, data: fromHex("00006f6b") };
    expect(processed(deleteIke, other)).toEqual({ reasons: [], ignored: [] });
  });

  test("comes several times: each is kept in its order, up to eight", () => {
    const many = Array.from({ length: 100 }, (_, i) => notify(u16(i), utf8(`reason ${i}`)));
    const { reasons, ignored } = processed(deleteIke, ...many);
    expect(reasons.map(({ text }) => text)).toEqual(Array.from({ length: 8 }, (_, i) => `reason ${i}`));
    expect(ignored).toEqual(Array(92).fill("too-many"));
  });
});

describe("a hostile Reason Message", () => {
  const bad = "\ufffd";

  test.each([
    ["terminal escapes", "\u001b[2J\u001b]0;owned\u0007\u009b31m", `${bad}[2J${bad}]0;owned${bad}${bad}31m`],
    ["bidirectional overrides", "\u202etxt.exe\u2066x\u2069", `${bad}txt.exe${bad}x${bad}`],
    ["NUL", "a\0b", `a${bad}b`],
    ["lines that look like the log's own", "ok\r\n14:55:03 alert", `ok${bad}${bad}14:55:03 alert`],
    [
      "a command for a shell",
      `$(reboot); \`id\` && $${"{HOME}"} \\n`,
      `${bad}(reboot); ${bad}id${bad} && ${bad}${bad}HOME${bad} ${bad}n`,
    ],
    ["a template", "{{constructor}}", `${bad}${bad}constructor${bad}${bad}`],
  ])("with %s is told without it, and kept as it came", (_name, text, safe) => {
    const octets = utf8(text);
    expect(processed(deleteIke, notify(u16(1), octets)).reasons).toEqual([
      { downtimeSeconds: 1, text: safe, raw: hex(octets), octets: octets.length },
    ]);
  });

  test("with HTML keeps it: the page escapes it, and no shell or terminal minds", () => {
    const { reasons } = processed(deleteIke, notify(u16(0), utf8("<img src=x onerror=alert(1)>")));
    expect(reasons[0]?.text).toBe("<img src=x onerror=alert(1)>");
  });

  test("that is not UTF-8 has U+FFFD in its place", () => {
    const octets = fromHex("6f6b ff fe c0af eda080 f8888080 6f6b");
    const { text = "", raw } = processed(deleteIke, notify(u16(0), octets)).reasons[0] ?? {};
    expect(text).toMatch(/^ok\ufffd+ok$/u);
    expect(raw).toBe(hex(octets));
  });

  test("of 60 kB is cut, as text and as octets, and its length is told", () => {
    for (const unit of ["x", "\u001b", "😀", "\u0301"]) {
      const octets = utf8(unit.repeat(60_000 / utf8(unit).length));
      const [reason] = processed(deleteIke, notify(u16(9), octets)).reasons;
      expect([...(reason?.text ?? "")].length).toBe(255);
      expect(reason?.raw).toBe(hex(octets.subarray(0, 512)));
      expect(reason?.octets).toBe(octets.length);
    }
  });

  test("of any octets gives printable text of bounded length, on one line", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (octets) => {
        const { reasons, ignored } = processed(deleteEsp, notify(octets));
        expect(reasons.length + ignored.length).toBe(1);
        for (const { text, raw } of reasons) {
          expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}${}\\`]/u);
          expect([...text].length).toBeLessThanOrEqual(255);
          expect(raw).toMatch(/^[0-9a-f]{0,1024}$/);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
