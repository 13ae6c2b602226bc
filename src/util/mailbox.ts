/** A mail address in the form in which two that are equal have the same text (RFC 5280 7.5): its host in lower case. */
export function canonicalMailbox(text: string): string {
  const at = text.lastIndexOf("@") + 1;
  return text.slice(0, at) + text.slice(at).toLowerCase();
}
