import { expect, test } from "vitest";
import type { Packet } from "../../../src/sim/network.ts";
import {
  ask,
  bringUp,
  childSas,
  connection,
  dataPlane,
  type Ikev2World,
  ikeSas,
  ikev2World,
  inject,
  leftAddress,
  mirrored,
  rightAddress,
  told,
} from "../../support/ikev2.ts";

/** A NAT in front of the left gateway: its address is another, and so are its ports, from `base` on. */
class Nat {
  base = 20_000;
  readonly address = "203.0.113.7";

  translate(packet: Packet): readonly Packet[] {
    const { from, to } = packet;
    if (from.address === leftAddress) {
      return [{ ...packet, from: { address: this.address, port: this.base + from.port } }];
    }
    if (to.address !== this.address) return [packet];
    // what is not mapped (any more) is lost
    const port = to.port - this.base;
    return port === 500 || port === 4500 ? [{ ...packet, to: { address: leftAddress, port } }] : [];
  }
}

/** The left gateway is behind a NAT; both can begin only from there. */
function behindNat(options: Parameters<typeof ikev2World>[0] = {}): Ikev2World & { readonly nat: Nat } {
  const pair = ikev2World(options);
  const nat = new Nat();
  pair.world.intercept = (packet) => nat.translate(packet);
  return { ...pair, nat };
}

test("behind a NAT everything goes by the ports for NAT traversal after IKE_SA_INIT, and ESP inside UDP", async () => {
  const pair = behindNat();
  await bringUp(pair);
  const { world, left, right, nat } = pair;
  expect(ikeSas(left)[0]).toMatchObject({ nat: "local", remote: { address: rightAddress, port: 4500 } });
  expect(ikeSas(right)[0]).toMatchObject({ nat: "remote", remote: { address: nat.address, port: nat.base + 4500 } });
  expect(childSas(left)[0]?.encapsulated).toBe(true);
  expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  for (const { packet } of world.wire.slice(2)) {
    expect(packet.from.port % 10_000).toBe(4500);
    expect([...packet.bytes.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  }
});

test("without a NAT nothing moves, and ESP stands alone", async () => {
  const pair = ikev2World();
  await bringUp(pair);
  expect(ikeSas(pair.left)[0]).toMatchObject({ nat: "none", remote: { port: 500 } });
  expect(childSas(pair.left)[0]?.encapsulated).toBe(false);
});

test.each(["left", "right"] as const)("encapsulation is forced by the %s gateway alone", async (side) => {
  const pair = ikev2World({ [side]: { encapsulation: "force" } });
  await bringUp(pair);
  const { left, right, world } = pair;
  const [forcing, other] = side === "left" ? [left, right] : [right, left];
  expect(ikeSas(forcing)[0]?.nat).toBe("forced");
  expect(ikeSas(other)[0]?.nat).toBe("remote");
  for (const host of [left, right]) expect(childSas(host)[0]?.encapsulated).toBe(true);
  expect(world.wire.at(-1)?.packet.to.port).toBe(4500);
});

test("the side behind a NAT keeps it open with an octet when nothing else is sent", async () => {
  const pair = behindNat({ policy: { keepaliveMs: 20_000 } });
  await bringUp(pair);
  const { world } = pair;
  const begun = world.wire.length;
  await world.runFor(101_000);
  const sent = world.wire.slice(begun).map(({ packet }) => packet);
  expect(sent).toHaveLength(5);
  for (const { from, bytes } of sent) {
    expect(from).toEqual({ address: leftAddress, port: 4500 });
    expect([...bytes]).toEqual([0xff]);
  }
});

test("when the NAT changes its mapping the other side follows the next genuine message, and the data plane with it", async () => {
  const pair = behindNat({ left: { livenessMs: 10_000 } });
  await bringUp(pair);
  const { world, left, right, nat } = pair;
  nat.base = 30_000;
  await world.runFor(15_000);
  expect(ikeSas(right)[0]?.remote).toEqual({ address: nat.address, port: 34_500 });
  expect(right.sadChanges.at(-1)).toMatchObject({ change: "move-child", remote: { port: 34_500 }, encapsulated: true });
  expect(told(world, right).at(-1)).toBe("the peer moved from 203.0.113.7:24500 to 203.0.113.7:34500");
  const { answer } = await ask(world, right, { do: "down", target: "tunnel" });
  expect(answer).toEqual({ reply: { ikeSas: 1, childSas: 0 } });
  expect(ikeSas(left)).toEqual([]);
});

test("the side behind the NAT does not follow, nor does anybody follow a copy from elsewhere", async () => {
  const pair = behindNat({ left: { livenessMs: 10_000 }, right: { livenessMs: 10_000 } });
  await bringUp(pair);
  const { world, left, right, nat } = pair;
  const mallory = { address: "192.0.2.66", port: 4500 };
  const seen: Packet[] = [];
  world.intercept = (packet) => {
    if (packet.from.address === mallory.address) return [packet];
    seen.push(packet);
    return nat.translate(packet);
  };
  await world.runFor(25_000);
  const before = [ikeSas(left)[0]?.remote, ikeSas(right)[0]?.remote];
  for (const { to, bytes } of seen.splice(0)) {
    const port = to.address === nat.address ? 4500 : to.port;
    inject(world, mallory, { address: to.address === nat.address ? leftAddress : rightAddress, port }, bytes);
  }
  await world.runFor(100);
  expect([ikeSas(left)[0]?.remote, ikeSas(right)[0]?.remote]).toEqual(before);
});

test("ESP and keepalives on the shared socket are nobody's concern, half a marker is counted", async () => {
  const pair = behindNat();
  await bringUp(pair);
  const { world, right } = pair;
  const from = { address: "192.0.2.66", port: 4500 };
  const to = { address: rightAddress, port: 4500 };
  const before = world.wire.length;
  for (const bytes of [Uint8Array.of(0xff), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), Uint8Array.of(0, 0)]) {
    inject(world, from, to, bytes);
  }
  await world.runFor(100);
  expect(right.engine.status().counters).toMatchObject({ esp: 1, "drop.no-marker": 1 });
  expect(world.wire.length - before).toBe(3);
});

test("a peer that is reached by its port for NAT traversal alone is begun with there", async () => {
  const remote = { ...connection("left").remote, endpoint: { address: rightAddress, port: 4500 } };
  const pair = behindNat({ left: { remote } });
  await bringUp(pair);
  for (const { packet } of pair.world.wire) {
    expect(packet.to.port % 10_000).toBe(4500);
    expect([...packet.bytes.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  }
});
