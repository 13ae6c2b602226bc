/** Whether a silent peer is still there (RFC 7296 2.4): an empty INFORMATIONAL, whose answer is all that is wanted of it. */
import { ExchangeType } from "../iana/ikev2.ts";
import { type EstablishedSa, type Ikev2, isEstablished, type Task } from "./state.ts";
import { ask } from "./transmit.ts";

const liveness: Task = {
  kind: "liveness",
  exchange: ExchangeType.INFORMATIONAL,
  build: () => [],
  answered: () => undefined,
  failed: () => undefined,
};

/** Asks, unless something is asked already: the answer to that serves as well. */
export function checkLiveness(ike: Ikev2, sa: EstablishedSa): void {
  if (sa.current === undefined && sa.queue.length === 0) ask(ike, sa, liveness);
}

/** The deadline `liveness:KEY`. */
export function livenessDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa === undefined || !isEstablished(sa)) return;
  const { livenessMs } = sa.phase.connection.config;
  if (!Number.isFinite(livenessMs)) return;
  const { now } = ike.env;
  const silent = now >= sa.heardAt + livenessMs;
  if (silent) checkLiveness(ike, sa);
  ike.deadlines.set(`liveness:${key}`, (silent ? now : sa.heardAt) + livenessMs);
}

/** A hint in the clear that the peer may have forgotten an IKE SA is followed by a question at most this often (2.4, 2.21.4). */
const HINT_MS = 60_000;

/** Somebody says, without any proof, that there is something wrong with this IKE SA. */
export function hinted(ike: Ikev2, sa: EstablishedSa): void {
  if (ike.env.now >= sa.heardAt + HINT_MS) checkLiveness(ike, sa);
}
