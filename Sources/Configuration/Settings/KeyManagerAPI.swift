// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// The Key Manager API: keys that are imported and deleted over the signing port, in memory only.
    package struct KeyManagerAPI: Sendable {
        package var isEnabled = false
        package var maxConcurrentReads = 50
        package var maxConcurrentWrites = 10
        package var requestTimeout = Duration.seconds(30)
        package var maxItemsPerRequest = 100
    }
}

extension Configuration.KeyManagerAPI {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "http.key_manager_api.enabled",
            at: \.keyManagerAPI.isEnabled,
            .boolean,
            "Serves /eth/v1/keystores on the signing port: keys that are imported there are kept in memory only and are gone after a restart."
        ),
        Setting(
            "http.key_manager_api.max_concurrent_reads",
            at: \.keyManagerAPI.maxConcurrentReads,
            .integer(1...10_000),
            "How many listings and deletions are worked on at the same time; one more is answered 503."
        ),
        Setting(
            "http.key_manager_api.max_concurrent_writes",
            at: \.keyManagerAPI.maxConcurrentWrites,
            .integer(1...10_000),
            "How many imports are worked on at the same time; one more is answered 503."
        ),
        Setting(
            "http.key_manager_api.request_timeout_seconds",
            at: \.keyManagerAPI.requestTimeout,
            .seconds(1...600),
            "How long an import goes on opening keystores; those whose turn did not come are answered as errors and can be sent again."
        ),
        Setting(
            "http.key_manager_api.max_items_per_request",
            at: \.keyManagerAPI.maxItemsPerRequest,
            .integer(1...100_000),
            "How many keys one request may name; a larger one is answered 400."
        ),
    ]
}
