import { beforeEach, describe, expect, test } from "vitest";
import type { Env, Output } from "../../../src/core/engine.ts";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { seededRandom } from "../../../src/crypto/seeded.ts";
import { ExchangeType } from "../../../src/iana/isakmp.ts";
import { deletionOf, protectNotices } from "../../../src/ikev1/informational.ts";
import type { Phase1Sa } from "../../../src/ikev1/types.ts";
import { encodeMessage } from "../../../src/wire/message.ts";
import type { NotificationPayload } from "../../../src/wire/payloads.ts";
import { mallory, type Pair, pair, pskPolicies, START } from "../../support/phase1.ts";

const notification = (notifyType: number, text = ""): NotificationPayload => ({
  kind: "N",
  doi: 2,
  protocolId: 1,
  spi: new Uint8Array(0),
  notifyType,
  data: Buffer.from(text),
});

let between: Pair;
let sa: Phase1Sa;
const env = (): Env => ({ now: START, random: seededRandom(9), crypto: nodeCrypto });
const toResponder = (bytes: Uint8Array, address = sa.local.address) =>
  between.world.send({ from: { address, port: 848 }, to: sa.remote, bytes });

beforeEach(async () => {
  between = pair(pskPolicies());
  between.initiate();
  await between.world.runUntil(between.established, 10_000);
  const [first] = between.initiator.engine.sas();
  if (first === undefined) throw new Error("no SA");
  sa = first;
});

describe("a protected Informational exchange", () => {
  test("brings a notification up once, however often it comes", async () => {
    const bytes = protectNotices(sa, [notification(11, "an SPI")], env());
    for (let n = 0; n < 3; n++) toResponder(bytes);
    await between.world.runFor(100);
    const told = between.responder.engine.upcalls.filter(({ up }) => up === "notification");
    expect(told).toMatchObject([{ notification: { notifyType: 11 } }]);
    expect(between.responder.engine.phase1.counters.get("drop.replay")).toBe(2);
  });

  test("deletes the SA on both sides, and says why in the ledger", async () => {
    between.initiator.command({ deleteAll: true });
    await between.world.runFor(100);
    expect(between.initiator.engine.sas()).toEqual([]);
    expect(between.responder.engine.sas()).toEqual([]);
    expect(between.responder.engine.upcalls.at(-1)).toMatchObject({ up: "deleted", by: "peer" });
    const reasons = between.world.events.map(({ event }) => event.reason).filter((why) => why !== undefined);
    expect(reasons).toEqual(["the test deletes it", "the peer deleted it"]);
  });

  test("moves the SA to where the peer is now", async () => {
    toResponder(protectNotices(sa, [notification(11)], env()), "192.0.2.99");
    await between.world.runFor(100);
    expect(between.responder.engine.sas()[0]?.remote).toEqual({ address: "192.0.2.99", port: 848 });
  });

  test("with one changed octet, or under Message ID 0, does nothing", async () => {
    const bytes = protectNotices(sa, [deletionOf(sa)], env());
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      toResponder(changed);
    }
    const zero = bytes.slice();
    zero.fill(0, 20, 24);
    toResponder(zero);
    await between.world.runFor(100);
    expect(between.responder.engine.sas()).toHaveLength(1);
  });

  test("can be sent from above, with any notification", async () => {
    const out: Output[] = [];
    between.responder.engine.phase1.inform(
      between.responder.engine.sas()[0] ?? sa,
      [notification(18, "no such group")],
      env(),
      out,
    );
    for (const one of out) if (one.out === "send") between.world.send({ ...one, bytes: one.bytes });
    await between.world.runFor(100);
    expect(between.initiator.engine.upcalls.at(-1)).toMatchObject({
      up: "notification",
      notification: { notifyType: 18 },
    });
    expect(between.world.events.at(-1)?.event.reason).toBe("INVALID_ID_INFORMATION: no such group");
  });
});

describe("an unprotected Informational exchange", () => {
  const clear = (payload: NotificationPayload | ReturnType<typeof deletionOf>) =>
    encodeMessage(
      {
        initiatorCookie: sa.initiatorCookie,
        responderCookie: sa.responderCookie,
        exchangeType: ExchangeType.INFORMATIONAL,
        flags: 0,
        messageId: 7,
      },
      [payload],
    );

  test("neither deletes nor notifies, and is told at a bounded rate", async () => {
    for (let n = 0; n < 50; n++) {
      toResponder(clear(deletionOf(sa)));
      toResponder(clear(notification(24578)), mallory);
    }
    await between.world.runFor(1000);
    expect(between.responder.engine.sas()).toHaveLength(1);
    expect(between.responder.engine.upcalls.map(({ up }) => up)).toEqual(["established"]);
    const told = between.world.events.filter(({ event }) => event.kind === "phase1.unprotected-notification");
    expect(told).toHaveLength(2);
    expect(between.responder.engine.phase1.counters.get("unprotected-informational")).toBe(100);
  });

  test("cannot end an attempt; what it says becomes a guess at why it failed, free of foreign commands", async () => {
    between.responder.kill();
    between.initiate();
    const first = between.world.wire.at(-1)?.packet;
    if (first === undefined) throw new Error("no message 1");
    const bytes = clear(notification(14, "try `rm` \u001b[31mnow"));
    bytes.set(first.bytes.subarray(0, 8));
    between.world.send({ from: first.to, to: first.from, bytes });
    await between.world.runFor(100);
    expect(between.initiator.engine.failures()).toEqual([]);
    await between.world.runFor(60_000);
    expect(between.initiator.engine.failures()).toMatchObject([
      {
        code: "refused-by-peer",
        why: "no answer to 6 sends of message 1; unprotected, the peer says NO_PROPOSAL_CHOSEN: try \ufffdrm\ufffd \ufffd[31mnow",
      },
    ]);
  });
});

test("one identity has at most eight SAs at a time; the oldest gives way", async () => {
  for (let n = 0; n < 9; n++) {
    between.initiate();
    await between.world.runFor(1000);
  }
  expect(between.responder.engine.sas()).toHaveLength(8);
  expect(between.initiator.engine.sas()).toHaveLength(8);
});
