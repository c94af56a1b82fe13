// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// What can be fuzzed: a reader of bytes that strangers write, with the properties it must have.
protocol FuzzTarget: SendableMetatype {
    /// As `scripts/fuzz` takes it.
    static var name: String { get }
    /// Reads one input. Comes back for every input, or ends the process: by a trap, or by `violated`.
    static func run(_ input: [UInt8])
    /// Inputs to begin with.
    static func seeds() throws -> [[UInt8]]
    /// Words that mean something to the reader.
    static var words: [String] { get }
}

/// Which target this process works on.
enum Campaign {
    static let targets: [any FuzzTarget.Type] = [
        RequestTarget.self, KeystoreTarget.self, InterchangeTarget.self, ConfigurationTarget.self,
        DescriptorTarget.self, HeadTarget.self, JSONTarget.self, PiecesTarget.self, AuditTarget.self, AgeTarget.self,
    ]

    /// The one that `CHAMBER_FUZZ_TARGET` names.
    static let target: any FuzzTarget.Type = {
        let name = ProcessInfo.processInfo.environment["CHAMBER_FUZZ_TARGET"] ?? ""
        guard let target = targets.first(where: { $0.name == name }) else {
            fail(
                "CHAMBER_FUZZ_TARGET is \"\(name)\"; the targets are \(targets.map { $0.name }.joined(separator: " "))"
            )
        }
        return target
    }()

    /// Writes each seed to a file of its own, and the dictionary in libFuzzer's format beside the folder.
    static func writeSeeds(of target: any FuzzTarget.Type, to folder: String) {
        do {
            let url = URL(filePath: folder)
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            for (number, seed) in try target.seeds().enumerated() {
                try Data(seed).write(to: url.appending(path: "seed-\(number)"))
            }
            let lines = target.words.map { "\"" + $0.utf8.map { byte in escaped(byte) }.joined() + "\"\n" }
            try Data(lines.joined().utf8).write(to: URL(filePath: folder + ".dict"))
        } catch {
            fail("the seeds of \(target.name) could not be written: \(error)")
        }
    }

    private static func escaped(_ byte: UInt8) -> String {
        let isPlain = (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        return isPlain ? String(UnicodeScalar(byte)) : String(format: "\\x%02x", Int(byte))
    }

    private static func fail(_ sentence: String) -> Never {
        FileHandle.standardError.write(Data("fuzzer: \(sentence)\n".utf8))
        exit(2)
    }
}

/// Ends the process, so that libFuzzer keeps the input: a reader broke a promise without crashing.
func violated(_ promise: String) -> Never { fatalError("broken promise: \(promise)") }
