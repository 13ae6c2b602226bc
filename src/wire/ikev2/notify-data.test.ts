import { describe, expect, test } from "vitest";
import { fromHex, hex, utf8 } from "../../util/octets.ts";
import {
  type DataForm,
  decodeNotifyData,
  deleteReason,
  encodeNotifyData,
  invalidKePayload,
  redirect,
  redirectedFrom,
  setWindowSize,
  signatureHashAlgorithms,
} from "./notify-data.ts";

/** Reads `text`, and makes it again from `value`. */
function bothWays<T>(form: DataForm<T>, text: string, value: T) {
  return {
    text,
    value,
    read: () => decodeNotifyData(form, fromHex(text)),
    made: () => hex(encodeNotifyData(form, value)),
  };
}

function refused<T>(form: DataForm<T>, text: string, code: string) {
  return { error: { code, section: form.section }, read: () => decodeNotifyData(form, fromHex(text)) };
}

describe("Notification Data", () => {
  test.each([
    ["INVALID_KE_PAYLOAD", bothWays(invalidKePayload, "001f", 31)],
    ["SET_WINDOW_SIZE", bothWays(setWindowSize, "00000005", 5)],
    ["SIGNATURE_HASH_ALGORITHMS", bothWays(signatureHashAlgorithms, "0002000300040005", [2, 3, 4, 5])],
    [
      "REDIRECT",
      bothWays(redirect, "0104c0000201abcd", { gatewayType: 1, identity: fromHex("c0000201"), nonce: fromHex("abcd") }),
    ],
    ["REDIRECTED_FROM", bothWays(redirectedFrom, "030161", { gatewayType: 3, identity: utf8("a") })],
    ["DELETE_REASON", bothWays(deleteReason, "00786f6b", { downtimeSeconds: 120, message: utf8("ok") })],
  ])("of %s is read, and made again", (_name, { read, made, text, value }) => {
    expect(read()).toEqual({ ok: true, value });
    expect(made()).toBe(text);
  });

  test.each([
    ["INVALID_KE_PAYLOAD of one octet", refused(invalidKePayload, "1f", "truncated")],
    ["INVALID_KE_PAYLOAD of three octets", refused(invalidKePayload, "001f00", "bad-length")],
    ["SIGNATURE_HASH_ALGORITHMS with half a number", refused(signatureHashAlgorithms, "000200", "truncated")],
    ["REDIRECT whose identity is cut", refused(redirect, "0104c00002", "truncated")],
    ["DELETE_REASON of one octet", refused(deleteReason, "00", "truncated")],
    ["DELETE_REASON of none", refused(deleteReason, "", "truncated")],
  ])("of %s is refused", (_name, { read, error }) => {
    expect(read()).toMatchObject({ ok: false, error });
  });
});
