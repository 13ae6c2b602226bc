/** The default provider of cryptography: OpenSSL through node:crypto. Nothing else in Keyherald imports node:crypto. */
import type { CryptoProvider } from "../provider.ts";
import { parseCertificate } from "./certificates.ts";
import { verifyChain } from "./chain.ts";
import { aeadOpen, aeadSeal, aesCbcDecrypt, aesCbcEncrypt, open, seal } from "./ciphers.ts";
import { keyExchange, keyExchangeFrom } from "./dh.ts";
import { hash, hmac } from "./hash.ts";
import { nameText } from "./names.ts";
import { equal, exportSecret, importSecret } from "./secrets.ts";
import { generateSigner, importSigner, importVerifier } from "./signatures.ts";
import { standings } from "./standings.ts";

export { nodeRandom } from "./random.ts";

/** The provider a daemon hands to its engines. */
export const nodeCrypto: CryptoProvider = {
  importSecret,
  exportSecret,
  hash,
  hmac,
  equal,
  aesCbcEncrypt,
  aesCbcDecrypt,
  aeadSeal,
  aeadOpen,
  seal,
  open,
  keyExchange,
  keyExchangeFrom,
  importSigner,
  importVerifier,
  generateSigner,
  parseCertificate,
  nameText,
  verifyChain,
  standings,
};
