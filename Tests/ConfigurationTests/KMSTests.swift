// SPDX-License-Identifier: Apache-2.0
import Configuration
import Testing

@Suite struct KMSSettingTests {
    @Test func `endpoints and profiles are found by region and account`() throws {
        let kms = try load(
            """
            kms:
              endpoints:
                - eu-central-1=https://vpce-1.kms.eu-central-1.vpce.amazonaws.com
                - us-gov-west-1=https://kms.example:8443
                - "*=http://127.0.0.1:5000"
              profiles: [111122223333=holder-a, "*=default"]
              timeout_seconds: 7
            """
        ).kms
        #expect(
            kms.endpointsByRegion == [
                "eu-central-1": "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com",
                "us-gov-west-1": "https://kms.example:8443", "*": "http://127.0.0.1:5000",
            ]
        )
        #expect(kms.endpoints.map(\.endpoint.port) == [443, 8443, 5000])
        #expect(kms.profilesByAccount == ["111122223333": "holder-a", "*": "default"])
        #expect(kms.timeout == .seconds(7))
    }

    @Test func `without them it is the region's address, the standard chain and five seconds`() throws {
        let kms = try load().kms
        #expect(kms.endpoints.isEmpty && kms.profiles.isEmpty && kms.timeout == .seconds(5))
    }

    @Test func `they come from the environment too`() throws {
        let kms = try load(environment: [
            "CONTAINMENT_KMS__ENDPOINTS": "eu-central-1=https://a.example, us-east-1=https://b.example",
            "CONTAINMENT_KMS__PROFILES": "111122223333=a=b",
        ]).kms
        #expect(kms.endpointsByRegion == ["eu-central-1": "https://a.example", "us-east-1": "https://b.example"])
        // A profile may have the sign in its name.
        #expect(kms.profilesByAccount == ["111122223333": "a=b"])
    }

    @Test(arguments: [
        "https://kms.example", "=https://kms.example", "Frankfurt=https://kms.example",
        "eu_central_1=https://a.example",
        "EU-CENTRAL-1=https://a.example", "eu-central-1", "eu-central-1=", "eu-central-1=kms.example",
        "eu-central-1=ftp://kms.example", "eu-central-1=https://", "eu-central-1=https://kms.example/",
        "eu-central-1=https://kms.example/path", "eu-central-1=https://user@kms.example",
        "eu-central-1=https://kms.example:0", "eu-central-1=https://kms.example:65536",
        "eu-central-1=https://kms.example:+1", "eu-central-1=https://kms.example:",
        "eu-central-1=http://kms.eu-central-1.amazonaws.com", "eu-central-1=http://10.0.0.1",
        "eu-central-1=http://127.0.0.1.evil.example", "eu-central-1=https://kms example",
        "eu-central-1=HTTPS://kms.example",
    ])
    func `what is no endpoint of a region`(entry: String) {
        #expect(problems("kms: {endpoints: ['\(entry)']}").map(\.key) == ["kms.endpoints[0]"])
    }

    @Test(arguments: [
        "http://localhost", "http://127.1.2.3:1", "http://[::1]:5000", "https://[2001:db8::1]", "https://10.0.0.1:8443",
        "https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com",
    ])
    func `what is one`(url: String) { #expect(problems("kms: {endpoints: ['eu-central-1=\(url)']}").isEmpty) }

    @Test(arguments: [
        "holder", "=holder", "111122223333", "111122223333=", "11112222333=holder", "1111222233334=holder",
        "11112222333x=holder", "111122223333=two words", "111122223333=a]", "١١١١٢٢٢٢٣٣٣٣=holder",
    ])
    func `what is no profile of an account`(entry: String) {
        #expect(problems("kms: {profiles: ['\(entry)']}").map(\.key) == ["kms.profiles[0]"])
    }

    @Test(arguments: [
        ("endpoints: [eu-west-1=https://a.example, eu-west-1=https://b.example]", "kms.endpoints"),
        ("endpoints: ['*=https://a.example', '*=https://a.example']", "kms.endpoints"),
        ("profiles: [111122223333=a, 222233334444=b, 111122223333=c]", "kms.profiles"),
    ])
    func `nothing has two entries`(setting: String, key: String) throws {
        let found = problems("kms: {\(setting)}")
        #expect(found.map(\.key) == [key])
        #expect(try #require(found.first).isConflict)
    }

    @Test(arguments: ["0", "61", "-1", "five", "1.5"]) func `a timeout has its limits`(text: String) {
        #expect(problems("kms: {timeout_seconds: \(text)}").map(\.key) == ["kms.timeout_seconds"])
    }
}
