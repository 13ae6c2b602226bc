import { expect, test, vi } from "vitest";
import { ExitCode } from "./exit.ts";
import { downtimeOf } from "./for-option.ts";

test("spans become seconds, and nothing said is nothing", () => {
  expect(downtimeOf("90s")).toEqual({ downtimeSeconds: 90 });
  expect(downtimeOf("10m")).toEqual({ downtimeSeconds: 600 });
  expect(downtimeOf(undefined)).toEqual({});
});

test("what the field has no room for is as long as it can say, and that is told", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  expect(downtimeOf("2d")).toEqual({ downtimeSeconds: 65_535 });
  expect(write.mock.calls.join("")).toContain("no room for 2d");
  write.mockRestore();
});

test("what is no span is a wrong command line", () => {
  for (const text of ["10", "soon", "-5m", ""]) {
    expect(() => downtimeOf(text)).toThrow(expect.objectContaining({ exitCode: ExitCode.USAGE }));
  }
});
