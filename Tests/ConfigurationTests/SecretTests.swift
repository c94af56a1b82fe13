import Testing

// SPDX-License-Identifier: Apache-2.0
// `@testable` because no setting holds a secret yet: a table of our own shows that the first one will be safe.
@testable import Configuration

@Suite struct SecretTests {
    private struct Root: Sendable {
        var password: SecretReference?
        var tokens: [SecretReference] = []
    }

    private let schema = Schema<Root>([
        Setting("store.password", at: \.password, optional: .secret, unset: "none", "A password."),
        Setting("store.tokens", at: \.tokens, listOf: .secret, mayBeEmpty: true, "Tokens."),
    ])

    private func load(_ yaml: String) throws(ConfigurationError) -> Loader<Root>.Loaded {
        try Loader(schema: schema).load(
            Root(),
            file: ConfigurationFile(path: "c.yaml", text: yaml),
            environment: [:],
            flags: []
        )
    }

    @Test func `a secret is where it is said to be`() throws {
        let values = try load("store: {password: 'env:DB_PASSWORD', tokens: ['file:/run/secret', 'hunter2']}").values
        #expect(values.password?.source == .environment(name: "DB_PASSWORD"))
        #expect(values.tokens.map(\.source) == [.file(path: "/run/secret"), .inline(text: "hunter2")])
    }

    @Test func `show names where a secret is and never the secret`() throws {
        let loaded = try load("store: {password: hunter2, tokens: ['file:/run/secret', 'hunter2']}")
        let shown = schema.show(loaded.values, origins: loaded.origins)
        #expect(!shown.contains("hunter2"))
        #expect(shown.contains("[redacted]") && shown.contains("file:/run/secret"))
    }

    @Test func `a secret does not reach text by accident`() {
        let secret = SecretReference(.inline(text: "hunter2"))
        var dumped = ""
        dump(secret, to: &dumped)
        dump([secret], to: &dumped)
        dump(Root(password: secret), to: &dumped)
        #expect(
            !(dumped + "\(secret) \([secret]) \(String(reflecting: secret)) \(Root(password: secret))").contains(
                "hunter2"
            )
        )
    }

    @Test(arguments: ["'env:'", "'env:A=hunter2'", "'file:'", "''", "[hunter2]", "{hunter2: hunter2}"])
    func `a secret that cannot be read is not repeated`(text: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try load("store: {password: \(text)}") }
        #expect(error?.description.contains("hunter2") == false)
    }
}
