// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// The metrics server.
    package struct Metrics: Sendable {
        package var isEnabled = true
        package var listenAddress = "127.0.0.1"
        package var listenPort = 3000
        package var refreshInterval = Duration.seconds(30)
        package var allowedHosts = ["localhost", "127.0.0.1", "[::1]"]
    }
}

extension Configuration.Metrics {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "metrics.enabled",
            at: \.metrics.isEnabled,
            .boolean,
            "Serves metrics in Prometheus' text form on /metrics."
        ),
        Setting(
            "metrics.listen_address",
            at: \.metrics.listenAddress,
            .address,
            "The address of the metrics server."
        ),
        Setting(
            "metrics.listen_port",
            at: \.metrics.listenPort,
            .integer(0...65535),
            "The port of the metrics server; 0 picks a free one."
        ),
        Setting(
            "metrics.refresh_interval_seconds",
            at: \.metrics.refreshInterval,
            .seconds(1...3600),
            "How often figures that must be looked up, such as the size of the record, are refreshed."
        ),
        Setting(
            "metrics.allowed_hosts",
            at: \.metrics.allowedHosts,
            listOf: .host,
            mayBeEmpty: false,
            "The names that clients may write in the Host header. * allows any."
        ),
    ]
}
