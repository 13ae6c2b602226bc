/** Text that a peer sent, made safe to store, print and show. */

/** Most characters that are kept of a foreign text. */
export const sanitisedLength = 255;

const replacement = "\ufffd";
/**
 * C0 and C1 controls (with them the start of every terminal escape sequence), line and paragraph separators,
 * zero-width and bidirectional controls, tags and other format characters, lone surrogates, private use and
 * noncharacters; and what a shell or a template takes as a command.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}${}\\`]/gu;

/** ASCII without any of these, which most texts are. */
const harmless = /^[ -#%-[\]-_a-z|~]*$/;

/**
 * Safe text from a peer's octets or a peer's text. Octets that are not UTF-8, control and format characters, and
 * `$ { } \` and the backtick each become U+FFFD; more than `limit` characters are cut, with an ellipsis as the last.
 */
export function sanitise(foreign: Uint8Array | string, limit = sanitisedLength): string {
  // four octets a character at most: nothing beyond them can be shown
  const text =
    typeof foreign === "string"
      ? foreign.slice(0, 4 * limit)
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(foreign.subarray(0, 4 * limit + 4));
  if (text.length <= limit && harmless.test(text)) return text;
  const characters = [...text.replace(unsafe, replacement)];
  return characters.length <= limit ? characters.join("") : `${characters.slice(0, limit - 1).join("")}…`;
}
