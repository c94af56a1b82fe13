// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TestSupport

/// The built program with one key, an empty record of its own and ports that the kernel chose.
final class SignerProcess: Sendable {
    private let folder: TemporaryFolder
    private let binary: String
    private let process: Process
    let port: UInt16
    /// The key that is loaded, with `0x`.
    let key: String

    init(_ binary: String) throws {
        self.binary = binary
        folder = try TemporaryFolder()
        try folder.write(Data(Self.configuration(folder).utf8), to: "config.yaml")
        let secret = "type: file-raw\nprivateKey: " + String(repeating: "0", count: 62) + "2a\n"
        try FileManager.default.createDirectory(atPath: folder.file("keys"), withIntermediateDirectories: false)
        try folder.write(Data(secret.utf8), to: "keys/key.yaml")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.file("keys/key.yaml"))
        let configuration = folder.file("config.yaml")
        let list = try Self.output(of: binary, ["keys", "list", "-c", configuration])
        key = String(list.prefix { !$0.isWhitespace })

        process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments = ["server", "-c", configuration]
        try folder.write(Data(), to: "log")
        let log = try FileHandle(forWritingTo: URL(filePath: folder.file("log")))
        process.standardOutput = log
        process.standardError = log
        try process.run()
        port = try Self.port(folder, process)
    }

    private static func configuration(_ folder: TemporaryFolder) -> String {
        """
        network: mainnet
        server: {listen_port: 0}
        metrics: {listen_port: 0}
        key_sources: {filesystem: {paths: ["\(folder.file("keys"))"]}}
        anti_slashing: {backend: sqlite, path: "\(folder.file("record.sqlite"))", create_if_missing: true}
        """
    }

    /// The port that the log names when the signing server listens.
    private static func port(_ folder: TemporaryFolder, _ process: Process) throws -> UInt16 {
        for _ in 0..<6000 where process.isRunning {
            let text = String(decoding: try folder.contents("log"), as: UTF8.self)
            for line in text.split(separator: "\n") where line.contains("listening") && line.contains("port=signing") {
                if let port = UInt16(String(line.reversed().prefix { $0.isNumber }.reversed())) { return port }
            }
            usleep(10_000)
        }
        throw Broken("the signer did not listen: \(String(decoding: try folder.contents("log"), as: UTF8.self))")
    }

    var isRunning: Bool { process.isRunning }

    /// `VmRSS`.
    var residentBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first.map { $0 * 1024 } ?? 0
    }

    /// Whether a well-formed attestation request is signed.
    func signs(targetEpoch: Int) throws -> Bool {
        let body = SignBodies.attestation(targetEpoch: targetEpoch, genesisValidatorsRoot: SignBodies.mainnetRoot)
        let answer = try RawSocket(port: port).exchange(RequestMaker.post(key, body), patience: 30_000)
        return answer.hasPrefix("HTTP/1.1 200")
    }

    /// The target epochs of all recorded attestations.
    func recordedAttestations() throws -> [Int] {
        let file = folder.file("export.json")
        _ = try Self.output(of: binary, ["anti-slashing", "export", "-c", folder.file("config.yaml"), "--to", file])
        let exported = try JSONDecoder().decode(Exported.self, from: folder.contents("export.json"))
        return exported.data.flatMap(\.signed_attestations).compactMap { Int($0.target_epoch) }.sorted()
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    private static func output(of binary: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: binary)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Broken("\(arguments) ended with \(process.terminationStatus)")
        }
        return String(decoding: output, as: UTF8.self)
    }
}

/// What is looked at in an EIP-3076 file.
private struct Exported: Decodable {
    struct Validator: Decodable { let signed_attestations: [Attestation] }
    struct Attestation: Decodable { let target_epoch: String }
    let data: [Validator]
}
