/** Network interfaces by name, as multicast options want them. */
import { isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * What names an interface to the system for a group or socket of the family of `address`: its IPv4 address, or
 * `::%name` for IPv6. `networkInterface` is a name or already an address; undefined leaves the choice to the system.
 * @throws Error when there is no such interface, or it has no IPv4 address.
 */
export function interfaceAddress(address: string, networkInterface: string | undefined): string | undefined {
  if (networkInterface === undefined || isIP(networkInterface) !== 0) return networkInterface;
  const addresses = networkInterfaces()[networkInterface];
  if (addresses === undefined) {
    throw new Error(
      `there is no network interface ${networkInterface}; there are ${Object.keys(networkInterfaces()).join(", ")}`,
    );
  }
  if (isIPv6(address)) return `::%${networkInterface}`;
  const own = addresses.find((one) => one.family === "IPv4");
  if (own === undefined) throw new Error(`the network interface ${networkInterface} has no IPv4 address`);
  return own.address;
}
