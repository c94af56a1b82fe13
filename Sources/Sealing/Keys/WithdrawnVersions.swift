// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Of each key that was ever deactivated or deleted, the lowest version of its row that counts. A plain value; versions only
/// rise. It lies in the shards in which it is kept, so that a change of one copies only that one.
package struct WithdrawnVersions: Hashable, Sendable {
    static let shardCount = 16

    private(set) var shards = [[Bytes<48>: UInt64]](repeating: [:], count: shardCount)

    package init() {}

    /// By the low four bits of the key's last byte.
    static func shard(of key: Bytes<48>) -> Int { Int(key[47] & 15) }

    /// 0 for a key that was never withdrawn.
    package func lowest(of key: Bytes<48>) -> UInt64 { shards[Self.shard(of: key)][key] ?? 0 }

    /// Whether a key was withdrawn after a row of this version.
    package func isWithdrawn(_ key: Bytes<48>, at version: UInt64) -> Bool { version < lowest(of: key) }

    /// The version of what comes next: above everything that the store shows and that the chamber knows of. In an
    /// order that was cut off, a row may have been sealed with the lowest version that counts.
    package func next(of key: Bytes<48>, after version: UInt64) -> UInt64 { max(version, lowest(of: key)) + 1 }

    /// A version that no row ever comes to. What stands there with a higher one was written by somebody else, and nothing can come
    /// after it.
    package static let highest: UInt64 = 1 << 62

    mutating func raise(_ key: Bytes<48>, to version: UInt64) {
        shards[Self.shard(of: key)][key, default: 0].raise(to: version)
    }

    mutating func merge(_ versions: [Bytes<48>: UInt64], in shard: Int) {
        shards[shard].merge(versions) { max($0, $1) }
    }
}

extension UInt64 {
    fileprivate mutating func raise(to other: UInt64) { self = Swift.max(self, other) }
}
