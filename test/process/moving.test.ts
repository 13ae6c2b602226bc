/** Members on a wildcard address in a network that changes, in network namespaces. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type NamespacePair, namespacePair } from "../support/namespace.ts";
import { home, keyServerSections, laboratory, memberSections, repeatsLate, writePsk } from "./support/files.ts";
import { rekeyed } from "./support/rekey.ts";
import { Spawned, until } from "./support/spawned.ts";

let lab: ReturnType<typeof laboratory>;
const port = 848;
const group = { name: "g" };
const processes: Spawned[] = [];
let pair: NamespacePair;
/** `10.96.N` and `fd96:N`. */
let net = "";
let net6 = "";

beforeAll(async () => {
  pair = await namespacePair();
  net = pair.left.address.split(".").slice(0, 3).join(".");
  net6 = `fd96:${net.split(".")[2]}`;
});
beforeEach(() => {
  lab = laboratory();
  writePsk(lab.directory, "gm1");
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  lab.remove();
});
afterAll(() => pair.close());

async function started(name: string, namespace: string, sections: string): Promise<Spawned> {
  const { file, socket } = home(lab.directory, name, sections);
  const process = new Spawned(file, socket, { namespace });
  processes.push(process);
  return await process.ready();
}

const kek = "management: none, acknowledge: kek-sha256";

function keyServer(address: string, further = ""): Promise<Spawned> {
  const listen = { address: address.includes(":") ? `[${address}]` : address, port };
  const sections = keyServerSections(listen, { gm1: "anywhere" }, kek, repeatsLate);
  return started("ks", pair.left.name, sections.replace("address: anywhere, ", "") + further);
}

function member(any: string, keyServerAddress: string): Promise<Spawned> {
  const sections = memberSections("gm1", { address: any, port }, { address: keyServerAddress, port });
  const own = sections.replace("sids: 1", `sids: 1, interface: ${pair.link}`);
  return started("gm1", pair.right.name, `${own}  acknowledgements: { jitter: 200ms }\n`);
}

/** Resolves when the key server has the member at `address`. */
function knownAt(server: Spawned, address: string) {
  return until(`the member is known at ${address}`, async () => {
    const members = await server.client.call("members", {}, group);
    return members.find((one) => one.address === address);
  });
}

const ip = (...args: string[]) => pair.right.exec("ip", ...args);

test("a member waits for a route, and registers again when its address changes", async () => {
  const server = await keyServer(pair.left.address);
  await ip("addr", "flush", "dev", pair.link, "scope", "global");
  const own = await member("0.0.0.0", pair.left.address);
  await until("the member says what it waits for", async () => {
    const [view] = (await own.client.call("status", {})).member?.groups ?? [];
    return view?.lastError?.includes("no route leads to the key server ks") ? view : undefined;
  });
  await ip("addr", "add", `${net}.17/24`, "dev", pair.link);
  await knownAt(server, `${net}.17`);
  expect((await rekeyed(server)).rekey).toMatchObject({ acked: 1, missing: 0, attempts: 1 });
  await ip("addr", "flush", "dev", pair.link, "scope", "global");
  await ip("addr", "add", `${net}.18/24`, "dev", pair.link);
  await knownAt(server, `${net}.18`);
  expect((await rekeyed(server)).rekey).toMatchObject({ acked: 1, missing: 0, attempts: 1 });
  const [changed] = (await own.client.call("events", {})).filter((event) => event.kind === "gm.address-changed");
  expect(changed?.figures).toMatchObject({ from: `${net}.17`, to: `${net}.18` });
});

test.each(["ff05::71", "ff02::71"])("over IPv6, a member on :: is counted for a push to %s", async (address) => {
  await ip("addr", "replace", `${net6}::2/64`, "dev", pair.link, "nodad");
  const push = `      push: { transport: multicast, address: "${address}", port: 8848, interface: ${pair.link}, ttl: 1 }\n`;
  const server = await keyServer(`${net6}::1`, push);
  await member("[::]", `${net6}::1`);
  await knownAt(server, `${net6}::2`);
  expect((await rekeyed(server)).rekey).toMatchObject({ acked: 1, missing: 0 });
});
