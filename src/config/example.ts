/** Configurations to start from: valid as they are, once the files that they name exist. */

export type Role = "key-server" | "member" | "both" | "ikev2" | "all";

/** Commented YAML for a role. The files it names are relative to it: keys with mode 0600, certificates. */
export function exampleConfiguration(role: Role): string {
  const parts = [common];
  const several = role === "both" || role === "all";
  if (several || role === "key-server") parts.push(keyServer);
  if (several || role === "member") parts.push(several ? member.replace("0.0.0.0:848", "0.0.0.0:8480") : member);
  if (role === "ikev2" || role === "all") parts.push(ikev2);
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

const ikev2 = `# An endpoint of IKEv2 (RFC 7296): a gateway, a client, or both.
ikev2:
  listen: ["0.0.0.0"]               # addresses of this machine, with UDP ports 500 and 4500; 0.0.0.0 and :: are all there are
  # ports: { ike: 500, nat: 4500 }  # others for a laboratory
  # With certificates instead of, or beside, pre-shared keys; a connection may have its own:
  # identity: certificate           # as in connections; here for all that do not say
  # certificate: { chain: server.pem, key: server.key }
  # trust: { anchors: [ca.pem], crls: [ca.crl] }

  connections:
    # From site to site: kept up, whatever happens.
    - name: office-paris
      local: { identity: "fqdn:berlin.example" }    # an address, fqdn:, user:, keyid:, dn:, or the word certificate
      remote:
        address: 203.0.113.9        # whom to call; or any, a subnet, a range or a list: those who may call
        identity: "fqdn:paris.example"
        # auth: certificate         # psk when there is one; the two sides may differ (local.auth)
      psk: { file: paris.psk }      # one line: text, hex:… or base64:…
      start: always                 # or manual: keyherald up office-paris
      retry: { first: 5s, max: 5m } # between attempts
      # proposals: ["aes-gcm-16-256 / prf-hmac-sha384 / curve25519, ecp-384"]   # else what RFC 8247 recommends
      rekey: 4h                     # at random up to jitter before; or never
      # lifetime: 4.4h              # ended by then if it could not be rekeyed
      jitter: 10%
      reauthenticate: never         # instead of a rekey, for peers that are to prove themselves again
      # signatures: { rsaPadding: pkcs1, rsaSha1: true }   # for old peers; without it PSS, and no SHA-1
      liveness: 30s                 # a silent peer is asked, and given up when it does not answer
      unique: replace               # older IKE SAs of the same peer; or keep, for several devices with one identity
      encapsulation: auto           # or force: ESP in UDP without a NAT too
      fragmentation: true           # of IKE messages (RFC 7383)
      children:
        - name: lan
          local: ["10.1.0.0/16"]    # nothing: the own address. With protocol and port: "10.1.0.7[tcp/443]"
          remote: ["10.2.0.0/16"]
          mode: tunnel              # or transport
          # proposals: ["aes-gcm-16-128 / curve25519"]   # a group: fresh key exchange at each rekey
          rekey: 1h
          # rekeyOctets: 1000000000000
          inactivity: never         # ended after so long without a packet
          start: connection         # with the connection; or manual: keyherald up office-paris/lan

    # Clients from anywhere, with addresses of ours.
    - name: road-warriors
      local: { identity: "fqdn:berlin.example" }
      remote: { address: any, identity: "user:alice@example.org" }
      psk: { file: alice.psk }
      pools: [clients]              # a client itself: requestAddress: [ipv4]
      # redirectTo: 192.0.2.77      # clients are sent there (RFC 5685); a client: followRedirect: true
      children:
        - { name: everything, local: [0.0.0.0/0], inactivity: 1h }

  pools:
    - { name: clients, addresses: 10.9.0.0/24, dns: [10.1.0.53] }

  # What is said about the deletion of an SA (draft-pwouters-ipsecme-delete-info)
  deleteReason:
    send: true
    notifyType: 40960               # IANA has not given it a number yet
    downtime:                       # announced unless --for says something else; nothing: no estimate
      service-restart: 10s
      host-restart: 120s
  retransmission: { first: 1s, factor: 2, max: 20s, tries: 12 }
  halfOpen: { total: 4096, perSource: 64, cookieFrom: 256, timeout: 30s }
  fragmentSize: 1280                # octets of an IP datagram
  keepalive: 20s                    # behind a NAT
  # keyLog: { file: ikev2_decryption_table }   # for Wireshark. In a laboratory alone: it has ALL KEYS in it
`;
