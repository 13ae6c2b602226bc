/** The algorithms of IEC 61850 TEKs, their keys, and which go together: RFC 8052 2.2.2, 2.2.3, 2.3 and 3. */
import { AuthAlg, EncAlg } from "../iana/gdoi.ts";
import { nameOf } from "../iana/names.ts";
import { ok, type Result } from "../util/result.ts";
import { type PolicyError, refuse } from "./refusal.ts";

/** Octets of a key attribute: the key, then the salt of a counter mode. None of either for NONE. */
export interface KeyForm {
  readonly keyOctets: number;
  readonly saltOctets: number;
}

const none: KeyForm = { keyOctets: 0, saltOctets: 0 };
const hmac: KeyForm = { keyOctets: 32, saltOctets: 0 };
const counterMode128: KeyForm = { keyOctets: 16, saltOctets: 4 };
const counterMode256: KeyForm = { keyOctets: 32, saltOctets: 4 };

const authentications: Readonly<Record<number, KeyForm>> = {
  [AuthAlg.NONE]: none,
  [AuthAlg.HMAC_SHA256_128]: hmac,
  [AuthAlg.HMAC_SHA256]: hmac,
  [AuthAlg.AES_GMAC_128]: counterMode128,
  [AuthAlg.AES_GMAC_256]: counterMode256,
};

interface Encryption extends KeyForm {
  /** Column "Authenticated Encryption" of the registry. */
  readonly authenticates: boolean;
}

const encryptions: Readonly<Record<number, Encryption>> = {
  [EncAlg.NONE]: { ...none, authenticates: false },
  [EncAlg.AES_CBC_128]: { keyOctets: 16, saltOctets: 0, authenticates: false },
  [EncAlg.AES_CBC_256]: { keyOctets: 32, saltOctets: 0, authenticates: false },
  [EncAlg.AES_GCM_128]: { ...counterMode128, authenticates: true },
  [EncAlg.AES_GCM_256]: { ...counterMode256, authenticates: true },
};

/** How a TEK protects messages. */
export interface Iec61850Protection {
  /** TEK_INTEGRITY_KEY. */
  readonly authentication: KeyForm;
  /** TEK_ALGORITHM_KEY. */
  readonly encryption: KeyForm;
  /** One of them is GCM or GMAC. */
  readonly counterMode: boolean;
  /** NONE and NONE: allowed while protection is being introduced, NOT RECOMMENDED (RFC 8052 3). */
  readonly unprotected: boolean;
}

/**
 * What an Auth Alg and an Enc Alg are together. Refused: algorithms without a definition, a cipher that nothing
 * authenticates, and authentication beside a cipher that authenticates by itself.
 */
export function iec61850Protection(authAlg: number, encAlg: number): Result<Iec61850Protection, PolicyError> {
  const authentication = authentications[authAlg];
  if (authentication === undefined) return refuse("unsupported", "RFC 8052 2.2.2", unknown("Auth Alg", authAlg));
  const encryption = encryptions[encAlg];
  if (encryption === undefined) return refuse("unsupported", "RFC 8052 2.2.3", unknown("Enc Alg", encAlg));
  const authenticated = authAlg !== AuthAlg.NONE;
  if (encAlg !== EncAlg.NONE && !authenticated && !encryption.authenticates) {
    return refuse(
      "weak",
      "RFC 8052 2.2.3",
      `Enc Alg ${nameOf(EncAlg, encAlg)} must not be used without authentication`,
    );
  }
  if (authenticated && encryption.authenticates) {
    const message = `Enc Alg ${nameOf(EncAlg, encAlg)} authenticates by itself and goes with Auth Alg NONE`;
    return refuse("unsupported", "RFC 8052 2.2.3", `${message}, not ${nameOf(AuthAlg, authAlg)}`);
  }
  return ok({
    authentication,
    encryption,
    counterMode: authentication.saltOctets + encryption.saltOctets > 0,
    unprotected: !authenticated && encAlg === EncAlg.NONE,
  });
}

function unknown(field: string, code: number): string {
  if (code !== 0) return `${field} ${code} is not supported`;
  return `${field} 0 is reserved: NONE is 1 in the registry, though not in figure 8 of RFC 8052`;
}
