/** ID payloads: RFC 7296 3.5. */
import type { Identity } from "../core/identity.ts";
import { IdType } from "../iana/ikev2.ts";
import { hex } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { IdiPayload, IdrPayload } from "../wire/ikev2/payloads.ts";

/** Types that can name a peer here, with the length that the type asks for. */
const octetsOf: ReadonlyMap<number, number | undefined> = new Map([
  [IdType.ID_IPV4_ADDR, 4],
  [IdType.ID_FQDN, undefined],
  [IdType.ID_RFC822_ADDR, undefined],
  [IdType.ID_IPV6_ADDR, 16],
  [IdType.ID_DER_ASN1_DN, undefined],
  [IdType.ID_KEY_ID, undefined],
]);

/** The ID payload that states an identity. */
export function identityPayload<K extends "IDi" | "IDr">(kind: K, { type, data }: Identity) {
  return { kind, idType: type, data } as const;
}

/** The identity that a payload states, or what is wrong with it. */
export function readIdentity({
  idType,
  data,
}: Pick<IdiPayload | IdrPayload, "idType" | "data">): Result<Identity, string> {
  if (!octetsOf.has(idType)) return err(`ID type ${idType} cannot name a peer`);
  const octets = octetsOf.get(idType);
  if (octets !== undefined && data.length !== octets) return err(`an address of ${data.length} octets, not ${octets}`);
  // certificates with an empty subject are many, and name nobody by it (RFC 5280 4.1.2.6)
  if (data.length === 0 || (idType === IdType.ID_DER_ASN1_DN && hex(data) === "3000")) return err("an empty identity");
  // it outlives its message
  return ok({ type: idType, data: data.slice() });
}
