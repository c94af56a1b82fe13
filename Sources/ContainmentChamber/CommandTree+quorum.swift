// SPDX-License-Identifier: Apache-2.0
internal import Arguments

extension CommandTree {
    private static let quorum = "QUORUM"

    /// Who opens the chamber beside the KMS keys.
    static let namedOperators = [
        Option(
            "operators",
            kind: .value("NAME,…"),
            summary: "The operators, with commas between them; each gets a registration token.",
            section: quorum
        ),
        Option(
            "operator-threshold",
            kind: .value("M"),
            summary: "How many of them open the chamber.",
            section: quorum
        ),
    ]
    private static let yubiKeyProgram = Option(
        "yubikey-program",
        kind: .value("PROGRAM"),
        summary: "ykman, ykchalresp, or software:PATH for tests; the first that is installed, if nothing is said.",
        section: quorum
    )
    private static let who = Option("operator", kind: .value("NAME"), summary: "Who you are.", section: quorum)
    private static let whoRequired = Option(
        "operator",
        kind: .value("NAME"),
        summary: "Who you are.",
        isRequired: true,
        section: quorum
    )
    /// How an operator proves who they are.
    private static let proof = [
        Option(
            "credential",
            kind: .value("ID|LABEL"),
            summary: "Which of your credentials, where several fit.",
            section: quorum
        ),
        Option(
            "passphrase",
            kind: .value("env:NAME|file:PATH|prompt"),
            summary: "Prove it with a passphrase; asked for if nothing is said.",
            section: quorum
        ),
        Option("yubikey", kind: .flag, summary: "Prove it with a YubiKey.", section: quorum),
        yubiKeyProgram,
    ]
    /// Of `operator unseal`, which has a meaning without them too.
    static let unsealing =
        [who] + proof + [
            Option(
                "wait",
                kind: .flag,
                summary: "Wait until the chamber is open, or the time is over.",
                section: quorum
            )
        ]
    /// What a new credential is made of.
    private static let making = [
        Option(
            "credential",
            kind: .value("KIND:LABEL"),
            summary: "passphrase:LABEL or yubikey:LABEL; once for each, 8 at most.",
            isRequired: true,
            isRepeatable: true,
            section: quorum
        ),
        Option(
            "passphrase",
            kind: .value("env:NAME|file:PATH|prompt"),
            summary: "The passphrase, 12 characters or more; once for each such credential, else asked for twice.",
            isRepeatable: true,
            section: quorum
        ),
        Option(
            "yubikey-slot",
            kind: .value("1|2"),
            summary: "The YubiKey's slot; 2 if nothing is said.",
            section: quorum
        ),
        yubiKeyProgram,
    ]
    private static let noWait = Option(
        "no-wait",
        kind: .flag,
        summary: "Where operators have to approve, do not wait for them: end with 3."
    )
    private static func proposal(_ summary: String, isRequired: Bool = true) -> Option {
        Option("proposal", kind: .value("ID"), summary: summary, isRequired: isRequired)
    }
    /// Of `operator generate-root-token`.
    static let approved = [
        noWait, proposal("Go on with the proposal that operators approve.", isRequired: false),
    ]

    /// `operator register`, `approve`, `rotate`, `credentials`.
    static let quorumCommands = [
        Command(
            "register",
            summary: "Give the chamber your credentials, with the registration token of your name",
            discussion: """
                On your own machine: the passphrase, or the YubiKey's answer, never leaves it. The chamber gets public keys \
                that are derived of it, and your share is sealed to them. Register two credentials, such as a YubiKey and a \
                passphrase on paper: either is enough, and one may get lost. All of them in one registration; the token is \
                good once.
                """,
            options: connection + [
                Option(
                    "token",
                    kind: .value("env:NAME|file:PATH|prompt"),
                    summary: "The registration token; asked for if nothing is said.",
                    section: quorum
                )
            ] + making,
            examples: [
                Example("containment-chamber operator register --credential passphrase:paper", "One passphrase"),
                Example(
                    "containment-chamber operator register --token file:token.txt --credential yubikey:blue --credential passphrase:paper",
                    "A YubiKey, and a passphrase for the day on which it is lost"
                ),
            ]
        ),
        Command(
            "approve",
            summary: "Agree to a proposal, after you have read it",
            discussion: """
                Shows the text of the proposal, asks, and signs that text. What enough operators have approved can be \
                carried out once, within its time.
                """,
            options: connection + [proposal("Which; operator status shows those that are open."), whoRequired] + proof
                + [Option("yes", kind: .flag, summary: "Do not ask.", section: quorum)],
            examples: [
                Example("containment-chamber operator approve --proposal ID --operator alice", "With a passphrase")
            ]
        ),
        rotate, credentials,
    ]

    private static let rotate = Command(
        "rotate",
        summary: "Change who opens the chamber, or its master key",
        subcommands: [
            Command(
                "kms",
                summary: "Share out among other KMS keys",
                options: connection + kmsKeys + [noWait],
                examples: [
                    Example(
                        "containment-chamber operator rotate kms --kms-key-arns arn:aws:kms:…,arn:aws:kms:… --kms-threshold 2 --auth-token env:TOKEN",
                        "Two keys, both needed"
                    )
                ]
            ),
            Command(
                "quorum",
                summary: "Let other operators open the chamber",
                discussion: """
                    All of them register anew. When they have, those of before compare the fingerprints of the credentials with \
                    them and approve; with the last approval the new ones take their place, and until then those of before \
                    stay. `operator rotate cancel` ends it.
                    """,
                options: connection + namedOperators + [noWait],
                examples: [
                    Example(
                        "containment-chamber operator rotate quorum --operators alice,bob,dave --operator-threshold 2 --auth-token env:TOKEN",
                        "Dave in Carol's place"
                    )
                ]
            ),
            Command(
                "mode",
                summary: "Begin or end to need operators",
                options: connection + [
                    Option("to", kind: .value("kms|quorum"), summary: "What it is to be.", isRequired: true)
                ] + namedOperators + [noWait],
                examples: [
                    Example(
                        "containment-chamber operator rotate mode --to quorum --operators alice,bob,carol --operator-threshold 2 --auth-token env:TOKEN",
                        "From now on two of three people open it"
                    ),
                    Example(
                        "containment-chamber operator rotate mode --to kms --auth-token env:TOKEN",
                        "From now on it opens by itself"
                    ),
                ]
            ),
            Command(
                "master-key",
                summary: "Make a new master key, and encrypt every validator's key under it",
                discussion: """
                    The old one goes when nothing lies under it any more: by itself where there are no operators, else \
                    with --finish, when they have given their shares of the new one to every instance.
                    """,
                options: connection + [
                    Option("finish", kind: .flag, summary: "Let go of the old one; operator status shows when."),
                    noWait,
                ],
                examples: [
                    Example("containment-chamber operator rotate master-key --auth-token env:TOKEN", "A new one")
                ]
            ),
            Command(
                "continue",
                summary: "Go on with a proposal that operators approve",
                options: connection + [proposal("Which."), noWait],
                examples: [
                    Example(
                        "containment-chamber operator rotate continue --proposal ID --auth-token env:TOKEN",
                        "After --no-wait"
                    )
                ]
            ),
            Command(
                "withdraw",
                summary: "Take back a proposal that you made",
                options: connection + [proposal("Which.")],
                examples: [
                    Example(
                        "containment-chamber operator rotate withdraw --proposal ID --auth-token env:TOKEN",
                        "Nobody is asked any more"
                    )
                ]
            ),
            Command(
                "cancel",
                summary: "End a registration of new operators that is under way",
                options: connection,
                examples: [Example("containment-chamber operator rotate cancel --auth-token env:TOKEN", "Cancel")]
            ),
        ]
    )

    private static let credentials = Command(
        "credentials",
        summary: "The ways in which operators prove who they are",
        subcommands: [
            Command(
                "list",
                summary: "List the credentials of one operator, or of all",
                options: connection + [who],
                examples: [
                    Example("containment-chamber operator credentials list --operator alice", "Of one"),
                    Example("containment-chamber operator credentials list --auth-token env:TOKEN", "Of all"),
                ]
            ),
            Command(
                "add",
                summary: "Add a credential of an operator",
                options: connection + [whoRequired] + making + [noWait],
                examples: [
                    Example(
                        "containment-chamber operator credentials add --operator alice --credential yubikey:spare --auth-token env:TOKEN",
                        "A second YubiKey"
                    )
                ]
            ),
            Command(
                "remove",
                summary: "Take a credential of an operator away",
                options: connection + [
                    whoRequired,
                    Option(
                        "credential",
                        kind: .value("ID|LABEL"),
                        summary: "Which.",
                        isRequired: true,
                        section: quorum
                    ), noWait,
                ],
                examples: [
                    Example(
                        "containment-chamber operator credentials remove --operator alice --credential blue --auth-token env:TOKEN",
                        "A lost YubiKey"
                    )
                ]
            ),
        ]
    )
}
