// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration

extension CommandTree {
    private static let lifetime = Option(
        "ttl",
        kind: .value("TIME"),
        summary: "How long the token is good: 45m, 12h, 30d. Without it, until it is revoked."
    )
    /// How a running signer is reached, with `--json`.
    static let connection = [
        Option(
            "signer-url",
            kind: .value("URL"),
            summary: "The signer; http://127.0.0.1:9000 where nothing is said."
        ),
        Option("auth-token", kind: .value("env:NAME|file:PATH"), summary: "A management token."),
        Option(
            "allow-plaintext-signer",
            kind: .flag,
            summary: "Send the token over http:// to another machine, where the network is yours alone."
        ),
        Option("ca-cert", kind: .value("FILE"), summary: "The authority of the signer's certificate, in PEM."),
        Option("client-cert", kind: .value("FILE"), summary: "The certificate that the signer knows you by, in PEM."),
        Option("client-key", kind: .value("FILE"), summary: "Its private key, in PEM."),
        json,
    ]
    /// Of whatever has policies.
    private static let holding = [
        Option("name", kind: .value("NAME"), summary: "What it is called.", isRequired: true),
        Option(
            "policy",
            kind: .value("NAME"),
            summary: "A policy that it has; once for each.",
            isRequired: true,
            isRepeatable: true
        ),
    ]
    private static let token = Positional("ID", summary: "The token's identifier: 16 hexadecimal digits.")
    private static let policy = Positional("NAME", summary: "The policy's name.")

    static let operatorCommands = Command(
        "operator",
        summary: "The chamber, and who may do what",
        subcommands: ceremonies + quorumCommands + [
            Command(
                "generate-root-token",
                summary: "Make a management token, over the admin socket",
                discussion: """
                    The token allows everything, managing policies and tokens included. Use it to make a policy and a \
                    token for each client, then keep it locked away or let it end. Needs the running signer's \
                    configuration, and its user. Where operators open the chamber, enough of them approve it first.
                    """,
                options: settings + [
                    Option(
                        "name",
                        kind: .value("NAME"),
                        summary: "What the token is called; operator if nothing is said."
                    ),
                    lifetime,
                    Option(
                        "accept-access-rows",
                        kind: .flag,
                        summary:
                            "First show the rows of policies and tokens whose own tags are right, and which would be deleted; with --yes, believe them from now on."
                    ),
                    Option("yes", kind: .flag, summary: "Do it; without this, it is only said what would be done."),
                    json,
                ] + approved,
                examples: [
                    Example(
                        "containment-chamber operator generate-root-token -c config.yaml --ttl 12h",
                        "The first token"
                    ),
                    Example(
                        "containment-chamber operator generate-root-token -c config.yaml --accept-access-rows",
                        "The catalogue of policies and tokens is refused: look"
                    ),
                ]
            ),
            Command(
                "auth",
                summary: "Policies and tokens of a running signer",
                subcommands: [policies, tokens, certificates]
            ),
        ]
    )

    private static let policies = Command(
        "policies",
        summary: "Named rules",
        subcommands: [
            Command(
                "list",
                summary: "List all policies",
                options: connection,
                examples: [Example("containment-chamber operator auth policies list --auth-token env:TOKEN", "List")]
            ),
            Command(
                "show",
                summary: "Show a policy",
                options: connection,
                positionals: [policy],
                examples: [
                    Example(
                        "containment-chamber operator auth policies show vc-1 --auth-token env:TOKEN",
                        "Look at one"
                    )
                ]
            ),
            Command(
                "apply",
                summary: "Make a policy of a file, or replace the one of its name",
                discussion: """
                    The file is JSON: a name and rules, each with effect (allow or deny) and any of scopes, keys, \
                    operations and source_cidrs. A field that is absent means any; a denial wins wherever it stands.
                    """,
                options: connection,
                positionals: [Positional("FILE", summary: "The policy, as JSON.")],
                examples: [
                    Example(
                        "containment-chamber operator auth policies apply vc-1.json --auth-token env:TOKEN",
                        "Apply"
                    )
                ]
            ),
            Command(
                "delete",
                summary: "Delete a policy that no token has",
                options: connection,
                positionals: [policy],
                examples: [
                    Example("containment-chamber operator auth policies delete vc-1 --auth-token env:TOKEN", "Delete")
                ]
            ),
        ]
    )

    private static let certificate = Positional("NAME", summary: "The name under which the certificate is bound.")
    private static let certificates = Command(
        "certificates",
        summary: "Clients that are known by their TLS certificate",
        subcommands: [
            Command(
                "list",
                summary: "List all bound certificates",
                options: connection,
                examples: [
                    Example("containment-chamber operator auth certificates list --auth-token env:TOKEN", "List")
                ]
            ),
            Command(
                "show",
                summary: "Show a bound certificate",
                options: connection,
                positionals: [certificate],
                examples: [
                    Example(
                        "containment-chamber operator auth certificates show vc-1 --auth-token env:TOKEN",
                        "Look at one"
                    )
                ]
            ),
            Command(
                "create",
                summary: "Give whoever has a certificate the policies of a name",
                discussion: """
                    Either --fingerprint, which means one certificate, or --ca-fingerprint and --san, which mean every \
                    certificate of that authority with that alternative name, its successors included. \
                    `openssl x509 -in FILE -noout -fingerprint -sha256` prints a fingerprint.
                    """,
                options: connection + holding + [
                    Option("fingerprint", kind: .value("SHA-256"), summary: "The certificate's own fingerprint."),
                    Option("ca-fingerprint", kind: .value("SHA-256"), summary: "The fingerprint of its authority."),
                    Option(
                        "san",
                        kind: .value("NAME"),
                        summary: "Its alternative name: DNS:NAME, URI:NAME, IP:ADDRESS or email:NAME."
                    ),
                ],
                examples: [
                    Example(
                        "containment-chamber operator auth certificates create --name vc-1 --policy vc-1 --ca-fingerprint 5F:0C:… --san DNS:vc-1.example --auth-token env:TOKEN",
                        "A client of your authority"
                    )
                ]
            ),
            Command(
                "delete",
                summary: "Take the policies of a certificate away; nothing is signed with it afterwards",
                options: connection,
                positionals: [certificate],
                examples: [
                    Example(
                        "containment-chamber operator auth certificates delete vc-1 --auth-token env:TOKEN",
                        "A lost key"
                    )
                ]
            ),
        ]
    )

    private static let tokens = Command(
        "tokens",
        summary: "What clients show",
        subcommands: [
            Command(
                "list",
                summary: "List all tokens, without their secrets",
                options: connection,
                examples: [Example("containment-chamber operator auth tokens list --auth-token env:TOKEN", "List")]
            ),
            Command(
                "show",
                summary: "Show a token, without its secret",
                options: connection,
                positionals: [token],
                examples: [
                    Example(
                        "containment-chamber operator auth tokens show 0123456789abcdef --auth-token env:TOKEN",
                        "Look at one"
                    )
                ]
            ),
            Command(
                "create",
                summary: "Make a token; its secret is shown once",
                options: connection + holding + [lifetime],
                examples: [
                    Example(
                        "containment-chamber operator auth tokens create --name vc-1 --policy vc-1 --ttl 30d --auth-token env:TOKEN",
                        "A token for a client"
                    )
                ]
            ),
            Command(
                "replace",
                summary: "Give a token another name, other policies or another end; its secret stays",
                discussion: """
                    The token has the name and the policies that are said here, and no others. Without --ttl it keeps \
                    its end. One that was revoked stays revoked.
                    """,
                options: connection + holding + [
                    Option(
                        "ttl",
                        kind: .value("TIME"),
                        summary: "How long it is good from now on: 45m, 12h, 30d; none takes its end away."
                    )
                ],
                positionals: [token],
                examples: [
                    Example(
                        "containment-chamber operator auth tokens replace 0123456789abcdef --name vc-1 --policy vc-1 --ttl 30d --auth-token env:TOKEN",
                        "A client goes on for another month"
                    )
                ]
            ),
            Command(
                "revoke",
                summary: "End a token at once; nothing is signed with it afterwards",
                options: connection,
                positionals: [token],
                examples: [
                    Example(
                        "containment-chamber operator auth tokens revoke 0123456789abcdef --auth-token env:TOKEN",
                        "A leaked token"
                    )
                ]
            ),
            Command(
                "delete",
                summary: "End a token and forget it",
                options: connection,
                positionals: [token],
                examples: [
                    Example(
                        "containment-chamber operator auth tokens delete 0123456789abcdef --auth-token env:TOKEN",
                        "Tidy up"
                    )
                ]
            ),
        ]
    )
}
