// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// The public test vectors: `CHAMBER_VECTORS`, otherwise `../shared/vectors` beside the package. Nothing where they are
/// absent: the tests over them report themselves as skipped.
package enum Vectors {
    package static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["CHAMBER_VECTORS"] { return URL(filePath: path) }
        var package = URL(filePath: #filePath)
        for _ in 0..<3 { package.deleteLastPathComponent() }
        return package.deletingLastPathComponent().appending(path: "shared/vectors")
    }()

    /// The files of a folder of the vectors by name; empty where it is absent.
    package static func files(_ path: String, suffix: String = ".json") -> [VectorFile] {
        let folder = folder.appending(path: path)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return names.filter { $0.hasSuffix(suffix) }.sorted().map { VectorFile(url: folder.appending(path: $0)) }
    }
}

/// One file of vectors, one test case.
package struct VectorFile: Sendable, Hashable, CustomStringConvertible {
    package let url: URL
    package var description: String { url.lastPathComponent }

    package func decode<Content: Decodable>(_ type: Content.Type) throws -> Content {
        try JSONDecoder().decode(type, from: Data(contentsOf: url))
    }
}
