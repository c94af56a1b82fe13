// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Foundation
import SlashingProtection

// A second reader of interchange files, by Foundation's decoder: what the reader of the product is held against.

extension Interchange {
    /// Reads a file as a whole.
    init(decoding json: Data) throws(StoreError) {
        let file: File
        do {
            file = try JSONDecoder().decode(File.self, from: json)
        } catch {
            throw .interchange(reason: "not an EIP-3076 interchange file: \(Interchange.explain(error))")
        }
        guard file.metadata.version == Interchange.version else {
            throw .interchange(
                reason: "interchange_format_version is \(file.metadata.version), only \(Interchange.version) is known"
            )
        }
        guard let root = try? Root(hex: file.metadata.root) else {
            throw .interchange(reason: "genesis_validators_root is not 32 bytes in hexadecimal")
        }
        var validators: [ValidatorRecord] = []
        var unreadable: [UnreadableElement] = []
        for (position, element) in file.data.enumerated() {
            switch element.content {
            case .failure(let problem):
                unreadable.append(
                    UnreadableElement(position: position, publicKey: element.publicKey, reason: problem.reason)
                )
            case .success(let record): validators.append(record)
            }
        }
        self.init(genesisValidatorsRoot: root, validators: validators, unreadable: unreadable)
    }

    /// Where in the file the decoder stopped, without any of its content.
    fileprivate static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "it cannot be read" }
        switch error {
        case .keyNotFound(let key, let context): return "\(path(context))\(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(path(context)) has the wrong type"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty ? "it is not valid JSON" : "\(path(context)) cannot be read"
        @unknown default: return "it cannot be read"
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
    }
}

private struct File: Decodable {
    struct Metadata: Decodable {
        let version: String
        let root: String
        enum CodingKeys: String, CodingKey {
            case version = "interchange_format_version"
            case root = "genesis_validators_root"
        }
    }
    let metadata: Metadata
    let data: [Element]
}

/// One element of `data`; reading it never fails, so that one bad validator does not hide the others.
private struct Element: Decodable {
    struct Problem: Error { let reason: String }
    let publicKey: String?
    let content: Result<ValidatorRecord, Problem>

    enum CodingKeys: String, CodingKey {
        case pubkey
        case blocks = "signed_blocks"
        case attestations = "signed_attestations"
    }

    init(from decoder: any Decoder) throws {
        guard let container = try? decoder.container(keyedBy: CodingKeys.self) else {
            publicKey = nil
            content = .failure(Problem(reason: "not an object"))
            return
        }
        publicKey = try? container.decode(String.self, forKey: .pubkey)
        guard let text = publicKey, let key = try? PublicKey(hex: text) else {
            content = .failure(Problem(reason: "pubkey is missing or not 48 bytes in hexadecimal"))
            return
        }
        do {
            // Both are required (EIP-3076, JSON schema): a history whose name is misspelt must not count as empty.
            let blocks = try container.decode([Block].self, forKey: .blocks)
            let attestations = try container.decode([Attestation].self, forKey: .attestations)
            content = .success(
                ValidatorRecord(
                    publicKey: key,
                    blocks: blocks.map(\.value),
                    attestations: attestations.map(\.value)
                )
            )
        } catch {
            content = .failure(Problem(reason: Interchange.explain(error)))
        }
    }
}

private struct Block: Decodable {
    let value: RecordedBlock
    enum CodingKeys: String, CodingKey {
        case slot
        case root = "signing_root"
    }
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        value = RecordedBlock(
            slot: Slot(try container.number(.slot)),
            root: try container.root(.root)
        )
    }
}

private struct Attestation: Decodable {
    let value: RecordedAttestation
    enum CodingKeys: String, CodingKey {
        case source = "source_epoch"
        case target = "target_epoch"
        case root = "signing_root"
    }
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        value = RecordedAttestation(
            source: Epoch(try container.number(.source)),
            target: Epoch(try container.number(.target)),
            root: try container.root(.root)
        )
    }
}

extension KeyedDecodingContainer {
    /// A number as EIP-3076 writes it, in a string; a JSON number is taken too.
    fileprivate func number(_ key: Key) throws -> UInt64 {
        if let text = try? decode(String.self, forKey: key) {
            guard let number = UInt64(text) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not a number")
            }
            return number
        }
        return try decode(UInt64.self, forKey: key)
    }

    fileprivate func root(_ key: Key) throws -> SigningRoot? {
        guard let text = try decodeIfPresent(String.self, forKey: key) else { return nil }
        guard let root = try? SigningRoot(Hex.decode(text)) else {
            throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not 32 bytes")
        }
        return root
    }
}
