/** The deadline `connect:NAME`: what of a connection is to stand and does not is begun. */
import { connectSoon, establishedSas, isConnecting, wantedChildren } from "./connections.ts";
import { createChild } from "./create-child.ts";
import { initiate } from "./ike-sa-init-initiator.ts";
import type { EstablishedSa, Ikev2 } from "./state.ts";
import { ask } from "./transmit.ts";

/** Begins the IKE SA of a connection, unless one stands or is on its way; under one that stands what is missing of its children. */
export function connectDue(ike: Ikev2, name: string): void {
  const connection = ike.connections.get(name);
  if (connection === undefined || ike.closing || isConnecting(connection)) return;
  const sas = establishedSas(connection);
  const sa = sas.findLast(({ phase }) => !phase.rekeying);
  if (sas.length === 0) initiate(ike, connection);
  else if (sa === undefined) connectSoon(ike, connection, REKEYED_MS);
  else for (const name of wantedChildren(sa)) begin(ike, sa, name);
}

/** By then one of those that replace each other is the one. */
const REKEYED_MS = 5_000;

/** The deadline `redirect:NAME`: a gateway has sent us to another one (RFC 5685). */
export function redirectDue(ike: Ikev2, name: string): void {
  const connection = ike.connections.get(name);
  if (connection?.redirect === undefined || ike.closing) return;
  const attempt = connection.redirect;
  connection.redirect = undefined;
  initiate(ike, connection, attempt);
}

function begin(ike: Ikev2, sa: EstablishedSa, name: string): void {
  const policy = sa.phase.connection.config.children.find((child) => child.name === name);
  if (policy !== undefined) ask(ike, sa, createChild(policy));
}
