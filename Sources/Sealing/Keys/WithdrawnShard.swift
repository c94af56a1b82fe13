// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
internal import Secrets
internal import SignerState

/// One of the sixteen rows of the signer state that say which keys were withdrawn (docs/formats.md). The tag says that
/// the chamber wrote it, in this place, as what came after the one of the sequence before.
struct WithdrawnShard: Equatable, Sendable {
    var sequence: UInt64
    var versions: [Bytes<48>: UInt64]

    static let version: UInt8 = 1
    /// The version of the form, the chamber, the generation, the shard, the sequence.
    private static let headLength = 1 + 16 + 8 + 1 + 8
    private static let entryLength = 48 + 8

    static let kind = "keys"
    static let names = (0..<WithdrawnVersions.shardCount).map { shard in
        StateRowName(kind, "WITHDRAWN-" + String(shard, radix: 16, uppercase: true))
    }

    /// - Parameter shard: from 0.
    func encoded(as shard: Int, under seal: WithdrawalSeal) -> [UInt8] {
        var body: [UInt8] = [Self.version] + seal.identity.chamber.bytes.array
        body.reserveCapacity(Self.headLength + versions.count * Self.entryLength + 32)
        body += Self.bytes(seal.identity.generation)
        body.append(UInt8(shard))
        body += Self.bytes(sequence)
        for (key, version) in versions.sorted(by: { $0.key < $1.key }) {
            body += key.array
            body += Self.bytes(version)
        }
        return body + seal.tag(body).array
    }

    /// Reads what one of these seals was put under, and says which generation it was.
    static func read(
        _ body: [UInt8],
        as shard: Int,
        _ seals: [WithdrawalSeal]
    ) throws(WithdrawnKeysError) -> (shard: WithdrawnShard, generation: UInt64) {
        let name = names[shard]
        guard body.count >= headLength + 32, (body.count - headLength - 32) % entryLength == 0 else {
            throw .tampered(name)
        }
        guard body[0] == version, let chamber = seals.first?.identity.chamber,
            body[1..<17].elementsEqual(chamber.bytes.array)
        else { throw .tampered(name) }
        let generation = number(body[17..<25])
        guard let seal = seals.first(where: { $0.identity.generation == generation }) else {
            throw .otherGeneration(name, isAhead: seals.allSatisfy { $0.identity.generation < generation })
        }
        let (content, tag) = (Array(body.dropLast(32)), Array(body.suffix(32)))
        let own = seal.tag(content)
        guard ConstantTime.areEqual(own.span, tag.span), Int(body[25]) == shard else { throw .tampered(name) }
        var versions: [Bytes<48>: UInt64] = [:]
        for start in stride(from: headLength, to: content.count, by: entryLength) {
            guard let key = Bytes<48>(content[start..<(start + 48)]) else { throw .tampered(name) }
            versions[key] = number(content[(start + 48)..<(start + entryLength)])
        }
        return (WithdrawnShard(sequence: number(body[26..<34]), versions: versions), generation)
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}

/// Tags the rows of withdrawn keys under one master key. Holds the key that is derived for it, which ends with it: it is let
/// go of when the chamber closes.
final class WithdrawalSeal: Sendable {
    let identity: MasterKeyIdentity
    private let key: SecretBytes

    init(_ master: MasterKey) throws(SealingError) {
        identity = master.identity
        key = try master.key(for: .withdrawnKeys)
    }

    func tag(_ message: [UInt8]) -> Bytes<32> {
        do throws(CryptoError) {
            return try key.withSpan { (key) throws(CryptoError) in try HMAC.sha256(key: key, message.span) }
        } catch {
            preconditionFailure("a row cannot be tagged: \(error)")
        }
    }
}
