/** Configurations to start from: valid as they are, once the files that they name exist. */

export type Role = "key-server" | "member" | "both";

/** Commented YAML for a role. The files it names are relative to it: keys with mode 0600, certificates. */
export function exampleConfiguration(role: Role): string {
  const parts = [common];
  if (role !== "member") parts.push(keyServer);
  if (role !== "key-server") parts.push(role === "both" ? member.replace("0.0.0.0:848", "0.0.0.0:8480") : member);
  return parts.join("\n");
}

const common = `# Keyherald. Check it with: keyherald config check FILE
# Times: 500ms, 10s, 5m, 8h, 90d. File names are relative to this file.

# What must survive a crash: encrypted under a key of 32 octets (openssl rand -hex 32 > state.key; chmod 600 state.key).
state:
  file: state/state.db
  key: { file: state.key }          # or { environment: KEYHERALD_STATE_KEY }
control: { socket: control.sock }   # for the commands; only this user may use it
log: { level: info }                # debug, info, warn or error
# syslog: { to: unix:/dev/log, facility: authpriv }   # security events; or to: udp://192.0.2.9:514
retention: { age: 90d, events: 1000000 }
`;

const keyServer = `# The key server (GCKS of RFC 6407).
keyServer:
  listen: ["0.0.0.0:848"]
  identity: 192.0.2.1               # an address, fqdn:, user:, keyid:, dn:, or the word certificate
  # phase1:
  #   proposals: [aes-cbc-256/sha2-256/ecp-256, aes-cbc-256/sha2-256/modp-2048]
  #   authentication: [psk]         # psk, rsa, ecdsa-256, ecdsa-384, ecdsa-521
  #   lifetime: 8h
  #   doi: gdoi                     # or ipsec, for peers that know no other
  # With certificates instead of, or beside, pre-shared keys:
  # certificate: { chain: server.pem, key: server.key }
  # trust: { anchors: [ca.pem], crls: [ca.crl] }

  # Who may authenticate, and how. Without a psk: with a certificate. The psk files have one line: text, hex:… or base64:…
  peers:
    - { name: gm1, address: 192.0.2.10, psk: { file: gm1.psk } }
    - { name: gm2, address: 192.0.2.11, psk: { file: gm2.psk } }

  groups:
    - name: substation
      id: 1234                      # 4 octets; or an address
      # Who may join, by Phase 1 identity: exact, a subnet or range of addresses, or a pattern of subjects.
      members: [192.0.2.10, 192.0.2.11, "dn:CN=*,O=Utility"]
      kek:
        cipher: aes-cbc-128
        lifetime: 24h
        management: lkh             # a key tree: members can be put out for good; or none
        acknowledge: lkh-sha256     # none, kek-sha256, kek-sha512, lkh-sha256, lkh-sha512 (RFC 8263)
        signature: { algorithm: ecdsa-256, key: generated }   # or key: { file: push.key }
      teks:
        - name: data
          protocol: esp
          cipher: aes-gcm-16-128    # aes-cbc-128 and null want integrity: sha2-256-128 beside them
          source: 0.0.0.0/0
          destination: 239.192.0.1
          mode: tunnel
          lifetime: 1h
        # A stream of IEC 61850 (RFC 8052); authentication and encryption: docs/iec-61850.md
        # - name: goose
        #   protocol: iec-61850
        #   oid: 1.2.840.10070.61850.8.1.2
        #   selector: "0404efc00001"
        #   authentication: hmac-sha256-128
        #   lifetime: 24h
      # profile: iec-62351-9        # for streams; demands certificates, see docs/iec-61850.md
      # handOutNext: true           # the next keys with the current ones; streams alone
      # assurance: { level: 90%, publishers: ["dn:CN=pub*,O=Utility"], announce: true }
      renew: 20%                    # new keys are made when this share of the lifetime is left
      activationDelay: 5s
      push: { transport: unicast }  # or { transport: multicast, address: 239.192.1.1, port: 848, interface: eth0, ttl: 16 }
      acknowledgements:
        retransmit: [2s, 5s, 10s]   # after the first send, to those who did not answer
        missingAfter: 15s           # never below 10s (RFC 8263 6)
        whenMissing: alert          # log, alert or remove
        removeAfter: 3
        grace: 30s
`;

const member = `# The member (GM of RFC 6407).
member:
  local: 0.0.0.0:848
  identity: 192.0.2.10
  # certificate, trust and phase1: as of the key server
  keyServers:
    - { name: ks1, address: 192.0.2.1, identity: 192.0.2.1, psk: { file: ks1.psk } }
  groups:
    - name: substation
      id: 1234
      keyServers: [ks1]             # in the order in which they are tried
      sids: 1                       # Sender-IDs to ask for, for senders with counter modes (RFC 6407 3.5)
      keepWhenUnreachable: false    # true: go on with the last keys after their end while no key server answers
  # export: { file: keys.json }     # writes the keys, unencrypted, for the programs that protect streams with them
  acknowledgements: { jitter: 4s, unicastJitter: false }    # never above 5s (RFC 8263 6)
  reregisterWithin: 20%
  retry: { first: 5s, max: 5m }
`;
