// SPDX-License-Identifier: Apache-2.0
import AWS
import Encoding
import JSON
import Sealing
import Secrets
import TestSupport
import Testing

/// Shares, contexts and keys of tests.
enum Wrapping {
    static let chamber = Bytes<16>(copying: Random.bytes(16).span)

    static func context(
        chamber: Bytes<16> = chamber,
        generation: UInt64 = 1,
        share: UInt8 = 1
    ) -> WrappingContext { WrappingContext(chamber: chamber, generation: generation, share: share) }

    /// Each differs from `context()` in one thing.
    static let otherContexts = [
        context(chamber: Bytes<16>(copying: Random.bytes(16).span)), context(generation: 2), context(share: 2),
        // The same digits, elsewhere.
        context(generation: 11), context(share: 11),
    ]

    static func secret(_ bytes: [UInt8]) -> SecretBytes {
        SecretBytes(count: bytes.count) { target in
            for (place, byte) in bytes.enumerated() {
                target.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
            }
        }
    }

    /// The error that something has to end with, or nil. No error may show a piece of the share.
    static func failure(
        of share: [UInt8] = [],
        _ body: () async throws(WrappingError) -> Void
    ) async -> WrappingError? {
        do throws(WrappingError) {
            try await body()
            return nil
        } catch {
            var everything = "\(error)"
            dump(error, to: &everything)
            for form in [Hex.encode(share, prefix: false), Base64.encode(share), "\(share)"] where !share.isEmpty {
                #expect(!everything.contains(form.prefix(12)), "\(everything)")
            }
            return error
        }
    }
}

extension KeyWrapper {
    func wrapped(_ share: [UInt8], _ context: WrappingContext = Wrapping.context()) async throws -> [UInt8] {
        try await wrap(Wrapping.secret(share), context: context)
    }

    func unwrapped(_ ciphertext: [UInt8], _ context: WrappingContext = Wrapping.context()) async throws -> [UInt8] {
        let share = try await unwrap(ciphertext, context: context)
        return share.withSpan { span in span.indices.map { span[$0] } }
    }

    func unwrapFailure(
        _ ciphertext: [UInt8],
        _ context: WrappingContext = Wrapping.context(),
        of share: [UInt8] = [],
        recipient: AttestedRecipient? = nil
    ) async -> WrappingError? {
        await Wrapping.failure(of: share) { () throws(WrappingError) in
            _ = try await unwrap(ciphertext, context: context, recipient: recipient)
        }
    }

    func wrapFailure(_ share: [UInt8], _ context: WrappingContext = Wrapping.context()) async -> WrappingError? {
        await Wrapping.failure(of: share) { () throws(WrappingError) in
            _ = try await wrap(Wrapping.secret(share), context: context)
        }
    }
}

/// A key of moto's KMS.
struct TestKey: Sendable {
    /// Shared: the library leaves a finished thread behind for each that goes.
    static let runtime = Result { () throws(AWSError) -> AWSRuntime in try AWSRuntime() }

    let arn: String
    let name: KeyName

    /// As whom moto takes it (`scripts/moto-server`).
    static func accessKey(_ account: String) -> String { "AKIA0000\(account)" }

    static func credentials(_ account: String) -> AWSSettings.Credentials {
        .fixed(accessKey: accessKey(account), secretKey: "a secret of tests")
    }

    init(region: String = "eu-central-1", account: String = "123456789012") async throws {
        let settings = AWSSettings(
            region: region,
            endpoint: try await MotoServer.shared.endpoint,
            credentials: Self.credentials(account)
        )
        let client = try AWSClient(service: "kms", jsonVersion: "1.1", settings: settings, runtime: Self.runtime.get())
        let answer = try await client.call(
            target: "TrentService.CreateKey",
            body: Array("{}".utf8),
            within: .seconds(20),
            isIdempotent: true
        )
        arn = try #require(JSONDocument(answer).root.member("KeyMetadata")?.member("Arn")?.string?.string)
        name = try KeyName(arn)
    }

    /// The only account that it can be used as without a profile is the one that it is in.
    func wrapper(account: String = "123456789012", timeout: Duration = .seconds(20)) async throws -> any KeyWrapper {
        let settings = KeyWrapperSettings(
            endpoints: ["*": try await MotoServer.shared.endpoint],
            credentials: Self.credentials(account),
            timeout: timeout
        )
        return try KeyWrappers(settings, runtime: Self.runtime.get()).wrapper(for: name)
    }

    func trouble(_ action: String) async throws { try await MotoServer.shared.trouble(action, key: arn) }
}
