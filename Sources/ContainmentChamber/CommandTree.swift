// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration

/// The whole command line: what is parsed and what help says.
enum CommandTree {
    static let configuration = Option(
        "config",
        short: "c",
        kind: .value("FILE"),
        summary: "The configuration file (YAML). Also CONTAINMENT_CONFIG; without one, defaults, environment and flags."
    )
    static let json = Option("json", kind: .flag, summary: "Answer as JSON.")
    static var settings: [Option] { [configuration] + Configuration.options }

    static let program = Command(
        "containment-chamber",
        summary: "A remote signer for Ethereum validators",
        discussion: """
            Validator clients that speak Web3Signer's API use it unchanged. Whatever can be slashed is checked \
            against a record and durably recorded before it is signed.

            An import that was taken, but not everything as the file gives it, ends with exit status 3.
            """,
        examples: [
            Example("containment-chamber server -c config.yaml", "Run the signer"),
            Example("containment-chamber config reference", "Every setting with its default"),
        ],
        subcommands: [
            server, config, keys, antiSlashing, audit, operatorCommands, doctor, api,
            Command("version", summary: "Print the version"),
        ]
    )

    private static let server = Command(
        "server",
        summary: "Run the signer in the foreground",
        discussion: """
            SIGTERM and SIGINT let requests under way finish (server.drain_seconds) and end the process; SIGHUP reads \
            the key sources again. Every setting is also an option and an environment variable.
            """,
        options: settings,
        examples: [
            Example("containment-chamber server -c config.yaml", "Run with a configuration file"),
            Example(
                "containment-chamber server --network hoodi --key-sources-filesystem-paths ./keys",
                "Run with options only"
            ),
        ]
    )

    private static let api = Command(
        "api",
        summary: "Print the API as an OpenAPI document",
        discussion: """
            Everything there is, whatever a configuration leaves out. A running signer gives the document of its own \
            routes at /openapi.json, and as a page at /docs.
            """,
        options: [Option("html", kind: .flag, summary: "As a page for people.")],
        examples: [
            Example("containment-chamber api > openapi.json", "The document"),
            Example("containment-chamber api --html > api.html", "The page"),
        ]
    )

    private static let doctor = Command(
        "doctor",
        summary: "Look at this host: what protects the signer and what does not",
        discussion: """
            Binds, firewall, files, user, privileges, memory, dumps, filters, clock, canaries: each with the command that \
            mends it. Run it as root beside the running signer; what it may not see it says. Ends with 0 where all is well, \
            1 where something could be safer or was not seen, 2 where something must not stay so.
            """,
        options: settings + [json],
        examples: [Example("containment-chamber doctor -c config.yaml", "Before keys with a stake are loaded")]
    )

    private static let config = Command(
        "config",
        summary: "Check, show and convert configurations",
        subcommands: [
            Command(
                "check",
                summary: "Say everything that is wrong with a configuration",
                options: settings,
                examples: [Example("containment-chamber config check -c config.yaml", "Check a file")]
            ),
            Command(
                "show",
                summary: "Print every setting with its value and where it comes from",
                options: settings,
                examples: [Example("containment-chamber config show -c config.yaml", "Show what would run")]
            ),
            Command(
                "reference",
                summary: "Print the reference of all settings (Markdown)",
                examples: [Example("containment-chamber config reference", "Read every setting")]
            ),
            Command(
                "from-web3signer",
                summary: "Turn Web3Signer's options or its YAML into our configuration",
                discussion: """
                    Give Web3Signer's command line after `--`, its configuration file with --from, or both. WEB3SIGNER_ \
                    variables of the environment count too. The configuration goes to standard output; whatever has no \
                    equivalent is named on standard error.
                    """,
                options: [Option("from", kind: .value("FILE"), summary: "Web3Signer's configuration file (YAML).")],
                positionals: [
                    Positional(
                        "ARGUMENTS",
                        summary: "Web3Signer's command line.",
                        isRequired: false,
                        isRepeatable: true
                    )
                ],
                examples: [
                    Example(
                        "containment-chamber config from-web3signer --from web3signer.yaml > config.yaml",
                        "Convert a file"
                    ),
                    Example(
                        "containment-chamber config from-web3signer -- --http-listen-port=9000 eth2 --network=hoodi",
                        "Convert a command line"
                    ),
                ]
            ),
        ]
    )

    private static let validators = Option(
        "keys",
        kind: .value("KEY,…"),
        summary: "Public keys in hexadecimal, with commas between them.",
        isRequired: true
    )

    private static let audit = Command(
        "audit",
        summary: "The audit file: is it all there, as it was written",
        subcommands: [
            Command(
                "verify",
                summary: "Walk the hash chain through all audit files, and name the first line that was tampered with",
                discussion: """
                    Finds what was changed, taken out, put in, moved or cut off: file, line and number. Works while the \
                    signer writes. Exit code 0 when everything is as it was written, up to the head that is anchored in \
                    the signer state; 1 when something is wrong; 3 when the chain holds, but nothing says that its end is \
                    not missing.
                    """,
                options: settings + [
                    Option(
                        "file",
                        kind: .value("PATH"),
                        summary: "An audit file, with its earlier ones beside it, instead of a configuration's."
                    ), json,
                ],
                examples: [
                    Example("containment-chamber audit verify -c config.yaml", "Verify, also while the signer runs"),
                    Example("containment-chamber audit verify --file copy/audit.log", "Verify a copy"),
                ]
            )
        ]
    )

    private static let antiSlashing = Command(
        "anti-slashing",
        summary: "The slashing record: create, import, export, prune",
        discussion: """
            While a signer runs on the record, the commands reach it through its admin socket; otherwise they open the \
            record themselves.
            """,
        subcommands: [
            Command(
                "init",
                summary: "Create an empty record, pinned to the configured network",
                options: settings,
                examples: [Example("containment-chamber anti-slashing init -c config.yaml", "Create the record")]
            ),
            Command(
                "migrate",
                summary: "Bring the tables of a PostgreSQL record up to date, without starting",
                discussion: """
                    Makes Web3Signer's tables (schema version 12) from nothing or from any older version, and this \
                    program's functions in a schema of their own, in one transaction. Run it as a role that may create \
                    schemas and tables; the signer itself then needs neither right. Changes no history.
                    """,
                options: settings,
                examples: [Example("containment-chamber anti-slashing migrate -c config.yaml", "Migrate")]
            ),
            Command(
                "import",
                summary: "Take histories from an EIP-3076 file",
                discussion: """
                    The record never gets weaker: entries that contradict it are merged so that fewer messages can be \
                    signed. Exit code 0 only when everything was taken as the file gives it.
                    """,
                options: settings + [
                    Option("from", kind: .value("FILE"), summary: "The interchange file.", isRequired: true),
                    Option("dry-run", kind: .flag, summary: "Say what would happen, change nothing."),
                    Option(
                        "enable",
                        kind: .flag,
                        summary: "Also let the file's validators sign again that are disabled in the record."
                    ), json,
                ],
                examples: [
                    Example("containment-chamber anti-slashing import -c config.yaml --from slashing.json", "Import")
                ]
            ),
            Command(
                "export",
                summary: "Write all histories to an EIP-3076 file",
                options: settings + [
                    Option(
                        "to",
                        kind: .value("FILE"),
                        summary: "The file to write; must not exist. `-` is the standard output.",
                        isRequired: true
                    ),
                    json,
                ],
                examples: [
                    Example("containment-chamber anti-slashing export -c config.yaml --to slashing.json", "Export")
                ]
            ),
            Command(
                "copy",
                summary: "Take everything of one record into another, and read it back",
                discussion: """
                    Each side is a configuration file, whatever keeps its record; the target must exist (init). Stop the \
                    signer of the source first: what it signs afterwards is not copied. Exit code 0 when the target has \
                    everything exactly, 3 when something was merged with contradictions, 1 when reading back shows \
                    something missing.
                    """,
                options: [
                    Option("from-config", kind: .value("FILE"), summary: "Where the record is.", isRequired: true),
                    Option("to-config", kind: .value("FILE"), summary: "Where it goes.", isRequired: true), json,
                ],
                examples: [
                    Example("containment-chamber anti-slashing copy --from-config a.yaml --to-config b.yaml", "Copy")
                ]
            ),
            Command(
                "verify",
                summary: "Look for contradictions in a record, and hold a file against it",
                discussion: """
                    Finds slashable pairs, entries that cannot be, watermarks that are missing, below deleted history or in \
                    contradiction to each other, and another network. With --against, also every entry of an EIP-3076 file \
                    that the record does not cover. Changes nothing. Exit code 1 when something is wrong, 3 when there are \
                    only warnings, for which there may be a harmless reason.
                    """,
                options: settings + [
                    Option("against", kind: .value("FILE"), summary: "An interchange file."), json,
                ],
                examples: [
                    Example(
                        "containment-chamber anti-slashing verify -c config.yaml --against old.json",
                        "After a move"
                    )
                ]
            ),
            Command(
                "prune",
                summary: "Delete history that is older than some epochs",
                options: settings + [
                    Option(
                        "keep-epochs",
                        kind: .value("N"),
                        summary: "How many epochs to keep, counted from each validator's newest record.",
                        isRequired: true
                    ), json,
                ],
                examples: [
                    Example("containment-chamber anti-slashing prune -c config.yaml --keep-epochs 250", "Prune")
                ]
            ),
            Command(
                "watermark",
                summary: "Show, set or clear the high watermark, or raise the low ones",
                discussion: """
                    The high watermark ends signing at a slot and an epoch, for a planned move to another signer. The low \
                    watermarks end signing below a slot or an epoch; they only rise.
                    """,
                options: settings + [
                    Option("set-high", kind: .flag, summary: "Set the high watermark to --slot and --epoch."),
                    Option("clear-high", kind: .flag, summary: "Clear the high watermark."),
                    Option(
                        "raise-low",
                        kind: .flag,
                        summary: "Raise the low watermarks of all validators to --slot and --epoch."
                    ),
                    Option("slot", kind: .value("SLOT"), summary: "A slot."),
                    Option("epoch", kind: .value("EPOCH"), summary: "An epoch."), json,
                ],
                examples: [
                    Example("containment-chamber anti-slashing watermark -c config.yaml", "Show the high watermark"),
                    Example(
                        "containment-chamber anti-slashing watermark -c config.yaml --set-high --slot 9600000 --epoch 300000",
                        "Stop signing there"
                    ),
                ]
            ),
            Command(
                "reconcile",
                summary: "Sign again after the record went back in time",
                discussion: """
                    Merges the floor of this instance (what it let out) into the record as raised low watermarks. Signing \
                    goes on once that was done for every instance that the record knows; a running signer finds the end \
                    by itself. Exit code 0 when the alarm of this instance is over or there was none, 3 when floors of \
                    other instances are missing, 1 when nothing was merged.
                    """,
                options: settings + [
                    Option(
                        "accept-clock-floor",
                        kind: .flag,
                        summary:
                            "For instances whose floor cannot be had: refuse every slot and target up to the end of the next epoch (further where anti_slashing.clock_guard_epochs allows more) and every source before this one, for all validators."
                    ), json,
                ],
                examples: [
                    Example(
                        "containment-chamber anti-slashing reconcile -c config.yaml",
                        "Merge this instance's floor"
                    ),
                    Example(
                        "containment-chamber anti-slashing reconcile -c config.yaml --accept-clock-floor",
                        "Do without the floors of lost instances"
                    ),
                ]
            ),
            Command(
                "instances",
                summary: "List the instances that take part in recoveries of the record",
                discussion: """
                    Every instance with a floor is entered when it first uses the record, by a random identifier, its host \
                    and the place of its floor. A recovery (reconcile) waits for all of them.
                    """,
                options: settings + [json],
                examples: [Example("containment-chamber anti-slashing instances -c config.yaml", "Who is known")]
            ),
            Command(
                "retire",
                summary: "Take an instance that will not come back out of the recoveries",
                discussion: """
                    What the instance let out goes into the record as raised low watermarks, in the same step: from its \
                    floor, or else as the clock floor for all validators. Make sure that it does not run. One that comes \
                    back all the same is not known to the record and signs nothing before it was reconciled.
                    """,
                options: settings + [
                    Option(
                        "instance",
                        kind: .value("ID"),
                        summary: "Its identifier, as `anti-slashing instances` shows it.",
                        isRequired: true
                    ),
                    Option(
                        "floor",
                        kind: .value("FILE"),
                        summary: "The floor of the instance: the file itself, not an older copy of it."
                    ),
                    Option(
                        "accept-clock-floor",
                        kind: .flag,
                        summary: "Where its floor cannot be had: refuse what `reconcile --accept-clock-floor` refuses."
                    ), json,
                ],
                examples: [
                    Example(
                        "containment-chamber anti-slashing retire -c config.yaml --instance ID --floor old/slashing_floor.sqlite",
                        "Retire an instance whose disk is there"
                    )
                ]
            ),
            Command(
                "disable",
                summary: "Let no signer of the record sign anything with some keys",
                discussion: """
                    Durable in the record: blocks and attestations are refused at once by every signer that shares it, \
                    everything else within two seconds. The history stays.
                    """,
                options: settings + [validators, json],
                examples: [Example("containment-chamber anti-slashing disable -c config.yaml --keys 0x…", "Stop a key")]
            ),
            Command(
                "enable",
                summary: "Take back what this instance has disabled",
                discussion: """
                    What another instance has disabled stays so: its key may be at work in another place. Bring its keystore \
                    over the Key Manager API, or its history with `import --enable`. Exit code 3 when a key stays disabled.
                    """,
                options: settings + [validators, json],
                examples: [Example("containment-chamber anti-slashing enable -c config.yaml --keys 0x…", "Go on")]
            ),
            Command(
                "disabled",
                summary: "List the keys that are disabled in the record, and by whom",
                options: settings + [json],
                examples: [Example("containment-chamber anti-slashing disabled -c config.yaml", "Who is disabled")]
            ),
            Command(
                "status",
                summary: "Say what the record holds and whether it can be written",
                options: settings + [json],
                examples: [Example("containment-chamber anti-slashing status -c config.yaml", "Look at the record")]
            ),
        ]
    )
}
