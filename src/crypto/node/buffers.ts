/** `buffer` as a plain Uint8Array over the same memory: a Buffer's `slice` and JSON form differ, so none leaves the provider. */
export function plain(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length);
}

/** `octets` with zeros in front up to `length`; as they are when they have that length already. */
export function leftPad(octets: Uint8Array, length: number): Uint8Array {
  if (octets.length >= length) return octets;
  const padded = new Uint8Array(length);
  padded.set(octets, length - octets.length);
  return padded;
}
