/** `keyherald run`: a daemon in this process until a signal ends it. */
import { loadConfiguration } from "../config/load.ts";
import { GcksEngine } from "../gdoi/gcks/engine.ts";
import { GmEngine } from "../gdoi/gm/engine.ts";
import { openStore } from "../store/sqlite.ts";
import { Daemon } from "./daemon.ts";
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
    load: (file) => loadConfiguration(file, process.env),
    log: createLog(level, target),
  };
}

/**
 * Runs until SIGTERM or SIGINT. SIGHUP reads the configuration again.
 * @returns the exit code: 0 after a signal, 1 when it could not start.
 */
export async function run(file: string, options: RunOptions = {}): Promise<number> {
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
  return await untilSignal(daemon);
}

function untilSignal(daemon: Daemon): Promise<number> {
  return new Promise((resolve) => {
    let ending = false;
    let reloading: Promise<void> = Promise.resolve();
    const end = (signal: NodeJS.Signals) => {
      if (ending) return;
      ending = true;
      reloading
        .then(() => daemon.stop(signal))
        .then(
          () => resolve(0),
          (error: unknown) => {
            daemon.parts.log.error(`not ended in order: ${messageOf(error)}`);
            resolve(1);
          },
        );
    };
    process.on("SIGTERM", end);
    process.on("SIGINT", end);
    // a parent that started this with a channel (the demo) takes it along
    if (process.connected) {
      process.on("disconnect", () => end("SIGTERM"));
      process.channel?.unref();
    }
    process.on("SIGHUP", () => {
      reloading = reloading.then(() => daemon.reload());
    });
  });
}
