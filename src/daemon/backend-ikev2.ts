/** The control API's answers about IKEv2. */
import type { InputOf } from "../api/contract.ts";
import { ApiRefusal, type ControlBackend } from "../api/server.ts";
import type { ConnectionView, Ikev2Command } from "../ikev2/types.ts";
import { carriedOut, plain } from "./carried-out.ts";
import type { Ikev2Endpoint } from "./ikev2-endpoint.ts";
import type { Running } from "./running.ts";

type Names =
  | "connections"
  | "connection"
  | "recordedPairs"
  | "up"
  | "down"
  | "rekeySa"
  | "reauthenticate"
  | "redirect"
  | "traffic";

/** Handlers of everything about connections and their SAs. */
export function ikev2Handlers(daemon: Running): Pick<ControlBackend["handlers"], Names> {
  const told = async (target: string, command: Ikev2Command) => {
    const endpoint = endpointOf(daemon);
    const { role } = endpoint;
    // an SPI is that of an SA which is gone afterwards
    const name = ownerOf(target, role.engine.connections())?.name ?? target;
    await carriedOut(role.shell.command(command));
    return plain("connection", connectionOf(endpoint, name));
  };
  return {
    connections: () => plain("connections", endpointOf(daemon).role.engine.connections()),
    connection: (at) => plain("connection", connectionOf(endpointOf(daemon), at["name"] ?? "")),
    recordedPairs: () => plain("recordedPairs", endpointOf(daemon).plane.pairs),
    up: (_, { target }) => told(target, { do: "up", target }),
    down: (_, { target, reason, downtimeSeconds }: InputOf<"down">) =>
      told(target, {
        do: "down",
        target,
        ...(reason !== undefined && { reason }),
        ...(downtimeSeconds !== undefined && { downtimeSeconds }),
      }),
    rekeySa: (_, { target }) => told(target, { do: "rekey", target }),
    reauthenticate: (_, { target }) => told(target, { do: "reauthenticate", target }),
    redirect: (_, { target, gateway }) => told(target, { do: "redirect", target, gateway }),
    traffic: async (_, { of }) => {
      await carriedOut(endpointOf(daemon).role.shell.command({ do: "traffic", of }));
      return { reported: of.length };
    },
  };
}

/** The connection that a target belongs to: by its name, that of a child in it, or the SPI of an SA. */
function ownerOf(target: string, connections: readonly ConnectionView[]): ConnectionView | undefined {
  const name = target.split("/", 1)[0];
  const spi = target.toLowerCase();
  return (
    connections.find((connection) => connection.name === name) ??
    connections.find(({ ikeSas }) =>
      ikeSas.some(
        ({ id, children }) =>
          id === spi ||
          id.split("_").includes(spi) ||
          children.some(({ spiIn, spiOut }) => spiIn === spi || spiOut === spi),
      ),
    )
  );
}

function connectionOf(endpoint: Ikev2Endpoint, name: string): ConnectionView {
  const all = endpoint.role.engine.connections();
  const view = named(all, name);
  if (view !== undefined) return view;
  const known = all.map((connection) => connection.name);
  const there = known.length === 0 ? "there is none at all" : `there is ${known.slice(0, 10).join(", ")}`;
  throw new ApiRefusal(404, "unknown-connection", `there is no connection ${name}; ${there}`);
}

function named(connections: readonly ConnectionView[], name: string): ConnectionView | undefined {
  return connections.find((connection) => connection.name === name);
}

function endpointOf(daemon: Running): Ikev2Endpoint {
  if (daemon.ikev2 !== undefined) return daemon.ikev2;
  throw new ApiRefusal(
    409,
    "not-an-ikev2-endpoint",
    "this daemon is no endpoint of IKEv2; ask the one that is (--socket PATH)",
  );
}
