/** `keyherald run`: a daemon in this process until a signal ends it. */
import type { Farewell } from "../api/views.ts";
import { loadConfiguration } from "../config/load.ts";
import { GcksEngine } from "../gdoi/gcks/engine.ts";
import { GmEngine } from "../gdoi/gm/engine.ts";
import { Ikev2Engine } from "../ikev2/engine.ts";
import { openStore } from "../store/sqlite.ts";
import { Daemon } from "./daemon.ts";
import { optimiseEarly } from "./early-optimisation.ts";
import { createLog, type LogTarget } from "./log.ts";
import { DaemonError, messageOf } from "./problems.ts";
import { problemLine } from "./reload.ts";
import type { DaemonParts } from "./running.ts";

/** What the command line decides in place of the configuration. */
export interface RunOptions {
  readonly level?: string | undefined;
  /** JSON log lines even on a terminal. */
  readonly json?: boolean | undefined;
}

/** The parts of a real daemon. */
export function realParts(level: string, target?: LogTarget): DaemonParts {
  return {
    openStore,
    keyServer: (policy) => new GcksEngine(policy),
    member: (policy) => new GmEngine(policy),
    ikev2: (policy) => new Ikev2Engine(policy),
    load: (file) => loadConfiguration(file, process.env),
    log: createLog(level, target),
  };
}

/**
 * Runs until SIGTERM, SIGINT or `keyherald stop`. SIGHUP reads the configuration again.
 * @returns the exit code: 0 after a signal, 1 when it could not start.
 */
export async function run(file: string, options: RunOptions = {}): Promise<number> {
  optimiseEarly();
  const target = options.json === true ? { write: (text: string) => process.stderr.write(text) } : process.stderr;
  const loaded = loadConfiguration(file, process.env);
  if (!loaded.ok) {
    const { log } = realParts("info", target);
    for (const problem of loaded.error) log.fatal(problemLine(file, problem));
    log.fatal(`keyherald config check ${file} shows the same with what is expected; nothing was started`);
    return 1;
  }
  const parts = realParts(options.level ?? loaded.value.log.level, target);
  let daemon: Daemon;
  try {
    daemon = await Daemon.start(loaded.value, parts);
  } catch (error) {
    const code = error instanceof DaemonError ? { code: error.code } : { err: error };
    parts.log.fatal(code, messageOf(error));
    return 1;
  }
  const { code, anew } = await untilEnd(daemon);
  return anew ? await restarted(file, options) : code;
}

/**
 * The same process with a fresh program in it, so that a service manager sees no end and an update is loaded; where the
 * system cannot do that, a fresh daemon.
 */
async function restarted(file: string, options: RunOptions): Promise<number> {
  try {
    process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], process.env);
  } catch {
    // what cannot be replaced goes on
  }
  return await run(file, options);
}

/** How a daemon ended, and whether it is to begin anew. */
interface End {
  readonly code: 0 | 1;
  readonly anew: boolean;
}

function untilEnd(daemon: Daemon): Promise<End> {
  return new Promise((resolve) => {
    let ending = false;
    let reloading: Promise<void> = Promise.resolve();
    const end = (why: string, farewell?: Farewell) => {
      if (ending) return;
      ending = true;
      const anew = farewell?.cause === "service-restart";
      reloading
        .then(() => daemon.stop(why, farewell))
        .then(
          () => finish({ code: 0, anew }),
          (error: unknown) => {
            daemon.parts.log.error(`not ended in order: ${messageOf(error)}`);
            finish({ code: 1, anew });
          },
        );
    };
    const signalled = (signal: NodeJS.Signals) => end(signal);
    const reload = () => {
      reloading = reloading.then(() => daemon.reload());
    };
    // a parent that started this with a channel (the demo) takes it along
    const orphaned = () => end("SIGTERM");
    const finish = (how: End) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.off(signal, signalled);
      process.off("SIGHUP", reload);
      process.off("disconnect", orphaned);
      resolve(how);
    };
    process.on("SIGTERM", signalled);
    process.on("SIGINT", signalled);
    process.on("SIGHUP", reload);
    if (process.connected) {
      process.on("disconnect", orphaned);
      process.channel?.unref();
    }
    daemon.stopRequested.then((farewell) => end(`keyherald ${commands[farewell.cause]}`, farewell));
  });
}

/** What an operator wrote. */
const commands: Readonly<Record<Farewell["cause"], string>> = {
  "service-shutdown": "stop",
  "service-restart": "restart",
  "host-shutdown": "stop --host-shutdown",
  "host-restart": "stop --host-restart",
};
