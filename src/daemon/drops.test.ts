import { expect, test } from "vitest";
import { DropReport } from "./drops.ts";

test("it tells what was dropped since it was last asked, most first", () => {
  const report = new DropReport();
  expect(report.since({ "drop.malformed": 2, "drop.unknown-spi": 10, "ack.accepted": 99 })).toBe(
    "12 datagrams dropped: 10 unknown spi, 2 malformed",
  );
  expect(report.since({ "drop.malformed": 3, "drop.unknown-spi": 10 })).toBe("1 datagram dropped: 1 malformed");
  expect(report.since({ "drop.malformed": 3, "drop.unknown-spi": 10 })).toBeUndefined();
});
