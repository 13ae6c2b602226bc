import { expect, test } from "vitest";
import { deleteReasons } from "./delete-reasons.ts";

test("each of the thirteen causes and our own two has a text of its own that fits one datagram with its Delete", () => {
  const texts = Object.values(deleteReasons).map(({ text }) => text);
  expect(texts).toHaveLength(15);
  expect(new Set(texts).size).toBe(15);
  for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(255);
});
