// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import Foundation
internal import Secrets

/// Fresh keys as `file-raw` descriptors, one file each, as Web3Signer's users have them.
struct KeySet {
    let folder: String
    let network = KnownNetwork.hoodi.network
    let keys: [SecretKey]

    /// - Parameter isKept: whether the keys stay in memory here, to check signatures with.
    init(count: Int, folder: String, isKept: Bool = true) throws(BenchmarkFailure) {
        self.folder = folder
        try attempt("making \(folder)") {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
        let arena = SecretArena()
        var keys: [SecretKey] = []
        for number in 0..<count {
            // 31 random bytes behind a zero byte are below the order of the group. These keys guard nothing, so their
            // text may pass through ordinary memory.
            let scalar = [0] + Random.bytes(31)
            try Self.write(Hex.encode(scalar, prefix: true), to: "\(folder)/\(number).yaml")
            guard isKept else { continue }
            do throws(SecretKey.Failure) {
                keys.append(try SecretKey(bigEndian: scalar.span.bytes(), arena: arena))
            } catch {
                throw BenchmarkFailure("making a key: \(error)")
            }
        }
        self.keys = keys
    }

    private static func write(_ scalar: String, to path: String) throws(BenchmarkFailure) {
        let text = "type: \"file-raw\"\nkeyType: \"BLS\"\nprivateKey: \"\(scalar)\"\n"
        guard
            FileManager.default.createFile(
                atPath: path,
                contents: Data(text.utf8),
                attributes: [.posixPermissions: 0o600]
            )
        else { throw BenchmarkFailure("\(path) could not be written") }
    }
}

extension Span<UInt8> {
    /// The same bytes without a type. (`Span.bytes` counts as unsafe on this toolchain.)
    @_lifetime(copy self)
    fileprivate func bytes() -> RawSpan { unsafe self.bytes }
}
