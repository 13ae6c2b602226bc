/** The control API's answers out of a running daemon. */
import { endpoints, type ReplyOf } from "../api/contract.ts";
import { ApiRefusal, type ControlBackend, type Parameters } from "../api/server.ts";
import type { DaemonStatus, Farewell } from "../api/views.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { GroupView } from "../gdoi/gcks/types.ts";
import type { StoredEvent } from "../ledger/story.ts";
import { story } from "../ledger/story.ts";
import { type Store, StoreError } from "../store/store.ts";
import { ikev2Handlers } from "./backend-ikev2.ts";
import { carriedOut, plain } from "./carried-out.ts";
import { viewOf } from "./follow.ts";
import { absentMembers, connectionsCalled, memberCalled, subjectsOf } from "./names.ts";
import type { KeyServerRole, MemberRole } from "./roles.ts";
import type { Running } from "./running.ts";
import { version } from "./version.ts";

/** Events of one subject that a story is made of. */
const storyLength = 2000;

/** Answers for `daemon`; what an engine or the store refuses becomes an ApiRefusal. */
export function backendOf(daemon: Running): ControlBackend {
  return {
    follow: (subject, tell) => daemon.followers.add(subject, tell),
    handlers: {
      status: () => statusOf(daemon),
      groups: () => plain("groups", keyServerOf(daemon).engine.groups()),
      group: (at) => plain("group", groupOf(daemon, at).view),
      members: (at) => {
        const { role, name } = groupOf(daemon, at);
        return plain("members", role.engine.members(name));
      },
      absent: (at) => {
        const { role, name } = groupOf(daemon, at);
        const policy = daemon.configuration.keyServer?.groups.find((group) => group.name === name);
        return policy === undefined
          ? []
          : absentMembers(policy, role.engine.members(name), peersOf(daemon), nodeCrypto);
      },
      rekeyDetail: (at) => {
        const { role, name } = groupOf(daemon, at);
        const seq = Number(at["seq"]);
        const rekey = role.engine.rekey(name, at["spi"] ?? "", seq);
        if (rekey === undefined) throw noRekey(role.engine.group(name), at);
        return { rekey, members: role.engine.rekeyMembers(name, rekey.spi, seq) };
      },
      rekey: async (at, { what }) => {
        const { role, name } = groupOf(daemon, at);
        return plain("rekey", await carriedOut(role.shell.command({ do: "rekey", group: name, what })));
      },
      evict: async (at, { members: called, reason }) => {
        const { role, name } = groupOf(daemon, at);
        const members = membersCalled(daemon, role, name, called);
        return plain("evict", await carriedOut(role.shell.command({ do: "evict", group: name, members, reason })));
      },
      admit: async (at, { members: called }) => {
        const { role, name } = groupOf(daemon, at);
        const members = membersCalled(daemon, role, name, called);
        return plain("admit", await carriedOut(role.shell.command({ do: "admit", group: name, members })));
      },
      register: async (_, { group }) =>
        plain("register", await carriedOut(memberOf(daemon).shell.command({ do: "register", group }))),
      seen: async (_, { group, spi }) =>
        plain("seen", await carriedOut(memberOf(daemon).shell.command({ do: "seen", group, spi }))),
      ...ikev2Handlers(daemon),
      stop: (_, { mark, ...farewell }) => stopSoon(daemon, farewell, mark),
      events: (_, query) =>
        fromStore(daemon, (store) =>
          store.events(query).map((event) => viewOf(event, daemon.configuration.securityEvents)),
        ),
      why: (at) => {
        const subject = at["subject"] ?? "";
        return fromStore(daemon, (store) => ({
          subject,
          lines: story(eventsAbout(subjectsIn(daemon, subject), store)),
        }));
      },
    },
  };
}

function statusOf(daemon: Running): DaemonStatus {
  const { keyServer, member, ikev2, configuration, farewell } = daemon;
  const condition = daemon.storeCondition();
  return {
    version,
    pid: process.pid,
    now: daemon.clock.now(),
    startedAt: daemon.startedAt,
    clockAheadMs: daemon.clock.aheadMs(),
    configuration: configuration.file,
    listen: daemon.listening(),
    store: { file: configuration.state.file, ...condition },
    counters: daemon.counters(),
    ...(keyServer === undefined ? {} : { keyServer: { ...keyServer.engine.status() } }),
    ...(member === undefined
      ? {}
      : { member: endpoints.status.reply.shape.member.unwrap().parse(member.engine.status()) }),
    ...(ikev2 === undefined ? {} : { ikev2: { ...ikev2.role.engine.status() } }),
    ...(ikev2?.keyLog === undefined ? {} : { keyLog: ikev2.keyLog.file }),
    ...(farewell === undefined ? {} : { farewell }),
  };
}

/**
 * Answers before it ends. A mark alone is for whatever ends the daemon otherwise.
 * @throws ApiRefusal when it is to begin anew with a configuration that it could not begin with.
 */
function stopSoon(daemon: Running, farewell: Farewell, mark: boolean): ReplyOf<"stop"> {
  if (farewell.cause === "service-restart" && !mark) {
    const { file } = daemon.configuration;
    const loaded = daemon.parts.load(file);
    const [first] = loaded.ok ? [] : loaded.error;
    if (first !== undefined) {
      const message = `it would not start again: line ${first.line}, ${first.path}: ${first.message}; keyherald config check ${file} shows all, and nothing was stopped`;
      throw new ApiRefusal(409, "bad-configuration", message);
    }
  }
  daemon.farewell = farewell;
  if (!mark) setImmediate(() => daemon.requestStop(farewell));
  const { startedAt, ikev2 } = daemon;
  return { pid: process.pid, startedAt, told: ikev2?.role.engine.status().ikeSas ?? 0 };
}

function keyServerOf(daemon: Running): KeyServerRole {
  if (daemon.keyServer !== undefined) return daemon.keyServer;
  throw new ApiRefusal(409, "not-a-key-server", "this daemon is not a key server; ask the one that is (--socket PATH)");
}

function memberOf(daemon: Running): MemberRole {
  if (daemon.member !== undefined) return daemon.member;
  throw new ApiRefusal(409, "not-a-member", "this daemon is not a member; ask the one that is (--socket PATH)");
}

function groupOf(daemon: Running, at: Parameters) {
  const role = keyServerOf(daemon);
  const name = at["name"] ?? "";
  const view = role.engine.group(name);
  if (view !== undefined) return { role, name, view };
  const known = role.engine.groups().map((group) => group.name);
  throw new ApiRefusal(
    404,
    "unknown-group",
    `there is no group ${name}; ${known.length === 0 ? "there is none at all" : `there is ${known.slice(0, 10).join(", ")}`}`,
  );
}

/** Why there is nothing to tell of a rekey: it waits for its turn, or there is none in that place. */
function noRekey(group: GroupView | undefined, at: Parameters): ApiRefusal {
  const seq = at["seq"] ?? "";
  const called = `rekey ${seq} of group ${at["name"] ?? ""}`;
  const waits = group?.waiting.some((rekey) => rekey.spi === at["spi"] && rekey.seq === Number(seq)) === true;
  return waits
    ? new ApiRefusal(409, "rekey-waits", `${called} is sent when the one before it is settled`)
    : new ApiRefusal(404, "unknown-rekey", `no ${called} is known under that KEK`);
}

function peersOf(daemon: Running) {
  return daemon.configuration.keyServer?.phase1.peers ?? [];
}

function membersCalled(daemon: Running, role: KeyServerRole, group: string, called: readonly string[]): string[] {
  const all = role.engine.members(group);
  return called.map((one) => memberCalled(one, all, peersOf(daemon), nodeCrypto));
}

/**
 * `GROUP/MEMBER` tells of that group alone; a member by itself also of its Phase 1, and so does a group at a member:
 * without Phase 1 there is nothing else to tell.
 */
function subjectsIn(daemon: Running, subject: string): string[] {
  const engine = daemon.keyServer?.engine;
  const connections = connectionsCalled(subject, daemon.ikev2?.role.engine.connections() ?? []);
  if (engine === undefined) return [subject, ...keyServersOf(daemon, subject), ...connections];
  const slash = subject.indexOf("/");
  const group = slash < 0 ? undefined : engine.group(subject.slice(0, slash))?.name;
  if (group !== undefined) {
    const called = subject.slice(slash + 1);
    return [subject, `${group}/${memberCalled(called, engine.members(group), peersOf(daemon), nodeCrypto)}`];
  }
  const members = engine.groups().flatMap(({ name }) => engine.members(name));
  return [...subjectsOf(subject, members, peersOf(daemon), nodeCrypto), ...connections];
}

/** Addresses of the key servers of a group, or of the key server of that name. */
function keyServersOf({ configuration: { member } }: Running, subject: string): string[] {
  const serving = member?.groups.find(({ name }) => name === subject)?.keyServers ?? [subject];
  return (member?.keyServers ?? [])
    .filter(({ name }) => serving.includes(name))
    .map(({ endpoint }) => endpoint.address);
}

/** What the ledger has of any of the subjects, oldest first. */
function eventsAbout(subjects: readonly string[], store: Store): StoredEvent[] {
  const found = new Map<number, StoredEvent>();
  for (const subject of new Set(subjects)) {
    for (const event of store.events({ subject, limit: storyLength })) found.set(event.id, event);
  }
  return [...found.values()].sort((a, b) => a.id - b.id).slice(-storyLength);
}

/** Reads the ledger with everything in it that has happened. */
function fromStore<T>(daemon: Running, read: (store: Store) => T): T {
  for (const { shell } of daemon.roles()) shell.flush();
  try {
    return read(daemon.store);
  } catch (error) {
    if (error instanceof StoreError)
      throw new ApiRefusal(503, "store-failed", `the ledger cannot be read: ${error.message}`);
    throw error;
  }
}
