// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc

/// Libraries that the C library opens when it first needs them. Under the filter no code can be mapped, so they are
/// opened before: those that look names up, as `/etc/nsswitch.conf` lists them, and the one that ends threads.
package enum LoadableLibraries {
    static func load() {
        // What lies in the cache stays there: nothing is ever closed.
        for name in ["libgcc_s.so.1"] + names(in: configuration).map({ "libnss_\($0).so.2" }) {
            _ = unsafe dlopen(name, RTLD_NOW)
        }
    }

    private static var configuration: String {
        (try? String(contentsOfFile: "/etc/nsswitch.conf", encoding: .utf8)) ?? ""
    }

    /// The services of all databases (nsswitch.conf(5)), each once; those within the C library need no file.
    package static func names(in configuration: String) -> [String] {
        var names: [String] = []
        for line in configuration.split(separator: "\n") {
            let row = line.prefix { $0 != "#" }
            guard let colon = row.firstIndex(of: ":") else { continue }
            // What stands in brackets says what to do with an answer.
            for word in row[row.index(after: colon)...].split(whereSeparator: \.isWhitespace)
            where word.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) && !names.contains(String(word)) {
                names.append(String(word))
            }
        }
        return names.filter { !["files", "dns"].contains($0) }
    }
}
