// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Where the test vectors lie: beside the project, or where `CHAMBER_VECTORS` says. Suites over them report themselves
/// as skipped where they are absent.
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
}
