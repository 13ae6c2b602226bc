/** Stage and curtain of the demo: a temporary directory, the processes, and their certain end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { demoGroup, type Prepared, writeConfigurations } from "./configurations.ts";
import type { Narrator } from "./narrator.ts";
import { findPlaces } from "./places.ts";
import { DemoError, DemoProcess } from "./process.ts";
import { type DemoResult, tellStory } from "./story.ts";

const memberCount = 5;
const atMostMs = 55_000;

/** What the demo leaves for whoever wants to look around: only with `keep`. */
export interface Stage {
  /** Of the key server. */
  readonly socket: string;
  readonly group: string;
  /** Control socket of the gateway that tells of the tunnel. */
  readonly gateway: string;
}

/**
 * Runs the demo. Whatever happens, its processes have ended and its files are gone when this returns or throws.
 * @param keep called after the story with everything still running; the demo ends when it resolves.
 * @throws DemoError
 */
export async function runDemo(narrator: Narrator, keep?: (stage: Stage) => Promise<void>): Promise<DemoResult> {
  const directory = mkdtempSync(join(tmpdir(), "keyherald-demo-"));
  const processes: DemoProcess[] = [];
  const interruption = interrupted();
  try {
    const places = await findPlaces(memberCount);
    const prepared = writeConfigurations(directory, places);
    const spawn = ({ name, file, socket }: Prepared) => {
      const process = new DemoProcess(name, file, socket);
      processes.push(process);
      return process;
    };
    const keyServer = spawn(prepared.keyServer);
    const cast = {
      keyServer,
      members: prepared.members.map(spawn),
      berlin: spawn(prepared.berlin),
      paris: spawn(prepared.paris),
      parisAgain: () => spawn(prepared.paris),
      places,
    };
    const result = await Promise.race([tellStory(cast, narrator), interruption.promise, tooLong(keyServer)]);
    const stage = { socket: prepared.keyServer.socket, group: demoGroup, gateway: prepared.berlin.socket };
    if (keep !== undefined) await Promise.race([keep(stage), interruption.promise.catch(() => undefined)]);
    return result;
  } catch (error) {
    throw await culprit(error, processes);
  } finally {
    narrator.end();
    await Promise.all(processes.map((process) => process.stop()));
    interruption.clear();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A process that ended explains an error better than the call that it left without an answer. */
async function culprit(error: unknown, processes: readonly DemoProcess[]): Promise<unknown> {
  if (error instanceof DemoError) return error;
  await sleep(200);
  try {
    for (const process of processes) process.check();
  } catch (ended) {
    return ended;
  }
  return error;
}

/** Rejects on Ctrl-C, SIGTERM and a closed terminal. */
function interrupted(): { promise: Promise<never>; clear: () => void } {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let handler: (signal: NodeJS.Signals) => void = () => {};
  const promise = new Promise<never>((_, reject) => {
    handler = (signal) => reject(new DemoError(`interrupted (${signal}); all processes of the demo are ended`));
  });
  promise.catch(() => undefined);
  for (const signal of signals) process.on(signal, handler);
  return {
    promise,
    clear: () => {
      for (const signal of signals) process.removeListener(signal, handler);
    },
  };
}

function tooLong(keyServer: DemoProcess): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(keyServer.failure(`the demo was not over after ${atMostMs / 1000} s`)), atMostMs).unref();
  });
}
