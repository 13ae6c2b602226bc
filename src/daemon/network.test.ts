import { createSocket } from "node:dgram";
import { afterEach, expect, test } from "vitest";
import type { Datagram, Endpoint } from "../core/engine.ts";
import { Network } from "./network.ts";

const open: Network[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((network) => network.close()));
});

async function listening(...endpoints: Endpoint[]) {
  const received: Datagram[] = [];
  const network = new Network(
    (datagram) => received.push(datagram),
    () => {},
  );
  open.push(network);
  await network.listen(endpoints);
  return { network, received, at: network.endpoints };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 4000 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

const anyPort = (address: string): Endpoint => ({ address, port: 0 });

test.each(["127.0.0.1", "::1"])("a datagram over %s says where it came from and by which socket", async (address) => {
  const a = await listening(anyPort(address));
  const b = await listening(anyPort(address));
  const [from = anyPort(address)] = a.at;
  const [to = anyPort(address)] = b.at;
  a.network.send(from, to, new Uint8Array([1, 2, 3]));
  await until(() => b.received.length > 0);
  expect(b.received).toEqual([{ from, via: to, bytes: new Uint8Array([1, 2, 3]) }]);
});

test("empty datagrams are counted and go no further", async () => {
  const { network, received, at } = await listening(anyPort("127.0.0.1"));
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.send(new Uint8Array(0), at[0]?.port, "127.0.0.1", () => resolve()));
  await until(() => network.counters().empty > 0);
  socket.close();
  expect(network.counters()).toMatchObject({ empty: 1, received: 0 });
  expect(received).toEqual([]);
});

test("a datagram to port 0, which a peer can name as its own, is counted and the next ones leave", async () => {
  const a = await listening(anyPort("127.0.0.1"));
  const b = await listening(anyPort("127.0.0.1"));
  const [from = anyPort("127.0.0.1")] = a.at;
  const [to = anyPort("127.0.0.1")] = b.at;
  a.network.send(from, anyPort("127.0.0.1"), new Uint8Array([1]));
  a.network.send(from, to, new Uint8Array([2]));
  await until(() => b.received.length > 0);
  expect(b.received).toMatchObject([{ bytes: new Uint8Array([2]) }]);
  expect(a.network.counters()).toMatchObject({ sendFailed: 1, sent: 1 });
});

test("a port in use is told with what to do, and what was bound before stays", async () => {
  const taken = await listening(anyPort("127.0.0.1"));
  const other = await listening(anyPort("127.0.0.1"));
  const [mine = anyPort("127.0.0.1")] = other.at;
  const [theirs = anyPort("127.0.0.1")] = taken.at;
  await expect(other.network.listen([mine, theirs])).rejects.toMatchObject({
    code: "EADDRINUSE",
    message: expect.stringContaining("ss -ulpn"),
  });
  expect(other.network.endpoints).toEqual([mine]);
});

test("an address of another machine is told as such", async () => {
  await expect(listening(anyPort("192.0.2.1"))).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
});

test("two sockets of one group and port both receive what is sent to it", async () => {
  const group = "239.255.77.77";
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const a = await listening(anyPort("127.0.0.1"));
  const b = await listening(anyPort("127.0.0.1"));
  const sender = await listening(anyPort("127.0.0.1"));
  for (const { network } of [a, b]) network.join(group, port, "127.0.0.1");
  const [from = anyPort("127.0.0.1")] = sender.at;
  await until(() => {
    sender.network.send(from, { address: group, port }, new Uint8Array([7]), { interface: "127.0.0.1", ttl: 1 });
    return a.received.length > 0 && b.received.length > 0;
  });
  expect(a.received[0]).toMatchObject({ from, via: { address: group, port } });
  expect(b.received[0]).toMatchObject({ from });
});

test("ten thousand datagrams are handed to the system while the loop keeps turning", async () => {
  const { network, at } = await listening(anyPort("127.0.0.1"));
  const [from = anyPort("127.0.0.1")] = at;
  const bytes = new Uint8Array(500);
  let turns = 0;
  const turning = setInterval(() => {
    turns += 1;
  }, 1);
  // time of this process, not of a machine that is busy with other things
  const started = process.cpuUsage();
  const spentMs = () => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1000;
  };
  for (let i = 0; i < 10_000; i += 1) {
    network.send(from, { address: `127.1.${i >> 8}.${i & 255}`, port: 9 }, bytes);
  }
  expect(spentMs()).toBeLessThan(200);
  await until(() => network.counters().sent >= 10_000);
  clearInterval(turning);
  expect(network.counters()).toMatchObject({ sent: 10_000, sendFailed: 0 });
  expect(spentMs()).toBeLessThan(2000);
  expect(turns).toBeGreaterThan(5);
});
