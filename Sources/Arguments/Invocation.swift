// SPDX-License-Identifier: Apache-2.0

/// A command line that was understood: which command, with what.
package struct Invocation: Sendable {
    /// An option as it was given, under its declared name.
    package struct GivenOption: Sendable, Equatable {
        package var name: String
        /// `true` for a flag.
        package var value: String
    }

    /// The words of the command, without the program's name.
    package let path: [String]
    /// In the order given.
    package let options: [GivenOption]
    package let positionals: [String]
    let declaredOptions: Set<String>

    /// The value of an option, nil where it was not given. Of a repeatable one, the last.
    package subscript(option: String) -> String? { values(of: option).last }

    /// All values of a repeatable option, in order.
    package func values(of option: String) -> [String] {
        precondition(declaredOptions.contains(option), "\(path.joined(separator: " ")) declares no option \(option)")
        return options.filter { $0.name == option }.map(\.value)
    }

    /// True where a flag stands or a toggle is not `false`.
    package func isSet(_ option: String) -> Bool { self[option].map { $0 == "true" } ?? false }
}

/// What a command line asks for.
package enum ParseOutcome: Sendable {
    case run(Invocation)
    /// Print to standard output and end well.
    case help(String)
    /// `--version` or `-V`.
    case version
    case refused(UsageError)
}
