/** The example of a substation: keys in files, their rotation, key delivery assurance, a revocation. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ExportedSa, KeyDocument } from "../../src/dataplane/key-document.ts";
import { Example } from "./support/example.ts";

const devices = ["publisher", "subscriber-1", "subscriber-2"];
const goose = "1.2.840.10070.61850.8.1.2 0404efc00001";
const values = "1.2.840.10070.61850.8.1.1 0404efc00002";
const waiting = { timeout: 40_000, interval: 100 };

let example: Example;
beforeEach(async () => {
  example = new Example("substation");
  expect(await example.setup()).toMatchObject({ code: 0 });
  // three generations within the time of a test
  example.edit("key-server.yaml", "lifetime: 1m", "lifetime: 20s");
  example.start();
});
afterEach(() => example.close());

type StreamKey = Extract<ExportedSa, { protocol: "IEC_61850" }>;

/** What a device has exported; nothing when it has not. */
function keysOf(device: string): readonly StreamKey[] {
  try {
    const text = readFileSync(example.path(`state/${device}.json`), "utf8");
    return (JSON.parse(text) as KeyDocument).keys.filter((key) => key.protocol === "IEC_61850");
  } catch {
    return [];
  }
}

const streamOf = (key: StreamKey) => `${key.oid} ${key.selector}`;

/** SPIs of the keys in a state, by stream. */
function spis(device: string, state: ExportedSa["state"]) {
  const of = (stream: string) =>
    keysOf(device).flatMap((key) => (streamOf(key) === stream && key.state === state ? [key.spi] : []));
  return { goose: of(goose), values: of(values) };
}

/** What a device sends with now and next, as text: streams, SPIs, algorithms, keys. */
function live(device: string): string {
  const lines = keysOf(device).flatMap((key) => {
    const { state, spi, authentication, encryption } = key;
    return state === "old" ? [] : [JSON.stringify([streamOf(key), state, spi, authentication, encryption])];
  });
  return lines.length === 4 ? lines.sort().join("\n") : "";
}

/** Whether devices have one key to send with and one next for either stream, the same in all of them. */
function agree(...of: readonly string[]): boolean {
  const found = new Set(of.map(live));
  return found.size === 1 && !found.has("");
}

async function json<T>(...command: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await example.keyherald(...command, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

interface Event {
  readonly kind: string;
  readonly level: string;
  readonly severity?: string;
  readonly figures?: Record<string, unknown>;
}

const eventsOf = async (socket: string) => {
  const { stdout } = await example.keyherald(
    "events",
    "--socket",
    example.path(`state/${socket}.sock`),
    "--limit",
    "1000",
    "--json",
  );
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);
};

test("this key and the next one, their rotation, what the publisher is told, and a revocation", async () => {
  await vi.waitUntil(() => agree(...devices), waiting);
  const first = spis("publisher", "current");
  const second = spis("publisher", "next");
  const [key] = keysOf("subscriber-1").filter((one) => streamOf(one) === goose && one.state === "current");
  expect(key).toMatchObject({ authentication: { algorithm: "HMAC_SHA256_128", salt: "" }, encryption: null });
  expect(key?.authentication?.key).toMatch(/^[0-9a-f]{64}$/u);
  const [value] = keysOf("subscriber-1").filter((one) => streamOf(one) === values && one.state === "current");
  expect(value).toMatchObject({ authentication: null, encryption: { algorithm: "AES_GCM_128" } });
  expect(value?.encryption?.key).toMatch(/^[0-9a-f]{32}$/u);
  expect(value?.encryption?.salt).toMatch(/^[0-9a-f]{8}$/u);

  // K1 becomes K0, and a new K1 is there at once
  await vi.waitUntil(() => spis("publisher", "current").goose[0] === second.goose[0], waiting);
  await vi.waitUntil(() => devices.every((device) => spis(device, "current").goose[0] === second.goose[0]), waiting);
  await vi.waitUntil(() => agree(...devices), waiting);
  const third = spis("publisher", "next");
  expect(spis("publisher", "current")).toEqual(second);
  expect([...first.goose, ...second.goose]).not.toContain(third.goose[0]);
  for (const device of devices) expect([...spis(device, "old").goose, ...second.goose, ...third.goose]).toHaveLength(3);

  // everybody acknowledged the new one, and the publisher knows
  const told = () => keysOf("publisher").every(({ keyDeliveryAssurance: percent }) => percent === 100);
  await vi.waitUntil(told, waiting);
  const group = await json<{ teks: { delivery: unknown }[] }>("group", "substation");
  expect(group.teks.map(({ delivery }) => delivery)).toContainEqual({ percent: 100, holders: 3, members: 3 });

  // a certificate is revoked
  const spisOf = (device: string) => keysOf(device).map(({ spi }) => spi);
  const before = spisOf("subscriber-2");
  const kek = async () => (await json<{ kek: { spi: string } }>("group", "substation")).kek.spi;
  const oldKek = await kek();
  const ca = example.path("secrets/ca");
  const revoked = await json("pki", "crl", "--ca", ca, "--revoke", example.path("secrets/member-3.pem"));
  expect(revoked).toMatchObject({ number: 2, revoked: [expect.any(String)] });
  example.signal("key-server.yaml", "SIGHUP");
  const fresh = () => agree("publisher", "subscriber-1") && before.every((spi) => !spisOf("publisher").includes(spi));
  await vi.waitUntil(fresh, waiting);
  expect(await kek()).not.toBe(oldKek);
  const members = await json<{ name: string; state: string }[]>("members", "substation");
  const out = members.filter(({ state }) => state !== "registered");
  expect(out).toMatchObject([
    { name: "dn:CN=subscriber-2,O=Utility", state: "evicted", reason: "certificate revoked" },
  ]);

  // it has nothing but what it had, also after it has asked for more
  await example.keyherald("register", "substation", "--socket", example.path("state/member-3.sock"));
  const rotated = spis("publisher", "next").goose[0] ?? "none";
  await vi.waitUntil(() => spis("publisher", "current").goose[0] === rotated, waiting);
  for (const spi of spisOf("subscriber-2")) expect(before).toContain(spi);
  for (const spi of spisOf("publisher")) expect(before).not.toContain(spi);
  const events = await eventsOf("key-server");
  expect(events).toContainEqual(expect.objectContaining({ kind: "gcks.member-evicted", severity: "alarm" }));
  expect(events).toContainEqual(expect.objectContaining({ kind: "gcks.key-delivery", level: "info" }));
  expect((await example.keyherald("why", "substation/subscriber-2")).stdout).toContain("certificate revoked");
});

test("an alert when a subscriber is silent, and the publisher is told how many have the key", async () => {
  await vi.waitUntil(() => agree(...devices), waiting);
  await example.stop("member-3.yaml");
  const [next = "none"] = spis("publisher", "next").goose;
  const told = () => keysOf("publisher").some(({ keyDeliveryAssurance: percent }) => percent === 66);
  await vi.waitUntil(() => spis("publisher", "current").goose[0] === next, waiting);
  await vi.waitUntil(told, waiting);
  const low = (await eventsOf("key-server")).find(({ kind }) => kind === "gcks.key-delivery-low");
  expect(low).toMatchObject({ level: "alert", severity: "alarm", figures: { percent: 66, members: 3 } });
});

test("a device that is started again while the KDC is away has its keys in the file from the first moment", async () => {
  await vi.waitUntil(() => agree(...devices), waiting);
  await example.stop("key-server.yaml");
  await example.stop("member-2.yaml");
  const before = keysOf("subscriber-1").map(({ spi }) => spi);
  writeFileSync(example.path("state/subscriber-1.json"), "{}");
  example.start("member-2.yaml");
  await vi.waitUntil(() => keysOf("subscriber-1").length > 0, waiting);
  expect(before).toEqual(expect.arrayContaining(keysOf("subscriber-1").map(({ spi }) => spi)));
  const kept = async () => (await eventsOf("member-2")).find(({ kind }) => kind === "gm.keys-kept");
  await vi.waitUntil(kept, { timeout: 20_000, interval: 500 });
  expect(await kept()).toMatchObject({ level: "warning", severity: "warning" });
});
