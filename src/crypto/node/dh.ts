import { CryptoError, type KeyExchange } from "../provider.ts";
import { ecpExchange, isEcpGroup } from "./ecp.ts";
import { isModpGroup, modpExchange } from "./modp.ts";
import { isMontgomeryGroup, montgomeryExchange } from "./montgomery.ts";

/** A fresh key pair of an IANA group. @throws CryptoError "unsupported" for any other than 14-18, 19-21, 31 and 32. */
export function keyExchange(group: number): KeyExchange {
  return exchange(group, undefined);
}

/**
 * The key pair of a given private value, in network order; of groups 31 and 32 as RFC 7748 encodes it.
 * @throws CryptoError "unsupported" as keyExchange; "bad-key" for a private value out of the group's range.
 */
export function keyExchangeFrom(group: number, privateValue: Uint8Array): KeyExchange {
  return exchange(group, privateValue);
}

function exchange(group: number, privateValue: Uint8Array | undefined): KeyExchange {
  if (isEcpGroup(group)) return ecpExchange(group, privateValue);
  if (isMontgomeryGroup(group)) return montgomeryExchange(group, privateValue);
  if (isModpGroup(group)) return modpExchange(group, privateValue);
  throw new CryptoError("unsupported", `Diffie-Hellman group ${group} is not supported`);
}
