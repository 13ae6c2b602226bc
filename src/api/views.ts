/** What the control API shows, as schemas. None has a field that could hold a key. */
import { z } from "zod";

const instant = z.number();

/** RekeyView of gdoi/gcks/types.ts. */
export const rekeyView = z.object({
  group: z.string(),
  spi: z.string(),
  seq: z.number(),
  kind: z.enum(["tek", "kek", "lkh", "delete"]),
  cause: z.string(),
  sentAt: instant,
  ackRequested: z.boolean(),
  targets: z.number(),
  acked: z.number(),
  pending: z.number(),
  missing: z.number(),
  settled: z.boolean(),
  attempts: z.number(),
});

/** WaitingRekeyView of gdoi/gcks/types.ts. */
export const waitingRekeyView = z.object({
  spi: z.string(),
  seq: z.number(),
  kind: z.enum(["tek", "kek"]),
  cause: z.string(),
});

/** RekeyMemberView of gdoi/gcks/types.ts. */
export const rekeyMemberView = z.object({
  member: z.string(),
  address: z.string(),
  state: z.enum(["pending", "acked", "missing", "reregistered", "left"]),
  afterMs: z.number().exactOptional(),
  attempt: z.number().exactOptional(),
  silentSince: instant.exactOptional(),
  everAcked: z.boolean(),
});

/** MemberView of gdoi/gcks/types.ts. */
export const memberView = z.object({
  name: z.string(),
  identity: z.string(),
  address: z.string(),
  port: z.number(),
  registeredAt: instant,
  registrations: z.number(),
  sids: z.array(z.number()),
  leaf: z.number().exactOptional(),
  lastAckAt: instant.exactOptional(),
  lastAckSeq: z.number().exactOptional(),
  everAcked: z.boolean(),
  consecutiveMissed: z.number(),
  state: z.enum(["registered", "missing", "removed", "evicted"]),
  reason: z.string().exactOptional(),
});

/** AbsentMember of daemon/names.ts. */
export const absentView = z.object({ name: z.string(), identity: z.string(), address: z.string().exactOptional() });

/** GroupView of gdoi/gcks/types.ts. */
export const groupView = z.object({
  name: z.string(),
  id: z.string(),
  members: z.number(),
  kek: z.object({
    spi: z.string(),
    seq: z.number(),
    createdAt: instant,
    expiresAt: instant,
    management: z.string(),
    ack: z.string(),
  }),
  teks: z.array(
    z.object({
      name: z.string(),
      spi: z.string(),
      protocol: z.string(),
      activateAt: instant,
      expiresAt: instant,
      delivery: z.object({ percent: z.number(), holders: z.number(), members: z.number() }).exactOptional(),
    }),
  ),
  nextSid: z.number(),
  rekeys: z.array(rekeyView),
  waiting: z.array(waitingRekeyView),
});

const counters = z.record(z.string(), z.number());

/** GcksStatus of gdoi/gcks/types.ts. */
export const gcksStatus = z.object({
  role: z.literal("key-server"),
  groups: z.number(),
  members: z.number(),
  phase1: z.number(),
  halfOpen: z.number(),
  counters,
});

/** GmGroupView of gdoi/gm/types.ts. */
export const gmGroupView = z.object({
  name: z.string(),
  id: z.string(),
  state: z.enum(["idle", "registering", "registered", "retrying", "expired"]),
  keyServer: z.string().exactOptional(),
  registeredAt: instant.exactOptional(),
  reregisterAt: instant.exactOptional(),
  kek: z
    .object({ spi: z.string(), seq: z.number(), expiresAt: instant.exactOptional(), ack: z.string() })
    .exactOptional(),
  teks: z.array(
    z.object({
      spi: z.string(),
      protocol: z.string(),
      activateAt: instant,
      expiresAt: instant.exactOptional(),
      kept: z.boolean().exactOptional(),
      oid: z.string().exactOptional(),
      selector: z.string().exactOptional(),
      keyDeliveryAssurance: z.number().exactOptional(),
    }),
  ),
  sids: z.array(z.number()),
  pushesAccepted: z.number(),
  acksSent: z.number(),
  lastError: z.string().exactOptional(),
});

/** What becomes of an SPI that was seen: its key is known, or asked for in `inMs` milliseconds. */
export const seenView = z.object({
  group: z.string(),
  spi: z.string(),
  known: z.boolean(),
  inMs: z.number().exactOptional(),
});

/** GmStatus of gdoi/gm/types.ts. */
export const gmStatus = z.object({
  role: z.literal("member"),
  groups: z.array(gmGroupView),
  phase1: z.number(),
  counters,
});

const endpoint = z.object({ address: z.string(), port: z.number() });

/** ChildSaView of ikev2/types.ts. */
export const childSaView = z.object({
  name: z.string(),
  spiIn: z.string(),
  spiOut: z.string(),
  mode: z.enum(["tunnel", "transport"]),
  suite: z.string(),
  local: z.array(z.string()),
  remote: z.array(z.string()),
  encapsulated: z.boolean(),
  state: z.enum(["installed", "rekeying", "rekeyed", "deleting"]),
  since: instant,
  rekeyAt: instant.exactOptional(),
  expiresAt: instant.exactOptional(),
  octets: z.number(),
  packets: z.number(),
});

/** IkeSaView of ikev2/types.ts. */
export const ikeSaView = z.object({
  id: z.string(),
  connection: z.string(),
  role: z.enum(["initiator", "responder"]),
  state: z.enum(["connecting", "established", "rekeying", "deleting"]),
  local: endpoint,
  remote: endpoint,
  localIdentity: z.string().exactOptional(),
  remoteIdentity: z.string().exactOptional(),
  authentication: z.string().exactOptional(),
  suite: z.string().exactOptional(),
  nat: z.enum(["none", "local", "remote", "both", "forced"]),
  since: instant.exactOptional(),
  rekeyAt: instant.exactOptional(),
  reauthenticateAt: instant.exactOptional(),
  expiresAt: instant.exactOptional(),
  virtualAddresses: z.array(z.string()),
  children: z.array(childSaView),
});

/** ConnectionView of ikev2/types.ts. */
export const connectionView = z.object({
  name: z.string(),
  state: z.enum(["down", "connecting", "up", "waiting", "stopped"]),
  start: z.enum(["always", "manual"]),
  remote: z.string(),
  localIdentity: z.string(),
  remoteIdentity: z.string().exactOptional(),
  nextAttemptAt: instant.exactOptional(),
  lastError: z.string().exactOptional(),
  outage: z
    .object({
      since: instant,
      reason: z.string().exactOptional(),
      downtimeSeconds: z.number(),
      expectedAt: instant.exactOptional(),
    })
    .exactOptional(),
  ikeSas: z.array(ikeSaView),
});

/** RecordedPair of dataplane/recorded.ts. */
export const recordedPair = z.object({
  connection: z.string(),
  child: z.string(),
  mode: z.enum(["tunnel", "transport"]),
  spiIn: z.string(),
  spiOut: z.string(),
  encryption: z.string(),
  integrity: z.string().exactOptional(),
  esn: z.boolean(),
  local: z.string(),
  remote: z.string(),
  localSelectors: z.array(z.string()),
  remoteSelectors: z.array(z.string()),
  encapsulated: z.boolean(),
  outbound: z.boolean(),
});

/** Ikev2Status of ikev2/types.ts. */
export const ikev2Status = z.object({
  role: z.literal("ikev2"),
  connections: z.number(),
  up: z.number(),
  ikeSas: z.number(),
  childSas: z.number(),
  halfOpen: z.number(),
  counters,
});

/** What is said to the peers when the daemon ends. */
export const farewell = z.object({
  cause: z.enum(["service-shutdown", "service-restart", "host-shutdown", "host-restart"]),
  downtimeSeconds: z.number().int().min(0).max(65_535).exactOptional(),
});

/** Whether the state store takes what it is given. */
export const storeStatus = z.object({
  file: z.string(),
  works: z.boolean(),
  since: instant.exactOptional(),
  code: z.string().exactOptional(),
  message: z.string().exactOptional(),
});

/** The daemon as a whole. */
export const daemonStatus = z.object({
  version: z.string(),
  pid: z.number(),
  now: instant,
  startedAt: instant,
  /** How far `now` and all other times are ahead of the machine's clock; 0 below a minute. */
  clockAheadMs: z.number(),
  configuration: z.string(),
  listen: z.array(z.string()),
  store: storeStatus,
  counters,
  keyServer: gcksStatus.exactOptional(),
  member: gmStatus.exactOptional(),
  ikev2: ikev2Status.exactOptional(),
  /** The file that ALL KEYS of IKE SAs are written to. */
  keyLog: z.string().exactOptional(),
  /** What the peers are told when the next signal ends the daemon, where an operator said so. */
  farewell: farewell.exactOptional(),
});

const subject = z.object({
  kind: z.enum(["server", "phase1", "group", "member", "rekey", "connection", "ike-sa", "child-sa"]),
  name: z.string(),
});

/** One entry of the ledger with its sentence. */
export const eventView = z.object({
  id: z.number(),
  at: instant,
  kind: z.string(),
  subjects: z.array(subject),
  cause: z.enum(["peer", "operator", "timer", "policy", "failure"]),
  level: z.enum(["info", "warning", "alert"]),
  reason: z.string().exactOptional(),
  figures: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).exactOptional(),
  because: z.number().exactOptional(),
  /** SecurityEvent of ledger/security-events.ts, when it is one. */
  securityEvent: z.string().exactOptional(),
  securityEventId: z.string().exactOptional(),
  severity: z.enum(["notice", "warning", "error", "alarm"]).exactOptional(),
  text: z.string(),
});

/** The story of one subject. */
export const storyView = z.object({
  subject: z.string(),
  lines: z.array(z.object({ at: instant, text: z.string() })),
});

export type RekeyDetail = z.infer<typeof rekeyDetail>;
/** One rekey with every member it was for. */
export const rekeyDetail = z.object({ rekey: rekeyView, members: z.array(rekeyMemberView) });

/** Which pushes a command leads to. One that waits has the number that it is planned to get. */
export const plannedRekeys = z.array(z.object({ spi: z.string(), seq: z.number() }));

/** Why a request was not carried out; `code` is stable. */
export const apiError = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export type DaemonStatus = z.infer<typeof daemonStatus>;
export type ConnectionView = z.infer<typeof connectionView>;
export type Farewell = z.infer<typeof farewell>;
export type EventView = z.infer<typeof eventView>;
export type StoryView = z.infer<typeof storyView>;
