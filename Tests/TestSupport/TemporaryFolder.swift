// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A folder of its own for one test, removed when the last holder lets go. In memory where `/dev/shm` exists, so that
/// syncs cost nothing; what a sync means for durability is tested over a disk that loses power, not here.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = parent + "/chamber-test-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { path + "/" + name }

    package func contents(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: file(name))) }

    package func write(_ data: Data, to name: String) throws { try data.write(to: URL(filePath: file(name))) }

    /// The names in the folder, sorted.
    package var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    /// The permission bits of a file.
    package func mode(_ name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: file(name))
        return (attributes[.posixPermissions] as? Int) ?? -1
    }
}
