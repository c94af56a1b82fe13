// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Doctor
internal import Foundation
internal import Hardening

/// Looks at this host for the doctor and for `server.strict`: `/proc`, the modes of files, the firewall. Judges
/// nothing.
struct HostSurvey {
    private let configuration: Configuration
    /// The configuration file, where there is one.
    private let path: String?

    init(_ configuration: Configuration, file path: String?) {
        self.configuration = configuration
        self.path = path
    }

    /// Everything, for the doctor: of the signer that runs with this configuration, where one does.
    func facts() -> HostFacts {
        let identifier = Hardening.listener(at: configuration.adminSocketPath)
        var facts = facts(of: identifier)
        facts.firewall = Firewall.look()
        return facts
    }

    /// Without starting a program.
    func facts(of identifier: Int32?) -> HostFacts {
        var facts = HostFacts(configuration)
        let process = identifier ?? getpid()
        let status = Rows("/proc/\(process)/status")
        let limits = Rows("/proc/\(process)/limits")
        facts.user =
            status["Uid:"]?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt32($0) }
            ?? geteuid()
        let capabilities = status["CapEff:"].flatMap { UInt64($0, radix: 16) }
        if let identifier {
            var signer = HostFacts.SignerFacts(identifier: identifier)
            signer.capabilities = capabilities
            signer.hasNoNewPrivileges = status["NoNewPrivs:"].map { $0 == "1" }
            signer.isFiltered = status["Seccomp:"].map { $0 == "2" }
            signer.coreLimit = limits["Max core file size"].flatMap(Self.bytes)
            facts.signer = signer
        }
        let isUnlimited = capabilities.map { $0 & Self.lockMemory != 0 } ?? false
        facts.lockedMemoryLimit = isUnlimited ? .max : limits["Max locked memory"].flatMap(Self.bytes)
        facts.hasSecretMemory = Hardening.hasSecretMemory
        facts.hasSwap = Self.text("/proc/swaps").map { $0.split(separator: "\n").count > 1 }
        facts.corePattern = Self.text("/proc/sys/kernel/core_pattern")
        facts.hasSeccomp = FileManager.default.fileExists(atPath: "/proc/sys/kernel/seccomp/actions_avail")
        facts.landlockVersion = Landlock.version
        facts.clockIsSynchronized = Hardening.clockIsSynchronized
        facts.container = Self.container
        facts.rootIsWritable = Self.rootIsWritable(process)
        let files = ReliedFiles(configuration, file: path)
        facts.files = files.facts
        facts.folders = files.folders
        return facts
    }

    /// CAP_IPC_LOCK.
    private static let lockMemory: UInt64 = 1 << 14

    /// The soft limit of a row of `limits`.
    private static func bytes(_ row: String) -> UInt64? {
        guard let word = row.split(whereSeparator: \.isWhitespace).first else { return nil }
        return word == "unlimited" ? .max : UInt64(word)
    }

    private static func text(_ path: String) -> String? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static var container: String? {
        let files = FileManager.default
        if ProcessInfo.processInfo.environment["KUBERNETES_SERVICE_HOST"] != nil { return "Kubernetes" }
        if files.fileExists(atPath: "/.dockerenv") { return "Docker" }
        return files.fileExists(atPath: "/run/.containerenv") ? "Podman" : nil
    }

    private static func rootIsWritable(_ process: Int32) -> Bool? {
        let lines = text("/proc/\(process)/mounts")?.split(separator: "\n") ?? []
        let options = lines.last { $0.split(separator: " ").dropFirst().first == "/" }?.split(separator: " ").dropFirst(
            3
        )
        return options?.first.map { !$0.split(separator: ",").contains("ro") }
    }
}

/// A file of `/proc` whose rows begin with a name.
private struct Rows {
    private let lines: [Substring]

    init(_ path: String) {
        lines = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    subscript(name: String) -> String? {
        lines.first { $0.hasPrefix(name) }?.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
    }
}

/// The rules of this host's firewall, as its own programs list them.
private enum Firewall {
    static func look() -> HostFacts.Firewall {
        var seen = HostFacts.Firewall.unseen
        for (program, arguments) in [("nft", ["list", "ruleset"]), ("iptables", ["-S"])] {
            let folders = ["/usr/sbin", "/sbin", "/usr/bin"]
            let path = folders.map { "\($0)/\(program)" }.first(where: FileManager.default.isExecutableFile)
            guard let path else { continue }
            guard let text = run(path, arguments) else {
                seen = .notPermitted
                continue
            }
            // Three policies that accept are what `iptables -S` says where there is no rule.
            let rules = text.split(separator: "\n").filter { !$0.hasPrefix("-P") || !$0.hasSuffix("ACCEPT") }
            if !rules.isEmpty { return .rules(text) }
            if seen == .unseen { seen = .none }
        }
        return seen
    }

    private static func run(_ path: String, _ arguments: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        guard (try? process.run()) != nil else { return nil }
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? nil
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: data ?? Data(), as: UTF8.self) : nil
    }
}
