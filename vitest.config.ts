import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Simulations of whole groups take longest: they begin, so that no core waits for one of them at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const long = ({ moduleId }: TestSpecification) => moduleId.includes("/test/pair/gdoi/");
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))];
  }
}

export default defineConfig({
  test: {
    // all cores; the default leaves one of two idle
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/{vectors,pair,property,fuzz,docs}/**/*.test.ts"],
          // two busy cores: the time that counts in a test is virtual
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      // what needs root, a real peer or minutes: strongSwan, tshark, kill -9, network namespaces
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts", "test/process/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
