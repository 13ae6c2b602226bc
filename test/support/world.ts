/** A world with one key server and some members of one group. */

import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { GcksEngine } from "../../src/gdoi/gcks/engine.ts";
import type { GcksCommand, GcksPolicy } from "../../src/gdoi/gcks/types.ts";
import { GmEngine } from "../../src/gdoi/gm/engine.ts";
import type { GmCommand, GmPolicy } from "../../src/gdoi/gm/types.ts";
import type { Link } from "../../src/sim/network.ts";
import type { Host } from "../../src/sim/world.ts";
import { World } from "../../src/sim/world.ts";
import { gcksAddress, gcksPolicy, gmPolicy, groupPolicy, memberAddress } from "./group.ts";

export type GcksHost = Host<GcksCommand, GcksEngine>;
export type GmHost = Host<GmCommand, GmEngine>;

export interface GroupWorld {
  readonly world: World;
  readonly gcks: GcksHost;
  readonly members: GmHost[];
}

export interface GroupWorldOptions {
  readonly seed: number;
  readonly members: number;
  readonly link?: Link;
  /** Or what is configured at each start. */
  readonly gcks?: GcksPolicy | (() => GcksPolicy);
  readonly gm?: (address: string) => GmPolicy;
}

/** Key server and members on one network; nothing has run yet. */
export function groupWorld(options: GroupWorldOptions): GroupWorld {
  const world = new World({
    seed: options.seed,
    crypto: nodeCrypto,
    randomFor: seededRandom,
    ...(options.link === undefined ? {} : { link: options.link }),
  });
  const policy = options.gcks ?? gcksPolicy([groupPolicy()]);
  const create = () => new GcksEngine(typeof policy === "function" ? policy() : policy);
  const gcks = world.host({ name: "gcks", address: gcksAddress, create });
  const members = Array.from({ length: options.members }, (_, n) => {
    const address = memberAddress(n);
    return world.host({
      name: `gm${n + 1}`,
      address,
      create: () => new GmEngine((options.gm ?? gmPolicy)(address)),
    });
  });
  return { world, gcks, members };
}

/** Every member says that it is registered. */
export function registered(members: readonly GmHost[]): boolean {
  return members.every((m) => m.engine.status().groups.every((group) => group.state === "registered"));
}

/** No rekey of the group waits for anything. */
export function settled(gcks: GcksHost, group = "plant"): boolean {
  const rekeys = gcks.engine.group(group)?.rekeys ?? [];
  return rekeys.length > 0 && rekeys.every((rekey) => rekey.settled);
}
