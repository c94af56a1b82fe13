// SPDX-License-Identifier: Apache-2.0
import Age
import Crypto
import Encoding
import Secrets
import TestSupport
import Testing

private let folder = "age/testdata"

/// The vectors of the age project.
@Suite(.timeLimit(.minutes(10)), .enabled(if: Vectors.isPresent(folder), "the vectors of age are not here"))
struct VectorTests {
    /// Files to a recipient that we do not have (ML-KEM-768 with X25519), where we end otherwise than a program that has it.
    /// Their stanzas are well-formed and of a kind that we do not know, so they are skipped, as the specification wants it,
    /// and what a stanza holds is not looked at: neither that it could be opened nor that something in it is wrong.
    static let withoutHybrid: [String: Outcome] = [
        // These would open.
        "armor_hybrid": .noMatch, "hybrid": .noMatch, "hybrid_and_x25519": .noMatch, "hybrid_grease": .noMatch,
        "hybrid_multiple_recipients": .noMatch,
        // In these a stanza has one argument too many, a share or a wrapped key of another length or with bits left over, or
        // a share of small order.
        "hybrid_extra_argument": .noMatch, "hybrid_identity": .noMatch, "hybrid_long_file_key": .noMatch,
        "hybrid_long_share": .noMatch, "hybrid_low_order": .noMatch, "hybrid_not_canonical_enc": .noMatch,
        "hybrid_short_share": .noMatch,
    ]

    static let vectors = Vectors.files(folder, suffix: "")

    @Test func `all vectors are here`() throws {
        #expect(Self.vectors.count == 143)
        let names = Set(Self.vectors.map(\.description))
        #expect(names.isSuperset(of: Self.withoutHybrid.keys))
        #expect(try Self.withoutHybrid.keys.allSatisfy { try Self.isHybrid(AgeVector(#require(Self.named($0)))) })
    }

    @Test(arguments: vectors) func `a file ends as its vector says`(_ file: VectorFile) throws {
        let vector = try AgeVector(file)
        let expected = Self.withoutHybrid[file.description] ?? vector.expected
        var ends: [Outcome] = []
        if vector.passphrases.isEmpty || !vector.identities.isEmpty {
            let identities = try Self.identities(vector)
            ends.append(try Self.end(vector) { file throws(AgeError) in try AgeFile.decrypt(file, with: identities) })
        }
        for passphrase in vector.passphrases {
            let passphrase = SecretBytes.of(passphrase)
            ends.append(
                try Self.end(vector) { file throws(AgeError) in try AgeFile.decrypt(file, passphrase: passphrase) }
            )
        }
        #expect(!ends.isEmpty && ends.allSatisfy { $0 == expected }, "\(ends) instead of \(expected)")
    }

    @Test(arguments: vectors) func `armor is written again as it was read`(_ file: VectorFile) throws {
        let vector = try AgeVector(file)
        guard vector.isArmored, vector.expected != .armorFailure else { return }
        let inside = try AgeArmor.decode(vector.file.span)
        let again = AgeArmor.encode(inside.span)
        // Line ends and what stands around it may differ.
        let lines = String(decoding: vector.file, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        #expect(String(decoding: again, as: UTF8.self).split(whereSeparator: \.isWhitespace) == lines)
        #expect(!again.contains(UInt8(ascii: "\r")) && again.last == UInt8(ascii: "\n"))
    }

    @Test(arguments: vectors) func `a header is written again as it was read`(_ file: VectorFile) throws {
        let vector = try AgeVector(file)
        guard !vector.isArmored, vector.expected != .headerFailure else { return }
        let header = try AgeHeader.of(vector.file)
        #expect(header.text == Array(vector.file.prefix(header.length)))
        guard vector.expected != .hmacFailure, vector.fileKey.count == AgeFileKey.length else { return }
        #expect(try AgeHeader(stanzas: header.stanzas, fileKey: AgeFileKey(.of(vector.fileKey))) == header)
    }

    @Test(arguments: vectors) func `content is encrypted again as it was`(_ file: VectorFile) throws {
        let vector = try AgeVector(file)
        guard !vector.isArmored, vector.expected == .success else { return }
        let payload = Array(vector.file.dropFirst(try AgeHeader.of(vector.file).length))
        let fileKey = AgeFileKey(.of(vector.fileKey))
        let content = try AgePayload.open(payload.span, fileKey: fileKey)
        #expect(Self.hash(content) == vector.contentHash)
        let nonce = Array(payload.prefix(AgePayload.nonceLength))
        #expect(try AgePayload.seal(content.span, fileKey: fileKey, nonce: nonce) == payload)
    }

    /// Those of a vector that we read; one of no use where there is none.
    private static func identities(_ vector: AgeVector) throws -> [AgeIdentity] {
        var identities: [AgeIdentity] = []
        for text in vector.identities {
            if text.hasPrefix("AGE-SECRET-KEY-PQ-1") {
                #expect(throws: AgeError.identity(.anotherKind, line: nil)) { _ = try AgeIdentity.of(text) }
            } else {
                identities.append(try .of(text))
            }
        }
        return identities.isEmpty ? [try .generate()] : identities
    }

    private static func isHybrid(_ vector: AgeVector) -> Bool {
        vector.identities.contains { $0.hasPrefix("AGE-SECRET-KEY-PQ-1") }
    }

    private static func named(_ name: String) -> VectorFile? { vectors.first { $0.description == name } }

    private static func end(
        _ vector: AgeVector,
        _ decrypt: (Span<UInt8>) throws(AgeError) -> SecretBytes
    ) throws -> Outcome {
        do throws(AgeError) {
            let content = try decrypt(vector.file.span)
            #expect(hash(content) == vector.contentHash)
            return .success
        } catch {
            return try Outcome(error)
        }
    }

    private static func hash(_ content: borrowing SecretBytes) -> String? {
        guard let digest = try? Digest.sha256(content.span) else { return nil }
        return Hex.encode(digest.span, prefix: false)
    }
}
