/** Our IKEv2 in one network namespace and charon in another, and what both must agree on. */
import { expect } from "vitest";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { issueCa, issueCertificate } from "../../src/crypto/node/issue.ts";
import type { KeyAlgorithm } from "../../src/crypto/provider.ts";
import { EncryptionTransform, IntegrityTransform } from "../../src/iana/ikev2.ts";
import { nameOf } from "../../src/iana/names.ts";
import type { IkeSaView } from "../../src/ikev2/types.ts";
import type { ChildSaPair, SadSelector } from "../../src/sad/sad.ts";
import { addressText } from "../../src/util/address.ts";
import { hex, utf8 } from "../../src/util/octets.ts";
import { type CharonChildSa, type CharonIkeSa, type CharonSetup, Ikev2Charon } from "./charon-ikev2.ts";
import { charonPki } from "./charon-pki.ts";
import { Ikev2Peer } from "./ikev2-peer.ts";
import { type PeerPolicySpec, peerPolicy } from "./ikev2-policy.ts";
import { type NamespacePair, namespacePair } from "./namespace.ts";

const PSK = "keyherald-interop-psk";
const OURS = "ours.example";
const CHARON = "charon.example";
const defaultIds = {
  ours: { ours: OURS, charon: OURS },
  charon: { ours: CHARON, charon: CHARON },
};
const YEAR = 365 * 86_400_000;

/** What we are in an IKE SA. */
export const roles = ["initiator", "responder"] as const;
export type Role = (typeof roles)[number];

/** One agreement as both sides are to be configured for it: ours in the words of our configuration, charon's in its own. */
export interface LabSetup {
  readonly ike?: { readonly ours: readonly string[]; readonly charon: readonly string[] };
  readonly esp?: { readonly ours: readonly string[]; readonly charon: readonly string[] };
  /** In both spellings, ours first. A side that is left out is the subject of its certificate, and no other is accepted. */
  readonly ids?: { readonly ours?: Spelled; readonly charon?: Spelled };
  /** IPv6 between the two, instead of IPv4. */
  readonly family?: 6;
  /** Certificates instead of the pre-shared key. */
  readonly certificates?: LabCertificates;
  readonly ours?: Pick<PeerPolicySpec, "connection" | "child" | "children" | "policy" | "anyLocal" | "anyRemote">;
  readonly charon?: Pick<CharonSetup, "connection" | "child" | "children" | "pools">;
}

/** An identity in our spelling and in charon's. */
export interface Spelled {
  readonly ours: string;
  readonly charon: string;
}

/** PEM, leaf first. */
export interface LabCertificates {
  readonly ours: { readonly own: readonly string[]; readonly key: string; readonly anchor: string };
  readonly charon: {
    readonly own: readonly string[];
    readonly key: string;
    readonly intermediates?: readonly string[];
    readonly anchor: string;
  };
}

export class Ikev2Lab implements AsyncDisposable {
  readonly pair: NamespacePair;
  charon: Ikev2Charon;

  private constructor(pair: NamespacePair, charon: Ikev2Charon) {
    this.pair = pair;
    this.charon = charon;
  }

  /** @param settings lines for the `charon` section of strongswan.conf */
  static async start(settings: readonly string[] = []): Promise<Ikev2Lab> {
    const pair = await namespacePair();
    try {
      return new Ikev2Lab(pair, await startCharon(pair, settings));
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  /** charon is killed without a word, and there is a new one that knows nothing. */
  async restartCharon(settings: readonly string[] = []): Promise<void> {
    await this.charon.kill();
    await this.startCharon(settings);
  }

  /** SIGTERM. */
  stopCharon(): Promise<void> {
    return this.charon[Symbol.asyncDispose]();
  }

  /** A new charon, after the last one ended. */
  async startCharon(settings: readonly string[] = []): Promise<void> {
    this.charon = await startCharon(this.pair, settings);
  }

  /** A second address of a side, which is there from then on. */
  async secondAddress(side: "left" | "right"): Promise<string> {
    const namespace = this.pair[side];
    const second = namespace.address.replace(/\d+$/, (last) => String(Number(last) + 100));
    await namespace.exec("ip", "addr", "replace", `${second}/24`, "dev", this.pair.link);
    return second;
  }

  /** Configures charon, and starts an endpoint of ours. */
  async sides(setup: LabSetup = {}): Promise<Ikev2Peer> {
    await this.configureCharon(setup);
    return this.ours(setup);
  }

  async configureCharon(setup: LabSetup, psk = PSK): Promise<void> {
    const { certificates, ids = defaultIds } = setup;
    await this.charon.configure({
      local: this.#address("right", setup),
      remote: this.#address("left", setup),
      localId: ids.charon?.charon,
      remoteId: ids.ours?.charon ?? "%any",
      ...(certificates === undefined
        ? { psk }
        : {
            certificates: { ...certificates.charon, anchors: [certificates.ours.anchor, certificates.charon.anchor] },
          }),
      ...setup.charon,
      connection: { proposals: (setup.ike ?? defaultIke).charon, ...setup.charon?.connection },
      child: { esp_proposals: (setup.esp ?? defaultEsp).charon, ...setup.charon?.child },
    });
  }

  ours(setup: LabSetup = {}): Promise<Ikev2Peer> {
    const { certificates, ids = defaultIds } = setup;
    const spec: PeerPolicySpec = {
      local: this.#address("left", setup),
      remote: this.#address("right", setup),
      localId: ids.ours?.ours,
      remoteId: ids.charon?.ours,
      psk: nodeCrypto.importSecret(utf8(PSK)),
      ...(certificates && { certificates: { ...certificates.ours, anchors: [certificates.charon.anchor] } }),
      ike: (setup.ike ?? defaultIke).ours,
      esp: (setup.esp ?? defaultEsp).ours,
      ...setup.ours,
    };
    return Ikev2Peer.start(this.pair.left, peerPolicy(spec));
  }

  /** Brings both sides up, begun by us or by charon, and holds what they say of it against each other. */
  async established(role: Role, ours: Ikev2Peer): Promise<Agreed> {
    if (role === "initiator") await ours.ask({ do: "up", target: "charon" });
    else await this.charon.initiate();
    const agreed = await this.agreed(ours);
    expect(agreed.ike.view.role).toBe(role);
    return agreed;
  }

  /** Waits until there is one IKE SA with one Child SA on either side, and holds them against each other. */
  async agreed(ours: Ikev2Peer): Promise<Agreed> {
    const theirs = await this.charon.up();
    const view = await ours.until("one IKE SA with one Child SA", () => {
      const [one, ...more] = standing(ours);
      return more.length === 0 && one?.state === "established" && one.children.length === 1 ? one : undefined;
    });
    const pair = await ours.until("one pair of ESP SAs", () => {
      const [one, ...more] = ours.pairs.values();
      return more.length === 0 ? one : undefined;
    });
    expect(ikeFacts(view)).toEqual(charonIkeFacts(theirs.ike));
    expect(espFacts(pair)).toEqual(await this.#charonEspFacts(theirs.child));
    return { ike: { view, charon: theirs.ike }, child: { pair, charon: theirs.child } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.charon[Symbol.asyncDispose]();
    await this.pair.close();
  }

  #address(side: "left" | "right", { family }: LabSetup): string {
    const { address } = this.pair[side];
    const [, , net, host] = address.split(".");
    return family === 6 ? `fd96:${net}::${host}` : address;
  }

  async #charonEspFacts(child: CharonChildSa) {
    const keys = await this.charon.espKeys(child.spiIn);
    return {
      // seen from our side
      spiIn: child.spiOut,
      spiOut: child.spiIn,
      mode: child.mode.toLowerCase(),
      suite: withoutGroup(child.suite),
      encapsulated: child.encapsulated,
      local: [...child.remote].sort(),
      remote: [...child.local].sort(),
      encryption: [...keys.encryption].sort(),
      integrity: [...keys.integrity].sort(),
    };
  }
}

/** What was found alike on both sides. */
export interface Agreed {
  readonly ike: { readonly view: IkeSaView; readonly charon: CharonIkeSa };
  readonly child: { readonly pair: ChildSaPair; readonly charon: CharonChildSa };
}

export const defaultIke = {
  ours: ["aes-gcm-16-128 / prf-hmac-sha256 / curve25519"],
  charon: ["aes128gcm16-prfsha256-curve25519"],
};

export const defaultEsp = {
  ours: ["aes-gcm-16-128 / curve25519, no-pfs / no-esn"],
  charon: ["aes128gcm16-curve25519"],
};

/** All IKE SAs of ours. */
export function sasOf(ours: Ikev2Peer): readonly IkeSaView[] {
  return ours.engine.connections().flatMap(({ ikeSas }) => ikeSas);
}

/**
 * Those of them that carry something or may yet. Of two that both sides made at once one is redundant, and whoever made it
 * deletes it: unless it gave it up, so that nobody hears of it any more.
 */
export function standing(ours: Ikev2Peer): readonly IkeSaView[] {
  return sasOf(ours).filter(({ state, children }) => state !== "rekeying" || children.length > 0);
}

/** Two authorities: strongSwan's pki makes charon's certificate, Keyherald makes ours. */
export async function labCertificates(algorithm: KeyAlgorithm): Promise<LabCertificates> {
  const period = { notBefore: Date.now() - YEAR, notAfter: Date.now() + YEAR };
  const ca = issueCa({ subject: "CN=Keyherald CA,O=Keyherald", algorithm, ...period });
  const subject = `CN=${OURS},O=Keyherald`;
  const own = issueCertificate({ subject, algorithm, ca, dnsNames: [OURS], ...period });
  const theirs = await charonPki(algorithm, CHARON);
  return {
    ours: { own: [own.certificatePem], key: own.keyPem, anchor: ca.certificatePem },
    charon: { own: [theirs.certificate], key: theirs.key, anchor: theirs.anchor },
  };
}

function startCharon(pair: NamespacePair, settings: readonly string[]): Promise<Ikev2Charon> {
  return Ikev2Charon.start(pair.right, "10.2.0.1", settings);
}

function ikeFacts({ id, suite = "", remoteIdentity = "", local, remote }: IkeSaView) {
  return {
    id,
    suite: suite.split(" / ").map(charonName).join("/"),
    identity: remoteIdentity.startsWith("dn:") ? "a name" : remoteIdentity.replace(/^[a-z]+:/, ""),
    local: local.address,
    remote: remote.address,
  };
}

function charonIkeFacts({ spiI, spiR, suite, localId, localHost, remoteHost }: CharonIkeSa) {
  // of names each has its own spelling
  const identity = localId.includes("=") ? "a name" : localId;
  return { id: `${spiI}_${spiR}`, suite, identity, local: remoteHost, remote: localHost };
}

/** Our name of an algorithm as charon spells it: `aes-gcm-16-128` is AES_GCM_16-128. */
function charonName(name: string): string {
  const upper = name
    .toUpperCase()
    .replace(/(SHA)(\d)/, "SHA2-$2")
    .replace("CURVE", "CURVE-");
  const sized = upper.match(/^(AES.*)-(\d+)$/);
  return sized === null ? upper.replaceAll("-", "_") : `${sized[1]?.replaceAll("-", "_")}-${sized[2]}`;
}

function espFacts(pair: ChildSaPair) {
  const { encryption, keyBits, integrity, esn, encryptionIn, encryptionOut, integrityIn, integrityOut } = pair;
  const cipher = nameOf(EncryptionTransform, encryption).replace("ENCR_", "");
  const keys = (...some: (typeof encryptionIn | undefined)[]) =>
    some.map((key) => (key === undefined ? "" : hex(nodeCrypto.exportSecret(key)))).sort();
  return {
    spiIn: hex(pair.spiIn),
    spiOut: hex(pair.spiOut),
    mode: pair.mode,
    suite: [
      keyBits === undefined ? cipher : `${cipher}-${keyBits}`,
      ...(integrity === undefined ? [] : [nameOf(IntegrityTransform, integrity).replace("AUTH_", "")]),
      ...(esn ? ["ESN"] : []),
    ].join("/"),
    encapsulated: pair.encapsulated,
    local: pair.localSelectors.map(selectorText).sort(),
    remote: pair.remoteSelectors.map(selectorText).sort(),
    encryption: keys(encryptionIn, encryptionOut),
    integrity: keys(integrityIn, integrityOut),
  };
}

/** The group of a rekey is not in what the data plane is told. */
function withoutGroup(suite: string): string {
  return suite
    .split("/")
    .filter((part) => !/^(CURVE|ECP|MODP)_/.test(part))
    .join("/");
}

/** As charon writes prefixes: `10.1.0.0/24`. */
function selectorText({ startAddress, endAddress, ipProtocol, startPort, endPort }: SadSelector): string {
  const hostBits = startAddress.reduce(
    (bits, octet, i) => bits + (octet ^ (endAddress[i] ?? 0)).toString(2).replaceAll("0", "").length,
    0,
  );
  const rest =
    ipProtocol === 0 && startPort === 0 && endPort === 65_535 ? "" : `[${ipProtocol}/${startPort}-${endPort}]`;
  return `${addressText(startAddress)}/${8 * startAddress.length - hostBits}${rest}`;
}
