// SPDX-License-Identifier: Apache-2.0
package import Files

/// What the files of a trail are called: the current one by the configured path, those before it with their number behind
/// it (`audit.log.000007`), which only grows. So a file never changes its name again, and a missing one shows.
package struct AuditPlace: Hashable, Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    var lock: String { path + ".lock" }

    package func rotated(_ number: UInt64) -> String {
        let digits = String(number)
        return path + "." + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// Where the bytes of a torn line are kept.
    func torn(at sequence: UInt64) -> String { path + ".torn-\(sequence)" }

    /// The numbers of the earlier files that are there, in order.
    package func rotatedNumbers(in files: any FileSystem) throws(FileProblem) -> [UInt64] {
        let prefix = path.lastName + "."
        return try files.names(in: path.folder).compactMap { name in
            guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count)) else { return nil }
            return rotated(number).lastName == name ? number : nil
        }.sorted()
    }
}
