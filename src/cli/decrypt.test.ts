import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fromHex } from "../util/octets.ts";
import { decodeWith } from "./decrypt.ts";

interface Vectors {
  readonly phase1: { readonly key: string; readonly last_block: string };
  readonly cases: readonly {
    readonly pull: {
      readonly kek_algorithm_key: string;
      readonly message1: { readonly datagram: string };
      readonly message4: { readonly datagram: string; readonly iv: string };
    };
    readonly pushes: readonly { readonly datagram: string; readonly seq: number }[];
  }[];
}

const file = new URL("../../test/vectors/data/gdoi-push.json", import.meta.url);
const { phase1, cases } = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const [example = cases[0]] = cases;
const octets = (text: string | undefined) => fromHex(text ?? "");

function kinds(result: ReturnType<typeof decodeWith>): string[] {
  return result.ok ? result.value.payloads.map(({ payload }) => payload.kind) : [];
}

test("a push opens with IV and key of its KEK", () => {
  const kek = octets(example?.pull.kek_algorithm_key);
  const push = example?.pushes[0];
  const decoded = decodeWith(octets(push?.datagram), { kek });
  expect(kinds(decoded)).toEqual(["SEQ", "GDOI-SA", "KD", "SIG"]);
  expect(decoded.ok && decoded.value.payloads[0]).toMatchObject({
    offset: 28,
    payload: { sequenceNumber: push?.seq },
  });
});

test("the first message of a GROUPKEY-PULL opens with the last block of main mode", () => {
  const keys = { key: octets(phase1.key), lastBlock: octets(phase1.last_block), hash: "sha256" } as const;
  const decoded = decodeWith(octets(example?.pull.message1.datagram), { phase1: keys });
  expect(kinds(decoded)).toEqual(["HASH", "NONCE", "ID"]);
});

test("a later one opens with its IV", () => {
  const keys = { key: octets(phase1.key), iv: octets(example?.pull.message4.iv) };
  expect(kinds(decodeWith(octets(example?.pull.message4.datagram), { phase1: keys }))).toEqual(["HASH", "SEQ", "KD"]);
});

test("an encrypted message without its key, and with a wrong one, is told apart", () => {
  const datagram = octets(example?.pushes[0]?.datagram);
  expect(decodeWith(datagram, {})).toMatchObject({ ok: false, error: { what: "encrypted" } });
  expect(decodeWith(datagram, { kek: new Uint8Array(32) })).toMatchObject({
    ok: false,
    error: { what: "wire", decrypted: true },
  });
});
