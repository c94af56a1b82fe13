// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
internal import Foundation
internal import Secrets

extension MasterKeyRecord {
    static let version = 2

    /// With a tag over all of it under every master key that it names, so that a row which was edited is noticed once one of
    /// them is known.
    ///
    /// - Parameter masters: in the order of ``custodies``.
    package func encoded(under masters: [MasterKey]) throws(SealingError) -> [UInt8] {
        precondition(masters.map(\.identity) == custodies.map(identity(of:)), "the keys of another record")
        let untagged = StoredRecord(self)
        var stored = untagged
        stored.tag = try Self.tag(of: untagged, under: masters[0])
        if masters.count > 1 { stored.next?.tag = try Self.tag(of: untagged, under: masters[1]) }
        return stored.bytes
    }

    package func encoded(under master: MasterKey) throws(SealingError) -> [UInt8] { try encoded(under: [master]) }

    /// What a row says. Nothing of it is to be believed before `verify`.
    package init(reading body: [UInt8]) throws(MasterKeyRecordError) {
        self = try StoredRecord(reading: body).record()
    }

    /// Whether the row is one that was written under this master key, the current one or the next.
    ///
    /// - Throws: `.wrongMasterKey` where the key is none that the record names, `.notAuthentic` where the row was edited.
    package static func verify(_ body: [UInt8], with master: MasterKey) throws(SealingError) {
        guard let stored = try? StoredRecord(reading: body), let record = try? stored.record() else {
            throw .notAuthentic
        }
        guard let custody = record.custodies.first(where: { record.identity(of: $0) == master.identity }) else {
            throw .wrongMasterKey
        }
        try master.verify(custody.verifier)
        let text = custody.generation == record.current.generation ? stored.tag : stored.next?.tag ?? ""
        // Over the record as it was read, not over the row's bytes: what is checked is what is used.
        let own = try tag(of: StoredRecord(record), under: master)
        guard let tag: Bytes<32> = try? Hex.decode(text), let own: Bytes<32> = try? Hex.decode(own),
            ConstantTime.areEqual(own.span, tag.span)
        else { throw .notAuthentic }
    }

    private static func tag(of untagged: StoredRecord, under master: MasterKey) throws(SealingError) -> String {
        let key = try master.key(for: .record)
        let message = untagged.bytes
        do throws(CryptoError) {
            return Hex.encode(try HMAC.sha256(key: key.span, message.span).span, prefix: false)
        } catch { throw SealingError(error) }
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
private struct StoredRecord: Codable {
    struct Share: Codable {
        let number: UInt8
        let key: String
        let wrapped: String
        let digest: String
    }
    struct Shares: Codable {
        let ceremony: String
        let threshold: Int
        let shares: [Share]
    }
    struct Credential: Codable {
        let credential: OperatorCredential.Document
        let box: String
    }
    struct Member: Codable {
        let name: String
        let number: UInt8
        let digest: String
        let credentials: [Credential]
    }
    struct Quorum: Codable {
        let ceremony: String
        let threshold: Int
        let operators: [Member]
    }
    struct Key: Codable {
        let generation: UInt64
        let verifier: String
        let kms: Shares
        let quorum: Quorum?
        /// Of the next master key only.
        var tag: String?
    }
    let version: Int
    let chamber: String
    let sequence: UInt64
    let made: Int64
    let key: Key
    var next: Key?
    var tag: String

    init(_ record: MasterKeyRecord) {
        version = MasterKeyRecord.version
        chamber = record.chamber.description
        sequence = record.sequence
        made = record.made
        key = Key(record.current)
        next = record.next.map { Key($0) }
        tag = ""
    }

    init(reading body: [UInt8]) throws(MasterKeyRecordError) {
        struct Version: Decodable { let version: Int }
        let data = Data(body)
        guard let version = try? JSONDecoder().decode(Version.self, from: data).version else {
            throw .unreadable("it is not the JSON that it should be")
        }
        guard version == MasterKeyRecord.version else {
            throw .unreadable("it has the version \(version), this program knows \(MasterKeyRecord.version)")
        }
        do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
            throw .unreadable("it is not the JSON that it should be")
        }
    }

    var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(self)) } catch {
            preconditionFailure("a record of ours cannot be encoded: \(error)")
        }
    }

    func record() throws(MasterKeyRecordError) -> MasterKeyRecord {
        guard let chamber: Bytes<16> = try? Hex.decode(chamber), sequence > 0 else {
            throw .unreadable("an identifier in it is malformed")
        }
        let current = try key.custody()
        var after: MasterKeyCustody?
        if let next { after = try next.custody() }
        guard after.map({ $0.generation == current.generation + 1 }) ?? true else {
            throw .unreadable("its two master keys do not follow each other")
        }
        return MasterKeyRecord(
            chamber: ChamberIdentifier(chamber),
            sequence: sequence,
            made: made,
            current: current,
            next: after
        )
    }
}

extension StoredRecord.Key {
    init(_ custody: MasterKeyCustody) {
        generation = custody.generation
        verifier = Hex.encode(custody.verifier.span, prefix: false)
        kms = StoredRecord.Shares(
            ceremony: custody.shares.ceremony.description,
            threshold: custody.shares.threshold,
            shares: custody.shares.shares.map { share in
                StoredRecord.Share(
                    number: share.number,
                    key: share.key.text,
                    wrapped: Data(share.wrapped).base64EncodedString(),
                    digest: Hex.encode(share.digest.span, prefix: false)
                )
            }
        )
        quorum = custody.quorum.map { StoredRecord.Quorum($0) }
    }

    func custody() throws(MasterKeyRecordError) -> MasterKeyCustody {
        // The last one has no successor: it could not be rotated any more.
        guard let ceremony: Bytes<16> = try? Hex.decode(kms.ceremony),
            let verifier: Bytes<32> = try? Hex.decode(verifier), generation > 0, generation < .max
        else { throw .unreadable("an identifier in it is malformed") }
        var shares: [WrappedShare] = []
        for share in kms.shares { shares.append(try Self.share(share)) }
        let numbers = Set(shares.map(\.number))
        guard (1...MasterKeyRecord.mostKeys).contains(shares.count), (1...shares.count).contains(kms.threshold),
            numbers.count == shares.count, !numbers.contains(0)
        else { throw .unreadable("its shares and its threshold do not belong together") }
        var operators: OperatorQuorum?
        if let quorum { operators = try quorum.quorum() }
        return MasterKeyCustody(
            generation: generation,
            verifier: verifier,
            shares: SharedCustody(
                ceremony: CeremonyIdentifier(ceremony),
                threshold: kms.threshold,
                shares: shares
            ),
            quorum: operators
        )
    }

    private static func share(_ share: StoredRecord.Share) throws(MasterKeyRecordError) -> WrappedShare {
        guard let key = try? KeyName(share.key), let wrapped = Data(base64Encoded: share.wrapped),
            let digest: Bytes<32> = try? Hex.decode(share.digest)
        else { throw .unreadable("its share \(share.number) is malformed") }
        return WrappedShare(number: share.number, key: key, wrapped: Array(wrapped), digest: digest)
    }
}

extension StoredRecord.Quorum {
    init(_ quorum: OperatorQuorum) {
        ceremony = quorum.ceremony.description
        threshold = quorum.threshold
        operators = quorum.members.map { member in
            StoredRecord.Member(
                name: member.name.text,
                number: member.number,
                digest: Hex.encode(member.digest.span, prefix: false),
                credentials: member.shares.map { held in
                    StoredRecord.Credential(
                        credential: held.credential.document,
                        box: Data(held.box).base64EncodedString()
                    )
                }
            )
        }
    }

    func quorum() throws(MasterKeyRecordError) -> OperatorQuorum {
        guard let ceremony: Bytes<16> = try? Hex.decode(ceremony) else {
            throw .unreadable("an identifier in it is malformed")
        }
        var members: [OperatorQuorum.Member] = []
        for member in operators { members.append(try Self.member(member)) }
        let numbers = Set(members.map(\.number))
        guard numbers.count == members.count, !numbers.contains(0), Set(members.map(\.name)).count == members.count,
            (try? OperatorPlan.check(members.map(\.name), threshold: threshold)) != nil
        else { throw .unreadable("its operators and their threshold do not belong together") }
        return OperatorQuorum(ceremony: CeremonyIdentifier(ceremony), threshold: threshold, members: members)
    }

    private static func member(
        _ member: StoredRecord.Member
    ) throws(MasterKeyRecordError) -> OperatorQuorum.Member {
        guard let name = OperatorName(member.name), let digest: Bytes<32> = try? Hex.decode(member.digest),
            (1...OperatorPlan.mostCredentials).contains(member.credentials.count)
        else { throw .unreadable("its operator \(member.name.prefix(32)) is malformed") }
        var shares: [OperatorQuorum.HeldShare] = []
        for held in member.credentials {
            guard let credential = try? OperatorCredential(held.credential), let box = Data(base64Encoded: held.box)
            else { throw .unreadable("a credential of the operator \(name) in it is malformed") }
            shares.append(OperatorQuorum.HeldShare(credential: credential, box: Array(box)))
        }
        return OperatorQuorum.Member(name: name, number: member.number, digest: digest, shares: shares)
    }
}
