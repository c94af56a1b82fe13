// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Foundation
internal import Secrets

/// A stage as it lies in its row, with its tags.
package struct StoredStage: Hashable, Sendable {
    package let stage: RegistrationStage
    /// Under the key of the registration, over all of it.
    private let tag: Bytes<32>
    /// Under the master key, over what was ordered; zeros where there is no master key yet.
    private let orderTag: Bytes<32>
    /// Of the operators of before, under the proposal that those who have registered take their place. Each proves itself.
    package private(set) var approvals: [Approval] = []

    /// - Parameter order: the tag of what was ordered, where it stands already.
    init(_ stage: RegistrationStage, key: TagKey, order: Bytes<32>) throws(SealingError) {
        self.stage = stage
        tag = try key.tag(Document(stage).bytes)
        orderTag = order
    }

    /// With one approval more. Those that count for nothing go: somebody has put them there.
    func approved(with approval: Approval, of document: String, in quorum: OperatorQuorum) -> StoredStage {
        var next = self
        next.approvals = approvals.filter { (try? $0.check(document, in: quorum)) != nil } + [approval]
        return next
    }

    /// Nil where the row is none of this version's.
    package init?(reading body: [UInt8]) {
        guard let stored = try? JSONDecoder().decode(Tagged.self, from: Data(body)),
            let stage = stored.document.stage, let tag: Bytes<32> = try? Hex.decode(stored.tag),
            let order: Bytes<32> = try? Hex.decode(stored.order_tag)
        else { return nil }
        self.stage = stage
        self.tag = tag
        orderTag = order
        approvals = (stored.approvals ?? []).prefix(Self.mostApprovals).compactMap(\.approval)
    }

    package var order: Bytes<32> { orderTag }

    package var bytes: [UInt8] {
        Tagged(
            document: Document(stage),
            tag: Hex.encode(tag.span, prefix: false),
            order_tag: Hex.encode(orderTag.span, prefix: false),
            approvals: approvals.isEmpty ? nil : approvals.map(Tagged.Approved.init)
        ).encoded
    }

    /// What the operators of before decide when all have registered: whether these take their place. Nil before, and where
    /// there are none. Every instance reads the same proposal, with the same text, out of the row.
    func proposal(to record: MasterKeyRecord) -> Proposal? {
        guard stage.isComplete, stage.base == record.sequence, let quorum = record.quorum,
            let digest = try? Digest.sha256((Self.proposalLabel + Document(stage).bytes).span)
        else { return nil }
        let proposal = Proposal(
            Hex.encode(digest.span.extracting(..<16), prefix: false),
            .seats(stage),
            of: record,
            needing: quorum.threshold,
            until: stage.expires,
            by: .chamber
        )
        return approvals.reduce(proposal) { proposal, approval in
            (try? approval.check(proposal.document, in: quorum)).map { proposal.approved(by: $0) } ?? proposal
        }
    }

    /// That are looked at in a row; there are never more operators than this.
    private static let mostApprovals = 64
    private static let proposalLabel = Array("containment-chamber/registration-proposal/v1".utf8) + [0]

    func isTagged(with key: TagKey) -> Bool {
        guard let commitment = try? key.tag(RegistrationStage.commitmentLabel),
            ConstantTime.areEqual(commitment.span, stage.commitment.span),
            let own = try? key.tag(Document(stage).bytes)
        else { return false }
        return ConstantTime.areEqual(own.span, tag.span)
    }

    /// What says that a master key's owner ordered this registration, whoever has registered since.
    static func order(of stage: RegistrationStage, under master: MasterKey) throws(SealingError) -> Bytes<32> {
        var ordered = stage
        for number in ordered.seats.indices { ordered.seats[number].credentials = [] }
        let key = try master.key(for: .registration)
        let message = Document(ordered).bytes
        do throws(CryptoError) { return try HMAC.sha256(key: key.span, message.span) } catch {
            throw SealingError(error)
        }
    }

    func isOrdered(under master: MasterKey) throws(SealingError) -> Bool {
        let own = try Self.order(of: stage, under: master)
        return ConstantTime.areEqual(own.span, orderTag.span)
    }
}

private struct Tagged: Codable {
    let document: Document
    let tag: String
    let order_tag: String
    let approvals: [Approved]?

    struct Approved: Codable {
        let name: String
        let credential: String
        let signature: String

        init(_ approval: Approval) {
            name = approval.name
            credential = approval.credential
            signature = Hex.encode(approval.signature.span, prefix: false)
        }

        var approval: Approval? {
            guard let signature: Bytes<64> = try? Hex.decode(signature) else { return nil }
            return Approval(name: name, credential: credential, signature: signature)
        }
    }

    var encoded: [UInt8] { json(self) }
}

private struct Document: Codable {
    struct Seat: Codable {
        let name: String
        let lookup: String
        let lock: String
        let credentials: [OperatorCredential.Document]
    }
    let version: Int
    let kind: String
    let ceremony: String
    let base: UInt64
    let made: Int64
    let expires: Int64
    let kms_keys: [String]
    let kms_threshold: Int
    let operator_threshold: Int
    let commitment: String
    let seats: [Seat]

    init(_ stage: RegistrationStage) {
        version = 1
        kind = stage.kind.rawValue
        ceremony = stage.ceremony.description
        base = stage.base
        made = stage.made
        expires = stage.expires
        kms_keys = stage.keys.map(\.text)
        kms_threshold = stage.keyThreshold
        operator_threshold = stage.operatorThreshold
        commitment = Hex.encode(stage.commitment.span, prefix: false)
        seats = stage.seats.map { seat in
            Seat(
                name: seat.name.text,
                lookup: Hex.encode(seat.lookup.span, prefix: false),
                lock: Data(seat.lock).base64EncodedString(),
                credentials: seat.credentials.map(\.document)
            )
        }
    }

    var bytes: [UInt8] { json(self) }

    var stage: RegistrationStage? {
        guard version == 1, let kind = RegistrationStage.Kind(rawValue: kind),
            let ceremony: Bytes<16> = try? Hex.decode(ceremony),
            let commitment: Bytes<32> = try? Hex.decode(commitment)
        else { return nil }
        let keys = kms_keys.compactMap { try? KeyName($0) }
        let read = seats.compactMap(Self.seat)
        guard keys.count == kms_keys.count, (try? Custodian.check(keys, threshold: kms_threshold)) != nil,
            read.count == seats.count,
            (try? OperatorPlan.check(read.map(\.name), threshold: operator_threshold)) != nil
        else { return nil }
        return RegistrationStage(
            kind: kind,
            ceremony: CeremonyIdentifier(ceremony),
            base: base,
            made: made,
            expires: expires,
            keys: keys,
            keyThreshold: kms_threshold,
            operatorThreshold: operator_threshold,
            commitment: commitment,
            seats: read
        )
    }

    private static func seat(_ seat: Seat) -> RegistrationStage.Seat? {
        guard let name = OperatorName(seat.name), let lookup: Bytes<16> = try? Hex.decode(seat.lookup),
            let lock = Data(base64Encoded: seat.lock), seat.credentials.count <= OperatorPlan.mostCredentials
        else { return nil }
        let credentials = seat.credentials.compactMap { try? OperatorCredential($0) }
        guard credentials.count == seat.credentials.count else { return nil }
        return .init(name: name, lookup: lookup, lock: Array(lock), credentials: credentials)
    }
}

private func json(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return Array(try encoder.encode(value)) } catch {
        preconditionFailure("a registration of ours cannot be encoded: \(error)")
    }
}
