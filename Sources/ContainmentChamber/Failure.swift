// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation

/// Why a command ended without doing its work: one sentence, and where we know it what to try next.
struct Failure: Error, CustomStringConvertible {
    /// As it is shown, `error:` and hint included.
    let description: String
    let exitCode: ExitCode
    /// The sentence alone.
    let message: String
    /// The code of a refusal, where a signer answered with one.
    let code: String?

    init(_ message: String, hint: String? = nil, exitCode: ExitCode = .failure, code: String? = nil) {
        self.message = message
        self.code = code
        description = "error: \(message)" + (hint.map { "\nhint: \($0)" } ?? "")
        self.exitCode = exitCode
    }

    /// A text that says it all already.
    init(rendered: String, exitCode: ExitCode) {
        description = rendered
        message = rendered
        code = nil
        self.exitCode = exitCode
    }
}

/// Reads a text file of at most `largest` bytes; not for secrets.
func readText(_ path: String, largest: Int) throws(Failure) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
        throw Failure("\(path) does not exist or cannot be read")
    }
    guard data.count <= largest else { throw Failure("\(path) is larger than \(largest) bytes") }
    guard let text = String(bytes: data, encoding: .utf8) else { throw Failure("\(path) is not UTF-8 text") }
    return text
}

enum Output {
    /// What a command was asked for.
    static func print(_ text: String) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
        } catch {
            // Whoever read it has gone, such as `head`: there is nobody to tell.
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            guard cause?.code == Int(EPIPE) else {
                complain("error: the output cannot be written: \(error.localizedDescription)")
                exit(1)
            }
            exit(0)
        }
    }

    /// Everything else.
    static func complain(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    /// A value as JSON that a script can read.
    static func json(_ value: some Encodable) { print(text(json: value)) }

    static func text(json value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            preconditionFailure("an answer of ours cannot be encoded: \(error)")
        }
    }
}
