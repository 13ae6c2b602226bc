import fc from "fast-check";
import { expect, test } from "vitest";
import { sanitise, sanitisedLength } from "./sanitise.ts";

const bad = "\ufffd";

test("ordinary text of any language stays as it is", () => {
  for (const text of [
    "host is restarting",
    "Überlandwerk, 2. Stock",
    "変電所 3",
    "подстанция",
    "a/b-c_d.e:f@g (h) [i] <j> 'k' \"l\"",
  ]) {
    expect(sanitise(text)).toBe(text);
    expect(sanitise(new TextEncoder().encode(text))).toBe(text);
  }
});

test("control characters, and with them terminal escape sequences and new lines, are replaced", () => {
  expect(sanitise("a\u001b[31mred\u0007\r\nb\u0000c\u007f\u009bd\t")).toBe(
    `a${bad}[31mred${bad}${bad}${bad}b${bad}c${bad}${bad}d${bad}`,
  );
});

test("bidirectional overrides, isolates, marks and invisible characters are replaced", () => {
  for (const code of [
    0x202a, 0x202e, 0x2066, 0x2069, 0x200e, 0x200f, 0x061c, 0x200b, 0x2060, 0xfeff, 0xad, 0x2028, 0x2029, 0xe0041,
  ]) {
    expect(sanitise(`a${String.fromCodePoint(code)}b`)).toBe(`a${bad}b`);
  }
});

test("what a shell or a template takes as a command is replaced", () => {
  expect(sanitise("$(reboot) $" + "{x} `id` \\n {{y}}")).toBe(
    `${bad}(reboot) ${bad}${bad}x${bad} ${bad}id${bad} ${bad}n ${bad}${bad}y${bad}${bad}`,
  );
});

test("octets that are not UTF-8 are replaced, overlong forms and surrogates too", () => {
  expect(sanitise(new Uint8Array([0x61, 0xff, 0x62]))).toBe(`a${bad}b`);
  expect(sanitise(new Uint8Array([0xc0, 0xaf]))).not.toContain("/");
  expect(sanitise(new Uint8Array([0xed, 0xa0, 0x80]))).toMatch(/^\ufffd+$/);
  expect(sanitise("\ud800x")).toBe(`${bad}x`);
});

test("a long text is cut, whole characters at a time, with an ellipsis", () => {
  expect(sanitise("x".repeat(256))).toBe(`${"x".repeat(254)}…`);
  expect(sanitise("x".repeat(255))).toHaveLength(255);
  expect([...sanitise("😀".repeat(300))]).toHaveLength(255);
  expect(sanitise("😀😀😀", 2)).toBe("😀…");
  expect([...sanitise(new Uint8Array(10_000_000).fill(0x78))]).toHaveLength(sanitisedLength);
});

test("whatever the octets, the result is bounded, printable and stays the same when it is sanitised again", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 1200 }), fc.string({ unit: "binary", maxLength: 600 })),
      (foreign) => {
        const safe = sanitise(foreign);
        expect([...safe].length).toBeLessThanOrEqual(sanitisedLength);
        expect(safe).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}${}\\`]/u);
        expect(sanitise(safe)).toBe(safe);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});
