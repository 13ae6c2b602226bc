/** Whether peers that stand are still what another policy asks for: who they are, how they proved it, what of it was revoked. */
import { certificateFault } from "../core/certificate-standing.ts";
import { deleteReasons } from "../ledger/delete-reasons.ts";
import { admits } from "./proof.ts";
import type { Ikev2, Peer } from "./state.ts";
import type { Connection } from "./types.ts";

const removed = deleteReasons["ike-configuration-removed"].text;

/** A question about the peers of a connection: why one is not to stand any more, undefined when it is. */
export function entitlement(ike: Ikev2, config: Connection): (peer: Peer) => string | undefined {
  const { authentication } = config.remote;
  const proven =
    authentication.method === "psk" ? byKey : byCertificate(ike, authentication.crls, authentication.anchors);
  return (peer) => (admits(ike, config, peer.identity) === undefined ? removed : proven(peer));
}

function byKey({ certificate }: Peer): string | undefined {
  return certificate === undefined ? undefined : "the peer is to prove itself by the pre-shared key";
}

function byCertificate(
  { env: { crypto } }: Ikev2,
  crls: readonly Uint8Array[],
  anchors: readonly Uint8Array[],
): (peer: Peer) => string | undefined {
  const standing = crypto.standings(crls, anchors);
  return ({ certificate }) =>
    certificate === undefined
      ? "the peer is to prove itself by a certificate"
      : certificateFault(standing(certificate));
}
