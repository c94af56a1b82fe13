// SPDX-License-Identifier: Apache-2.0
import Arguments

/// A tree with everything in it.
let sample = Command(
    "chamber",
    summary: "signs for validators",
    discussion:
        "A first paragraph that is long enough to be broken over more than one line of a terminal window.\n\nA second.",
    options: [Option("config", short: "c", kind: .value("FILE"), summary: "The configuration file")],
    examples: [Example("chamber server -c config.yaml", "Start")],
    subcommands: [
        Command(
            "server",
            summary: "runs",
            options: [
                Option("verbose", short: "v", kind: .flag, summary: "Says more"),
                Option("metrics-enabled", kind: .toggle, summary: "Serves metrics", section: "Metrics"),
                Option(
                    "server-listen-port",
                    aliases: ["port"],
                    kind: .value("NUMBER"),
                    summary: "The port",
                    section: "Server"
                ),
                Option(
                    "key-sources-filesystem-keystore-load-concurrency",
                    kind: .value("NUMBER"),
                    summary: "How many keystores are opened at the same time, bounded by the memory that scrypt takes",
                    section: "Keys"
                ),
                Option("path", kind: .value("DIR"), summary: "A folder", isRepeatable: true),
            ],
            examples: [
                Example(
                    "chamber server -c config.yaml --server-listen-port 9000 --metrics-enabled=false --path one --path two",
                    "Start with everything said on the command line"
                )
            ]
        ),
        Command(
            "anti-slashing",
            summary: "the record of what was signed",
            subcommands: [
                Command(
                    "import",
                    summary: "takes an interchange file",
                    options: [
                        Option("from", kind: .value("FILE"), summary: "What to read", isRequired: true),
                        Option("dry-run", kind: .flag, summary: "Changes nothing"),
                    ]
                ),
                Command("export", summary: "writes an interchange file"),
            ]
        ),
        Command(
            "inspect",
            summary: "shows keys",
            positionals: [
                Positional("FILE", summary: "The keystore"),
                Positional("MORE", summary: "Others", isRequired: false, isRepeatable: true),
            ]
        ),
        Command("version", summary: "prints the version"),
    ]
)

extension ParseOutcome {
    var invocation: Invocation? { if case .run(let invocation) = self { invocation } else { nil } }
    var helpText: String? { if case .help(let text) = self { text } else { nil } }
    var error: UsageError? { if case .refused(let error) = self { error } else { nil } }
    var reason: UsageError.Reason? { error?.reason }
}
