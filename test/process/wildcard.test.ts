/** Members that listen on a wildcard address, as the default configuration has it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Endpoint } from "../../src/core/engine.ts";
import {
  home,
  keyServerSections,
  laboratory,
  memberSections,
  repeatsLate,
  somePort,
  writePsk,
} from "./support/files.ts";
import { rekeyed } from "./support/rekey.ts";
import { Spawned, until } from "./support/spawned.ts";

let lab: ReturnType<typeof laboratory>;
const processes: Spawned[] = [];

beforeEach(() => {
  lab = laboratory();
  writePsk(lab.directory, "gm1");
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  lab.remove();
});

async function started(name: string, sections: string): Promise<Spawned> {
  const { file, socket } = home(lab.directory, name, sections);
  const process = new Spawned(file, socket);
  processes.push(process);
  return await process.ready();
}

/** The text of an endpoint in a configuration, where an IPv6 address stands in brackets. */
const bracketed = ({ address, port }: Endpoint): Endpoint => ({
  address: address.includes(":") ? `[${address}]` : address,
  port,
});

const loopbacks = [
  { family: "IPv4", keyServer: "127.0.0.1", any: "0.0.0.0" },
  { family: "IPv6", keyServer: "::1", any: "::" },
];

/** Registers one member and renews the TEK. @returns the rekey when it is over, and the member's endpoint. */
async function acknowledged(keyServerAt: Endpoint, any: Endpoint, push: string) {
  const kek = "management: none, acknowledge: kek-sha256";
  const source = keyServerAt.address;
  const sections = keyServerSections(bracketed(keyServerAt), { gm1: source }, kek, repeatsLate);
  const keyServer = await started("ks", sections + push);
  const member = memberSections("gm1", bracketed(any), keyServerAt).replace(
    "sids: 1",
    push === "" ? "sids: 1" : "sids: 1, interface: lo",
  );
  await started("gm1", `${member}  acknowledgements: { jitter: 200ms }\n`);
  const group = { name: "g" };
  await until("the member is registered", async () =>
    (await keyServer.client.call("members", {}, group)).length === 1 ? true : undefined,
  );
  return await rekeyed(keyServer);
}

test.each(loopbacks)("over $family, a member on $any is counted by its acknowledgement", async (of) => {
  const port = somePort();
  const { rekey, members } = await acknowledged(
    { address: of.keyServer, port },
    { address: of.any, port: port + 1 },
    "",
  );
  expect(rekey).toMatchObject({ acked: 1, missing: 0, attempts: 1 });
  expect(members.map((member) => member.address)).toEqual([of.keyServer]);
});

test("it is counted for a push by multicast too", async () => {
  const port = somePort();
  const push = `      push: { transport: multicast, address: 239.255.71.71, port: ${port + 2}, interface: lo, ttl: 1 }\n`;
  const keyServer = { address: "127.0.0.1", port };
  const { rekey } = await acknowledged(keyServer, { address: "0.0.0.0", port: port + 1 }, push);
  expect(rekey).toMatchObject({ acked: 1, missing: 0 });
});

test("a member on 0.0.0.0 finds a key server of the other family", async () => {
  const port = somePort();
  const { rekey } = await acknowledged({ address: "::1", port }, { address: "0.0.0.0", port: port + 1 }, "");
  expect(rekey).toMatchObject({ acked: 1, missing: 0 });
});
