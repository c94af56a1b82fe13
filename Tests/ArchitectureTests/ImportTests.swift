// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Who may import what. SwiftPM does not stop a target from importing a C library that some target below it owns.
@Suite struct ImportTests {
    /// C libraries and the only targets that may touch them. `CLinux` and `CWipingHeap` are our own C: system calls, and the
    /// heap's `free`.
    static let owners: [String: Set<String>] = [
        "CBlst": ["BLS"],
        "CSodium": ["Secrets"],
        "COpenSSL": ["Crypto"],
        "CSQLite": ["SQLite", "FaultVFS"],
        "CPostgreSQL": ["PostgreSQL"],
        "CMicrohttpd": ["HTTPServer"],
        "CGnuTLS": ["HTTPServer"],
        "CCurl": ["HTTPClient"],
        "CAWS": ["AWS"],
        "CYAML": ["YAML"],
        "CSeccomp": ["Hardening"],
        "CWipingHeap": ["Hardening"],
        "CLinux": ["Concurrency", "Secrets", "SQLite", "Hardening", "HTTPServer", "Files"],
    ]

    /// Targets whose code may say `unsafe`: those that own a C library or a system interface. The domain may not.
    static let mayBeUnsafe: Set<String> = [
        "BLS", "Secrets", "Crypto", "SQLite", "PostgreSQL", "HTTPServer", "HTTPClient", "AWS", "YAML", "Concurrency",
        "Hardening", "Files",
    ]

    struct SourceFile: CustomTestStringConvertible, Sendable {
        let target: String
        let url: URL
        var testDescription: String { "\(target)/\(url.lastPathComponent)" }

        var lines: [String] {
            ((try? String(contentsOf: url, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        }

        /// Lines without comments.
        var code: [String] {
            lines.filter { !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//") }
        }

        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(separator: " ").drop {
                    ["package", "internal", "public", "private", "@preconcurrency"].contains($0)
                }
                return words.first == "import" ? words.dropFirst().first.map(String.init) : nil
            }
        }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let sources: [SourceFile] = {
        let folder = root.appendingPathComponent("Sources")
        let files =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        return files.filter { $0.pathExtension == "swift" }.map { url in
            let parts = url.path.dropFirst(folder.path.count + 1).split(separator: "/")
            return SourceFile(target: String(parts[0]), url: url)
        }
    }()

    @Test func `the sources were found`() {
        #expect(Self.sources.count > 50)
    }

    @Test(arguments: owners.keys.sorted())
    func `a C library is imported only by its owner`(library: String) throws {
        let allowed = try #require(Self.owners[library])
        for file in Self.sources where file.imports.contains(library) {
            #expect(allowed.contains(file.target), "\(file.testDescription) imports \(library)")
        }
    }

    @Test func `unsafe code stands only where a C library is owned`() {
        for file in Self.sources {
            let uses = file.code.contains { $0.split { !$0.isLetter && $0 != "_" && $0 != "@" }.contains("unsafe") }
            guard uses else { continue }
            #expect(Self.mayBeUnsafe.contains(file.target), "\(file.testDescription) says unsafe")
        }
    }

    @Test(arguments: [
        "Consensus", "SlashingProtection", "SealedKeys", "Signer", "Keystores", "Telemetry", "Audit", "Configuration",
    ])
    func `the domain knows no HTTP`(target: String) {
        for file in Self.sources where file.target == target {
            #expect(!file.imports.contains("HTTPServer"), "\(file.testDescription)")
            #expect(!file.imports.contains("HTTPClient"), "\(file.testDescription)")
        }
    }

    @Test func `a validator's key meets a message in one place`() {
        for file in Self.sources where !["BLS"].contains(file.target) {
            let signs = file.code.contains { $0.contains("secret.sign(") || $0.contains("PreparedMessage(") }
            guard signs else { continue }
            #expect(file.target == "Signer", "\(file.testDescription) prepares or signs a message")
        }
    }

    /// A mnemonic is the whole tree of keys: only who makes keys may have it in hand.
    @Test(arguments: ["HTTPServer", "SlashingProtection", "Signer", "Keystores", "Telemetry", "Audit", "Authorization"])
    func `words are not seen on the way of a signature`(target: String) {
        for file in Self.sources where file.target == target {
            #expect(!file.imports.contains("Mnemonics"), "\(file.testDescription)")
        }
    }

    @Test func `permits are made in one file`() {
        for file in Self.sources {
            let makes = file.code.contains { $0.contains("SigningPermits(") }
            guard makes else { continue }
            #expect(file.testDescription == "SlashingProtection/SlashingProtection.swift", "\(file.testDescription)")
        }
    }

    @Test func `C library modules are imported for internal use only`() {
        for file in Self.sources {
            for line in file.lines where line.contains("import C") {
                for library in Self.owners.keys where line.hasSuffix("import \(library)") {
                    #expect(
                        line.hasPrefix("internal import") || line.hasPrefix("@_implementationOnly"),
                        "\(file.testDescription): \(line)"
                    )
                }
            }
        }
    }
}
