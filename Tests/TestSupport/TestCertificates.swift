// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation

/// Certificates for one test, made by the `openssl` program in a folder of their own.
package struct TestCertificates: Sendable {
    package struct Failure: Error, CustomStringConvertible { package let description: String }

    package let folder: TemporaryFolder

    package init() throws { folder = try TemporaryFolder() }

    package func certificate(_ name: String) -> String { folder.file(name + ".crt") }
    package func key(_ name: String) -> String { folder.file(name + ".key") }
    package func text(_ name: String) throws -> [UInt8] { Array(try folder.contents(name + ".crt")) }
    package func keyText(_ name: String) throws -> [UInt8] { Array(try folder.contents(name + ".key")) }

    /// An authority that has signed itself.
    package func makeAuthority(_ name: String, subject: String? = nil) throws {
        try openssl(
            ["req", "-x509", "-days", "2"] + newKey(name)
                + ["-out", "\(name).crt", "-subj", "/CN=\(subject ?? name)"]
        )
    }

    /// A certificate that an authority has issued, or that has signed itself.
    ///
    /// - Parameters:
    ///   - names: alternative names as `openssl` writes them, `DNS:localhost`.
    ///   - days: negative for one that has ended.
    ///   - extensions: further lines such as `extendedKeyUsage=serverAuth`.
    package func make(
        _ name: String,
        by authority: String? = nil,
        subject: String? = nil,
        names: [String] = [],
        days: Int = 2,
        extensions: [String] = [],
        algorithm: [String] = TestCertificates.p256
    ) throws {
        let alternative = names.isEmpty ? [] : ["subjectAltName=" + names.joined(separator: ",")]
        let lines = (["basicConstraints=critical,CA:FALSE"] + alternative + extensions).flatMap { ["-addext", $0] }
        let request = ["-out", "\(name).csr", "-subj", "/CN=\(subject ?? name)"] + lines
        try openssl(["req", "-new"] + newKey(name, algorithm) + request)
        let signer = authority.map { ["-CA", "\($0).crt", "-CAkey", "\($0).key"] } ?? ["-signkey", "\(name).key"]
        let signing = ["-days", "\(days)", "-copy_extensions", "copyall", "-out", "\(name).crt"]
        try openssl(["x509", "-req", "-in", "\(name).csr"] + signer + signing)
    }

    package static let p256 = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]

    private func newKey(_ name: String, _ algorithm: [String] = TestCertificates.p256) -> [String] {
        ["-newkey"] + algorithm + ["-noenc", "-keyout", "\(name).key"]
    }

    /// SHA-256 of a certificate as `openssl` writes it: pairs of upper-case digits with colons.
    package func fingerprint(_ name: String) throws -> String {
        let line = try openssl(["x509", "-in", "\(name).crt", "-noout", "-fingerprint", "-sha256"])
        return String(line.split(separator: "=").last ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Runs `openssl` in the folder; what it printed. Blocks for some milliseconds.
    @discardableResult
    package func openssl(_ arguments: [String], input: String = "") throws -> String {
        let process = Process()
        let (output, errors, standardInput) = (Pipe(), Pipe(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = standardInput
        // `waitUntilExit` was seen to wait for ever for a program that had long ended.
        let hasEnded = Condition(false)
        process.terminationHandler = { _ in hasEnded.broadcast { $0 = true } }
        try Spawning.alone { try process.run() }
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        for pipe in [output, errors] { try? pipe.fileHandleForReading.close() }
        _ = hasEnded.wait { $0 ? true : nil }
        guard process.terminationStatus == 0 else {
            throw Failure(description: "openssl \(arguments.joined(separator: " ")): \(complaint)")
        }
        return text
    }
}
