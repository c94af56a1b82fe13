// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import SlashingProtection
internal import TestSupport

/// EIP-3076 interchange files.
enum InterchangeTarget: FuzzTarget {
    static let name = "interchange"

    static func run(_ input: [UInt8]) {
        let whole: Result<Interchange, StoreError>
        do throws(StoreError) { whole = .success(try Interchange(json: input)) } catch { whole = .failure(error) }
        switch whole {
        case .failure(let error): _ = "\(error)"
        case .success(let interchange):
            for element in interchange.unreadable where element.reason.utf8.count > 1024 {
                violated("a reason is short")
            }
            checkWriting(interchange)
        }
        checkPieces(input, whole)
    }

    /// The size of the pieces that a file comes in changes nothing.
    private static func checkPieces(_ input: [UInt8], _ whole: Result<Interchange, StoreError>) {
        do throws(StoreError) {
            let file = try InterchangeFile(BytesInMemory(input), chunk: input.count % 61 + 1)
            guard case .success(let whole) = whole else { violated("what is refused whole is refused in pieces") }
            let parts = file.parts(entries: 3)
            if parts.flatMap(\.self) != Array(file.places.indices) { violated("parts leave nothing out") }
            let read = Interchange(
                genesisValidatorsRoot: file.genesisValidatorsRoot,
                validators: try file.histories(file.places.indices),
                unreadable: file.unreadable
            )
            if read.json() != whole.json() || read.unreadable != whole.unreadable {
                violated("a file is the same in pieces")
            }
        } catch {
            if case .success = whole { violated("what is taken whole is taken in pieces: \(error)") }
        }
    }

    /// Nothing of a history is lost or changed by writing it and reading it again.
    private static func checkWriting(_ interchange: Interchange) {
        let written = interchange.json()
        do throws(StoreError) {
            let again = try Interchange(json: written)
            if !again.unreadable.isEmpty { violated("what was written can be read") }
            if again.validators.count != interchange.validators.count { violated("every validator is written") }
            if again.json() != written { violated("a history is the same after writing") }
        } catch {
            violated("what was written can be read: \(error)")
        }
    }

    /// The files of the public vectors: each step's interchange.
    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for file in Vectors.names(in: "slashing-protection-interchange", suffix: ".json") {
            let data = try Vectors.contents("slashing-protection-interchange/\(file)")
            let content = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            for step in content?["steps"] as? [[String: Any]] ?? [] {
                guard let interchange = step["interchange"] else { continue }
                seeds.append([UInt8](try JSONSerialization.data(withJSONObject: interchange)))
            }
        }
        let root = "0x" + String(repeating: "00", count: 32)
        seeds.append(
            Array(
                #"{"metadata":{"interchange_format_version":"5","genesis_validators_root":"\#(root)"},"data":[]}"#.utf8
            )
        )
        return seeds
    }

    static let words = [
        "\"metadata\"", "\"interchange_format_version\"", "\"genesis_validators_root\"", "\"data\"", "\"pubkey\"",
        "\"signed_blocks\"", "\"signed_attestations\"", "\"slot\"", "\"signing_root\"", "\"source_epoch\"",
        "\"target_epoch\"", "\"5\"", "0x", "null", "18446744073709551615", "\"18446744073709551616\"", "\"-1\"",
        "\"+1\"",
        "\"007\"", "1.5", "1e3", "[]", "{}", "\\u0030",
    ]
}
