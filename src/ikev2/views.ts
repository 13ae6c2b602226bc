/** What an endpoint shows of itself: no key is in it. */
import type { Plain } from "../core/engine.ts";
import { identityText } from "../core/identity.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { addressText, endpointText } from "../util/address.ts";
import { hex } from "../util/octets.ts";
import { ikeSaId } from "./report.ts";
import { selectorText } from "./selector-text.ts";
import {
  type ChildSa,
  type ConnectionState,
  connectionOf,
  type IkeSa,
  type Ikev2,
  isEstablished,
  isInUse,
  type Nat,
  type Phase,
  securedOf,
  stands,
} from "./state.ts";
import { espSuiteText, ikeSuiteText } from "./suite.ts";
import type { ChildSaView, ConnectionView, IkeSaView, Ikev2Status, OutageView } from "./types.ts";

/** One Child SA. */
export function childSaView(ike: Ikev2, child: ChildSa): ChildSaView {
  const rekeyAt = ike.deadlines.get(`child-rekey:${child.key}`);
  const expiresAt = ike.deadlines.get(`child-lifetime:${child.key}`);
  return {
    name: child.policy.name,
    spiIn: child.key,
    spiOut: hex(child.spiOut),
    mode: child.mode,
    suite: espSuiteText(child.suite),
    local: child.local.map(selectorText),
    remote: child.remote.map(selectorText),
    encapsulated: child.encapsulated,
    state: child.state,
    since: child.since,
    ...(rekeyAt !== undefined && { rekeyAt }),
    ...(expiresAt !== undefined && { expiresAt }),
    octets: child.octets,
    packets: child.packets,
  };
}

function stateOf(phase: Phase): IkeSaView["state"] {
  if (phase.at === "ESTABLISHED") return phase.rekeying ? "rekeying" : "established";
  return phase.at === "DELETING" ? "deleting" : "connecting";
}

function natText(nat: Nat | undefined): IkeSaView["nat"] {
  if (nat === undefined) return "none";
  if (nat.local && nat.remote) return "both";
  if (nat.local) return nat.forced ? "forced" : "local";
  return nat.remote ? "remote" : "none";
}

/** One IKE SA with its Child SAs. */
export function ikeSaView(ike: Ikev2, sa: IkeSa): IkeSaView {
  const { crypto } = ike.env;
  const secured = securedOf(sa);
  const config = connectionOf(sa)?.config;
  const peer = "peer" in sa.phase ? sa.phase.peer : undefined;
  const at = (what: string) => ike.deadlines.get(`${what}:${sa.key}`);
  const [rekeyAt, reauthenticateAt, expiresAt] = [at("ike-rekey"), at("reauthenticate"), at("ike-lifetime")];
  return {
    id: ikeSaId(sa),
    connection: config?.name ?? "",
    role: sa.role,
    state: stateOf(sa.phase),
    local: sa.local,
    remote: sa.remote,
    ...(config !== undefined && { localIdentity: identityText(config.local.identity, crypto) }),
    ...(peer !== undefined && {
      remoteIdentity: sanitise(identityText(peer.identity, crypto)),
      authentication: peer.authentication,
    }),
    ...(secured !== undefined && { suite: ikeSuiteText(secured.suite) }),
    nat: natText(secured?.nat),
    ...(isEstablished(sa) && { since: sa.phase.since }),
    ...(rekeyAt !== undefined && { rekeyAt }),
    ...(reauthenticateAt !== undefined && { reauthenticateAt }),
    ...(expiresAt !== undefined && { expiresAt }),
    virtualAddresses: isEstablished(sa) ? sa.phase.virtualAddresses.map((octets) => addressText(octets) ?? "?") : [],
    children: isEstablished(sa) ? [...sa.phase.children.values()].map((child) => childSaView(ike, child)) : [],
  };
}

function outageView({ outage }: ConnectionState): OutageView | undefined {
  if (outage === undefined) return undefined;
  const { since, reason, downtimeSeconds } = outage;
  return {
    since,
    ...(reason !== undefined && { reason }),
    downtimeSeconds,
    ...(downtimeSeconds > 0 && { expectedAt: since + 1000 * downtimeSeconds }),
  };
}

function connectionStateOf(
  { config, ikeSas, wanted }: ConnectionState,
  nextAttemptAt: number | undefined,
): ConnectionView["state"] {
  const sas = [...ikeSas];
  if (sas.some(isInUse)) return "up";
  if (sas.some(({ phase }) => phase.at !== "DELETING" && phase.at !== "ESTABLISHED")) return "connecting";
  if (nextAttemptAt !== undefined) return "waiting";
  return config.start === "always" && !wanted ? "stopped" : "down";
}

/** One connection with all that stands under it. */
export function connectionView(ike: Ikev2, connection: ConnectionState): ConnectionView {
  const { config, lastError, ikeSas } = connection;
  const { crypto } = ike.env;
  const nextAttemptAt = ike.deadlines.get(`connect:${config.name}`);
  const state = connectionStateOf(connection, nextAttemptAt);
  const outage = outageView(connection);
  const { endpoint, identity } = config.remote;
  return {
    name: config.name,
    state,
    start: config.start,
    remote: endpoint === undefined ? "any" : endpointText(endpoint),
    localIdentity: identityText(config.local.identity, crypto),
    ...(identity !== undefined && { remoteIdentity: identityText(identity, crypto) }),
    ...(state === "waiting" && nextAttemptAt !== undefined && { nextAttemptAt }),
    ...(lastError !== undefined && { lastError }),
    ...(outage !== undefined && { outage }),
    ikeSas: [...ikeSas].map((sa) => ikeSaView(ike, sa)),
  };
}

/** A view as an answer to a command. */
export function plainView(view: ConnectionView | IkeSaView | ChildSaView): Plain {
  return JSON.parse(JSON.stringify(view));
}

/** Numbers of all. */
export function status(ike: Ikev2): Ikev2Status {
  const connections = [...ike.connections.values()];
  return {
    role: "ikev2",
    connections: connections.length,
    up: connections.filter(stands).length,
    ikeSas: ike.ikeSas.size,
    childSas: ike.childSas.size,
    halfOpen: ike.halfOpen.size,
    counters: Object.fromEntries(ike.reports.counters),
  };
}
