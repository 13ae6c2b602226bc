/** Code points that IANA has not assigned yet: what is used until then. Each can be configured. */

/**
 * Notify Message Types.
 *
 * DELETE_REASON: 'TBD1' of draft-pwouters-ipsecme-delete-info-01, which reports this value, the first for private use
 * of the status types (RFC 7296 3.10.1). libreswan has another notify (NULL_AUTH) under it, in IKE_AUTH only.
 */
export const ProvisionalNotifyType = { DELETE_REASON: 40960 } as const;
