/** SIGHUP: a new configuration for a running daemon. Either all of it holds from now on, or nothing has changed. */
import type { ConfigProblem, Configuration } from "../config/types.ts";
import { messageOf } from "./problems.ts";
import type { Running } from "./running.ts";

/** Reads the file again and hands its policies to the engines; a refusal is logged and recorded. */
export async function reload(daemon: Running): Promise<void> {
  const { log } = daemon.parts;
  const old = daemon.configuration;
  log.info(`reading ${old.file} again`);
  const loaded = daemon.parts.load(old.file);
  if (!loaded.ok) {
    for (const problem of loaded.error) log.error(problemLine(old.file, problem));
    const first = loaded.error[0];
    refused(
      daemon,
      first === undefined ? "it cannot be read" : `line ${first.line}: ${first.message}`,
      loaded.error.length,
    );
    return;
  }
  const fresh = loaded.value;
  const fixed = needsRestart(old, fresh);
  if (fixed !== undefined) {
    log.error(`the new configuration changes ${fixed}, which takes a restart; the old one stays`);
    refused(daemon, `${fixed} cannot change without a restart`, 1);
    return;
  }
  try {
    await apply(daemon, old, fresh);
  } catch (error) {
    log.error(`the new configuration cannot be used: ${messageOf(error)}; the old one stays`);
    refused(daemon, messageOf(error), 1);
    return;
  }
  daemon.configuration = fresh;
  log.level = fresh.log.level;
  for (const warning of fresh.warnings) daemon.warn(warning);
  const figures = {
    groups: changed(old, fresh, ({ keyServer }) => keyServer?.groups),
    connections: changed(old, fresh, ({ ikev2 }) => ikev2?.connections),
  };
  daemon.note("server.reconfigured", "info", "operator", { figures });
}

/** `keyherald.yaml:12:5: keyServer.groups[0].kek.cipher: …`, as editors read it. */
export function problemLine(file: string, problem: ConfigProblem): string {
  const place = problem.line > 0 ? `:${problem.line}:${problem.column}` : "";
  const path = problem.path === "" ? "" : ` ${problem.path}:`;
  return `${file}${place}:${path} ${problem.message}`;
}

async function apply(daemon: Running, old: Configuration, fresh: Configuration): Promise<void> {
  const { keyServer, member, ikev2 } = daemon;
  const gcks = fresh.keyServer === undefined ? undefined : daemon.resolveSigners(fresh, fresh.keyServer);
  if (keyServer !== undefined && gcks !== undefined) await keyServer.network.listen(gcks.listen);
  try {
    if (member !== undefined && fresh.member !== undefined) {
      await member.network.listen([fresh.member.local]);
      await member.shell.command({ do: "reconfigure", policy: await daemon.addresses.resolve(fresh.member) });
    }
    if (keyServer !== undefined && gcks !== undefined) {
      await keyServer.shell.command({ do: "reconfigure", policy: gcks });
    }
    // last: what it deletes because it is gone from the configuration does not come back
    if (ikev2 !== undefined && fresh.ikev2 !== undefined) await ikev2.reconfigure(fresh.ikev2);
  } catch (error) {
    await takeBack(daemon, old);
    throw error;
  }
}

async function takeBack(daemon: Running, old: Configuration): Promise<void> {
  const { keyServer, member, ikev2 } = daemon;
  const back: Promise<unknown>[] = [];
  if (keyServer !== undefined && old.keyServer !== undefined) back.push(keyServer.network.listen(old.keyServer.listen));
  if (member !== undefined && old.member !== undefined) {
    back.push(member.network.listen([old.member.local]));
    const policy = await daemon.addresses.resolve(old.member);
    back.push(member.shell.command({ do: "reconfigure", policy }));
  }
  if (ikev2 !== undefined && old.ikev2 !== undefined) back.push(ikev2.reconfigure(old.ikev2));
  await Promise.allSettled(back);
}

function needsRestart(old: Configuration, fresh: Configuration): string | undefined {
  if (old.state.file !== fresh.state.file) return "state.file";
  if (old.control.socket !== fresh.control.socket) return "control.socket";
  if (old.keyExport?.file !== fresh.keyExport?.file) return "member.export";
  if ((old.keyServer === undefined) !== (fresh.keyServer === undefined)) return "whether this is a key server";
  if ((old.member === undefined) !== (fresh.member === undefined)) return "whether this is a member";
  if ((old.ikev2 === undefined) !== (fresh.ikev2 === undefined)) return "whether this is an endpoint of IKEv2";
  if (old.keyLog?.file !== fresh.keyLog?.file) return "ikev2.keyLog";
  return undefined;
}

/** Names of groups or connections that came or went. */
function changed(
  old: Configuration,
  fresh: Configuration,
  named: (configuration: Configuration) => readonly { readonly name: string }[] | undefined,
): string[] {
  const names = (configuration: Configuration) => new Set(named(configuration)?.map(({ name }) => name) ?? []);
  const before = names(old);
  const after = names(fresh);
  return [...[...after].filter((name) => !before.has(name)), ...[...before].filter((name) => !after.has(name))];
}

function refused(daemon: Running, reason: string, problems: number): void {
  daemon.note("server.configuration-refused", "warning", "operator", { reason, figures: { problems } });
}
