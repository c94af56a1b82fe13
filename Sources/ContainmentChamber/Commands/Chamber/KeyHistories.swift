// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Encoding
internal import Foundation

/// An EIP-3076 file, taken apart by validator, so that with each batch of keys goes what these have signed elsewhere. What is
/// in it is for the signer to judge; here only whose it is.
struct KeyHistories {
    /// Bytes. What is longer goes through `anti-slashing import`, which reads part by part.
    private static let limit = 256 << 20

    private let metadata: Any
    private let histories: [String: [Any]]
    private let path: String

    init(_ path: String) throws(Failure) {
        self.path = path
        let text = try readText(path, largest: Self.limit)
        guard let document = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any],
            let metadata = document["metadata"], let data = document["data"] as? [[String: Any]]
        else { throw Failure("\(path) is not an EIP-3076 file: JSON with metadata and data", exitCode: .usage) }
        self.metadata = metadata
        var histories: [String: [Any]] = [:]
        for (place, history) in data.enumerated() {
            guard let bytes: Bytes<48> = (history["pubkey"] as? String).flatMap({ try? Hex.decode($0) }) else {
                throw Failure("\(path): data[\(place)] has no public key", exitCode: .usage)
            }
            histories[Hex.encode(bytes.span, prefix: true), default: []].append(history)
        }
        self.histories = histories
    }

    /// Whose histories there are.
    var keys: Set<String> { Set(histories.keys) }

    /// The file with the histories of these keys alone; nil where there are none.
    func json(of keys: [PublicKey]) throws(Failure) -> [UInt8]? {
        let own = keys.flatMap { histories[$0.description] ?? [] }
        guard !own.isEmpty else { return nil }
        do {
            return Array(try JSONSerialization.data(withJSONObject: ["metadata": metadata, "data": own]))
        } catch { throw Failure("\(path): \(error)") }
    }
}
