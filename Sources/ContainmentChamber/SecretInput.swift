// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import Secrets

/// The secrets of a command: out of the environment, a file, or a terminal that does not show them. Never out of the command
/// line, which every process of the machine can read.
enum SecretInput {
    /// What an option names (`env:NAME` or `file:PATH`), or what a person enters where it is not given.
    ///
    /// - Parameter question: what the person is asked.
    static func read(
        _ option: String,
        in invocation: Invocation,
        asking question: String
    ) throws(Failure) -> SecretBytes {
        if let text = invocation[option] { return try read(text, of: "--\(option)") }
        return try ask(question, instead: "--\(option) env:NAME or file:PATH")
    }

    /// What `env:NAME` or `file:PATH` leads to, without line ends behind it.
    static func read(_ text: String, of option: String) throws(Failure) -> SecretBytes {
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            guard let value = SecretBytes(environment: name), value.count > 0 else {
                throw Failure("\(option) is env:\(name), but there is no such variable", exitCode: .usage)
            }
            return SecretBytes(copying: withoutLineEnd(value.span))
        }
        guard text.hasPrefix("file:") else {
            throw Failure(
                "\(option) is env:NAME or file:PATH: every process of this machine can read a command line",
                exitCode: .usage
            )
        }
        return try file(String(text.dropFirst(5)), of: option)
    }

    /// The content of a file, without line ends behind it.
    static func file(_ path: String, of option: String) throws(Failure) -> SecretBytes {
        var reader = SecretFileReader()
        do throws(FileFailure) { try reader.read(path, limit: 64 << 10) } catch {
            throw Failure("\(option): \(path) \(error)", exitCode: .usage)
        }
        let content = withoutLineEnd(reader.contents)
        guard content.count > 0 else { throw Failure("\(option): \(path) is empty", exitCode: .usage) }
        return SecretBytes(copying: content)
    }

    /// What a person enters.
    ///
    /// - Parameter option: what a script says instead.
    static func ask(_ question: String, instead option: String) throws(Failure) -> SecretBytes {
        do throws(SecretPrompt.Failure) {
            let answer = try SecretPrompt.ask(question + ": ")
            guard answer.count > 0 else { throw .abandoned }
            return answer
        } catch {
            throw Failure("no \(question): \(error)", hint: "without a terminal, \(option)", exitCode: .usage)
        }
    }

    /// The same for a new secret: entered twice, so that a slip of the finger shows now.
    static func askTwice(_ question: String, instead option: String) throws(Failure) -> SecretBytes {
        let first = try ask(question, instead: option)
        let second = try ask(question + ", once more", instead: option)
        let isSame = first.withBytes { first in second.withBytes { ConstantTime.areEqual(first, $0) } }
        guard isSame else {
            throw Failure("the two that were entered differ", exitCode: .usage)
        }
        return first
    }

    @_lifetime(copy text)
    private static func withoutLineEnd(_ text: Span<UInt8>) -> Span<UInt8> {
        var end = text.count
        while end > 0, text[end - 1] == UInt8(ascii: "\n") || text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return text.extracting(0..<end)
    }
}
