import { describe, expect, test } from "vitest";
import * as ikev2 from "./ikev2.ts";
import { PayloadType as IsakmpPayloadType } from "./isakmp.ts";
import { ProvisionalNotifyType } from "./provisional.ts";

const registries = Object.entries(ikev2).filter(([name]) => name !== "HIGHEST_ERROR_TYPE");

describe.each(registries)("the registry %s", (_name, registry) => {
  test("gives every number one name, in rising order", () => {
    const numbers = Object.values(registry);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });
});

test("payload types are those that ISAKMP does not use", () => {
  const isakmp = new Set<number>(Object.values(IsakmpPayloadType));
  const shared = Object.values(ikev2.PayloadType).filter((type) => type !== 0 && isakmp.has(type));
  expect(shared).toEqual([]);
});

test("notify types are errors up to 16383 and status above, provisional ones included", () => {
  const { TS_MAX_QUEUE, INITIAL_CONTACT } = ikev2.NotifyType;
  expect(TS_MAX_QUEUE).toBeLessThan(ikev2.HIGHEST_ERROR_TYPE);
  expect(INITIAL_CONTACT).toBe(ikev2.HIGHEST_ERROR_TYPE + 1);
  const assigned = new Set<number>(Object.values(ikev2.NotifyType));
  // for private use: RFC 7296 3.10.1
  expect(ProvisionalNotifyType.DELETE_REASON).toBeGreaterThanOrEqual(40_960);
  expect(assigned.has(ProvisionalNotifyType.DELETE_REASON)).toBe(false);
});
