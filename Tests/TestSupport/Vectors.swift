// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Where the public test vectors lie: `CHAMBER_VECTORS`, otherwise `../shared/vectors` beside the package. Suites over
/// them report themselves as skipped where they are absent.
package enum Vectors {
    package static var folder: URL {
        if let given = ProcessInfo.processInfo.environment["CHAMBER_VECTORS"] { return URL(filePath: given) }
        return packageRoot.appending(path: "../shared/vectors").standardizedFileURL
    }

    package static var packageRoot: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    package static func isPresent(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    }

    /// The names of the files below a folder that end in `suffix`, sorted; none where the folder is absent.
    package static func names(in name: String, suffix: String) -> [String] {
        let all = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: name).path)
        return (all ?? []).filter { $0.hasSuffix(suffix) }.sorted()
    }

    package static func contents(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appending(path: name))
    }

    /// The files of a folder, one test case each; none where it is absent.
    package static func files(_ name: String, suffix: String = ".json") -> [VectorFile] {
        names(in: name, suffix: suffix).map { VectorFile(url: folder.appending(path: name).appending(path: $0)) }
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
