/** The interface that a data plane plugs into: what carries the traffic of Child SAs, or writes down that it would. */
import type { ChildSadChange, ChildSaTraffic } from "./sad.ts";

export interface DataPlane {
  /**
   * Takes one change. Changes come in their order, each before the messages that follow it leave: a pair is there when the
   * peer learns that it may use it. Whatever goes wrong in here is the plane's own to tell; nothing is thrown.
   */
  change(change: ChildSadChange): void;
  /**
   * What all pairs have carried, for lifetimes in octets and packets and for inactivity (RFC 7296 2.8). Asked for every few
   * seconds. Empty of a plane that cannot tell: then there is no inactivity, and SAs live by time alone.
   */
  traffic(): readonly ChildSaTraffic[];
}
