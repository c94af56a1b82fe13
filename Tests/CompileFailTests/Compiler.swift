// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// Compiles a few lines against the modules that this very test was built with.
struct Compiler {
    /// What the compiler said, and whether it was satisfied.
    struct Answer {
        let succeeded: Bool
        let output: String
    }

    private let executable: String
    private let arguments: [String]

    /// Nil where there is no `swiftc`, or the modules do not lie where SwiftPM puts them.
    init?() {
        guard let executable = Self.find("swiftc"), let build = Self.buildFolder else { return nil }
        self.executable = executable
        arguments = Self.arguments(build: build)
    }

    static var isAvailable: Bool { Compiler() != nil }

    /// To SIL: a mere type check does not see ownership and lifetimes.
    func compile(_ source: String) throws -> Answer {
        let folder = try TemporaryFolder()
        try folder.write(Data(source.utf8), to: "snippet.swift")
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments + ["-emit-sil", "-o", folder.file("snippet.sil"), folder.file("snippet.swift")]
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Answer(succeeded: process.terminationStatus == 0, output: String(decoding: output, as: UTF8.self))
    }

    /// The folder of the test's executable, where SwiftPM keeps `Modules` beside it.
    private static var buildFolder: URL? {
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let folder = executable.deletingLastPathComponent()
        let module = folder.appending(path: "Modules/SlashingProtection.swiftmodule")
        return FileManager.default.fileExists(atPath: module.path) ? folder : nil
    }

    private static func arguments(build: URL) -> [String] {
        let root = Vectors.packageRoot
        var arguments = [
            "-swift-version", "6", "-strict-memory-safety", "-parse-as-library", "-enable-experimental-feature",
            "Lifetimes",
            "-package-name", packageName(build: build), "-I", build.appending(path: "Modules").path,
            "-module-cache-path", build.appending(path: "ModuleCache").path,
            "-I", root.appending(path: ".build/deps/include").path,
            "-Xcc", "-I", "-Xcc", root.appending(path: "Sources/CLibraries/CLinux/include").path,
        ]
        let libraries = (try? FileManager.default.contentsOfDirectory(atPath: root.path + "/Sources/CLibraries")) ?? []
        let maps =
            libraries.map { "\(root.path)/Sources/CLibraries/\($0)/module.modulemap" }
            + [build.appending(path: "CLinux.build/module.modulemap").path]
        for flag in includeFlags(of: "libpq") { arguments += ["-Xcc", flag] }
        for map in maps where FileManager.default.fileExists(atPath: map) {
            arguments += ["-Xcc", "-fmodule-map-file=\(map)"]
        }
        for feature in ["ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility"] {
            arguments += ["-enable-upcoming-feature", feature]
        }
        return arguments
    }

    /// Where the headers of a library lie that has a folder of its own.
    private static func includeFlags(of library: String) -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/pkg-config")
        process.arguments = ["--cflags-only-I", library]
        let output = Pipe()
        process.standardOutput = output
        guard (try? process.run()) != nil else { return [] }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(whereSeparator: \.isWhitespace).map { String($0) }
    }

    /// As SwiftPM makes it from the folder's name; from its own build plan where that can be read.
    private static func packageName(build: URL) -> String {
        let scratch = build.deletingLastPathComponent().deletingLastPathComponent()
        let plan = scratch.appending(path: build.lastPathComponent + ".yaml")
        if let text = try? String(contentsOf: plan, encoding: .utf8),
            let start = text.range(of: "\"-package-name\",\"")?.upperBound,
            let end = text[start...].firstIndex(of: "\"")
        {
            return String(text[start..<end])
        }
        let name = Vectors.packageRoot.lastPathComponent.lowercased()
        return String(name.map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }

    private static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
