/** A key distribution centre and a device in the profile of IEC 62351-9, in one file. */
export const substation = `state: { file: state.db, key: { file: state.key } }
keyServer:
  listen: ["192.0.2.1:848"]
  identity: certificate
  certificate: { chain: kdc.pem, key: server.key }
  trust: { anchors: [ca.pem], crls: [ca.crl] }
  phase1: { proposals: [aes-cbc-256/sha2-256/modp-3072], authentication: [ecdsa-256] }
  peers: [{ name: bay, address: 192.0.2.0/24 }]
  groups:
    - name: goose
      id: "oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001"
      profile: iec-62351-9
      members: ["dn:CN=*,O=Utility"]
      kek:
        cipher: aes-cbc-256
        acknowledge: kek-sha256
        signature: { algorithm: rsa-sha256 }
      teks:
        - { name: trip, protocol: iec-61850, authentication: hmac-sha256-128, lifetime: 24h }
        - name: values
          protocol: iec-61850
          oid: 1.2.840.10070.61850.8.1.1
          selector: "0404efc00002"
          authentication: none
          encryption: aes-gcm-256
      assurance: { level: 90%, publishers: ["dn:CN=server,O=Utility"], announce: true }
      push: { transport: multicast, address: 239.192.1.1, port: 848 }
member:
  local: 192.0.2.10:848
  certificate: { chain: kdc.pem, key: server.key }
  trust: { anchors: [ca.pem], crls: [ca.crl] }
  keyServers: [{ name: ks1, address: 192.0.2.1, port: 848, identity: "dn:CN=server,O=Utility" }]
  groups:
    - { name: goose, profile: iec-62351-9, id: "oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001" }
`;
