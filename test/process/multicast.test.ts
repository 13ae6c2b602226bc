import { afterAll, beforeAll, expect, test } from "vitest";
import { home, keyServerSections, laboratory, memberSections, somePort, writePsk } from "./support/files.ts";
import { rekeyed } from "./support/rekey.ts";
import { Spawned, until } from "./support/spawned.ts";

const lab = laboratory();
const port = somePort();
const names = ["gm1", "gm2", "gm3"];
const processes: Spawned[] = [];
const at = (last: number) => ({ address: `127.0.0.${last}`, port });

let keyServer: Spawned;
let members: Spawned[] = [];

beforeAll(async () => {
  for (const name of names) writePsk(lab.directory, name);
  const addresses = Object.fromEntries(names.map((name, i) => [name, at(61 + i).address]));
  const sections = keyServerSections(at(60), addresses, "management: none, acknowledge: kek-sha512");
  const push = `      push: { transport: multicast, address: 239.255.60.60, port: ${port + 1}, interface: lo, ttl: 1 }\n`;
  const own = home(lab.directory, "ks", sections + push);
  keyServer = await new Spawned(own.file, own.socket).ready();
  members = names.map((name, i) => {
    const member = memberSections(name, at(61 + i), at(60));
    const jitter = "  acknowledgements: { jitter: 300ms }\n";
    const { file, socket } = home(lab.directory, name, member.replace("sids: 1", "sids: 1, interface: lo") + jitter);
    return new Spawned(file, socket);
  });
  processes.push(keyServer, ...members);
  await Promise.all(members.map((member) => member.ready()));
});

afterAll(async () => {
  await Promise.all(processes.map((process) => process.kill()));
  lab.remove();
});

test("members on one machine join the group's multicast address, and each acknowledges what was sent once", async () => {
  await until("everybody is registered", async () => {
    const all = await keyServer.client.call("members", {}, { name: "g" });
    return all.length === names.length ? all : undefined;
  });
  const sentBefore = (await keyServer.client.call("status", {})).counters["socket.sent"] ?? 0;
  const detail = await rekeyed(keyServer);
  expect(detail.rekey).toMatchObject({ acked: 3, missing: 0 });
  expect(detail.members.map((member) => member.address).sort()).toEqual(names.map((_, i) => at(61 + i).address));
  const sent = (await keyServer.client.call("status", {})).counters["socket.sent"] ?? 0;
  expect(sent - sentBefore).toBe(detail.rekey.attempts);
});
