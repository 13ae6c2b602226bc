// dependency-cruiser reads TypeScript through the compiler's JavaScript API, which TypeScript 7 does not have.
// For that one tool `typescript` is TypeScript 6, installed under the name typescript-api.
// use: node --import ./tools/typescript-api.mjs node_modules/dependency-cruiser/bin/dependency-cruise.mjs src
import { registerHooks } from "node:module";

registerHooks({
  resolve: (specifier, context, nextResolve) =>
    nextResolve(specifier.replace(/^typescript(?=$|\/)/u, "typescript-api"), context),
});
