/** Where the peer is (RFC 7296 2.23): it follows its NAT, and ours is kept open. */
import type { Endpoint } from "../core/engine.ts";
import { endpointText } from "../util/address.ts";
import { reportSeldom } from "./report.ts";
import { type EstablishedSa, type IkeSa, type Ikev2, isEstablished, type Received, type Secured } from "./state.ts";

/** RFC 3948 2.3 */
const KEEPALIVE = Uint8Array.of(0xff);

/**
 * A genuine, new message of the peer came this way. Who is not behind a NAT follows the other to where its NAT has moved it;
 * who is does not, since that would let anybody redirect it. With IKE_AUTH the initiator moves to the other ports.
 */
export function heardFrom(
  ike: Ikev2,
  sa: IkeSa,
  { nat }: Secured,
  { from, via }: Pick<Received, "from" | "via">,
): void {
  sa.heardAt = ike.env.now;
  const follows =
    (nat.remote && (!nat.local || nat.forced)) ||
    // without a NAT from the same address as before, whoever passes IKE_AUTH on
    (sa.phase.at === "SA_INIT_ANSWERED" && (nat.remote || from.address === sa.remote.address));
  if (!follows || (same(from, sa.remote) && same(via, sa.local))) return;
  const before = sa.remote;
  sa.remote = from;
  sa.local = via;
  if (!isEstablished(sa)) return;
  const figures = { from: endpointText(before), to: endpointText(from) };
  reportSeldom(ike, { sa }, "ikev2.peer-moved", { topic: "peer-moved", from }, { cause: "peer", figures });
  moveChildren(ike, sa);
}

function same(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}

function moveChildren(ike: Ikev2, { phase, local, remote }: EstablishedSa): void {
  const connection = phase.connection.config.name;
  for (const { spiIn, encapsulated } of phase.children.values()) {
    ike.out.push({
      out: "sad",
      change: { change: "move-child", connection, spiIn, local, remote, encapsulated },
    });
  }
}

/** The deadline `keepalive:KEY`: an octet goes out if nothing else did for so long (RFC 3948 4). */
export function keepaliveDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa === undefined || !isEstablished(sa)) return;
  const { keepaliveMs } = ike.policy;
  if (ike.env.now >= sa.sentAt + keepaliveMs) {
    ike.out.push({ out: "send", from: sa.local, to: sa.remote, bytes: KEEPALIVE });
    sa.sentAt = ike.env.now;
  }
  ike.deadlines.set(`keepalive:${key}`, sa.sentAt + keepaliveMs);
}
