/** What an operator asks for, and when it is answered. */
import { connectSoon, isConnecting, isUp, refuseWaiting } from "./connections.ts";
import { deleteChild, deleteIkeSa } from "./deletion.ts";
import { reauthenticate } from "./reauthenticate.ts";
import { reconfigure } from "./reconfigure.ts";
import { sendOn } from "./redirection.ts";
import { rekeyChild } from "./rekey-child.ts";
import { rekeyIkeSa } from "./rekey-ike.ts";
import { whenEnded } from "./sa-life.ts";
import { shutdown } from "./shutdown.ts";
import {
  type ChildSa,
  type ConnectionState,
  type DeleteWhy,
  type IkeSa,
  type Ikev2,
  isEstablished,
  isInUse,
} from "./state.ts";
import { type Found, find } from "./targets.ts";
import { trafficReported } from "./traffic.ts";
import { ask } from "./transmit.ts";
import type { Ikev2Command } from "./types.ts";
import { connectionView, plainView } from "./views.ts";

type CommandOf<D extends Ikev2Command["do"]> = Extract<Ikev2Command, { do: D }>;

/** Refuses a command: `code` is stable, `message` says what to do next. */
export function refuse(ike: Ikev2, id: number, code: string, message: string): void {
  ike.out.push({ out: "refuse", id, refusal: { code, message } });
}

/** Carries a command out; each is answered once, now or later. */
export function command(ike: Ikev2, id: number, given: Ikev2Command): void {
  switch (given.do) {
    case "up":
      up(ike, id, given);
      return;
    case "down":
      down(ike, id, given);
      return;
    case "shutdown":
      shutdown(ike, id, given);
      return;
    case "reconfigure":
      reconfigure(ike, given.policy);
      ike.out.push({ out: "reply", id, reply: { connections: [...ike.connections.keys()] } });
      return;
    case "rekey":
      rekey(ike, id, given);
      return;
    case "reauthenticate":
      reauthenticateAll(ike, id, given);
      return;
    case "traffic":
      ike.out.push({ out: "reply", id, reply: { known: trafficReported(ike, given.of) } });
      return;
    case "redirect":
      redirect(ike, id, given);
      return;
  }
}

function unknown(ike: Ikev2, id: number, target: string): void {
  refuse(ike, id, "unknown-target", `there is no connection, child or SPI ${target}; keyherald sas lists them`);
}

/** The connection is begun unless it stands, or is being begun. */
function up(ike: Ikev2, id: number, { target }: CommandOf<"up">): void {
  const found = find(ike, target);
  if (found === undefined) {
    unknown(ike, id, target);
    return;
  }
  if (found.what === "ike-sa" || found.what === "child-sa") {
    refuse(ike, id, "not-a-name", `${target} is an SA; up takes the name of a connection, or CONNECTION/CHILD`);
    return;
  }
  const { connection } = found;
  const { config } = connection;
  if (ike.closing) {
    refuse(ike, id, "closing", "the service is shutting down");
    return;
  }
  const child = found.what === "child" ? found.child.name : undefined;
  connection.wanted = config.start === "always";
  if (child === undefined) connection.stopped.clear();
  else connection.stopped.delete(child);
  if (isUp(connection, child)) {
    ike.out.push({ out: "reply", id, reply: plainView(connectionView(ike, connection)) });
    return;
  }
  if (config.remote.endpoint === undefined) {
    refuse(ike, id, "no-address", `${config.name} has no remote address: only the peer can begin it`);
    return;
  }
  connection.waiting.push({ id, child });
  if (!isConnecting(connection)) {
    ike.deadlines.clear(`connect:${config.name}`);
    connectSoon(ike, connection, 0);
  }
}

/** A Delete with the operator's reason for all that is meant. */
function down(ike: Ikev2, id: number, { target, reason, downtimeSeconds }: CommandOf<"down">): void {
  const found = find(ike, target);
  if (found === undefined) {
    unknown(ike, id, target);
    return;
  }
  const why: DeleteWhy = {
    cause: "operator",
    ...(reason !== undefined && { text: reason }),
    ...(downtimeSeconds !== undefined && { downtimeSeconds }),
  };
  if (found.what === "connection") stop(ike, found.connection);
  if (found.what === "child") found.connection.stopped.add(found.child.name);
  const { ikeSas, children } = meant(found);
  const reply = () => ike.out.push({ out: "reply", id, reply: { ikeSas: ikeSas.length, childSas: children.length } });
  let open = ikeSas.length + children.length;
  const done = () => {
    open -= 1;
    if (open === 0) reply();
  };
  if (open === 0) reply();
  for (const sa of ikeSas) {
    whenEnded(ike, sa, done);
    deleteIkeSa(ike, sa, why);
  }
  for (const child of children) deleteChild(ike, child, why, done);
}

function meant(found: Found): { readonly ikeSas: readonly IkeSa[]; readonly children: readonly ChildSa[] } {
  switch (found.what) {
    case "connection":
      return { ikeSas: [...found.connection.ikeSas], children: [] };
    case "child":
      return { ikeSas: [], children: found.standing };
    case "ike-sa":
      return { ikeSas: [found.sa], children: [] };
    case "child-sa":
      return { ikeSas: [], children: [found.child] };
  }
}

/** Clients are sent to another gateway, those of them that can go. */
function redirect(ike: Ikev2, id: number, { target, gateway }: CommandOf<"redirect">): void {
  const found = find(ike, target);
  if (found === undefined) {
    unknown(ike, id, target);
    return;
  }
  const clients = meant(found)
    .ikeSas.filter(isEstablished)
    .filter(({ phase }) => phase.secured.redirects);
  if (clients.length === 0) {
    refuse(ike, id, "no-client", `no peer of ${target} is up and lets itself be sent to another gateway`);
    return;
  }
  let open = clients.length;
  let told = 0;
  const done = (sent: boolean) => {
    open -= 1;
    if (sent) told += 1;
    if (open === 0) ike.out.push({ out: "reply", id, reply: { told, of: clients.length } });
  };
  for (const sa of clients) sendOn(ike, sa, gateway, done);
}

/** The operator does not want it any more, until `up`. */
function stop(ike: Ikev2, connection: ConnectionState): void {
  const { name } = connection.config;
  connection.wanted = false;
  ike.deadlines.clear(`connect:${name}`);
  const refusal = { code: "down", message: `${name} was taken down` };
  refuseWaiting(ike, connection, () => true, refusal);
}

/** One SA, the newest of those that are meant: a name of several would have no one answer. */
function rekey(ike: Ikev2, id: number, { target }: CommandOf<"rekey">): void {
  const found = find(ike, target);
  if (found === undefined) {
    unknown(ike, id, target);
    return;
  }
  const { ikeSas, children } = meant(found);
  const child = children.at(-1);
  const sa = ikeSas.filter(isInUse).at(-1);
  if (child !== undefined) ask(ike, child.ikeSa, rekeyChild(child, undefined, id));
  else if (sa !== undefined) ask(ike, sa, rekeyIkeSa(undefined, id));
  else refuse(ike, id, "down", `${target} is not up; keyherald up ${target} begins it`);
}

function reauthenticateAll(ike: Ikev2, id: number, { target }: CommandOf<"reauthenticate">): void {
  const found = find(ike, target);
  if (found === undefined) {
    unknown(ike, id, target);
    return;
  }
  const sas = meant(found).ikeSas.filter(isInUse);
  if (sas.length === 0) {
    refuse(ike, id, "down", `${target} is no connection or IKE SA that is up; keyherald sas lists them`);
    return;
  }
  for (const sa of sas) reauthenticate(ike, sa);
  ike.out.push({ out: "reply", id, reply: { ikeSas: sas.length } });
}
