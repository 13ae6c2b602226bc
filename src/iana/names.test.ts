import { describe, expect, test } from "vitest";
import { KekAlgorithm } from "./gdoi.ts";
import { ExchangeType, PayloadType } from "./isakmp.ts";
import { knownName, nameOf } from "./names.ts";

describe("the name of a code point", () => {
  test("is that of its registry, or its number", () => {
    expect(nameOf(PayloadType, 22)).toBe("GAP");
    expect(nameOf(KekAlgorithm, 200)).toBe("200");
    expect(knownName(KekAlgorithm, 200)).toBeUndefined();
  });

  test("of exchange 32 is GROUPKEY_PULL, not that of Quick Mode", () => {
    expect(nameOf(ExchangeType, 32)).toBe("GROUPKEY_PULL");
  });
});
