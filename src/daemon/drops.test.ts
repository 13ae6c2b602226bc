import { expect, test } from "vitest";
import { DropReport, dropsOf, dropsText } from "./drops.ts";

test("drops are those of every part, told with the part and most first; successes are none", () => {
  const counters = {
    ...{ "pull.registered": 9, "ack.accepted": 99, "ack.duplicate": 7, "phase1.repeated": 5, "socket.sent": 20 },
    ...{ "drop.empty": 0, "drop.malformed": 1, "phase1.drop.message-id": 4, "ack.drop.not-authentic": 3 },
    ...{ "pull.drop.unknown-sa": 6, "pull.refused.not-authorised": 2 },
  };
  expect(dropsText(dropsOf(counters))).toBe(
    "6 unknown sa (GROUPKEY-PULL), 4 message id (Phase 1), 3 not authentic (acknowledgement), " +
      "2 not authorised (GROUPKEY-PULL), 1 malformed",
  );
});

test("it tells what was dropped since it was last asked, most first", () => {
  const report = new DropReport();
  expect(report.since({ "drop.malformed": 2, "drop.unknown-spi": 10, "ack.accepted": 99 })).toBe(
    "12 datagrams dropped: 10 unknown spi, 2 malformed",
  );
  expect(report.since({ "drop.malformed": 3, "drop.unknown-spi": 10 })).toBe("1 datagram dropped: 1 malformed");
  expect(report.since({ "drop.malformed": 3, "drop.unknown-spi": 10 })).toBeUndefined();
});
