// SPDX-License-Identifier: Apache-2.0

/// A command line that was not understood. Carries names of options and commands, never a value: what stands in the
/// wrong place may be a password.
package struct UsageError: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case commandMissing(choices: [String])
        /// `word` is nil where what was given does not look like the name of a command.
        case unknownCommand(word: String?, nearest: String?, choices: [String])
        case unknownOption(String, nearest: String?)
        case valueMissing(option: String)
        case valueNotTaken(option: String)
        case notTrueOrFalse(option: String)
        case givenTwice(option: String)
        case optionMissing(String)
        case argumentMissing(String)
        /// The how-manieth word of the command line, counted from 1 behind the program's name.
        case unexpectedArgument(number: Int)
    }

    package let reason: Reason
    /// The words up to where it went wrong, with the program's name.
    package let path: [String]

    /// The exit status that goes with it.
    package var exitCode: ExitCode { .usage }
}

extension UsageError: CustomStringConvertible {
    /// For standard error: one sentence, a hint where there is one, and where help is.
    package var description: String {
        let command = path.joined(separator: " ")
        var lines = ["error: " + sentence]
        if let hint { lines.append("hint: " + hint) }
        lines.append("see: \(command) --help")
        return lines.map { Paragraph.wrap($0, hanging: 4) }.joined(separator: "\n")
    }

    private var sentence: String {
        switch reason {
        case .commandMissing: "a command is missing behind \(path.joined(separator: " "))"
        case .unknownCommand(let word?, _, _): "there is no command \(word)"
        case .unknownCommand(nil, _, _): "there is no such command"
        case .unknownOption(let name, _): "there is no option \(name)"
        case .valueMissing(let option): "\(option) needs a value"
        case .valueNotTaken(let option): "\(option) takes no value"
        case .notTrueOrFalse(let option): "\(option) is either true or false"
        case .givenTwice(let option): "\(option) is given twice"
        case .optionMissing(let option): "\(option) is required"
        case .argumentMissing(let name): "\(name) is missing"
        case .unexpectedArgument(let number): "argument number \(number) is not expected"
        }
    }

    private var hint: String? {
        switch reason {
        case .commandMissing(let choices), .unknownCommand(_, nil, let choices):
            "one of \(choices.joined(separator: ", "))"
        case .unknownCommand(_, let nearest?, _), .unknownOption(_, let nearest?): "did you mean \(nearest)?"
        case .valueMissing(let option) where option.hasPrefix("--"):
            "a value that begins with a dash is written \(option)=VALUE"
        default: nil
        }
    }
}
