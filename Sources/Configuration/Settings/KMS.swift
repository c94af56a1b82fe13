// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// How the keys that wrap the shares of the master key are reached. Which keys they are stands in the signer state.
    package struct KMS: Sendable {
        package var endpoints: [RegionEndpoint] = []
        package var profiles: [AccountProfile] = []
        package var timeout = Duration.seconds(5)

        /// The addresses by region; `*` for every region that is not named.
        package var endpointsByRegion: [String: String] {
            Dictionary(endpoints.map { ($0.region, $0.endpoint.url) }, uniquingKeysWith: { first, _ in first })
        }

        /// The profiles by account; `*` for every account that is not named.
        package var profilesByAccount: [String: String] {
            Dictionary(profiles.map { ($0.account, $0.profile) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// Where AWS KMS answers for a region.
    package struct RegionEndpoint: Sendable, Hashable {
        /// `*` for every region that is not named.
        package let region: String
        package let endpoint: ServiceEndpoint
    }

    /// As whom the keys of an account are used.
    package struct AccountProfile: Sendable, Hashable {
        /// 12 digits; `*` for every account that is not named.
        package let account: String
        package let profile: String
    }
}

extension Configuration.KMS {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "kms.endpoints",
            at: \.kms.endpoints,
            listOf: .regionEndpoint,
            mayBeEmpty: true,
            "Where AWS KMS answers, REGION=https://HOST[:PORT] each, such as an endpoint of the own network; http:// only for this machine. * stands for every region that is not named. Without an entry it is the region's own address."
        ),
        Setting(
            "kms.profiles",
            at: \.kms.profiles,
            listOf: .accountProfile,
            mayBeEmpty: true,
            "As whom the KMS keys of an account are used, ACCOUNT=PROFILE each: a profile of the AWS configuration, and nothing else. * stands for every account that is not named. Without an entry it is the standard chain: environment, profile, web identity, container, instance."
        ),
        Setting(
            "kms.timeout_seconds",
            at: \.kms.timeout,
            .seconds(1...60),
            "How long one share may take to be wrapped or unwrapped, further attempts included."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["kms.endpoints"]) { all in
            twice(all.kms.endpoints.map(\.region)).map { .init("kms.endpoints", "names the region \($0) twice") }
        },
        Rule(["kms.profiles"]) { all in
            twice(all.kms.profiles.map(\.account)).map { .init("kms.profiles", "names the account \($0) twice") }
        },
    ]

    private static func twice(_ names: [String]) -> String? {
        names.enumerated().first { place, name in names[..<place].contains(name) }?.element
    }
}

extension ValueType where Value == Configuration.RegionEndpoint {
    static let regionEndpoint = ValueType(
        "REGION=URL",
        placeholder: "REGION=URL",
        read: { text throws(ValueFailure) in
            let (region, url) = try sides(of: text, "REGION=https://HOST")
            let isRegion =
                region.contains("-")
                && region.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
            guard isRegion || region == "*" else {
                throw ValueFailure("has no AWS region such as eu-central-1 before the =")
            }
            do throws(ServiceEndpoint.Failure) {
                return .init(region: region, endpoint: try ServiceEndpoint(url))
            } catch { throw ValueFailure("has no address behind the = that can be used: \(error.reason)") }
        },
        write: { "\($0.region)=\($0.endpoint.url)" }
    )
}

extension ValueType where Value == Configuration.AccountProfile {
    static let accountProfile = ValueType(
        "ACCOUNT=PROFILE",
        placeholder: "ACCOUNT=PROFILE",
        read: { text throws(ValueFailure) in
            let (account, profile) = try sides(of: text, "ACCOUNT=PROFILE")
            let isAccount = account.utf8.count == 12 && account.utf8.allSatisfy { $0 &- 0x30 < 10 }
            guard isAccount || account == "*" else {
                throw ValueFailure("has no number of an AWS account, 12 digits, before the =")
            }
            guard !profile.isEmpty, profile.utf8.allSatisfy({ (0x21..<0x7f).contains($0) && $0 != 0x5d }) else {
                throw ValueFailure("has no name of a profile behind the =")
            }
            return .init(account: account, profile: profile)
        },
        write: { "\($0.account)=\($0.profile)" }
    )
}

/// What stands before the first `=` and what behind it.
private func sides(of text: String, _ form: String) throws(ValueFailure) -> (String, String) {
    guard let sign = text.firstIndex(of: "=") else { throw ValueFailure("is no entry of the form \(form)") }
    return (String(text[..<sign]), String(text[text.index(after: sign)...]))
}
