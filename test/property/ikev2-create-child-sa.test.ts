/** A peer that has the keys, and asks by CREATE_CHILD_SA for whatever comes to its mind. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ExchangeType, Flag, NotifyType } from "../../src/iana/ikev2.ts";
import { errorOf, payloadOf } from "../../src/ikev2/contents.ts";
import { espOffer, firstEspGroup, ikeOffer } from "../../src/ikev2/proposals.ts";
import { defaultEspProposals, defaultIkeProposals } from "../../src/ikev2/suite.ts";
import { decodeHeader } from "../../src/wire/ikev2/header.ts";
import type { Payload } from "../../src/wire/ikev2/payloads.ts";
import {
  bringUp,
  childPolicy,
  childSas,
  dataPlane,
  esp as espProposals,
  ikeSas,
  ikev2World,
  mirrored,
  told,
} from "../support/ikev2.ts";
import { Impostor } from "../support/ikev2-impostor.ts";
import { innerPayloads } from "./ikev2-payloads.ts";

const seed = Number(process.env["SEED"] ?? 1);
const net = childPolicy("left");
const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });

/** A piece as it should be, most of the time. */
const often = <T>(right: fc.Arbitrary<T>, ...wrong: fc.Arbitrary<T>[]) =>
  fc.oneof({ weight: 25, arbitrary: right }, ...wrong);
const nothing = fc.constant<readonly Payload[]>([]);
const one = (payload: fc.Arbitrary<Payload>) => payload.map((value): readonly Payload[] => [value]);

const group = firstEspGroup(defaultEspProposals);
const esp = octets(4).map((spi): Payload => espOffer(defaultEspProposals, spi, undefined));
const espWithGroups = octets(4).map((spi): Payload => espOffer(defaultEspProposals, spi, group));
const ike = octets(8).map((spi): Payload => ikeOffer(defaultIkeProposals, spi));
const unknown = octets(4).map((spi): Payload => espOffer(espProposals("aes-gcm-16-192"), spi, undefined));
const nonce = (length: fc.Arbitrary<Uint8Array>) => length.map((data): Payload => ({ kind: "NONCE", data }));
const ke = (number: fc.Arbitrary<number>, data: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(number, data).map(([group, value]): Payload => ({ kind: "KE", group, data: value }));
const selectors: readonly Payload[] = [
  { kind: "TSi", selectors: net.localSelectors },
  { kind: "TSr", selectors: net.remoteSelectors },
];
const notification = (type: number) =>
  fc.constant<Payload>({ kind: "N", protocolId: 0, spi: new Uint8Array(), type, data: new Uint8Array() });

/** `which` stands for the SPI of a Child SA that there is: the first, the second. */
interface Asked {
  readonly payloads: readonly Payload[];
  readonly rekey: { readonly which: number; readonly protocolId: number } | undefined;
  readonly deletes: number | undefined;
  readonly shuffled: readonly number[];
}

const asked: fc.Arbitrary<Asked> = fc.record({
  payloads: fc
    .tuple(
      often(fc.oneof(one(esp), one(espWithGroups), one(ike), one(unknown)), nothing, fc.tuple(esp, ike)),
      often(one(nonce(octets(32))), one(nonce(octets(0, 300))), nothing),
      fc.oneof(nothing, one(ke(fc.constant(31), octets(32))), one(ke(fc.integer({ min: 0, max: 40 }), octets(0, 70)))),
      often(
        fc.constant(selectors),
        nothing,
        fc.constant(selectors.slice(1)),
        fc.constant([...selectors, ...selectors]),
      ),
      often(nothing, one(notification(NotifyType.USE_TRANSPORT_MODE)), one(notification(NotifyType.TEMPORARY_FAILURE))),
      often(nothing, innerPayloads),
    )
    .map((parts) => parts.flat()),
  rekey: fc.option(fc.record({ which: fc.nat(3), protocolId: often(fc.constant(3), fc.nat(255)) }), { nil: undefined }),
  deletes: fc.option(fc.nat(3), { nil: undefined, freq: 3 }),
  shuffled: fc.array(fc.nat(20), { maxLength: 3 }),
});

function composed({ payloads, rekey, shuffled }: Asked, spis: readonly string[]): readonly Payload[] {
  const all = [...payloads];
  if (rekey !== undefined) {
    const spi = Buffer.from(spis[rekey.which] ?? "01020304", "hex");
    all.unshift({ kind: "N", protocolId: rekey.protocolId, spi, type: NotifyType.REKEY_SA, data: new Uint8Array() });
  }
  for (const from of shuffled) all.push(...all.splice(from % (all.length + 1), 1));
  return all;
}

test("it gets what it may have, or an error; nothing is thrown, and nothing grows", { timeout: 120_000 }, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 5, maxLength: 30 }), async (requests) => {
      const pair = ikev2World({ policy: { keyLog: true } });
      const { world, right } = pair;
      await bringUp(pair);
      world.intercept = (packet) => (packet.to.address === right.address ? [packet] : []);
      let impostor = new Impostor(pair);
      let messageId = 2;
      for (const request of requests) {
        const before = { sas: ikeSas(right).length, wire: world.wire.length };
        if (before.sas === 0) break;
        const spis = childSas(right).map(({ spiOut }) => spiOut);
        impostor.say(ExchangeType.CREATE_CHILD_SA, messageId++, composed(request, spis));
        await world.runFor(2);
        expect(world.wire.length).toBeGreaterThan(before.wire + 1);
        const answer = impostor.heard();
        const error = errorOf(answer);
        if (error === undefined) {
          expect([payloadOf(answer, "SA"), payloadOf(answer, "NONCE")]).not.toContain(undefined);
          seen.add(payloadOf(answer, "TSi") === undefined ? "IKE SA" : "Child SA");
        } else {
          expect(answer).toHaveLength(1);
          seen.add(String(error.type));
          // fatal at both ends (RFC 7296 2.21.3)
          if (error.type === NotifyType.INVALID_SYNTAX) break;
        }
        expect(ikeSas(right).length).toBeLessThanOrEqual(before.sas + 1);
        expect(ikeSas(right).length).toBeLessThanOrEqual(2);
        expect(childSas(right).length).toBeLessThanOrEqual(128);
        if (ikeSas(right).length > before.sas) {
          // it goes on with the new one, and deletes the old one sometimes
          if (request.deletes !== undefined) {
            impostor.say(ExchangeType.INFORMATIONAL, messageId, [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }]);
            await world.runFor(2);
          }
          impostor = new Impostor(pair, right.keyLog.at(-1));
          messageId = 0;
        } else if (request.deletes !== undefined && ikeSas(right).length > 0) {
          const spi = Buffer.from(spis[request.deletes] ?? "01020304", "hex");
          impostor.say(ExchangeType.INFORMATIONAL, messageId++, [
            { kind: "D", protocolId: 3, spiSize: 4, spis: [spi] },
          ]);
          await world.runFor(2);
        }
        expect(dataPlane(right).size).toBe(childSas(right).length);
      }
      // what was replaced does not stay for ever, whether it was deleted or not
      await world.runFor(400_000);
      expect(ikeSas(right).length).toBeLessThanOrEqual(1);
      expect(childSas(right).every(({ state }) => state === "installed" || state === "deleting")).toBe(true);
      expect(dataPlane(right).size).toBe(childSas(right).length);
      expect(mirrored(dataPlane(right)).size).toBe(childSas(right).length);
      expect(told(world, right).length).toBeLessThan(400);
    }),
    { seed, numRuns: 60 },
  );
  // all of them came about
  const { INVALID_SYNTAX, NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD, TEMPORARY_FAILURE, CHILD_SA_NOT_FOUND } = NotifyType;
  const errors = [INVALID_SYNTAX, NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD, TEMPORARY_FAILURE, CHILD_SA_NOT_FOUND];
  expect([...seen]).toEqual(expect.arrayContaining(["IKE SA", "Child SA", ...errors.map(String)]));
});

test("it answers whatever comes to its mind: every request of ours has an end, and nothing grows", {
  timeout: 120_000,
}, async () => {
  const refusals = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 3, maxLength: 12 }), fc.boolean(), async (answers, ike) => {
      const pair = ikev2World({ policy: { keyLog: true } });
      const { world, right } = pair;
      await bringUp(pair);
      const requests: Uint8Array[] = [];
      world.intercept = (packet) => {
        if (packet.to.address === right.address) return [packet];
        requests.push(packet.bytes);
        return [];
      };
      const impostor = new Impostor(pair);
      const key = ikeSas(right)[0]?.id;
      for (const answer of answers) {
        if (childSas(right).length === 0 || ikeSas(right)[0]?.id !== key) break;
        const handle = right.command({ do: "rekey", target: ike ? "tunnel" : "tunnel/net" });
        const spis = childSas(right).map(({ spiOut }) => spiOut);
        // the answer, and after it nothing but agreement
        for (let payloads = composed(answer, spis); requests.length > 0; payloads = []) {
          const header = decodeHeader(requests.pop() ?? new Uint8Array());
          requests.length = 0;
          if (!header.ok) throw new Error(header.error.message);
          impostor.say(header.value.exchangeType, header.value.messageId, payloads, Flag.RESPONSE);
          await world.runFor(2);
        }
        expect(handle.answer).toBeDefined();
        if (handle.answer !== undefined && "refusal" in handle.answer) refusals.add(handle.answer.refusal.code);
        expect(ikeSas(right).length).toBeLessThanOrEqual(2);
        expect(childSas(right).length).toBeLessThanOrEqual(2);
        expect(dataPlane(right).size).toBe(childSas(right).length);
      }
      await world.runFor(400_000);
      expect(right.engine.leftovers).toEqual([]);
      expect(ikeSas(right).length).toBeLessThanOrEqual(1);
      expect(childSas(right).length).toBeLessThanOrEqual(1);
    }),
    { seed, numRuns: 100 },
  );
  expect([...refusals]).toEqual(expect.arrayContaining(["refused-by-peer"]));
});
