// SPDX-License-Identifier: Apache-2.0

extension Command {
    /// What `arguments` (without the program's name) ask of this tree, whose root is the program.
    package func parse(_ arguments: [String]) -> ParseOutcome {
        var parser = CommandLineParser(root: self, arguments: arguments)
        do throws(CommandLineParser.Stop) {
            return .run(try parser.run())
        } catch {
            switch error {
            case .help: return .help(parser.help)
            case .version: return .version
            case .usage(let reason): return .refused(UsageError(reason: reason, path: parser.names))
            }
        }
    }
}

/// Walks the words once, from left to right.
private struct CommandLineParser {
    enum Stop: Error {
        case help, version
        case usage(UsageError.Reason)
    }

    private var path: [Command]
    private let arguments: [String]
    private var next = 0
    private var given: [Invocation.GivenOption] = []
    private var positionals: [String] = []
    private var wantsHelp = false

    init(root: Command, arguments: [String]) {
        path = [root]
        self.arguments = arguments
    }

    var names: [String] { path.map(\.name) }
    var help: String { HelpText.of(path) }

    private var command: Command { path[path.count - 1] }
    private var options: [Option] { path.flatMap(\.options) }

    mutating func run() throws(Stop) -> Invocation {
        var optionsEnded = false
        while next < arguments.count {
            let word = arguments[next]
            next += 1
            if optionsEnded || word == "-" || !word.hasPrefix("-") {
                try takeWord(word)
            } else if word == "--" {
                optionsEnded = true
            } else if word.hasPrefix("--") {
                try takeLong(word.dropFirst(2))
            } else {
                try takeShort(word.dropFirst())
            }
        }
        return try finish()
    }

    private mutating func takeWord(_ word: String) throws(Stop) {
        if let subcommand = command.subcommands.first(where: { $0.name == word }) {
            path.append(subcommand)
        } else if word == "help", !command.subcommands.isEmpty {
            wantsHelp = true
        } else if !command.subcommands.isEmpty {
            throw .usage(unknownCommand(word))
        } else if positionals.count < command.positionals.count || command.positionals.last?.isRepeatable == true {
            positionals.append(word)
        } else {
            throw .usage(.unexpectedArgument(number: next))
        }
    }

    private func unknownCommand(_ word: String) -> UsageError.Reason {
        let choices = command.subcommands.map(\.name)
        let isWord = word.utf8.count <= 32 && word.utf8.allSatisfy { Self.isNameByte($0) }
        return .unknownCommand(
            word: isWord ? word : nil,
            nearest: isWord ? Suggestion.nearest(to: word, in: choices) : nil,
            choices: choices
        )
    }

    private mutating func takeLong(_ text: Substring) throws(Stop) {
        let name = String(text.prefix { $0 != "=" })
        let value = name.utf8.count == text.utf8.count ? nil : String(text.dropFirst(name.count + 1))
        if name == "help" { throw .help }
        guard let option = options.first(where: { $0.name == name || $0.aliases.contains(name) }) else {
            if name == "version" { throw .version }
            throw .usage(unknownOption(name))
        }
        try take(option, shown: "--" + option.name, value: value)
    }

    private func unknownOption(_ name: String) -> UsageError.Reason {
        let isName = name.utf8.count <= 64 && name.utf8.allSatisfy { Self.isNameByte($0) }
        guard isName else { return .unknownOption("of that name", nearest: nil) }
        let nearest = Suggestion.nearest(to: name, in: options.map(\.name) + ["help"])
        return .unknownOption("--" + name, nearest: nearest.map { "--" + $0 })
    }

    /// `-c VALUE` or `-cVALUE`. Short flags are not run together.
    private mutating func takeShort(_ text: Substring) throws(Stop) {
        guard let letter = text.first else { return }
        let rest = String(text.dropFirst())
        let option = options.first { $0.short == letter }
        if option == nil, letter == "h", rest.isEmpty { throw .help }
        if option == nil, letter == "V", rest.isEmpty { throw .version }
        guard let option else {
            let isName = letter.isASCII && (letter.isLetter || letter.isNumber)
            throw .usage(.unknownOption(isName ? "-\(letter)" : "of that name", nearest: nil))
        }
        try take(option, shown: "-\(letter)", value: rest.isEmpty ? nil : rest)
    }

    private mutating func take(_ option: Option, shown: String, value: String?) throws(Stop) {
        if !option.isRepeatable, given.contains(where: { $0.name == option.name }) {
            throw .usage(.givenTwice(option: shown))
        }
        given.append(.init(name: option.name, value: try self.value(of: option, shown: shown, attached: value)))
    }

    private mutating func value(of option: Option, shown: String, attached: String?) throws(Stop) -> String {
        switch option.kind {
        case .flag:
            guard attached == nil else { throw .usage(.valueNotTaken(option: shown)) }
            return "true"
        case .toggle:
            let value = attached ?? "true"
            guard value == "true" || value == "false" else { throw .usage(.notTrueOrFalse(option: shown)) }
            return value
        case .value:
            if let attached { return attached }
            guard next < arguments.count, !looksLikeOption(arguments[next]) else {
                throw .usage(.valueMissing(option: shown))
            }
            next += 1
            return arguments[next - 1]
        }
    }

    /// `-` alone (standard input) and negative numbers are values.
    private func looksLikeOption(_ word: String) -> Bool {
        word.hasPrefix("-") && word != "-" && Int(word) == nil
    }

    private func finish() throws(Stop) -> Invocation {
        if wantsHelp { throw .help }
        if !command.subcommands.isEmpty { throw .usage(.commandMissing(choices: command.subcommands.map(\.name))) }
        for option in options where option.isRequired && !given.contains(where: { $0.name == option.name }) {
            throw .usage(.optionMissing("--" + option.name))
        }
        for (index, positional) in command.positionals.enumerated()
        where positional.isRequired && index >= positionals.count {
            throw .usage(.argumentMissing(positional.name))
        }
        return Invocation(
            path: path.dropFirst().map(\.name),
            options: given,
            positionals: positionals,
            declaredOptions: Set(options.map(\.name))
        )
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
