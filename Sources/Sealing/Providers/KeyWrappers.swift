// SPDX-License-Identifier: Apache-2.0
package import AWS
internal import Concurrency

/// How the holders of keys are reached.
package struct KeyWrapperSettings: Sendable {
    /// Where AWS KMS answers, by region, `*` for every other one; else at the region's own address.
    package var endpoints: [String: String]
    /// Which profile of the AWS configuration is used for the keys of an account, `*` for every other one.
    package var profiles: [String: String]
    /// As whom keys of accounts without a profile are used.
    package var credentials: AWSSettings.Credentials
    /// For one call, all attempts together.
    package var timeout: Duration

    package init(
        endpoints: [String: String] = [:],
        profiles: [String: String] = [:],
        credentials: AWSSettings.Credentials = .chain(),
        timeout: Duration = .seconds(5)
    ) {
        self.endpoints = endpoints
        self.profiles = profiles
        self.credentials = credentials
        self.timeout = timeout
    }

    /// Where and as whom a key is used.
    func aws(for key: AWSKMSKey) -> AWSSettings {
        AWSSettings(
            region: key.region,
            endpoint: endpoints[key.region] ?? endpoints["*"],
            credentials: (profiles[key.account] ?? profiles["*"]).map { .profile($0) } ?? credentials
        )
    }
}

/// Makes the wrappers for the keys that a chamber names. What is needed to reach AWS is made at the first use, once for
/// each region, address and profile, and kept: its connections and credentials with it.
package final class KeyWrappers: Sendable {
    private struct Kept {
        var runtime: AWSRuntime?
        var clients: [AWSSettings: AWSClient] = [:]
    }

    private let settings: KeyWrapperSettings
    private let kept: Lock<Kept>

    /// - Parameter runtime: nil for one of its own, made when AWS is first asked.
    package init(_ settings: KeyWrapperSettings, runtime: AWSRuntime? = nil) {
        self.settings = settings
        kept = Lock(Kept(runtime: runtime))
    }

    package func wrapper(for name: KeyName) throws(WrappingError) -> any KeyWrapper {
        switch name.holder {
        case .local(let path): return LocalKey(path, name: name)
        case .awsKMS(let key):
            do {
                return AWSKMS(key, name: name, client: try client(settings.aws(for: key)), within: settings.timeout)
            } catch { throw WrappingError(error, "client", key: name) }
        }
    }

    private func client(_ settings: AWSSettings) throws(AWSError) -> AWSClient {
        try kept.withLock { (kept) throws(AWSError) in
            if let client = kept.clients[settings] { return client }
            let runtime = if let runtime = kept.runtime { runtime } else { try AWSRuntime() }
            kept.runtime = runtime
            let client = try AWSClient(service: "kms", jsonVersion: "1.1", settings: settings, runtime: runtime)
            kept.clients[settings] = client
            return client
        }
    }
}
