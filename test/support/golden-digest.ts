/** What our tables read and write of all golden messages, as one text: run as a program it prints it. */
import { encodeHeader } from "../../src/wire/header.ts";
import { encodeMessage, encodePayloads } from "../../src/wire/ikev2/message.ts";
import { encodeChain } from "../../src/wire/message.ts";
import { decodeClear, goldenMessages } from "./golden.ts";
import { goldenIkev2 } from "./ikev2-golden.ts";

/** Octets as hexadecimal, so that they are short; objects without the order of their properties, which says nothing. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function goldenDigest(): string {
  const isakmp = goldenMessages().map((message) => {
    const { header, payloads } = decodeClear(message);
    const values = payloads.map(({ payload }) => payload);
    return [values, encodeHeader(header), encodeChain(values)];
  });
  const ikev2 = goldenIkev2().map(({ header, payloads, inner }) => {
    const outer = payloads.map(({ payload }) => payload);
    const held = (inner?.payloads ?? []).map(({ payload }) => payload);
    return [outer, encodeMessage(header, outer), held, encodePayloads(held)];
  });
  return JSON.stringify([isakmp, ikev2], plain);
}

if (import.meta.main) process.stdout.write(goldenDigest());
