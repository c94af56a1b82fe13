// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Foundation
import SlashingProtection
import TestSupport
import Testing

private let folder = "slashing-protection-interchange"

/// The public EIP-3076 cases as an operator and a validator client meet them: files go through the command line into a
/// running signer, messages through its port. A root of a vector belongs to no message, so each stands for the message
/// that has it as its content, in files and requests alike.
@Suite(.timeLimit(.minutes(8)), .enabled(if: Vectors.isPresent(folder), "the interchange vectors are not here"))
struct InterchangeVectorTests {
    /// What the complete form would allow and we refuse; SlashingProtectionTests says why.
    static let stricter: [String: Set<String>] = [
        "multiple_interchanges_single_validator_single_message_gap.json": [
            "block 41", "block 45", "block 49", "attestation 3→31", "attestation 9→49",
        ]
    ]

    /// The validators 0, 1 and 2 of every test network: the vectors use their keys.
    static let secrets = [
        "25295f0d1d592a90b333e26e85149708208e9f8e8bc18f6c77bd62f8ad7a6866",
        "51d0b65185db6989ab0b560d6deed19c7ead0e24b9b6372cbecb1f26bdfad000",
        "315ed405fafe339603932eebe8dbfd650ce5dafa561f6928664c75db85f97857",
    ]

    private static let places = Places(3)

    @Test(arguments: Vectors.names(in: folder, suffix: ".json"))
    func `a case of the interchange vectors`(name: String) async throws {
        let contents = try Vectors.contents("\(folder)/\(name)")
        try await Self.places.whileHolding { try await run(Vector(contents), name) }
    }

    private func run(_ vector: Vector, _ name: String) async throws {
        let workplace = try Workplace(
            keys: Self.secrets.map { try TestKey(secret: $0) },
            network: "network: minimal\ngenesis_validators_root: \"\(vector.root)\""
        )
        let signer = try await RunningSigner.start(in: workplace, ["--anti-slashing-clock-guard-epochs", "0"])
        var refused: Set<String> = []
        for (number, step) in vector.steps.enumerated() {
            try await take(step, number, into: workplace)
            for message in step.messages {
                let answer = try await signer.sign(message.body, with: message.key)
                switch (answer.status, message.isAllowed) {
                case (200, true), (412, false): break
                case (412, true): refused.insert(message.description)
                default: Issue.record("\(message) must be refused, but was answered \(answer.status) \(answer.body)")
                }
            }
        }
        #expect(refused == Self.stricter[name, default: []], "allowed by the complete form, refused by us")
        #expect(await signer.stop() == 0)
    }

    private func take(_ step: Step, _ number: Int, into workplace: Workplace) async throws {
        func count() async throws -> RecordCount {
            try await workplace.run("anti-slashing", "status", "--json").decode(RecordCount.self)
        }
        try workplace.write(step.interchange, to: "step-\(number).json")
        let file = workplace.folder.file("step-\(number).json")
        if step.shouldSucceed {
            let result = try await workplace.run(
                "anti-slashing",
                "import",
                "--from",
                file,
                "--json"
            )
            #expect([0, 3].contains(result.exitCode), "\(result)")
            let report = try result.decode(ImportReport.self)
            #expect(report.unreadable.isEmpty && report.validators.allSatisfy { $0.outcome != .failed })
            #expect(report.everythingTaken == (result.exitCode == 0))
        } else {
            let before = try await count()
            let result = try await workplace.run("anti-slashing", "import", "--from", file)
            #expect(result.exitCode == 1, "\(result)")
            let after = try await count()
            #expect(before == after)
        }
    }

    // MARK: The files

    private struct Vector {
        let root: Root
        let steps: [Step]

        init(_ contents: Data) throws {
            let object = try #require(try JSONSerialization.jsonObject(with: contents) as? [String: Any])
            let root = try Root(hex: try text(object, "genesis_validators_root"))
            self.root = root
            steps = try list(object, "steps").map { try Step($0, on: root) }
        }
    }

    private struct Step {
        let shouldSucceed: Bool
        let interchange: String
        let messages: [Message]

        init(_ object: [String: Any], on root: Root) throws {
            shouldSucceed = object["should_succeed"] as? Bool ?? false
            var file = object["interchange"] as? [String: Any] ?? [:]
            file["data"] = try list(file, "data").map { validator in
                var validator = validator
                for (kind, member) in [(Kind.block, "signed_blocks"), (.attestation, "signed_attestations")] {
                    validator[member] = try list(validator, member).map { entry in
                        var entry = entry
                        if entry["signing_root"] != nil {
                            let signed = try Signed(kind, entry, on: root)
                            entry["signing_root"] = try signed.signingRoot.description
                        }
                        return entry
                    }
                }
                return validator
            }
            interchange = String(decoding: try JSONSerialization.data(withJSONObject: file), as: UTF8.self)
            messages =
                try list(object, "blocks").map { try Message(.block, $0, on: root) }
                + list(object, "attestations").map { try Message(.attestation, $0, on: root) }
        }
    }

    private struct Message: CustomStringConvertible {
        let key: String
        let body: String
        let description: String
        let isAllowed: Bool

        init(_ kind: Kind, _ object: [String: Any], on root: Root) throws {
            let signed = try Signed(kind, object, on: root)
            key = try text(object, "pubkey")
            body = signed.body
            description = signed.description
            isAllowed = (object["should_succeed_complete"] ?? object["should_succeed"]) as? Bool ?? true
        }
    }

    private enum Kind { case block, attestation }

    /// The message that stands for a root of a vector.
    private struct Signed: CustomStringConvertible {
        private let message: SigningMessage
        private let content: Root
        private let root: Root

        init(_ kind: Kind, _ object: [String: Any], on root: Root) throws {
            // No root: some message, and nobody knows which.
            content = try (object["signing_root"] as? String).map { try Root(hex: $0) } ?? .zero
            self.root = root
            switch kind {
            case .block:
                message = .blockHeader(
                    BeaconBlockHeader(
                        slot: Slot(try number(object, "slot")),
                        proposerIndex: 7,
                        parentRoot: .zero,
                        stateRoot: .zero,
                        bodyRoot: content
                    )
                )
            case .attestation:
                let target = try number(object, "target_epoch")
                message = .attestation(
                    AttestationData(
                        slot: Slot(target * 8),
                        index: 0,
                        beaconBlockRoot: content,
                        source: Checkpoint(epoch: Epoch(try number(object, "source_epoch")), root: .zero),
                        target: Checkpoint(epoch: Epoch(target), root: .zero)
                    )
                )
            }
        }

        var signingRoot: SigningRoot {
            get throws {
                let version = ForkVersion(1)
                let info = ForkInfo(
                    previousVersion: version,
                    currentVersion: version,
                    epoch: Epoch(0),
                    genesisValidatorsRoot: root
                )
                let type: OperationType = if case .attestation = message { .attestation } else { .blockV2 }
                return try SigningRequest(type, forkInfo: info, message: message).signingRoot(
                    on: KnownNetwork.minimal.network
                )
            }
        }

        var body: String {
            let info = """
                "fork_info":{"fork":{"previous_version":"0x00000001","current_version":"0x00000001","epoch":"0"},\
                "genesis_validators_root":"\(root)"}
                """
            switch message {
            case .blockHeader(let header):
                return """
                    {"type":"BLOCK_V2",\(info),"beacon_block":{"version":"CAPELLA","block_header":{"slot":"\(header.slot)",\
                    "proposer_index":"7","parent_root":"0x","state_root":"0x","body_root":"\(content)"}}}
                    """
            case .attestation(let data):
                return """
                    {"type":"ATTESTATION",\(info),"attestation":{"slot":"\(data.slot)","index":"0",\
                    "beacon_block_root":"\(content)","source":{"epoch":"\(data.source.epoch)","root":"0x"},\
                    "target":{"epoch":"\(data.target.epoch)","root":"0x"}}}
                    """
            default: preconditionFailure("a vector has blocks and attestations only")
            }
        }

        var description: String {
            switch message {
            case .blockHeader(let header): "block \(header.slot)"
            case .attestation(let data): "attestation \(data.source.epoch)→\(data.target.epoch)"
            default: ""
            }
        }
    }
}

private func list(_ object: [String: Any], _ name: String) throws -> [[String: Any]] {
    try #require(object[name] as? [[String: Any]], "\(name) is a list")
}

private func text(_ object: [String: Any], _ name: String) throws -> String {
    try #require(object[name] as? String, "\(name) is a text")
}

private func number(_ object: [String: Any], _ name: String) throws -> UInt64 {
    try #require(UInt64(try text(object, name)), "\(name) is a number")
}
