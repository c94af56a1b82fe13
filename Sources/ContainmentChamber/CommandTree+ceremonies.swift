// SPDX-License-Identifier: Apache-2.0
internal import Arguments

extension CommandTree {
    /// The KMS keys that get a share each.
    static let kmsKeys = [
        Option(
            "kms-key-arns",
            kind: .value("KEY,…"),
            summary: "The KMS keys, with commas between them: arn:aws:kms:…, or local:/path for development.",
            isRequired: true
        ),
        Option(
            "kms-threshold",
            kind: .value("N"),
            summary: "How many of them open the chamber.",
            isRequired: true
        ),
    ]

    /// `operator init`, `status`, `seal`, `unseal`, `local-key`.
    static let ceremonies = [
        Command(
            "init",
            summary: "Make the master key of a new chamber, and share it out among KMS keys",
            discussion: """
                The master key is made in the signer and leaves it only in shares, each wrapped under another KMS key. The \
                signer needs --kms-threshold of them to open the chamber at each start. Every key is tried before anything \
                is written. Done once in the life of a chamber, with the setup token that the signer's log has as \
                setup_token; where the option is missing, it is asked for and not shown.

                With --operators, KMS keys alone open nothing: --operator-threshold of the operators have to give their \
                shares at each start. Each registers first, with a token that is printed once.
                """,
            options: connection + [
                Option(
                    "setup-token",
                    kind: .value("env:NAME|file:PATH"),
                    summary: "The token of the signer's last start."
                )
            ] + kmsKeys + namedOperators,
            examples: [
                Example(
                    "containment-chamber operator init --kms-key-arns arn:aws:kms:…,arn:aws:kms:…,arn:aws:kms:… --kms-threshold 2",
                    "Two of three keys open it"
                ),
                Example(
                    "containment-chamber operator init --kms-key-arns arn:aws:kms:…,arn:aws:kms:… --kms-threshold 1 --operators alice,bob,carol --operator-threshold 2",
                    "One of two keys, and two of three people"
                ),
            ]
        ),
        Command(
            "status",
            summary: "Say whether the chamber is open, and why not",
            options: connection,
            examples: [Example("containment-chamber operator status --auth-token env:TOKEN", "Look at it")]
        ),
        Command(
            "seal",
            summary: "Stop all signing at once, on every instance, also after a restart",
            discussion: """
                Returns when nothing is under way any more and the master key is gone from this instance's memory; the \
                others follow within a second. Keys of files do not sign either. `operator unseal` takes the order back.
                """,
            options: connection,
            examples: [Example("containment-chamber operator seal --auth-token env:TOKEN", "Stop")]
        ),
        Command(
            "unseal",
            summary: "Open the chamber: take back the order to seal, or give your share as an operator",
            discussion: """
                Without --operator the order to seal is taken back; with -c, over the admin socket of this machine, where no \
                token is left that may. With --operator, your share is opened on this machine, with \
                your passphrase or your YubiKey, and given to the signer; --signer-url may then name several, with commas \
                between them, and the secret is asked for once. The chamber opens with the last share that is needed.
                """,
            options: connection + [configuration] + unsealing,
            examples: [
                Example("containment-chamber operator unseal --auth-token env:TOKEN", "Go on after operator seal"),
                Example("containment-chamber operator unseal -c config.yaml", "The same, on the signer's machine"),
                Example("containment-chamber operator unseal --operator alice", "Your share, with a passphrase"),
                Example(
                    "containment-chamber operator unseal --operator bob --yubikey --signer-url https://a:9443,https://b:9443 --wait",
                    "Two signers, with a YubiKey"
                ),
            ]
        ),
        Command(
            "local-key",
            summary: "Make a key file for local:PATH, for development",
            discussion: """
                32 random bytes, readable by their owner only. Prints the name that --kms-key-arns takes. Whoever has the \
                file has the key: in production use KMS keys in several accounts.
                """,
            options: [json],
            positionals: [Positional("PATH", summary: "The file to make; one that is there is left alone.")],
            examples: [Example("containment-chamber operator local-key /var/lib/chamber/kms-1.key", "Make one")]
        ),
    ]
}
