import { describe, expect, test } from "vitest";
import { hex } from "../../src/util/octets.ts";
import { describeMessage } from "../../src/wire/describe.ts";
import { encodeHeader, HEADER_LENGTH } from "../../src/wire/header.ts";
import { encodeChain, encodePayload } from "../../src/wire/message.ts";
import type { TreeNode } from "../../src/wire/tree.ts";
import { decodeClear, goldenMessages } from "../support/golden.ts";

const messages = goldenMessages();

function* nodes(node: TreeNode): Generator<TreeNode> {
  yield node;
  for (const child of node.children ?? []) yield* nodes(child);
}

describe("messages that other programs made", () => {
  test("are many and of every exchange", () => {
    expect(messages.length).toBeGreaterThan(100);
    const exchanges = new Set(messages.map((message) => message.header[18]));
    expect([...exchanges].sort()).toEqual([2, 32, 33, 35]);
  });

  test("decode to the last octet and encode to the same octets", () => {
    for (const message of messages) {
      const { header, payloads, end } = decodeClear(message);
      const chain = encodeChain(payloads.map(({ payload }) => payload));
      expect(hex(chain), message.origin).toBe(hex(message.octets.subarray(HEADER_LENGTH, end)));
      expect(hex(encodeHeader(header)), message.origin).toBe(hex(message.header));
      expect(message.octets.length - end).toBeLessThan(message.padded ? 16 : 1);
    }
  });

  test("give every payload with the octets and the offset that it came with", () => {
    for (const message of messages) {
      for (const { payload, octets, offset } of decodeClear(message).payloads) {
        expect(hex(octets)).toBe(hex(message.octets.subarray(offset, offset + octets.length)));
        expect(hex(encodePayload(payload, octets[0] ?? 0))).toBe(hex(octets));
      }
    }
  });

  test("hold no payload that is not understood", () => {
    for (const message of messages) {
      for (const { payload } of decodeClear(message).payloads) expect(payload.kind, message.origin).not.toBe("UNKNOWN");
    }
  });

  test("are described inside their bounds, in the order of their octets, without key octets", () => {
    for (const message of messages) {
      const { header, payloads } = decodeClear(message);
      let before = 0;
      for (const { offset = 0, name, value } of nodes(describeMessage(header, payloads))) {
        expect(offset).toBeGreaterThanOrEqual(before);
        expect(offset).toBeLessThanOrEqual(message.octets.length);
        before = offset;
        if (/TEK_.*KEY|KEK_ALGORITHM_KEY|Key Data$/.test(name)) expect(value).toMatch(/^\d+ octets$/);
      }
    }
  });
});
