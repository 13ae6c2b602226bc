import { expect, test } from "vitest";
import { fromHex } from "../util/octets.ts";
import { isRedundant } from "./collisions.ts";

const nonces = (initiator: string, responder: string) => ({
  initiator: fromHex(initiator),
  responder: fromHex(responder),
});

test("the exchange with the lowest of the four nonces made the redundant SA, whoever's nonce it is", () => {
  expect(isRedundant(nonces("80ff", "01ff"), nonces("02ff", "7fff"))).toBe(true);
  expect(isRedundant(nonces("02ff", "7fff"), nonces("80ff", "01ff"))).toBe(false);
});

test("octets are compared from the first on, and a nonce that ends first is the lower one", () => {
  expect(isRedundant(nonces("0100", "ffff"), nonces("00ffffff", "ffff"))).toBe(false);
  expect(isRedundant(nonces("0100", "ffff"), nonces("010000", "ffff"))).toBe(true);
});
