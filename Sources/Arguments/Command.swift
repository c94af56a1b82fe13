// SPDX-License-Identifier: Apache-2.0

/// One word of the command line and everything below it. A tree of these is the whole command line: what is parsed, what
/// help says and what is suggested for a misspelling are all read from it.
///
/// The options of a command may stand anywhere behind its word, also behind the words of its subcommands.
package struct Command: Sendable {
    package var name: String
    /// One line, no full stop: shown beside the name in the list of the command above.
    package var summary: String
    /// Further paragraphs of help, separated by empty lines.
    package var discussion: String
    package var options: [Option]
    package var positionals: [Positional]
    package var examples: [Example]
    /// A command with subcommands does nothing by itself.
    package var subcommands: [Command]

    package init(
        _ name: String,
        summary: String,
        discussion: String = "",
        options: [Option] = [],
        positionals: [Positional] = [],
        examples: [Example] = [],
        subcommands: [Command] = []
    ) {
        precondition(subcommands.isEmpty || positionals.isEmpty, "\(name): a command has subcommands or arguments")
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.options = options
        self.positionals = positionals
        self.examples = examples
        self.subcommands = subcommands
    }
}

/// Something introduced by `--name` or `-n`.
package struct Option: Sendable {
    package enum Kind: Sendable, Equatable {
        /// Present or not; takes no value.
        case flag
        /// `--name VALUE` or `--name=VALUE`, with the word that stands for the value in help.
        case value(String)
        /// `--name`, `--name=true` or `--name=false`.
        case toggle
    }

    /// Without the dashes.
    package var name: String
    package var short: Character?
    /// Other long names that are accepted but not shown.
    package var aliases: [String]
    package var kind: Kind
    package var summary: String
    package var isRequired: Bool
    package var isRepeatable: Bool
    /// The heading under which help lists it; nil for the first list.
    package var section: String?

    package init(
        _ name: String,
        short: Character? = nil,
        aliases: [String] = [],
        kind: Kind,
        summary: String,
        isRequired: Bool = false,
        isRepeatable: Bool = false,
        section: String? = nil
    ) {
        self.name = name
        self.short = short
        self.aliases = aliases
        self.kind = kind
        self.summary = summary
        self.isRequired = isRequired
        self.isRepeatable = isRepeatable
        self.section = section
    }
}

/// An argument that is known by its place.
package struct Positional: Sendable {
    /// As help shows it, such as `FILE`.
    package var name: String
    package var summary: String
    package var isRequired: Bool
    /// Takes all that follow; only for the last one.
    package var isRepeatable: Bool

    package init(_ name: String, summary: String, isRequired: Bool = true, isRepeatable: Bool = false) {
        self.name = name
        self.summary = summary
        self.isRequired = isRequired
        self.isRepeatable = isRepeatable
    }
}

/// A command line that works, and what it is for.
package struct Example: Sendable {
    package var command: String
    package var purpose: String

    package init(_ command: String, _ purpose: String) {
        self.command = command
        self.purpose = purpose
    }
}

/// How the process ends.
package enum ExitCode: Int32, Sendable {
    case success = 0
    case failure = 1
    /// The command line or the configuration was not understood; nothing was done.
    case usage = 2
    /// Done, but not everything as it was asked.
    case partial = 3
}
