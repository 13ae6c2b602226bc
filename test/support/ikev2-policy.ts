/** Policies of our IKEv2 for a foreign peer: one connection `charon` with one child `net`, but for what a test changes. */
import type { Identity } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { certificatesFrom } from "../../src/crypto/node/pem.ts";
import { IdType } from "../../src/iana/ikev2.ts";
import type {
  ChildPolicy,
  Connection,
  Ikev2Policy,
  LocalAuthentication,
  PeerAuthentication,
} from "../../src/ikev2/types.ts";
import { utf8 } from "../../src/util/octets.ts";
import { childPolicy, connection, esp, identity, ike, ikev2Policy, selector } from "./ikev2.ts";

/** PEM. */
export interface OwnCertificates {
  /** Leaf first. */
  readonly own: readonly string[];
  readonly key: string;
  readonly anchors: readonly string[];
}

export interface PeerPolicySpec {
  readonly local: string;
  readonly remote: string;
  /** Undefined: the subject of our certificate. */
  readonly localId: string | undefined;
  /** Undefined: any that the peer proves. */
  readonly remoteId: string | undefined;
  readonly psk: NonNullable<Connection["psk"]>;
  readonly certificates?: OwnCertificates;
  /** As a configuration writes them. */
  readonly ike: readonly string[];
  readonly esp: readonly string[];
  readonly connection?: Partial<Connection>;
  /** The connection is served at every address that is listened on, not at `local` alone. */
  readonly anyLocal?: true;
  /** The peer may be anywhere, so that it has to begin. */
  readonly anyRemote?: true;
  readonly child?: Partial<ChildPolicy>;
  /** Children beside `net`. */
  readonly children?: readonly (Partial<ChildPolicy> & { readonly name: string })[];
  readonly policy?: Partial<Ikev2Policy>;
}

/** All of the policy of an endpoint that talks to charon; it does not wait long for answers. */
export function peerPolicy(spec: PeerPolicySpec): Ikev2Policy {
  return ikev2Policy(spec.local, [charonConnection(spec)], {
    retransmission: { firstMs: 500, factor: 1.5, maxMs: 2000, tries: 4 },
    keyLog: true,
    ...spec.policy,
  });
}

function charonConnection(spec: PeerPolicySpec): Connection {
  const { local, remote } = authentication(spec.certificates);
  const child = (changed: Partial<ChildPolicy>) =>
    childPolicy("left", {
      localSelectors: [selector("10.1.0.0", "10.1.0.255")],
      remoteSelectors: [selector("10.2.0.0", "10.2.0.255")],
      proposals: spec.esp.flatMap(esp),
      ...changed,
    });
  return connection("left", {
    name: "charon",
    local: {
      address: spec.anyLocal ? undefined : spec.local,
      identity: spec.localId === undefined ? subject(spec.certificates) : identity(spec.localId),
      authentication: local,
    },
    remote: {
      endpoint: spec.anyRemote ? undefined : { address: spec.remote, port: 500 },
      natPort: 4500,
      addresses: [],
      identity: spec.remoteId === undefined ? undefined : identity(spec.remoteId),
      authentication: remote,
    },
    psk: spec.psk,
    ikeProposals: spec.ike.flatMap(ike),
    children: [child({ name: "net", ...spec.child }), ...(spec.children ?? []).map(child)],
    retryMs: { first: 500, max: 2000 },
    ...spec.connection,
  });
}

function authentication(certificates: OwnCertificates | undefined): {
  local: LocalAuthentication;
  remote: PeerAuthentication;
} {
  if (certificates === undefined) return { local: { method: "psk" }, remote: { method: "psk" } };
  const { own, key, anchors } = certificates;
  return {
    local: { method: "signature", signer: nodeCrypto.importSigner(key), certificates: own.flatMap(der) },
    remote: { method: "signature", anchors: anchors.flatMap(der), crls: [] },
  };
}

function subject(certificates: OwnCertificates | undefined): Identity {
  const [leaf = new Uint8Array()] = (certificates?.own ?? []).flatMap(der);
  return { type: IdType.ID_DER_ASN1_DN, data: nodeCrypto.parseCertificate(leaf).subject };
}

function der(pem: string): Uint8Array[] {
  return [...certificatesFrom(utf8(pem))];
}
