import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, hex } from "./octets.ts";
import { derOid, isOid, oidOctets, oidText, readOidField } from "./oid.ts";

// 1.2 is 40 + 2 = 2a; 840 = 6 * 128 + 72; 10070 = 78 * 128 + 86; 61850 = 3 * 16384 + 99 * 128 + 26
const goose = { text: "1.2.840.10070.61850.8.1.2", contents: "2a 8648 ce56 83e31a 08 01 02" };

describe("an OID", () => {
  test.each([
    [goose.text, goose.contents],
    ["0.0", "00"],
    ["1.39", "4f"],
    ["2.0", "50"],
    ["2.47", "7f"],
    ["2.48", "8100"],
    ["2.999.3", "8837 03"],
    ["2.25.340282366920938463463374607431768211455", "69 83ffffffffffffffffffffffffffffffffff7f"],
  ])("%s has one encoding", (text, contents) => {
    expect(hex(oidOctets(text) ?? fromHex(""))).toBe(hex(fromHex(contents)));
    expect(oidText(fromHex(contents))).toBe(text);
  });

  test.each(["", "1", "1.", ".1.2", "3.1", "1.40", "0.40.1", "1.02", "1.2.-3", "1.2.a", "1.2..3", " 1.2"])(
    "is not what %j says",
    (text) => {
      expect(oidOctets(text)).toBeUndefined();
    },
  );

  test.each([
    ["nothing", ""],
    ["a subidentifier that goes on", "2a86"],
    ["a subidentifier with a leading 80", "2a8001"],
    ["a first subidentifier with a leading 80", "802a"],
    ["more than a field can hold", "2a".repeat(253)],
  ])("is not %s", (_, contents) => {
    expect(oidText(fromHex(contents))).toBeUndefined();
    expect(isOid(fromHex(contents))).toBe(false);
  });

  test("of any arcs comes back from its octets", () => {
    const arcs = fc.array(fc.bigInt({ min: 0n, max: 2n ** 130n }), { maxLength: 8 });
    const text = fc.oneof(
      fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 39 }), arcs).map((parts) => parts.flat().join(".")),
      arcs.filter((list) => list.length > 0).map((list) => [2, ...list].join(".")),
    );
    fc.assert(
      fc.property(text, (oid) => {
        const contents = oidOctets(oid) ?? fromHex("");
        expect(oidText(contents)).toBe(oid);
        expect(readOidField(derOid(contents))).toEqual({ contents, form: "der" });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("whose text is endless is refused at once", () => {
    expect(oidOctets(`1.2.${"9".repeat(1_000_000)}`)).toBeUndefined();
    expect(oidOctets(`1.2${".3".repeat(251)}`)).toHaveLength(252);
    expect(oidOctets(`1.2${".3".repeat(252)}`)).toBeUndefined();
  });
});

describe("a field with an OID", () => {
  const contents = fromHex(goose.contents);

  test("holds the whole encoding or the contents alone, and it shows which", () => {
    expect(readOidField(fromHex(`060b ${goose.contents}`))).toEqual({ contents, form: "der" });
    expect(readOidField(contents)).toEqual({ contents, form: "contents" });
  });

  test("holds an encoding of more than 127 octets with a length of two", () => {
    const long = fromHex("2a".repeat(200));
    expect(hex(derOid(long)).slice(0, 8)).toBe("0681c82a");
    expect(readOidField(derOid(long))).toEqual({ contents: long, form: "der" });
  });

  test.each([
    ["nothing", ""],
    ["an encoding that is cut off", "060b 2a 8648 ce56 83e31a 08 01"],
    ["an encoding with more behind it", `060b ${goose.contents} 00`],
    ["an empty encoding", "0600"],
    ["a length in the long form without need", `06810b ${goose.contents}`],
    ["a subidentifier that is not minimal", "0603 2a8001"],
    ["another type", `040b ${goose.contents.replace("02", "82")}`],
  ])("does not hold %s", (_, field) => {
    expect(readOidField(fromHex(field))).toBeUndefined();
  });
});
