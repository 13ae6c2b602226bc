/** What an ID payload of Phase 1 may say (RFC 2407 4.6.2). */
import type { Identity } from "../core/identity.ts";
import { IdType, IpProtocol } from "../iana/isakmp.ts";
import { hex } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { IdPayload } from "../wire/payloads.ts";

const ISAKMP_PORT = 500;
const GDOI_PORT = 848;

/** The ID payload for an identity: protocol and port 0 (RFC 2407 4.6.2). */
export function identityPayload(identity: Identity): IdPayload {
  return { kind: "ID", idType: identity.type, protocolId: 0, port: 0, data: identity.data };
}

/**
 * The identity that a payload states. Ports are 0/0 or UDP/500, all others are an error (RFC 2407 4.6.2) but for
 * UDP/848, the port GDOI runs on, which is taken with a note (READINGS 3).
 */
export function readIdentity(payload: IdPayload): Result<{ identity: Identity; note?: string }, string> {
  const { idType, protocolId, port, data } = payload;
  const identity = { type: idType, data };
  if (!supported.has(idType)) return err(`ID type ${idType} cannot name a Phase 1 peer`);
  if (idType === IdType.ID_IPV4_ADDR && data.length !== 4) return err(`ID_IPV4_ADDR of ${data.length} octets`);
  if (idType === IdType.ID_IPV6_ADDR && data.length !== 16) return err(`ID_IPV6_ADDR of ${data.length} octets`);
  // certificates with an empty subject are many, and name nobody by it (RFC 5280 4.1.2.6)
  if (data.length === 0 || (idType === IdType.ID_DER_ASN1_DN && hex(data) === "3000")) return err("an empty identity");
  if (protocolId === 0 && port === 0) return ok({ identity });
  if (protocolId === IpProtocol.UDP && port === ISAKMP_PORT) return ok({ identity });
  if (protocolId === IpProtocol.UDP && port === GDOI_PORT) {
    return ok({ identity, note: "ID payload names UDP port 848, which RFC 2407 4.6.2 does not foresee" });
  }
  return err(`ID payload names protocol ${protocolId} port ${port}, allowed are 0/0 and 17/500 (RFC 2407 4.6.2)`);
}

const supported: ReadonlySet<number> = new Set([
  IdType.ID_IPV4_ADDR,
  IdType.ID_IPV6_ADDR,
  IdType.ID_FQDN,
  IdType.ID_USER_FQDN,
  IdType.ID_DER_ASN1_DN,
  IdType.ID_KEY_ID,
]);
