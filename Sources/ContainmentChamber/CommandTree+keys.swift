// SPDX-License-Identifier: Apache-2.0
internal import Arguments

extension CommandTree {
    private static let batch = Option(
        "batch",
        kind: .value("N"),
        summary: "How many keys one request is about; the signer's max_items_per_request at most."
    )
    private static let inactive = Option("inactive", kind: .flag, summary: "They do not sign until they are activated.")
    private static let list = Option(
        "file",
        kind: .value("LIST"),
        summary: "A file with a public key a line; # comments."
    )
    private static let publicKeys = Positional(
        "PUBKEY",
        summary: "Public keys in hexadecimal.",
        isRequired: false,
        isRepeatable: true
    )

    static let keys = Command(
        "keys",
        summary: "Key files, and the encrypted keys of a running signer",
        subcommands: [
            listing, inspection, generation, importing, change("activate", "Let keys sign"),
            change("deactivate", "Let keys sign no more; they stay in the store"), deletion, backupExport, recovery,
        ]
    )

    private static let listing = Command(
        "list",
        summary: "List keys: those of the configured files, or the encrypted ones of a running signer",
        discussion: """
            By itself, or with -c, it loads the key files that the signer would load. With --signer-url, --status or another \
            of the options that reach a signer, it lists the encrypted keys of its store, page by page.
            """,
        options: settings + connection + [
            Option("status", kind: .value("active|inactive"), summary: "Only these, of a running signer.")
        ],
        examples: [
            Example("containment-chamber keys list -c config.yaml", "What the signer would load of files"),
            Example("containment-chamber keys list --signer-url http://127.0.0.1:9000", "What its store holds"),
        ]
    )

    private static let inspection = Command(
        "inspect",
        summary: "Say what a keystore file holds, without opening it",
        options: [json],
        positionals: [Positional("FILE", summary: "An EIP-2335 keystore.")],
        examples: [Example("containment-chamber keys inspect keystore.json", "Look at a keystore")]
    )

    private static let generation = Command(
        "generate",
        summary: "Make new keys in a running signer",
        discussion: """
            Each has 24 words of its own; with chamber.keys.generate.backup the signer keeps them beside the key, encrypted \
            with age. Some are made at a time. Under the same --request-id the same command makes nothing twice: after a \
            connection that was lost, run it again.
            """,
        options: connection + [
            Option("count", kind: .value("N"), summary: "How many.", isRequired: true), inactive,
            Option(
                "request-id",
                kind: .value("NAME"),
                summary: "What this order is called; a random name where nothing is said."
            ), batch,
        ],
        examples: [
            Example("containment-chamber keys generate --count 10 --inactive --auth-token env:TOKEN", "Ten for later")
        ]
    )

    private static let importing = Command(
        "import",
        summary: "Bring keystores and plain keys into the store of a running signer",
        discussion: """
            The signer opens each keystore once, encrypts its key under the master key, and needs no password afterwards. A \
            key that is there already is a duplicate and stays as it is, so the same command can be run again. Give the \
            history of the keys with --slashing-protection, or take it over with `anti-slashing import` first: it goes into \
            the record before the keys can sign. Stop the signer that has them now before that.
            """,
        options: connection + [
            Option(
                "password-file",
                kind: .value("PATH"),
                summary: "The password of all keystores; asked for otherwise."
            ),
            Option(
                "passwords-dir",
                kind: .value("DIR"),
                summary: "A folder with a password for each keystore: its name with .txt for .json."
            ),
            Option(
                "private-key",
                kind: .value("env:NAME|file:PATH"),
                summary: "A key that is not encrypted, in hexadecimal; once for each.",
                isRepeatable: true
            ), inactive,
            Option(
                "slashing-protection",
                kind: .value("FILE"),
                summary: "What the keys have signed elsewhere (EIP-3076)."
            ), batch,
        ],
        positionals: [
            Positional("FILE", summary: "Keystores, or folders of *.json.", isRequired: false, isRepeatable: true)
        ],
        examples: [
            Example(
                "containment-chamber keys import ./keystores --passwords-dir ./passwords --slashing-protection history.json --auth-token env:TOKEN",
                "A folder, with its history"
            ),
            Example(
                "containment-chamber keys import --private-key file:key.hex --inactive --auth-token env:TOKEN",
                "One plain key"
            ),
        ]
    )

    private static func change(_ name: String, _ summary: String) -> Command {
        Command(
            name,
            summary: summary,
            discussion: "Durable when it is answered; other instances of the signer follow within a second or two.",
            options: connection + [list, batch],
            positionals: [publicKeys],
            examples: [Example("containment-chamber keys \(name) 0x… --auth-token env:TOKEN", "One key")]
        )
    }

    private static let deletion = Command(
        "delete",
        summary: "Remove keys and their backups from the store of a running signer, for good",
        discussion: """
            Nobody signs with them again unless they are imported, from a backup or a keystore. `keys deactivate` only ends \
            signing. What they have signed stays in the slashing record.
            """,
        options: connection + [
            list, batch,
            Option("yes", kind: .flag, summary: "Do it; without this, it is only said what would be done."),
        ],
        positionals: [publicKeys],
        examples: [Example("containment-chamber keys delete 0x… --yes --auth-token env:TOKEN", "One key")]
    )

    private static let backupExport = Command(
        "export-backup",
        summary: "Write the encrypted mnemonics of generated keys to files",
        discussion: """
            A file PUBKEY.age for each key, as the signer keeps it: encrypted to the recipients that \
            chamber.keys.generate.backup.recipients named when the key was made. Put them where the signer's disks and \
            accounts are not. A file that is there already is not overwritten.
            """,
        options: connection + [
            list, Option("all", kind: .flag, summary: "Every key."),
            Option("out", kind: .value("DIR"), summary: "Where the files go.", isRequired: true),
        ],
        positionals: [publicKeys],
        examples: [
            Example("containment-chamber keys export-backup --all --out ./backups --auth-token env:TOKEN", "All")
        ]
    )

    private static let recovery = Command(
        "recover",
        summary: "Make keystores out of backups and an age identity, without signer or KMS",
        discussion: """
            Works on any machine, also one without a network. Each backup gives a keystore keystore-PUBKEY.json, encrypted \
            with the password and opened again before it is written. What is there already is left alone, so the same \
            command can be run again. Make sure that the keys sign nowhere else before they sign again.
            """,
        options: [
            Option(
                "backup",
                kind: .value("FILE"),
                summary: "A file of `keys export-backup`, or a folder of *.age; once for each.",
                isRequired: true,
                isRepeatable: true
            ),
            Option(
                "identity",
                kind: .value("FILE"),
                summary: "An identity file of age, also one with a passphrase; once for each.",
                isRequired: true,
                isRepeatable: true
            ),
            Option(
                "identity-passphrase",
                kind: .value("env:NAME|file:PATH"),
                summary: "The passphrase of the identity file; asked for otherwise."
            ), Option("out", kind: .value("DIR"), summary: "Where the keystores go.", isRequired: true),
            Option(
                "password-file",
                kind: .value("PATH"),
                summary: "The password that the keystores get; asked for otherwise."
            ),
            Option("raw", kind: .flag, summary: "Also write each key without encryption, as PUBKEY.key."), json,
        ],
        examples: [
            Example(
                "containment-chamber keys recover --backup ./backups --identity key.txt --out ./keystores",
                "All of a folder"
            )
        ]
    )
}
