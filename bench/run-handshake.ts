/**
 * IKEv2 handshakes beside strongSwan's, as `npm run bench:handshake`; as root, for its network namespaces. It fails as long
 * as ours cost more than charon's.
 */
import { tell } from "./figure.ts";
import { handshakeFigures } from "./ikev2-handshake.ts";

tell(await handshakeFigures());
