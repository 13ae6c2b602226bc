/**
 * Cookies (RFC 7296 2.6): proof that a peer receives at the address that it sends from, without a state here. A cookie is
 * what only we can make of the request that it belongs to: `version of the secret | HMAC(secret, Ni | IPi | SPIi)`.
 */
import type { Env, Instant } from "../core/engine.ts";
import type { SecretKey } from "../crypto/provider.ts";
import { concat, utf8 } from "../util/octets.ts";

/** A secret serves so long, and its cookies as long again. */
const SECRET_MS = 60_000;
const SECRET_OCTETS = 32;
const MAC_OCTETS = 20;

/** What a cookie is bound to. */
export interface CookieClaim {
  readonly nonce: Uint8Array;
  readonly address: string;
  readonly spiI: Uint8Array;
}

interface Secret {
  readonly version: number;
  readonly key: SecretKey;
  readonly since: Instant;
}

export class CookieSecrets {
  #current: Secret | undefined;
  #previous: Secret | undefined;

  /** The cookie that a request must come with, of 21 octets. */
  make(claim: CookieClaim, env: Env): Uint8Array {
    return cookie(this.#turn(env), claim, env);
  }

  /** Whether `given` was made for this request, lately. */
  holds(given: Uint8Array, claim: CookieClaim, env: Env): boolean {
    const secrets = [this.#turn(env), this.#previous];
    const secret = secrets.find((one) => one !== undefined && one.version === given[0]);
    return secret !== undefined && env.crypto.equal(cookie(secret, claim, env), given);
  }

  /** The secret of now; a new one when it has served long enough. */
  #turn(env: Env): Secret {
    const { now, random, crypto } = env;
    const current = this.#current;
    if (current !== undefined && now < current.since + SECRET_MS) return current;
    this.#previous = current !== undefined && now < current.since + 2 * SECRET_MS ? current : undefined;
    const version = ((current?.version ?? 0) + 1) & 0xff;
    this.#current = { version, key: crypto.importSecret(random.octets(SECRET_OCTETS)), since: now };
    return this.#current;
  }
}

function cookie({ version, key }: Secret, { nonce, address, spiI }: CookieClaim, env: Env): Uint8Array {
  // a nonce has no fixed length: its length keeps the parts apart
  const mac = env.crypto.hmac("sha256", key, Uint8Array.of(nonce.length), nonce, spiI, utf8(address));
  return concat(Uint8Array.of(version), mac.subarray(0, MAC_OCTETS));
}
