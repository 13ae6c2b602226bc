import { describe, expect, test } from "vitest";
import { hex, utf8 } from "../util/octets.ts";
import type { NotifyPayload } from "../wire/ikev2/payloads.ts";
import { notify } from "./contents.ts";
import {
  oneMore,
  type Redirections,
  readRedirect,
  readRedirectedFrom,
  redirectedFromNotify,
  redirectNotify,
} from "./redirect.ts";

const nonce = Uint8Array.from({ length: 32 }, (_, i) => i);
const data = (notification: NotifyPayload) => hex(notification.data);
const received = (...octets: number[]) => notify(16407, Uint8Array.from(octets));

describe("a REDIRECT", () => {
  test("has the form of RFC 5685 9.2: type and length of the gateway, then the nonce of an answer to IKE_SA_INIT", () => {
    expect(redirectNotify("192.0.2.9")).toMatchObject({ type: 16407, protocolId: 0, spi: new Uint8Array() });
    expect(data(redirectNotify("192.0.2.9"))).toBe("0104c0000209");
    expect(data(redirectNotify("192.0.2.9", nonce))).toBe(`0104c0000209${hex(nonce)}`);
    expect(data(redirectNotify("2001:db8::9"))).toBe("021020010db8000000000000000000000009");
    expect(data(redirectNotify("gw2.example"))).toBe(`030b${hex(utf8("gw2.example"))}`);
  });

  test("is read back, with its nonce", () => {
    expect(readRedirect(redirectNotify("2001:db8::9", nonce))).toEqual({
      address: { ok: true, value: "2001:db8::9" },
      nonce,
    });
    expect(readRedirect(redirectNotify("192.0.2.9"))).toEqual({
      address: { ok: true, value: "192.0.2.9" },
      nonce: new Uint8Array(),
    });
  });

  test("to a host name is told, and not followed", () => {
    expect(readRedirect(redirectNotify("gw2.example")).address).toEqual({
      ok: false,
      error: "host names are not looked up: gw2.example",
    });
    expect(readRedirect(received(3, 4, 0x24, 0x28, 0x1b, 0x29)).address).toEqual({
      ok: false,
      error: "host names are not looked up: \ufffd(\ufffd)",
    });
  });

  test.each([
    ["an address of another length", received(1, 16, ...new Array<number>(16).fill(1)), /no address of type 1/],
    ["no address", received(1, 0), /no address of type 1/],
    ["an address of zeros", received(1, 4, 0, 0, 0, 0), /no address of type 1/],
    ["a type that is not known", received(9, 4, 1, 2, 3, 4), /no address of type 9/],
    ["a multicast address", received(1, 4, 224, 0, 0, 1), "the REDIRECT has no address of type 1"],
    ["the broadcast address", received(1, 4, 255, 255, 255, 255), "the REDIRECT has no address of type 1"],
    ["a multicast address of IPv6", received(2, 16, 0xff, 2, ...new Array(14).fill(0)), "no address of type 2"],
    ["a length over its end", received(1, 40, 1, 2, 3, 4), "the REDIRECT cannot be read"],
    ["nothing in it", received(), "the REDIRECT cannot be read"],
  ])("with %s leads nowhere", (_, notification, why) => {
    const { address } = readRedirect(notification);
    expect(address.ok ? undefined : address.error).toMatch(why);
  });
});

describe("a REDIRECTED_FROM", () => {
  test("names the gateway that sent us, as RFC 5685 9.3 has it", () => {
    expect(redirectedFromNotify("192.0.2.1").type).toBe(16408);
    expect(data(redirectedFromNotify("192.0.2.1"))).toBe("0104c0000201");
    expect(readRedirectedFrom(redirectedFromNotify("2001:db8::1"))).toBe("2001:db8::1");
  });

  test("that names no address says no more than that the client can be sent on", () => {
    expect(readRedirectedFrom(redirectedFromNotify("gw1.example"))).toBeUndefined();
    expect(readRedirectedFrom(notify(16408, Uint8Array.of(1)))).toBeUndefined();
  });
});

test("a client is sent on five times within five minutes, and no more", () => {
  let redirections: Redirections = [];
  for (let i = 0; i < 5; i++) redirections = oneMore(redirections, 1000 * i) ?? [];
  expect(redirections).toHaveLength(5);
  expect(oneMore(redirections, 5000)).toBeUndefined();
  expect(oneMore(redirections, 299_999)).toBeUndefined();
  // the first is too long ago to count
  expect(oneMore(redirections, 300_000)).toEqual([1000, 2000, 3000, 4000, 300_000]);
});
