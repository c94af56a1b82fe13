// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A folder for one run, removed at its end.
struct WorkFolder {
    private let url: URL

    init(in parent: String) throws(BenchmarkFailure) {
        url = URL(fileURLWithPath: parent).appendingPathComponent("bench-\(getpid())")
        try attempt("making \(url.path)") {
            try FileManager.default.createDirectory(
                at: url,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func remove() { try? FileManager.default.removeItem(at: url) }
}

/// Runs what throws anything, and says what was attempted.
func attempt<Result>(_ what: String, _ body: () throws -> Result) throws(BenchmarkFailure) -> Result {
    do { return try body() } catch { throw BenchmarkFailure("\(what): \(error)") }
}
