import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, hex } from "../../util/octets.ts";
import { CryptoError } from "../provider.ts";
import { element, sequence } from "./der.ts";
import { nodeCrypto } from "./index.ts";
import { nameFromText } from "./names.ts";

const { nameText } = nodeCrypto;

describe("RFC 4514 text of a Name", () => {
  test("begins with the most specific RDN and joins the parts of one with +", () => {
    // SEQUENCE { SET { C=CH }, SET { O=b, OU=a }, SET { CN=x } }
    const name = nameFromText("CN=x,OU=a+O=b,C=CH");
    expect(nameText(name)).toBe("CN=x,O=b+OU=a,C=CH");
  });

  test("gives the examples of RFC 4514 4", () => {
    const examples = [
      "UID=jsmith,DC=example,DC=net",
      "OU=Sales+CN=J.  Smith,DC=example,DC=net",
      'CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net',
      "CN=Before\\0dAfter,DC=example,DC=net",
      "1.3.6.1.4.1.1466.0=#04024869",
      "CN=Lu\\c4\\8di\\c4\\87",
    ];
    const [uid, , jim, control, unknown, utf8Pairs] = examples.map((text) => nameText(nameFromText(text)));
    expect([uid, jim, control, unknown]).toEqual([examples[0], examples[2], examples[3], examples[4]]);
    expect(utf8Pairs).toBe("CN=Lučić");
  });

  test("reads the older string types", () => {
    const name = (value: string) => sequence(element(0x31, sequence(element(0x06, fromHex("550403")), fromHex(value))));
    expect(nameText(name("130161"))).toBe("CN=a"); // PrintableString
    expect(nameText(name("1401fc"))).toBe("CN=ü"); // TeletexString
    expect(nameText(name("1e0400fc0062"))).toBe("CN=üb"); // BMPString
    expect(nameText(name("0c02fffe"))).toBe("CN=#0c02fffe"); // UTF8String that is none
    expect(nameText(name("0401aa"))).toBe("CN=#0401aa"); // no string at all
  });

  test("is one line that nothing turns around: separators and direction marks are hex pairs", () => {
    const name = nameFromText("CN=gm1\u2028\u202e1mg\u200b");
    expect(nameText(name)).toBe("CN=gm1\\e2\\80\\a8\\e2\\80\\ae1mg\\e2\\80\\8b");
    expect(hex(nameFromText(nameText(name)))).toBe(hex(name));
  });

  test("an empty Name is an empty text", () => {
    expect(nameText(fromHex("3000"))).toBe("");
  });

  test("every value comes back through text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), (value) => {
        const escaped = value.replace(/[ "+,;<>\\#=]/g, "\\$&");
        const name = nameFromText(`CN=${escaped},O=o`);
        expect(hex(nameFromText(nameText(name)))).toBe(hex(name));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test("arbitrary octets give a text or a CryptoError", () => {
    const valid = nameFromText("CN=gm1,OU=a+O=b,C=CH");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(), fc.nat(255), (octets, at, value) => {
        const mutated = valid.slice();
        mutated[at % mutated.length] = value;
        for (const name of [octets, mutated, valid.subarray(0, at % valid.length)]) {
          try {
            expect(nameText(name)).toEqual(expect.any(String));
          } catch (error) {
            expect(error).toBeInstanceOf(CryptoError);
          }
        }
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });
});

describe("a Name of text", () => {
  test("has the string types of RFC 5280: PrintableString for C, IA5String for DC, else UTF8String", () => {
    expect(hex(nameFromText("C=CH"))).toBe("300d310b3009060355040613024348");
    expect(hex(nameFromText("DC=a"))).toBe("3013 3111 300f 060a0992268993f22c640119 160161".replaceAll(" ", ""));
    expect(hex(nameFromText("CN=ü"))).toBe("300d 310b 3009 0603550403 0c02c3bc".replaceAll(" ", ""));
  });

  test.each(["", "CN", "=a", "XX=a", "CN=a,", "CN=a,,O=b", "1.=a"])("%j is refused", (text) => {
    expect(() => nameFromText(text)).toThrow(expect.objectContaining({ code: "bad-key" }));
  });

  test("white space around a part does not count", () => {
    expect(hex(nameFromText("CN= a , O= b"))).toBe(hex(nameFromText("CN=a,O=b")));
  });
});
