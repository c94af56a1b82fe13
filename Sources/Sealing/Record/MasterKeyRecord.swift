// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Foundation
internal import Secrets

/// How the master key of a chamber is held: the row `custody master-key` of the signer state (docs/formats.md). Nothing in
/// it is secret; without enough of the KMS keys that it names it opens nothing.
package struct MasterKeyRecord: Hashable, Sendable {
    package let identity: MasterKeyIdentity
    /// Seconds since 1970, when this form of it was made.
    package let made: Int64
    /// Tells the right master key from another.
    package let verifier: Bytes<32>
    package let custody: SharedCustody

    package init(identity: MasterKeyIdentity, made: Int64, verifier: Bytes<32>, custody: SharedCustody) {
        self.identity = identity
        self.made = made
        self.verifier = verifier
        self.custody = custody
    }

    /// The most KMS keys of a chamber.
    package static let mostKeys = 16
}

/// A secret in shares, each wrapped under another KMS key.
package struct SharedCustody: Hashable, Sendable {
    /// The ceremony that made the shares.
    package let ceremony: CeremonyIdentifier
    /// How many of them give the secret back.
    package let threshold: Int
    package let shares: [WrappedShare]

    package init(ceremony: CeremonyIdentifier, threshold: Int, shares: [WrappedShare]) {
        self.ceremony = ceremony
        self.threshold = threshold
        self.shares = shares
    }
}

/// A share under the key of somebody else.
package struct WrappedShare: Hashable, Sendable {
    package let number: UInt8
    package let key: KeyName
    package let wrapped: [UInt8]
    /// Tells this share from another as soon as it is unwrapped: HMAC-SHA256 of it under the ceremony's identifier. Of 32
    /// random bytes it betrays nothing.
    package let digest: Bytes<32>

    package init(number: UInt8, key: KeyName, wrapped: [UInt8], digest: Bytes<32>) {
        self.number = number
        self.key = key
        self.wrapped = wrapped
        self.digest = digest
    }
}

extension KeyShare {
    /// What stands for it in the record.
    package func digest() throws(SealingError) -> Bytes<32> {
        try encoded.withSpan { (bytes) throws(SealingError) -> Bytes<32> in
            do throws(CryptoError) {
                return try HMAC.sha256(key: ceremony.bytes.span, bytes)
            } catch { throw SealingError(error) }
        }
    }
}

// MARK: As bytes

extension MasterKeyRecord {
    static let version = 1

    /// With a tag over all of it under the master key, so that a row which was edited is noticed once the key is known.
    package func encoded(under master: MasterKey) throws(SealingError) -> [UInt8] {
        var stored = Stored(self)
        stored.tag = Hex.encode(try tag(of: stored, under: master).span, prefix: false)
        return stored.bytes
    }

    /// What a row says. Nothing of it is to be believed before `verify`.
    package init(reading body: [UInt8]) throws(MasterKeyRecordError) {
        let stored: Stored
        do { stored = try JSONDecoder().decode(Stored.self, from: Data(body)) } catch {
            throw .unreadable("it is not the JSON that it should be")
        }
        guard stored.version == Self.version else {
            throw .unreadable("it has the version \(stored.version), this program knows \(Self.version)")
        }
        self = try stored.record()
    }

    /// Whether the row is one that was written under this master key.
    ///
    /// - Throws: `.wrongMasterKey` where the key is not the one that the record belongs to, `.notAuthentic` where the row
    ///   was edited.
    package static func verify(_ body: [UInt8], with master: MasterKey) throws(SealingError) {
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(body)),
            let verifier: Bytes<32> = try? Hex.decode(stored.verifier)
        else { throw .notAuthentic }
        try master.verify(verifier)
        guard let record = try? MasterKeyRecord(reading: body), let tag: Bytes<32> = try? Hex.decode(stored.tag) else {
            throw .notAuthentic
        }
        // Over the record as it was read, not over the row's bytes: what is checked is what is used.
        let own = try record.tag(of: Stored(record), under: master)
        guard ConstantTime.areEqual(own.span, tag.span) else { throw .notAuthentic }
    }

    private func tag(of stored: Stored, under master: MasterKey) throws(SealingError) -> Bytes<32> {
        var untagged = stored
        untagged.tag = ""
        let key = try master.key(for: .record)
        let message = untagged.bytes
        do throws(CryptoError) { return try HMAC.sha256(key: key.span, message.span) } catch {
            throw SealingError(error)
        }
    }
}

/// Why a row is no master-key record.
package enum MasterKeyRecordError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(String)

    package var description: String {
        switch self {
        case .unreadable(let reason):
            "the MASTER_KEY row cannot be read: \(reason); it was made by a newer program, or tampered with"
        }
    }
}

/// The row, in JSON with sorted names.
private struct Stored: Codable {
    struct Share: Codable {
        let number: UInt8
        let key: String
        let wrapped: String
        let digest: String
    }
    struct Custody: Codable {
        let ceremony: String
        let threshold: Int
        let shares: [Share]
    }
    let version: Int
    let chamber: String
    let generation: UInt64
    let mode: String
    let made: Int64
    let verifier: String
    let kms: Custody
    var tag: String

    init(_ record: MasterKeyRecord) {
        version = MasterKeyRecord.version
        chamber = record.identity.chamber.description
        generation = record.identity.generation
        mode = "kms"
        made = record.made
        verifier = Hex.encode(record.verifier.span, prefix: false)
        kms = Custody(
            ceremony: record.custody.ceremony.description,
            threshold: record.custody.threshold,
            shares: record.custody.shares.map { share in
                Share(
                    number: share.number,
                    key: share.key.text,
                    wrapped: Data(share.wrapped).base64EncodedString(),
                    digest: Hex.encode(share.digest.span, prefix: false)
                )
            }
        )
        tag = ""
    }

    var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(self)) } catch {
            preconditionFailure("a record of ours cannot be encoded: \(error)")
        }
    }

    func record() throws(MasterKeyRecordError) -> MasterKeyRecord {
        guard mode == "kms" else { throw .unreadable("its mode is \(mode)") }
        guard let chamber: Bytes<16> = try? Hex.decode(chamber),
            let ceremony: Bytes<16> = try? Hex.decode(kms.ceremony),
            let verifier: Bytes<32> = try? Hex.decode(verifier), generation > 0
        else { throw .unreadable("an identifier in it is malformed") }
        var shares: [WrappedShare] = []
        for share in kms.shares { shares.append(try Self.share(share)) }
        let numbers = Set(shares.map(\.number))
        guard (1...MasterKeyRecord.mostKeys).contains(shares.count), (1...shares.count).contains(kms.threshold),
            numbers.count == shares.count, !numbers.contains(0)
        else { throw .unreadable("its shares and its threshold do not belong together") }
        return MasterKeyRecord(
            identity: MasterKeyIdentity(chamber: ChamberIdentifier(chamber), generation: generation),
            made: made,
            verifier: verifier,
            custody: SharedCustody(
                ceremony: CeremonyIdentifier(ceremony),
                threshold: kms.threshold,
                shares: shares
            )
        )
    }

    private static func share(_ share: Share) throws(MasterKeyRecordError) -> WrappedShare {
        guard let key = try? KeyName(share.key), let wrapped = Data(base64Encoded: share.wrapped),
            let digest: Bytes<32> = try? Hex.decode(share.digest)
        else { throw .unreadable("its share \(share.number) is malformed") }
        return WrappedShare(number: share.number, key: key, wrapped: Array(wrapped), digest: digest)
    }
}
