import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { type Home, home, keyServerSections, laboratory, memberSections, somePort, writePsk } from "./support/files.ts";
import { collectKeks, type Keks, readPush } from "./support/pushes.ts";
import { Relay } from "./support/relay.ts";
import { Spawned, until } from "./support/spawned.ts";

const kills = Number(process.env["KILLS"] ?? 30);
const names = ["gm1", "gm2", "gm3"];
const { directory, remove } = laboratory();
const port = somePort();
const keyServerAt = { address: "127.0.0.40", port };

const relays: Relay[] = [];
const members: Spawned[] = [];
let keyServerHome: Home;
let keyServer: Spawned;

beforeAll(async () => {
  for (const name of names) writePsk(directory, name);
  const addresses = Object.fromEntries(names.map((name, i) => [name, `127.0.0.${41 + i}`]));
  keyServerHome = home(
    directory,
    "ks",
    keyServerSections(keyServerAt, addresses, "management: lkh, acknowledge: lkh-sha256"),
  );
  for (const [i, name] of names.entries()) {
    const address = `127.0.0.${41 + i}`;
    const local = { address, port };
    const relayAt = { address, port: port + 1 };
    relays.push(await Relay.open(relayAt, keyServerAt, local));
    const own = home(directory, name, memberSections(name, local, relayAt, 2));
    members.push(new Spawned(own.file, own.socket));
  }
  keyServer = await new Spawned(keyServerHome.file, keyServerHome.socket).ready();
  await Promise.all(members.map((member) => member.ready()));
});

afterAll(async () => {
  await Promise.all([keyServer, ...members].map((process) => process.kill()));
  await Promise.all(relays.map((relay) => relay.close()));
  remove();
});

/** Resolves when the key server has everybody and every member has the key server's newest keys. */
async function agreed(): Promise<void> {
  let seen = "";
  const look = async () => {
    const group = await keyServer.client.call("group", {}, { name: "g" });
    const own = await Promise.all(
      members.map(async (member) => (await member.client.call("status", {})).member?.groups[0]),
    );
    const open = group.rekeys.filter((rekey) => !rekey.settled);
    seen = JSON.stringify({ group, own });
    const same = own.every(
      (one) => one?.state === "registered" && one.kek?.spi === group.kek.spi && one.kek.seq === group.kek.seq,
    );
    return group.members === names.length && open.length === 0 && same ? group : undefined;
  };
  try {
    const group = await until("all agree", look);
    const teks = new Set(group.teks.map((tek) => tek.spi));
    for (const member of members) {
      const own = (await member.client.call("status", {})).member?.groups[0]?.teks.map((tek) => tek.spi) ?? [];
      expect(own.filter((spi) => teks.has(spi)).sort()).toEqual([...teks].sort());
    }
  } catch (error) {
    throw new Error(`${String(error)}\n${seen}\n${keyServer.log}`);
  }
}

/** Orders rekeys and registrations without waiting for their ends, until `moment`. */
async function trouble(moment: Promise<unknown>, pick: () => number): Promise<void> {
  let over = false;
  void moment.then(() => {
    over = true;
  });
  while (!over) {
    if (pick() < 0.1) {
      const member = members[Math.floor(pick() * members.length)];
      void member?.client.call("register", { group: "g" }).catch(() => undefined);
    }
    const what = pick() < 0.15 ? "kek" : "tek";
    const ordered = keyServer.client.call("rekey", { what }, { name: "g" }).catch(() => undefined);
    await Promise.race([ordered, moment]);
    await sleep(pick() * 15);
  }
}

/** Every SID with the registration that it was given to. */
const sidOwners = new Map<number, string>();

/** Notes the SIDs that are out. @throws when one of them was another registration's before. */
async function checkSids(): Promise<void> {
  for (const member of await keyServer.client.call("members", {}, { name: "g" })) {
    for (const sid of member.sids) {
      const owner = `${member.name}, registration ${member.registrations}`;
      expect(sidOwners.get(sid) ?? owner, `SID ${sid}`).toBe(owner);
      sidOwners.set(sid, owner);
    }
  }
}

test(`after kill -9 at any moment, ${kills} times, no SEQ and no SID is used twice and nothing is lost`, {
  timeout: 300_000,
}, async () => {
  const random = seededRandom(Number(process.env["SEED"] ?? 7));
  const pick = () => random.fraction();
  const keks: Keks = new Map();
  await agreed();
  for (let kill = 0; kill < kills; kill += 1) {
    const moment = sleep(20 + pick() * 400);
    await trouble(moment, pick);
    await keyServer.kill();
    collectKeks(keyServerHome, keks);
    keyServer = await new Spawned(keyServerHome.file, keyServerHome.socket).ready();
    const { members: registered } = await keyServer.client.call("group", {}, { name: "g" });
    expect(registered).toBe(names.length);
    if (kill % 10 === 9) await agreed();
    await checkSids();
  }
  await agreed();
  await checkSids();
  await keyServer.client.call("rekey", { what: "tek" }, { name: "g" });
  await agreed();
  await keyServer.kill();
  collectKeks(keyServerHome, keks);

  const octetsOf = new Map<string, string>();
  let pushes = 0;
  let repeats = 0;
  for (const relay of relays) {
    const highest = new Map<string, number>();
    for (const datagram of relay.fromKeyServer) {
      const push = readPush(datagram, keks);
      if (push === undefined) continue;
      pushes += 1;
      expect(push.seq, `SEQ of a push under ${push.spi}`).toBeDefined();
      const key = `${push.spi} ${push.seq}`;
      const before = octetsOf.get(key);
      if (before !== undefined && before !== push.octets) repeats += 1;
      octetsOf.set(key, push.octets);
      const seq = push.seq ?? 0;
      const last = highest.get(push.spi) ?? 0;
      // an older one may come again, but only with the octets that it had
      if (seq < last) expect(before).toBe(push.octets);
      highest.set(push.spi, Math.max(last, seq));
    }
  }
  process.stdout.write(
    `kill -9 loop: ${kills} kills, ${pushes} pushes seen, ${octetsOf.size} distinct SEQ under ${keks.size} KEKs, ${repeats} repeats; ${sidOwners.size} SIDs, none twice\n`,
  );
  expect(repeats).toBe(0);
  expect(octetsOf.size).toBeGreaterThan(kills);
});
