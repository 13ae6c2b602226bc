/** A tunnel goes away and comes back: why, for how long, and what of that was announced. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionView } from "../../api/views.ts";
import { bold } from "../output/style.ts";
import { clockTime } from "../output/time.ts";
import { demoTunnel } from "./configurations.ts";
import type { Narrator } from "./narrator.ts";
import type { DemoProcess } from "./process.ts";

/** The tunnel's two ends: Berlin tells the story of Paris. */
export interface Gateways {
  readonly berlin: DemoProcess;
  readonly paris: DemoProcess;
  /** Starts Paris once more. */
  readonly parisAgain: () => DemoProcess;
}

export interface TunnelResult {
  readonly name: string;
  readonly deletedBy: string;
  readonly reason: string;
  readonly downtimeSeconds: number;
  readonly reestablishedAfterSeconds: number;
}

const announcedSeconds = 4;
/** A process needs a moment until it answers. */
const awayMs = 3000;
const upWithinMs = 20_000;
const pollMs = 50;
const readingMs = 900;

/** Tells it once. @throws DemoError when something went wrong. */
export async function tellTunnel(gateways: Gateways, narrator: Narrator): Promise<TunnelResult> {
  const { berlin, paris } = gateways;
  narrator.chapter("Meanwhile, a tunnel between the gateways");
  narrator.doing("Waiting for the tunnel");
  const { suite = "", children } = await established(berlin, [paris]);
  const [lan] = children;
  narrator.done(
    `Tunnel ${bold(demoTunnel)} (IKEv2) is up: ${suite.replaceAll(" / ", ", ")}; ${lan?.local.join(" ")} to ${lan?.remote.join(" ")}`,
  );
  await narrator.pause(readingMs);
  const leftAt = Date.now();
  await paris.client.call("stop", { cause: "host-restart", downtimeSeconds: announcedSeconds, mark: false });
  await paris.gone();
  narrator.trouble(`${bold("paris")} is taken down: keyherald stop --host-restart --for ${announcedSeconds}s`);
  await sayOutage(berlin, narrator);
  while (Date.now() - leftAt < awayMs) {
    const seconds = Math.floor((Date.now() - leftAt) / 1000);
    narrator.doing(`paris has been away for ${seconds} s, of about ${announcedSeconds} s that it announced`);
    await sleep(pollMs);
  }
  const again = gateways.parisAgain();
  narrator.doing("paris starts again");
  await again.ready();
  await established(berlin, [again]);
  narrator.done(`paris runs again (process ${again.pid}), and the tunnel is up`);
  return await whatBerlinSays(berlin, narrator);
}

/** The IKE SA when it stands with its Child SA. */
async function established(berlin: DemoProcess, others: readonly DemoProcess[]) {
  const until = Date.now() + upWithinMs;
  for (;;) {
    for (const process of [berlin, ...others]) process.check();
    const { ikeSas, lastError } = await connectionOf(berlin);
    const sa = ikeSas.find(({ state, children }) => state === "established" && children.length > 0);
    if (sa !== undefined) return sa;
    if (Date.now() > until) {
      throw berlin.failure(`the tunnel was not up within ${upWithinMs / 1000} s${lastError ? `: ${lastError}` : ""}`);
    }
    await sleep(pollMs);
  }
}

function connectionOf({ client }: DemoProcess): Promise<ConnectionView> {
  return client.call("connection", {}, { name: demoTunnel });
}

/** What the other side knows in the meantime. */
async function sayOutage(berlin: DemoProcess, narrator: Narrator): Promise<void> {
  const { outage } = await connectionOf(berlin);
  if (outage === undefined) throw berlin.failure("berlin did not hear that paris goes");
  const { reason = "", expectedAt = 0, since } = outage;
  const now = Date.now();
  narrator.detail(
    `berlin knows: "${reason}", down since ${clockTime(since, now)}, expected back at ${clockTime(expectedAt, now)}`,
  );
}

/** Its ledger in sentences, and in figures. */
async function whatBerlinSays(berlin: DemoProcess, narrator: Narrator): Promise<TunnelResult> {
  const events = await berlin.client.call("events", { subject: demoTunnel });
  const deleted = events.find(({ kind }) => kind === "ikev2.deleted");
  const back = events.find(({ kind }) => kind === "ikev2.reestablished");
  if (deleted === undefined || back === undefined) throw berlin.failure("berlin's ledger does not have the story");
  narrator.done(`${bold("berlin says why")}: keyherald why ${demoTunnel}`);
  for (const { at, text } of [deleted, back]) narrator.detail(`${clockTime(at, Date.now())}  ${text}`, 11);
  const { by = "", downtimeSeconds = 0 } = deleted.figures ?? {};
  return {
    name: demoTunnel,
    deletedBy: String(by),
    reason: deleted.reason ?? "",
    downtimeSeconds: Number(downtimeSeconds),
    reestablishedAfterSeconds: Math.round(Number(back.figures?.["awayMs"] ?? 0) / 100) / 10,
  };
}
