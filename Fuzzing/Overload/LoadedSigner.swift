// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TestSupport

/// Something that should have held and did not.
struct Broken: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The built program with some keys, an empty record and ports that the kernel chose.
final class LoadedSigner {
    private let folder: TemporaryFolder
    private let process = Process()
    private let binary: String
    private(set) var port: UInt16 = 0
    /// With `0x`.
    private(set) var keys: [String] = []

    /// - Parameters:
    ///   - settings: further sections of the configuration.
    ///   - limits: of connections; empty for those that the program has by itself.
    ///   - quota: how much of a processor it gets.
    init(
        _ binary: String,
        keys count: Int,
        settings: String,
        limits: String = ", max_connections: 12000, max_connections_per_address: 11000",
        quota: CPUQuota? = nil
    ) throws {
        self.binary = binary
        folder = try TemporaryFolder()
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder.file("keys"), withIntermediateDirectories: false)
        for number in 1...count {
            let digits = String(number, radix: 16)
            let secret =
                "type: file-raw\nprivateKey: " + String(repeating: "0", count: 64 - digits.count) + digits + "\n"
            try folder.write(Data(secret.utf8), to: "keys/\(number).yaml")
            try manager.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.file("keys/\(number).yaml"))
        }
        let text = """
            network: mainnet
            server: {listen_port: 0\(limits)}
            metrics: {enabled: false}
            key_sources: {filesystem: {paths: ["\(folder.file("keys"))"]}}
            anti_slashing: {backend: sqlite, path: "\(folder.file("record.sqlite"))", create_if_missing: true}
            \(settings)
            """
        try folder.write(Data(text.utf8), to: "config.yaml")
        try folder.write(Data(), to: "log")
        let log = try FileHandle(forWritingTo: URL(filePath: folder.file("log")))
        let command = [binary, "server", "-c", folder.file("config.yaml")]
        // It is bound from its first instruction on, as in a container, and to one processor: the kernel deals a quota out to
        // each of several in pieces that are larger than what there is for one period.
        let bound =
            quota.map {
                [
                    "/bin/sh", "-c",
                    #"echo $$ >"$0" && exec taskset -c "$(taskset -pc $$ | grep -o '[0-9]*' | sed -n 2p)" "$@""#,
                    $0.members,
                ] + command
            }
            ?? command
        process.executableURL = URL(filePath: bound[0])
        process.arguments = Array(bound[1...])
        process.standardOutput = log
        process.standardError = log
        try process.run()
        port = try awaitPort()
        let listed = try output(["keys", "list", "-c", folder.file("config.yaml")])
        keys = listed.split(separator: "\n").map { String($0.prefix { !$0.isWhitespace }) }.filter {
            $0.hasPrefix("0x")
        }
    }

    private func awaitPort() throws -> UInt16 {
        for _ in 0..<6000 where process.isRunning {
            for line in try log().split(separator: "\n")
            where line.contains("listening") && line.contains("port=signing") {
                if let port = UInt16(String(line.reversed().prefix { $0.isNumber }.reversed())) { return port }
            }
            usleep(10_000)
        }
        throw Broken("the signer did not listen: \(try log())")
    }

    func log() throws -> String { String(decoding: try folder.contents("log"), as: UTF8.self) }

    var isRunning: Bool { process.isRunning }

    /// `VmRSS`.
    var residentBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first.map { $0 * 1024 } ?? 0
    }

    /// A management token.
    func rootToken() throws -> String {
        let text = try output(["operator", "generate-root-token", "-c", folder.file("config.yaml"), "--json"])
        guard let range = text.firstRange(of: /cc_token_[0-9a-f]{64}/) else { throw Broken("no token was made") }
        return String(text[range])
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    private func output(_ arguments: [String]) throws -> String {
        let command = Process()
        let pipe = Pipe()
        command.executableURL = URL(filePath: binary)
        command.arguments = arguments
        command.standardOutput = pipe
        command.standardError = FileHandle.nullDevice
        try command.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        command.waitUntilExit()
        guard command.terminationStatus == 0 else {
            throw Broken("\(arguments) ended with \(command.terminationStatus)")
        }
        return String(decoding: output, as: UTF8.self)
    }
}

/// Requests as a validator client writes them.
enum Bodies {
    private static let root = "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
    private static let forkInfo =
        #""fork_info":{"fork":{"previous_version":"0x00000000","current_version":"0x00000000","epoch":"0"},"genesis_validators_root":"\#(root)"}"#

    /// Nothing that could be slashed, and never the same message twice: each costs a whole signature.
    static func message(slot: Int) -> String {
        // Behind Altair.
        let slot = 10_000_000 + slot
        return
            #"{"type":"SYNC_COMMITTEE_MESSAGE",\#(forkInfo),"sync_committee_message":{"beacon_block_root":"0x01","slot":"\#(slot)"}}"#
    }

    /// With rising epochs for each key nothing contradicts: each costs a whole signature and a row of the record.
    static func attestation(epoch: Int) -> String {
        #"{"type":"ATTESTATION",\#(forkInfo),"attestation":{"slot":"\#(epoch * 32)","index":"0","beacon_block_root":"0x01","source":{"epoch":"\#(epoch - 1)","root":"0x"},"target":{"epoch":"\#(epoch)","root":"0x"}}}"#
    }

    static func request(_ key: String, slot: Int, headers: String = "") -> [UInt8] {
        request(key, message(slot: slot), headers: headers)
    }

    static func request(_ key: String, _ body: String, headers: String = "") -> [UInt8] {
        Array(
            "POST /api/v1/eth2/sign/\(key) HTTP/1.1\r\nHost: localhost\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                .utf8
        )
    }
}
