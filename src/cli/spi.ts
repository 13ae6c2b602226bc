/** SPIs of ESP and AH as arguments of a command. */
import { InvalidArgumentError } from "commander";

/** Eight hexadecimal digits in lower case. @throws InvalidArgumentError */
export function parseSpi(text: string): string {
  const digits = text.replace(/^0x/i, "").toLowerCase();
  if (!/^[0-9a-f]{8}$/.test(digits)) throw new InvalidArgumentError("An SPI has 8 hexadecimal digits.");
  return digits;
}
