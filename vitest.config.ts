import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/{vectors,pair,property,fuzz,docs}/**/*.test.ts"],
          // two busy cores: the time that counts in a test is virtual
          testTimeout: 30_000,
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
