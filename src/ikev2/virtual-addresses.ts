/** Virtual addresses (RFC 7296 2.19) in IKE_AUTH: a gateway gives them out of its pools, a client has them as its own. */
import { identityKey } from "../core/identity.ts";
import { CfgType, NotifyType } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { addressText } from "../util/address.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { AddressSelector, CpPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import type { Given } from "./address-pool.ts";
import type { ChildRefusal } from "./child-negotiation.ts";
import {
  type ClientConfiguration,
  type ClientRequest,
  configurationReply,
  configurationRequest,
  readReply,
  readRequest,
} from "./configuration.ts";
import { errorOf, notify, payloadOf, payloadsOf } from "./contents.ts";
import { report } from "./report.ts";
import { familySelector, hostSelector, intersection } from "./selector.ts";
import type { ChildAgreement, ConnectionState, EstablishedSa, Ikev2 } from "./state.ts";

const texts = (addresses: readonly Uint8Array[]): string[] => addresses.map((octets) => addressText(octets) ?? "?");

/**
 * A gateway's half: addresses for a client that has proven who it is.
 * @returns CP(CFG_REPLY), nothing where no pool is configured; or why the client gets no Child SA (3.15.4)
 */
export function assignAddresses(
  ike: Ikev2,
  sa: EstablishedSa,
  payloads: readonly ReceivedPayload[],
): Result<readonly Payload[], ChildRefusal> {
  const { connection } = sa.phase;
  if (connection.config.pools.length === 0) return ok([]);
  const request = readRequest(payloadOf(payloads, "CP"));
  if (request === undefined || request.addresses.length === 0) {
    const why = "the client asks for no address, and is to have one of ours";
    return err({ notify: notify(NotifyType.FAILED_CP_REQUIRED), why });
  }
  const given = give(ike, sa, request);
  if (given.length === 0) {
    return err({ notify: notify(NotifyType.INTERNAL_ADDRESS_FAILURE), why: "no address is left in the pools" });
  }
  const before = texts(sa.phase.virtualAddresses).join();
  sa.phase.virtualAddresses = given.map(({ address }) => address);
  // asked again: told already
  if (texts(sa.phase.virtualAddresses).join() === before) return ok([configurationReply(request, given)]);
  report(ike, { sa }, "ikev2.address-given", {
    cause: "peer",
    figures: {
      addresses: texts(sa.phase.virtualAddresses),
      pools: [...new Set(given.map(({ pool }) => pool.name))],
    },
  });
  return ok([configurationReply(request, given)]);
}

function give(ike: Ikev2, sa: EstablishedSa, { addresses }: ClientRequest): Given[] {
  const { connection, peer, virtualAddresses } = sa.phase;
  // who proves an identity otherwise in another connection is somebody else
  const client = { identity: `${connection.config.name} ${identityKey(peer.identity)}`, holder: sa.key };
  return addresses.flatMap(({ family, wish }) => {
    const length = family === "ipv4" ? 4 : 16;
    // one that it has it keeps
    const own = virtualAddresses.find((address) => address.length === length);
    return ike.pools.lease(connection.config.pools, family, client, own ?? wish) ?? [];
  });
}

/** What a client asks for later, in an INFORMATIONAL: it has its addresses already, or tries again to get some (3.15.4). */
export function answerConfiguration(
  ike: Ikev2,
  sa: EstablishedSa,
  payloads: readonly ReceivedPayload[],
): readonly Payload[] {
  const request = readRequest(payloadOf(payloads, "CP"));
  if (request === undefined) return [];
  if (request.addresses.length === 0 || sa.phase.connection.config.pools.length === 0) {
    return [configurationReply(request, [])];
  }
  const assigned = assignAddresses(ike, sa, payloads);
  return assigned.ok ? assigned.value : [assigned.error.notify];
}

/** A client's half: CP(CFG_REQUEST), if it is to have addresses of the gateway; it asks for those that it had last. */
export function requestAddresses({ config, addresses }: ConnectionState): readonly Payload[] {
  return config.requestAddress.length === 0 ? [] : [configurationRequest(config.requestAddress, addresses)];
}

/** Where a client's traffic comes from as long as it has no address: anywhere, for the gateway to narrow (2.19). */
export function unknownAddresses({ config }: ConnectionState): { readonly local?: readonly AddressSelector[] } {
  return config.requestAddress.length === 0 ? {} : { local: config.requestAddress.map(familySelector) };
}

/** What the gateway gives; nothing where nothing was asked for. Or why a client that needs an address has none. */
export function receivedAddresses(
  { config }: ConnectionState,
  payloads: readonly ReceivedPayload[],
): Result<ClientConfiguration, string> {
  if (config.requestAddress.length === 0) return ok({ addresses: [], nameServers: [] });
  const error = errorOf(payloads);
  const reply = replyIn(payloads);
  if (reply === undefined && error !== undefined) {
    return err(`the gateway gives no address: ${nameOf(NotifyType, error.type)}`);
  }
  return readReply(reply, config.requestAddress);
}

function replyIn(payloads: readonly ReceivedPayload[]): CpPayload | undefined {
  return payloadsOf(payloads, "CP").find(({ cfgType }) => cfgType === CfgType.CFG_REPLY);
}

/** The client has them from now on. */
export function takeAddresses(ike: Ikev2, sa: EstablishedSa, { addresses, nameServers }: ClientConfiguration): void {
  if (addresses.length === 0) return;
  const { connection } = sa.phase;
  connection.addresses = addresses;
  sa.phase.virtualAddresses = addresses;
  report(ike, { sa }, "ikev2.address-received", {
    cause: "peer",
    figures: { addresses: texts(addresses), nameServers: texts(nameServers) },
  });
}

/** A client sends by the addresses that it was given and by no others, whatever the gateway's answer has room for. */
export function ofOwnAddresses(
  agreement: ChildAgreement,
  addresses: readonly Uint8Array[],
): Result<ChildAgreement, string> {
  if (addresses.length === 0 || agreement.policy.localSelectors.length > 0) return ok(agreement);
  const hosts = addresses.map(hostSelector);
  const local = agreement.local.flatMap((one) => hosts.flatMap((host) => intersection(one, host) ?? []));
  return local.length > 0
    ? ok({ ...agreement, local })
    : err("the Child SA carries no traffic of the address that the gateway gave");
}
