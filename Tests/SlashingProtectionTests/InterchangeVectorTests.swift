// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Foundation
import SlashingProtection
import TestSupport
import Testing

private let folder = "slashing-protection-interchange"

/// The cases of eth-clients/slashing-protection-interchange-tests, each file one case: imports, then messages that must
/// or must not be signed.
@Suite(.timeLimit(.minutes(10)), .enabled(if: Vectors.isPresent(folder), "the interchange vectors are not here"))
struct InterchangeVectorTests {
    /// Messages that the complete form would allow and we refuse. Each is needed for safety: an import may be minimal
    /// (EIP-3076 lets an exporter write one entry that stands for everything up to it), so everything below the lowest
    /// entry of *any* imported file counts as possibly signed.
    static let stricter: [String: Set<String>] = [
        // The second file says block 50 and attestation 10→50. Were it minimal, blocks 41 to 49 and any attestation up
        // to target 50 could have been signed by whoever wrote it.
        "multiple_interchanges_single_validator_single_message_gap.json": [
            "block 41", "block 45", "block 49", "attestation 3→31", "attestation 9→49",
        ]
    ]

    @Test(arguments: Vectors.names(in: folder, suffix: ".json"), StoreKind.allCases)
    func `a case of the interchange vectors`(name: String, kind: StoreKind) async throws {
        let vector = try JSONDecoder().decode(Vector.self, from: try Vectors.contents("\(folder)/\(name)"))
        let root = try Root(hex: vector.genesis_validators_root)
        var refusedByUs: Set<String> = []
        try await withStore(kind) {
            $0.genesisValidatorsRoot = root
        } _: { store async throws in
            var refused: [DutyBatch] = []
            for step in vector.steps {
                try await take(step, into: store)
                for message in try step.messages(on: root) {
                    let verdict = await store.decideOne(message.batch)
                    // Safe messages that only this kind refuses may be allowed elsewhere.
                    if verdict.refusal != nil, !message.isAllowed || !kind.refusesBehindNewest {
                        refused.append(message.batch)
                    }
                    if message.isAllowed {
                        if kind.mayAnswer(verdict, where: .recorded) || verdict == .repeated { continue }
                        refusedByUs.insert(message.description)
                    } else {
                        #expect(verdict.refusal != nil, "\(message.description) must be refused")
                    }
                }
            }
            let stricter = kind.refusesBehindNewest ? [] : Self.stricter[name, default: []]
            #expect(refusedByUs == stricter, "allowed by the complete form, refused by us")
            try await withCopy(of: store, on: root) { copy async throws in
                for batch in refused {
                    let verdict = await copy.decideOne(batch)
                    #expect(verdict.refusal != nil, "\(batch.duty) was refused before the export")
                }
            }
        }
    }

    private func take(_ step: Vector.Step, into store: any RecordStore) async throws {
        let interchange = try Interchange(json: step.interchange.data)
        if step.should_succeed {
            let report = try await store.take(interchange)
            #expect(report.unreadable.isEmpty)
            #expect(report.validators.allSatisfy { $0.outcome != .failed })
        } else {
            let before = try await store.count()
            await #expect(throws: StoreError.self) { try await store.take(interchange) }
            let after = try await store.count()
            #expect(before == after)
        }
    }
}

private struct Vector: Decodable {
    struct Step: Decodable {
        let should_succeed: Bool
        let interchange: RawJSON
        let blocks: [Block]
        let attestations: [Attestation]

        func messages(on root: Root) throws -> [Message] {
            let blocks = try blocks.map { block in
                Message(
                    description: "block \(block.slot)",
                    batch: DutyBatch(
                        duty: .block(slot: Slot(try number(block.slot))),
                        signingRoot: try signingRoot(block.signing_root),
                        genesisValidatorsRoot: root,
                        records: [RecordIdentity(try PublicKey(hex: block.pubkey))]
                    ),
                    isAllowed: block.should_succeed_complete ?? block.should_succeed
                )
            }
            let attestations = try attestations.map { vote in
                Message(
                    description: "attestation \(vote.source_epoch)→\(vote.target_epoch)",
                    batch: DutyBatch(
                        duty: .attestation(
                            source: Epoch(try number(vote.source_epoch)),
                            target: Epoch(try number(vote.target_epoch))
                        ),
                        signingRoot: try signingRoot(vote.signing_root),
                        genesisValidatorsRoot: root,
                        records: [RecordIdentity(try PublicKey(hex: vote.pubkey))]
                    ),
                    isAllowed: vote.should_succeed_complete ?? vote.should_succeed
                )
            }
            return blocks + attestations
        }
    }

    struct Block: Decodable {
        let pubkey: String
        let slot: String
        let signing_root: String?
        let should_succeed: Bool
        let should_succeed_complete: Bool?
    }

    struct Attestation: Decodable {
        let pubkey: String
        let source_epoch: String
        let target_epoch: String
        let signing_root: String?
        let should_succeed: Bool
        let should_succeed_complete: Bool?
    }

    let genesis_validators_root: String
    let steps: [Step]
}

private struct Message {
    let description: String
    let batch: DutyBatch
    let isAllowed: Bool
}

private func number(_ text: String) throws -> UInt64 { try #require(UInt64(text)) }

/// A vector without a root means: some block, and nobody knows which.
private func signingRoot(_ text: String?) throws -> SigningRoot {
    SigningRoot(try Hex.decode(text ?? String(repeating: "00", count: 32)))
}

/// A part of a JSON document as text of its own.
private struct RawJSON: Decodable {
    let data: Data

    init(from decoder: any Decoder) throws {
        data = try JSONEncoder().encode(try decoder.singleValueContainer().decode(Value.self))
    }

    private enum Value: Codable {
        case object([String: Value])
        case array([Value])
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let object = try? container.decode([String: Value].self) {
                self = .object(object)
            } else if let array = try? container.decode([Value].self) {
                self = .array(array)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .object(let object): try container.encode(object)
            case .array(let array): try container.encode(array)
            case .text(let text): try container.encode(text)
            }
        }
    }
}
