/** Both ends prove anew who they are, make before break: RFC 7296 2.8.3. */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { ExchangeType, NotifyType } from "../../../src/iana/ikev2.ts";
import { notify } from "../../../src/ikev2/contents.ts";
import { utf8 } from "../../../src/util/octets.ts";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  ikeSas,
  ikev2Policy,
  ikev2World,
  kinds,
  leftAddress,
  rightAddress,
  selector,
  told,
} from "../../support/ikev2.ts";
import { Impostor } from "../../support/ikev2-impostor.ts";
import { deletions, other, type Side, settled, withMail } from "../../support/ikev2-mail.ts";

const sides: readonly Side[] = ["left", "right"];
const hour = 3_600_000;
const command = { do: "reauthenticate", target: "tunnel" } as const;
const ONCE_MORE = 'peer "IKE SA is re-authenticated"';

describe.each(sides)("by the %s end", (by) => {
  const peer = other[by];

  test("the new IKE SA with its Child SA stands before the old one is deleted, which says why", async () => {
    const made = await withMail();
    const { mail, world } = made;
    const [before] = ikeSas(made[by]);
    const handle = made[by].command(command);
    expect(handle.answer).toEqual({ reply: { ikeSas: 1 } });
    const sa = "of SA 2";
    await mail.deliver(`${by} IKE_SA_INIT ${sa}`, `${peer} IKE_SA_INIT response ${sa}`);
    await mail.deliver(`${by} IKE_AUTH ${sa}`);
    expect([dataPlane(made.left).size, dataPlane(made.right).size].toSorted()).toEqual([1, 2]);
    await mail.deliver(`${peer} IKE_AUTH response ${sa}`);
    expect(mail.waiting).toEqual([`${by} INFORMATIONAL`]);
    expect(dataPlane(made[peer]).size).toBe(2);
    await mail.release();
    await settled(made);
    expect(ikeSas(made[by])[0]).toMatchObject({ role: "initiator" });
    expect(ikeSas(made[by])[0]?.id).not.toBe(before?.id);
    expect(deletions(made, by)).toEqual(["us reauthentication"]);
    expect(deletions(made, peer)).toEqual([ONCE_MORE]);
    // no INITIAL_CONTACT: the old one was not taken to be forgotten
    expect(kinds(world, made[peer])).not.toContain("ikev2.replaced");
    for (const side of sides) expect(kinds(world, made[side])).not.toContain("ikev2.reestablished");
  });

  test("by time: counted from the last proof, whatever was rekeyed since", async () => {
    const made = ikev2World({ [by]: { rekeyMs: hour, reauthenticateMs: 5.5 * hour, jitter: 0 } });
    const { world } = made;
    await bringUp(made);
    const from = world.now;
    await world.runFor(5.4 * hour);
    expect(told(world, made[by]).filter((line) => line.startsWith("IKE SA rekeyed"))).toHaveLength(5);
    await world.runFor(0.2 * hour);
    const again = world.events.filter(({ host, event }) => host === by && event.kind === "ikev2.established");
    expect(again.at(-1)?.at).toBeGreaterThanOrEqual(from + 5.4 * hour);
    await settled(made);
    expect(deletions(made, peer)).toEqual([ONCE_MORE]);
  });

  test("the other end rekeys the old one meanwhile: its successor is deleted", async () => {
    const made = await withMail();
    const { mail } = made;
    made[by].command(command);
    made[peer].command({ do: "rekey", target: "tunnel" });
    await mail.deliver(`${peer} CREATE_CHILD_SA`, `${by} CREATE_CHILD_SA response`, `${peer} INFORMATIONAL`);
    await mail.release();
    await settled(made);
    expect(deletions(made, peer)).toEqual([ONCE_MORE]);
  });

  test("this end rekeys the old one meanwhile: likewise", async () => {
    const made = await withMail();
    const { mail } = made;
    made[by].command(command);
    made[by].command({ do: "rekey", target: "tunnel" });
    await mail.deliver(`${by} CREATE_CHILD_SA`, `${peer} CREATE_CHILD_SA response`, `${by} INFORMATIONAL`);
    await mail.release();
    await settled(made);
    expect(deletions(made, peer)).toEqual([ONCE_MORE]);
  });

  test("a rekey of the Child SA meanwhile is of no consequence", async () => {
    const made = await withMail();
    made[by].command(command);
    made[peer].command({ do: "rekey", target: "tunnel/net" });
    await made.mail.release();
    await settled(made);
  });

  test("an attempt that comes to nothing leaves the old one as it is, and is made again", async () => {
    const made = await withMail({ [by]: { livenessMs: Number.POSITIVE_INFINITY } });
    const { mail, world } = made;
    const [before] = ikeSas(made[by]);
    made[by].command(command);
    await world.runUntil(() => kinds(world, made[by]).includes("ikev2.failed"), 60_000);
    expect(ikeSas(made[by]).map(({ id }) => id)).toEqual([before?.id]);
    expect(childSas(made[by])).toHaveLength(1);
    await world.runFor(60_000);
    await mail.release();
    await settled(made);
    expect(ikeSas(made[by])[0]?.id).not.toBe(before?.id);
  });

  test("the other end no longer proves who it is: the old one stays as long as it may", async () => {
    const made = await withMail();
    const { mail, world } = made;
    await mail.release();
    const [before] = ikeSas(made[by]);
    const address = peer === "left" ? leftAddress : rightAddress;
    const policy = ikev2Policy(address, [connection(peer, { psk: nodeCrypto.importSecret(utf8("another")) })]);
    await ask(world, made[peer], { do: "reconfigure", policy });
    await ask(world, made[by], command);
    await settled(made, { afterMs: 30_000 });
    expect(ikeSas(made[by]).map(({ id }) => id)).toEqual([before?.id]);
    expect(told(world, made[by]).join("\n")).toContain("AUTHENTICATION_FAILED");
  });

  test("all Child SAs are made anew", async () => {
    const nets = (side: Side) => ({
      children: [
        childPolicy(side),
        childPolicy(side, {
          name: "second",
          localSelectors: [selector(side === "left" ? "10.3.0.1" : "10.4.0.1")],
          remoteSelectors: [selector(side === "left" ? "10.4.0.1" : "10.3.0.1")],
        }),
      ],
    });
    const made = ikev2World({ left: nets("left"), right: nets("right") });
    await bringUp(made);
    await settled(made, { children: 2 });
    await ask(made.world, made[by], command);
    await settled(made, { children: 2 });
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("with lost, doubled and late datagrams (seed %i)", async (seed) => {
    const retransmission = { firstMs: 1000, factor: 1.3, maxMs: 4000, tries: 30 };
    const made = ikev2World({ seed, policy: { retransmission } });
    await bringUp(made);
    made.world.link = { loss: 0.3, duplicate: 0.1, delayMs: 20, jitterMs: 600 };
    for (let i = 0; i < 5; i++) {
      await ask(made.world, made[i % 2 === 0 ? by : peer], command);
      await made.world.runFor(120_000);
    }
    await settled(made);
  });
});

test("who has no address to begin with deletes the old one, and the other end comes back", async () => {
  const back = { start: "always", retryMs: { first: 1_000, max: 1_000 } } as const;
  const base = connection("right");
  const made = ikev2World({ left: back, right: { remote: { ...base.remote, endpoint: undefined } } });
  const { world, left, right } = made;
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  await ask(world, right, command);
  await settled(made);
  expect(deletions(made, "left")).toEqual([ONCE_MORE]);
  expect(told(world, left).at(-2)).toContain("re-established after");
});

test.each([1, 2, 3, 4, 5])("both at once: one IKE SA is left (seed %i)", async (seed) => {
  const made = ikev2World({ seed, left: { reauthenticateMs: hour }, right: { reauthenticateMs: hour } });
  const { world } = made;
  await bringUp(made);
  for (let i = 0; i < 6; i++) {
    await world.runFor(hour);
    await settled(made, { afterMs: 50_000 });
  }
});

describe("a gateway that cannot begin says until when a proof counts (RFC 4478)", () => {
  const base = connection("right");
  const gateway = { remote: { ...base.remote, endpoint: undefined }, reauthenticateMs: 2 * hour } as const;

  test("its client proves anew in time, and is never without a Child SA", async () => {
    const made = ikev2World({ right: gateway });
    const { world, left, right } = made;
    await bringUp(made);
    const from = world.now;
    let least = 1;
    while (world.now < from + 6 * hour) {
      await world.runFor(60_000);
      least = Math.min(least, dataPlane(left).size, dataPlane(right).size);
    }
    expect(least).toBe(1);
    await settled(made);
    // 1.8 h each: a tenth of the time is left
    const proofs = world.events.filter(({ host, event }) => host === "left" && event.kind === "ikev2.established");
    expect(proofs.slice(1).map(({ at }) => Math.round((10 * (at - from)) / hour))).toEqual([18, 36, 54]);
    expect(deletions(made, "left")).toEqual(proofs.slice(1).map(() => "us reauthentication"));
  });

  test("the time counts on in what takes the place of the IKE SA by a rekey of either end", async () => {
    const made = ikev2World({ left: { rekeyMs: 0.4 * hour }, right: { ...gateway, rekeyMs: 0.7 * hour, jitter: 0.1 } });
    const { world, left, right } = made;
    await bringUp(made);
    const [at] = [ikeSas(left)[0]?.reauthenticateAt];
    const [until] = [ikeSas(right)[0]?.reauthenticateAt];
    await world.runFor(1.5 * hour);
    expect(told(world, left).filter((line) => line.startsWith("IKE SA rekeyed")).length).toBeGreaterThan(2);
    expect(ikeSas(left).map(({ reauthenticateAt }) => reauthenticateAt)).toEqual([at]);
    expect(ikeSas(right).map(({ reauthenticateAt }) => reauthenticateAt)).toEqual([until]);
    await world.runFor(0.5 * hour);
    await settled(made);
    expect(deletions(made, "left")).toEqual(["us reauthentication"]);
  });

  test("a client with a shorter time of its own keeps to that", async () => {
    const made = ikev2World({ left: { reauthenticateMs: hour }, right: gateway });
    await bringUp(made);
    expect(ikeSas(made.left)[0]?.reauthenticateAt).toBe((ikeSas(made.left)[0]?.since ?? 0) + hour);
  });

  test("one that it could begin with is told nothing: that is ours to do", async () => {
    const made = ikev2World({ right: { reauthenticateMs: 2 * hour } });
    await bringUp(made);
    expect(ikeSas(made.left)[0]?.reauthenticateAt).toBeUndefined();
  });

  test("said later it counts from then on, but nobody is hurried to less than a minute after the last proof", async () => {
    const made = ikev2World({ policy: { keyLog: true } });
    const { world, right } = made;
    await bringUp(made);
    const impostor = new Impostor(made);
    const say = (messageId: number, data: Uint8Array) =>
      impostor.say(ExchangeType.INFORMATIONAL, messageId, [notify(NotifyType.AUTH_LIFETIME, data)]);
    const since = ikeSas(right)[0]?.since ?? 0;
    const at = () => ikeSas(right)[0]?.reauthenticateAt;
    // a lifetime has four octets
    say(2, Uint8Array.of(1, 2));
    await world.runFor(100);
    expect(at()).toBeUndefined();
    say(3, Uint8Array.of(0, 0, 0x0e, 0x10));
    await world.runFor(100);
    expect(at()).toBeGreaterThan(since + 0.9 * hour);
    expect(at()).toBeLessThan(since + 0.9 * hour + 1000);
    // longer than what was said before: nobody is bound to wait
    say(4, Uint8Array.of(0, 0xff, 0, 0));
    await world.runFor(100);
    expect(at()).toBeLessThan(since + 0.9 * hour + 1000);
    say(5, new Uint8Array(4));
    await world.runFor(100);
    expect(at()).toBe(since + 60_000);
  });
});
