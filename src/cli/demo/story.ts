/**
 * The demo's story: start, registration, two rekeys, a member that dies, a third rekey; while that waits for the dead
 * member, a tunnel that goes away and comes back; and who did not answer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplyOf } from "../../api/contract.ts";
import type { RekeyDetail } from "../../api/views.ts";
import { bold } from "../output/style.ts";
import { clockTime, duration } from "../output/time.ts";
import { byName } from "../output/views.ts";
import { demoGroup } from "./configurations.ts";
import type { Narrator } from "./narrator.ts";
import type { Places } from "./places.ts";
import { DemoError, type DemoProcess } from "./process.ts";
import { type Gateways, type TunnelResult, tellTunnel } from "./tunnel-story.ts";

/** What `--json` prints. */
export interface DemoResult {
  readonly members: number;
  readonly rekeys: readonly {
    readonly seq: number;
    readonly acked: number;
    readonly missing: readonly string[];
    readonly kind: string;
    readonly spi: string;
    readonly sends: number;
    readonly slowestAckMs?: number;
  }[];
  /** Events in the key server's ledger at the end. */
  readonly events: number;
  /** What the key server says about each missing member. */
  readonly missing: readonly {
    readonly member: string;
    readonly address: string;
    readonly silentSince: string;
    readonly story: readonly string[];
  }[];
  /** What one gateway says about the absence of the other. */
  readonly tunnels: readonly TunnelResult[];
  readonly durationMs: number;
}

export interface Cast extends Gateways {
  readonly keyServer: DemoProcess;
  readonly members: readonly DemoProcess[];
  readonly places: Places;
}

const registrationWithinMs = 20_000;
const rekeyWithinMs = 30_000;
const pollMs = 50;
const readingMs = 900;

/** Tells it once. @throws DemoError when something went wrong. */
export async function tellStory(cast: Cast, narrator: Narrator): Promise<DemoResult> {
  const startedAt = Date.now();
  await start(cast, narrator);
  await registration(cast, narrator);
  await narrator.pause(readingMs);
  const rekeys = [await settled(cast, narrator, await ordered(cast, 1))];
  await narrator.pause(readingMs);
  rekeys.push(await settled(cast, narrator, await ordered(cast, 2)));
  await narrator.pause(readingMs);
  const victim = cast.members.at(-2) ?? cast.members[0];
  if (victim === undefined) throw new DemoError("the demo has no members");
  await stopOne(victim, narrator);
  await narrator.pause(readingMs);
  const third = await ordered(cast, 3);
  narrator.done(`Rekey ${third.seq} (GROUPKEY-PUSH) is on its way; ${victim.name} has ten seconds to answer`);
  const tunnels = [await tellTunnel(cast, narrator)];
  narrator.chapter(`Back to rekey ${third.seq}`);
  rekeys.push(await settled(cast, narrator, third, victim));
  const missing = await whatHappened(cast, narrator, rekeys);
  const events = await cast.keyServer.client.call("events", { limit: 100_000 });
  return {
    members: cast.members.length,
    rekeys: rekeys.map(resultOf),
    events: events.length,
    missing,
    tunnels,
    durationMs: Date.now() - startedAt,
  };
}

async function start(cast: Cast, narrator: Narrator): Promise<void> {
  const { keyServer, members, berlin, paris, places } = cast;
  narrator.title(`Keyherald demo: a key server with ${members.length} members, and a tunnel between two gateways`);
  narrator.doing("Starting the processes");
  const all = [keyServer, ...members, berlin, paris];
  await Promise.all(all.map((process) => process.ready()));
  const first = places.members[0];
  const last = places.members.at(-1);
  const where = places.ownAddresses
    ? `members ${first?.address ?? ""} to ${last?.address ?? ""}`
    : `members on ports ${first?.port ?? 0} to ${last?.port ?? 0}`;
  narrator.done(
    `${all.length} processes run: key server ${places.keyServer.address}:${places.keyServer.port}, ${where}, gateways ${berlin.name} and ${paris.name}`,
  );
}

async function registration({ keyServer, members, places }: Cast, narrator: Narrator): Promise<void> {
  const until = Date.now() + registrationWithinMs;
  for (;;) {
    for (const process of [keyServer, ...members]) process.check();
    const all = await keyServer.client.call("members", {}, { name: demoGroup });
    const registered = all.filter((member) => member.state === "registered");
    narrator.doing(`Phase 1 and registration (GROUPKEY-PULL): ${registered.length} of ${members.length} members`);
    if (registered.length === members.length) {
      narrator.done(
        `Phase 1 and registration (GROUPKEY-PULL): ${bold(`${registered.length} of ${members.length}`)} members have the group's keys`,
      );
      const named = [...registered].sort((a, b) => byName(a.name, b.name));
      narrator.detail(
        named
          .map((member) => `${member.name} ${member.address}${places.ownAddresses ? "" : `:${member.port}`}`)
          .join(", "),
      );
      return;
    }
    if (Date.now() > until) {
      const names = new Set(registered.map((member) => `${member.address}:${member.port}`));
      throw keyServer.failure(
        `only ${names.size} of ${members.length} members registered within ${registrationWithinMs / 1000} s`,
      );
    }
    await sleep(pollMs);
  }
}

async function stopOne(victim: DemoProcess, narrator: Narrator): Promise<void> {
  const pid = victim.pid;
  narrator.doing(`Stopping ${victim.name}`);
  await victim.kill();
  narrator.trouble(`${bold(victim.name)} is killed (process ${pid}, SIGKILL): it cannot say goodbye`);
}

type Place = ReplyOf<"rekey">["rekeys"][number];

/** Orders new TEKs. @throws DemoError when they were not sent. */
async function ordered({ keyServer }: Cast, number: number): Promise<Place> {
  const planned = await keyServer.client.call("rekey", { what: "tek" }, { name: demoGroup });
  const [first] = planned.rekeys;
  if (first === undefined) throw keyServer.failure(`rekey ${number} was not sent`);
  return first;
}

/** Waits until nobody is waited for any more. */
async function settled(cast: Cast, narrator: Narrator, place: Place, victim?: DemoProcess): Promise<RekeyDetail> {
  const { client } = cast.keyServer;
  const since = Date.now();
  for (;;) {
    for (const process of [cast.keyServer, ...cast.members]) process.check();
    const detail = await client.call("rekeyDetail", {}, { name: demoGroup, spi: place.spi, seq: String(place.seq) });
    const { rekey } = detail;
    const waiting =
      victim === undefined
        ? ""
        : `; waiting for ${victim.name}, sent ${times(rekey.attempts)}, ${duration(Date.now() - rekey.sentAt)}`;
    narrator.doing(`Rekey ${rekey.seq} (GROUPKEY-PUSH): ${rekey.acked} of ${rekey.targets} acknowledged${waiting}`);
    if (rekey.settled) {
      tellRekey(detail, narrator);
      return detail;
    }
    if (Date.now() - since > rekeyWithinMs)
      throw cast.keyServer.failure(`rekey ${rekey.seq} was not over after ${rekeyWithinMs / 1000} s`);
    await sleep(pollMs);
  }
}

function tellRekey({ rekey, members }: RekeyDetail, narrator: Narrator): void {
  const slowest = slowestAck(members);
  const within = slowest === undefined ? "" : ` within ${duration(slowest)}`;
  const line = `Rekey ${rekey.seq} (GROUPKEY-PUSH): ${bold(`${rekey.acked} of ${rekey.targets}`)} acknowledged${within}`;
  const missing = members.filter((member) => member.state === "missing");
  if (missing.length === 0) narrator.done(line);
  else narrator.trouble(`${line}, ${missing.map((member) => bold(member.member)).join(", ")} did not answer`);
  const acked = members.filter((member) => member.afterMs !== undefined).sort((a, b) => byName(a.member, b.member));
  narrator.detail(`ACK ${acked.map((member) => `${member.member} ${duration(member.afterMs ?? 0)}`).join(", ")}`);
}

async function whatHappened(
  { keyServer }: Cast,
  narrator: Narrator,
  rekeys: readonly RekeyDetail[],
): Promise<DemoResult["missing"]> {
  const last = rekeys.at(-1);
  const missing = last?.members.filter((member) => member.state === "missing") ?? [];
  const found: DemoResult["missing"][number][] = [];
  for (const member of missing) {
    const { lines } = await keyServer.client.call("why", {}, { subject: `${demoGroup}/${last?.rekey.seq ?? 0}` });
    const since = member.silentSince === undefined ? "?" : clockTime(member.silentSince, Date.now());
    narrator.trouble(`The key server says: ${bold(member.member)} (${member.address}) has not answered since ${since}`);
    for (const line of lines) narrator.detail(`${clockTime(line.at, Date.now())}  ${line.text}`, 10);
    found.push({
      member: member.member,
      address: member.address,
      silentSince: new Date(member.silentSince ?? 0).toISOString(),
      story: lines.map((line) => line.text),
    });
  }
  return found;
}

function resultOf({ rekey, members }: RekeyDetail): DemoResult["rekeys"][number] {
  const slowestAckMs = slowestAck(members);
  return {
    seq: rekey.seq,
    acked: rekey.acked,
    missing: members.filter((member) => member.state === "missing").map((member) => member.member),
    kind: rekey.kind,
    spi: rekey.spi,
    sends: rekey.attempts,
    ...(slowestAckMs === undefined ? {} : { slowestAckMs }),
  };
}

function slowestAck(members: RekeyDetail["members"]): number | undefined {
  const all = members.flatMap((member) => (member.afterMs === undefined ? [] : [member.afterMs]));
  return all.length === 0 ? undefined : Math.max(...all);
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
