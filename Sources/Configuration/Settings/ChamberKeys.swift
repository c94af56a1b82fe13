// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// The API of sealed keys, a part for each verb.
    package struct ChamberKeys: Sendable {
        package struct Verb: Sendable {
            package var isEnabled = false
            package var maxItemsPerRequest: Int
            package var maxConcurrentRequests = 16
            package var requestTimeout = Duration.seconds(600)
        }

        package var listConcurrency = 16
        package var generate = Verb(maxItemsPerRequest: 100)
        package var importing = Verb(maxItemsPerRequest: 100)
        package var lifecycle = Verb(maxItemsPerRequest: 500)
        package var backsUp = false
        /// age public keys, `age1…`.
        package var recipients: [String] = []
    }
}

extension Configuration.ChamberKeys {
    static let settings: [Setting<Configuration>] =
        [
            Setting(
                "chamber.keys.list.max_concurrent_requests",
                at: \.chamberKeys.listConcurrency,
                .integer(1...1000),
                "How many listings are worked on at the same time; one more is answered 503."
            )
        ]
        + verb(
            "generate",
            isEnabled: \.chamberKeys.generate.isEnabled,
            items: \.chamberKeys.generate.maxItemsPerRequest,
            requests: \.chamberKeys.generate.maxConcurrentRequests,
            timeout: \.chamberKeys.generate.requestTimeout,
            "Serves POST /api/v1/chamber/keys/generate: new keys, made here."
        )
        + [
            Setting(
                "chamber.keys.generate.backup.enabled",
                at: \.chamberKeys.backsUp,
                .boolean,
                "Keeps the mnemonic of each new key beside it, encrypted to `recipients` with age: the way back without KMS."
            ),
            Setting(
                "chamber.keys.generate.backup.recipients",
                at: \.chamberKeys.recipients,
                listOf: .word,
                mayBeEmpty: true,
                "The age public keys (age1…) whose owners can open the backups, each of them alone."
            ),
        ]
        + verb(
            "import",
            isEnabled: \.chamberKeys.importing.isEnabled,
            items: \.chamberKeys.importing.maxItemsPerRequest,
            requests: \.chamberKeys.importing.maxConcurrentRequests,
            timeout: \.chamberKeys.importing.requestTimeout,
            "Serves POST /api/v1/chamber/keys: keys that exist already."
        )
        + verb(
            "lifecycle",
            isEnabled: \.chamberKeys.lifecycle.isEnabled,
            items: \.chamberKeys.lifecycle.maxItemsPerRequest,
            requests: \.chamberKeys.lifecycle.maxConcurrentRequests,
            timeout: \.chamberKeys.lifecycle.requestTimeout,
            "Serves PATCH and DELETE /api/v1/chamber/keys: activating, deactivating and deleting."
        )

    private typealias Field<Value> = any WritableKeyPath<Configuration, Value> & Sendable

    private static func verb(
        _ name: String,
        isEnabled: Field<Bool>,
        items: Field<Int>,
        requests: Field<Int>,
        timeout: Field<Duration>,
        _ summary: String
    ) -> [Setting<Configuration>] {
        [
            Setting("chamber.keys.\(name).enabled", at: isEnabled, .boolean, summary),
            Setting(
                "chamber.keys.\(name).max_items_per_request",
                at: items,
                .integer(1...1000),
                "How many keys one request may be about; a larger one is answered 400."
            ),
            Setting(
                "chamber.keys.\(name).max_concurrent_requests",
                at: requests,
                .integer(1...1000),
                "How many such requests are worked on at the same time; one more is answered 503."
            ),
            Setting(
                "chamber.keys.\(name).request_timeout_seconds",
                at: timeout,
                .seconds(1...3600),
                "How long one may take; keys whose turn did not come are answered as errors and can be sent again."
            ),
        ]
    }

    static func rules(recipientFault: @escaping @Sendable ([String]) -> String?) -> [Rule<Configuration>] {
        [
            Rule(["chamber.keys.generate.backup.enabled", "chamber.keys.generate.backup.recipients"]) { all in
                let key = "chamber.keys.generate.backup.recipients"
                guard !all.chamberKeys.recipients.isEmpty else { return nil }
                return recipientFault(all.chamberKeys.recipients).map {
                    .init(key, $0, hint: "name what `age-keygen -y` prints: age1…")
                }
            }
        ]
    }

    static let rules: [Rule<Configuration>] = [
        Rule([
            "chamber.keys.generate.enabled", "chamber.keys.import.enabled", "chamber.keys.lifecycle.enabled",
            "key_sources.sqlite.path", "key_sources.postgres.url", "key_sources.dynamodb.table",
        ]) { all in
            let verbs = [
                ("generate", all.chamberKeys.generate.isEnabled), ("import", all.chamberKeys.importing.isEnabled),
                ("lifecycle", all.chamberKeys.lifecycle.isEnabled),
            ]
            guard all.sealedKeys == nil, let (name, _) = verbs.first(where: \.1) else { return nil }
            return .init(
                "chamber.keys.\(name).enabled",
                "needs a store of encrypted keys",
                hint: "set key_sources.sqlite.path, key_sources.postgres.url or key_sources.dynamodb.table"
            )
        },
        Rule(["chamber.keys.generate.backup.enabled", "chamber.keys.generate.backup.recipients"]) { all in
            guard all.chamberKeys.backsUp, all.chamberKeys.recipients.isEmpty else { return nil }
            return .init(
                "chamber.keys.generate.backup.recipients",
                "is empty, and chamber.keys.generate.backup.enabled is true: nobody could open the backups",
                hint: "make an identity with `age-keygen`, keep it offline, and name its public key here"
            )
        },
    ]
}
